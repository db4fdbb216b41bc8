"""Noise in C against the same in NumPy: byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from augflow.kernels.noise import add_noise
from augflow.transform import Image


def noisy(image: Image, seed: int, upper: Image) -> Image:
    """Every word of SFC64 gives four numbers of 16 bits, the lowest first; their lower half mirrors the upper."""
    words = np.random.SFC64(seed).random_raw(-(-image.size // 4))
    numbers = np.asarray(words, "<u8").view("<u2")[: image.size].reshape(image.shape)
    table = np.concatenate([-upper[::-1].astype(int), upper])
    made: Image = np.clip(image + table[numbers], 0, 255).astype(np.uint8)
    return made


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 255, 256, 257, 511, 513, 1026, 100_003])
def test_every_byte_follows_the_words_of_sfc64(length: int) -> None:
    rng = np.random.default_rng(length)
    upper = np.sort(rng.integers(0, 256, 1 << 15, dtype=np.uint8))
    image = rng.integers(0, 256, (1, length, 1), dtype=np.uint8)
    for seed in (0, 1, 2**32 - 1, 2**32, 2**64 - 1, 0x0123456789ABCDEF):
        np.testing.assert_array_equal(add_noise(image, seed, upper), noisy(image, seed, upper))


def test_values_are_cut_at_black_and_white() -> None:
    upper = np.full(1 << 15, 255, np.uint8)
    made = add_noise(np.full((50, 50, 3), 128, np.uint8), 5, upper)
    assert set(np.unique(made)) == {0, 255}
    assert 0.45 < (made == 255).mean() < 0.55


def test_colour_and_gray_images_keep_their_shape_and_are_not_written_to() -> None:
    upper = np.repeat(np.arange(64, dtype=np.uint8), 512)
    for shape in ((9, 7, 3), (9, 7, 1)):
        image = np.full(shape, 100, np.uint8)
        image.setflags(write=False)
        np.testing.assert_array_equal(add_noise(image, 3, upper), noisy(image, 3, upper))
        assert (image == 100).all()
