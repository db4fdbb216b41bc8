"""How near each way of sampling comes to the exact result, on the photographs, for the geometry of workload `photos`.

    python benchmarks/quality.py

Exact: float64 means of 8 × 8 bilinear samples within every output pixel. Told: PSNR in dB of the pixels themselves and
after JPEG at quality 90, mean over photographs, and the worst; each photograph with one draw, the same for every way.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import simplejpeg
from limit import Pixels, Window, Worker, inverse, sample, soften
from numpy.typing import NDArray
from peers.jobs import census
from workloads import PHOTOGRAPHS, WORKLOADS

SIZE = (224, 224)
MIRROR = cv2.BORDER_REFLECT_101


class Case(NamedTuple):
    """A photograph (RGBX) with a draw, and the matrix that stands for all of it."""

    image: Pixels
    flip: bool
    angle: float
    window: Window
    matrix: NDArray[np.float64]


def exact(case: Case, finer: int = 8) -> NDArray[np.float64]:
    offsets = (np.arange(finer) + 0.5) / finer - 0.5
    image = case.image.astype(np.float32)
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    total = np.zeros((SIZE[1], SIZE[0], 4))
    for along_x in offsets:
        for along_y in offsets:
            points = case.matrix @ np.stack([across + along_x, down + along_y, np.ones(across.shape)]).reshape(3, -1)
            x, y = points.reshape(2, *across.shape).astype(np.float32)
            total += cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=MIRROR)
    return total / finer**2


def plain(case: Case) -> Pixels:
    return sample(case.image, case.matrix, SIZE, np.empty((*SIZE[::-1], 4), np.uint8))


def softened(case: Case) -> Pixels:
    return plain(case._replace(image=soften(case.image, np.empty_like(case.image))))


def separate(case: Case, interpolation: int) -> Pixels:
    height, width = case.image.shape[:2]
    image: NDArray[Any] = np.ascontiguousarray(case.image[:, ::-1]) if case.flip else case.image
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), case.angle, 1)
    image = cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=MIRROR)
    left, top, across, down = (int(value) for value in case.window)
    image = image[top : top + down, left : left + across]
    return np.asarray(cv2.resize(image, SIZE, interpolation=interpolation), np.uint8)


def augflow(case: Case) -> Pixels:
    from augflow.engine.sampling import Photograph, warp
    from augflow.transform import Size

    return warp(Photograph(case.image), np.vstack([case.matrix, (0, 0, 1)]), Size(SIZE[1], SIZE[0]))


def psnr(made: Pixels, reference: NDArray[np.float64]) -> float:
    error = made[..., :3] - reference[..., :3]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def through_jpeg(made: Pixels) -> Pixels:
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(made), 90, "RGBX", "420")
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB"), np.uint8)


def cases(photographs: Path, every: int) -> list[Case]:
    chance = random.Random(0)
    worker = Worker(WORKLOADS["photos"], Path(), "quality")
    paths = [path for samples in census(photographs).values() for path in samples]
    found = []
    for path in paths[::every]:
        image = np.asarray(simplejpeg.decode_jpeg(path.read_bytes(), "RGBX"), np.uint8)
        height, width = image.shape[:2]
        flip, angle, window = chance.random() < 0.5, chance.uniform(-25, 25), worker.window(width, height)
        found.append(Case(image, flip, angle, window, inverse(width, height, flip, angle, window, SIZE)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="PSNR of ways of sampling against the exact result.")
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="folder of class folders of JPEG files")
    parser.add_argument("--every", type=int, default=60, help="take every so-manyth photograph")
    options = parser.parse_args()
    ways: dict[str, Callable[[Case], Pixels]] = {
        "one bilinear warp": plain,
        "separate steps, bilinear resize (pool script)": lambda case: separate(case, cv2.INTER_LINEAR),
        "separate steps, area resize": lambda case: separate(case, cv2.INTER_AREA),
        "1-2-1 filter, one bilinear warp (limit.py)": softened,
    }
    if importlib.util.find_spec("augflow"):
        ways["augflow"] = augflow
    chosen = cases(options.source, options.every)
    references = [exact(case) for case in chosen]
    print(f"{len(chosen)} photographs{'':<34}{'dB':>8}{'worst':>8}{'JPEG dB':>9}")
    for name, way in ways.items():
        made = [way(case) for case in chosen]
        raw = [psnr(pixels, reference) for pixels, reference in zip(made, references, strict=True)]
        jpeg = [psnr(through_jpeg(pixels), reference) for pixels, reference in zip(made, references, strict=True)]
        print(f"{name:<48}{np.mean(raw):>8.2f}{min(raw):>8.2f}{np.mean(jpeg):>9.2f}")


if __name__ == "__main__":
    main()
