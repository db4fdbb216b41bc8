"""Undoing the filters of a PNG; see `png.c`."""

from __future__ import annotations

import numpy as np

from augflow.kernels.library import address, kernel
from augflow.transform import Pixels, Size

_unfilter = kernel("unfilter", "ppiii")


def unfilter(raw: bytes, size: Size, gray: bool) -> Pixels:
    """Rows of 8-bit values, gray or RGB, each behind the number of its filter, as pixels; RGB with a spare byte of 255.

    Args:
        raw: as it was inflated: `size.height` rows, filters from 0 to 4.
    """
    made: Pixels = np.empty(size if gray else (*size, 4), np.uint8)
    _unfilter(raw, address(made), size.width, size.height, 1 if gray else 3)
    return made
