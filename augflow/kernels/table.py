"""Tables of 256 entries; see `table.c`."""

from __future__ import annotations

import numpy as np

from augflow.kernels.library import address, kernel
from augflow.transform import Table

_straight_line = kernel("straight_line", "pddd")


def straight_line(slope: float, middle: float, lift: float) -> Table:
    """The table of v → (v - middle) slope + middle + lift, rounded to even and cut to 0–255."""
    made = np.empty(256, np.uint8)
    _straight_line(address(made), slope, middle, lift)
    return made
