"""albumentations 2.0.8 as a competent engineer uses it: OpenCV in and out, a pool of two, one thread each.

This is the script that every ratio refers to. OpenCV's BGR is left as it is, since no step here tells channels apart.
`crop-first` as a fourth argument crops and shrinks before it turns the photograph: cheaper, but the corners are then
filled from inside the crop, and the second sampling is done at low resolution.
"""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import sys
from multiprocessing import Pool
from typing import Any

import albumentations as A
import cv2
from jobs import ORIGINALS, Job, arguments, copy_kept, jobs

cv2.setNumThreads(1)


def chain_of(workload: str) -> A.Compose:
    flip = A.HorizontalFlip(p=0.5)
    rotate = A.Rotate(limit=25, border_mode=cv2.BORDER_REFLECT_101, p=1)
    crop = A.RandomResizedCrop(size=(224, 224), scale=(0.8, 1.0), p=1)
    shift = A.Affine(translate_percent=(-0.1, 0.1), border_mode=cv2.BORDER_REFLECT_101, p=1)
    light = A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=1)
    brightness = A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=(0, 0), p=1)
    noise = A.GaussNoise(std_range=(2 / 255, 10 / 255), p=0.3)
    return A.Compose(
        {
            "photos": [flip, rotate, crop, light, noise],
            "photos crop-first": [flip, crop, rotate, light, noise],
            "original": [flip, rotate, brightness],
            "tiny": [flip, shift, brightness],
        }[workload]
    )


workload, source, sink = arguments()
chain: Any = None


def start() -> None:
    """Build the chain in the worker, where it takes fresh entropy instead of its parent's state."""
    global chain
    chain = chain_of(" ".join([workload, *sys.argv[4:]]))


def make(job: Job) -> None:
    image = cv2.imread(str(job.sample), cv2.IMREAD_COLOR)
    path = str(job.output(sink))
    if not cv2.imwrite(path, chain(image=image)["image"], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f"cannot write {path}")


if __name__ == "__main__":
    copy_kept(source, sink, ORIGINALS[workload])
    with Pool(2, initializer=start) as pool:
        for _ in pool.imap_unordered(make, jobs(source, ORIGINALS[workload]), chunksize=32):
            pass
