"""Keras's ImageDataGenerator with `save_to_dir`, a class after the other: one process is all it uses.

It saves whole batches, so it makes a few images more than asked, at Pillow's default quality of 75; contrast is not
among its operations, and a crop is a zoom; originals are not copied.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from jobs import ORIGINALS, arguments, census, missing
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

workload, source, sink = arguments()
rng = np.random.default_rng()


def noise(image: np.ndarray) -> np.ndarray:
    return image + rng.normal(0, rng.uniform(2, 10), image.shape) if rng.random() < 0.3 else image


SHARED = {"horizontal_flip": True, "brightness_range": (0.8, 1.2), "fill_mode": "reflect"}
CHAINS = {
    "photos": {"rotation_range": 25, "zoom_range": (0.9, 1.0), "preprocessing_function": noise},
    "original": {"rotation_range": 25},
    "tiny": {"width_shift_range": 0.1, "height_shift_range": 0.1},
}
generator = ImageDataGenerator(**SHARED, **CHAINS[workload])

for label, count in missing(source, ORIGINALS[workload]).items():
    if count == 0:
        continue
    with Image.open(census(source)[label][0]) as first:
        size = (224, 224) if workload == "photos" else (first.height, first.width)
    batches = generator.flow_from_directory(
        source,
        classes=[label],
        target_size=size,
        interpolation="bilinear",
        batch_size=32,
        save_to_dir=sink / label,
        save_format="jpeg",
    )
    while count > 0:
        count -= len(next(batches)[0])
