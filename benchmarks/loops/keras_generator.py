"""Keras's ImageDataGenerator reading a folder: one process, as `fit` uses it unless told otherwise.

It balances nothing and starts over until there are enough images; contrast is not among its operations, and a crop is
a zoom.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from loop import BATCH, SIZE, arguments, take

source, images = arguments()
rng = np.random.default_rng()


def noise(image: np.ndarray) -> np.ndarray:
    return image + rng.normal(0, rng.uniform(2, 10), image.shape) if rng.random() < 0.3 else image


generator = ImageDataGenerator(
    rotation_range=25,
    zoom_range=(0.9, 1.0),
    horizontal_flip=True,
    brightness_range=(0.8, 1.2),
    fill_mode="reflect",
    preprocessing_function=noise,
)

if __name__ == "__main__":

    def batches() -> object:
        flow = generator.flow_from_directory(
            source, target_size=(SIZE, SIZE), interpolation="bilinear", batch_size=BATCH, class_mode="sparse"
        )
        while True:
            yield next(flow)

    take(batches(), images)
