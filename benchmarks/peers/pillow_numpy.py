"""The model article's way, Pillow and NumPy by hand, here in a pool of two: black corners, as Pillow leaves them."""

from __future__ import annotations

import math
import random
from multiprocessing import Pool

import numpy as np
from jobs import ORIGINALS, Job, arguments, copy_kept, jobs
from PIL import Image, ImageEnhance, ImageOps

workload, source, sink = arguments()
rng = np.random.default_rng()


def start() -> None:
    """Give each worker chance of its own."""
    global rng
    rng = np.random.default_rng()
    random.seed()


def crop(image: Image.Image) -> Image.Image:
    """Cut 80 to 100 % of the area at random, the aspect ratio kept."""
    side = math.sqrt(random.uniform(0.8, 1.0))
    width, height = round(image.width * side), round(image.height * side)
    left, top = random.randint(0, image.width - width), random.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def add_noise(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image)
    noisy = pixels + rng.normal(0, random.uniform(2, 10), pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def shift(image: Image.Image) -> Image.Image:
    x, y = (random.uniform(-0.1, 0.1) * size for size in image.size)
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, x, 0, 1, y), Image.Resampling.BILINEAR)


def make(job: Job) -> None:
    image = Image.open(job.sample).convert("RGB")
    if random.random() < 0.5:
        image = ImageOps.mirror(image)
    if workload == "tiny":
        image = shift(image)
    else:
        image = image.rotate(random.uniform(-25, 25), Image.Resampling.BILINEAR)
    if workload == "photos":
        image = crop(image).resize((224, 224), Image.Resampling.BILINEAR)
        image = ImageEnhance.Contrast(image).enhance(random.uniform(0.8, 1.2))
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.8, 1.2))
    if workload == "photos" and random.random() < 0.3:
        image = add_noise(image)
    image.save(job.output(sink), quality=90)


if __name__ == "__main__":
    copy_kept(source, sink, ORIGINALS[workload])
    with Pool(2, initializer=start) as pool:
        for _ in pool.imap_unordered(make, jobs(source, ORIGINALS[workload]), chunksize=32):
            pass
