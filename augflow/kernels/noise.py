"""Noise from tables; see `noise.c`."""

from __future__ import annotations

import numpy as np

from augflow.kernels.library import address, kernel
from augflow.transform import Image

_add_noise = kernel("add_noise", "ppllp")


def add_noise(image: Image, seed: int, upper: Image) -> Image:
    """Add to every value what a random number of 16 bits says, and cut to 0–255.

    Args:
        image: contiguous.
        seed: of SFC64, below 2^64.
        upper: by how much the 32,768 numbers of the upper half raise a value; those of the lower mirror them.
    """
    if not image.flags.c_contiguous or image.dtype != np.uint8 or upper.dtype != np.uint8 or upper.size != 1 << 15:
        raise ValueError(
            f"{image.dtype} {image.shape} and a table {upper.dtype} {upper.shape}: C would read beyond them"
        )
    made = np.empty_like(image)
    _add_noise(address(image), address(made), image.size, seed, address(upper))
    return made
