"""Tables in C against the same in NumPy: byte for byte."""

from __future__ import annotations

import numpy as np

from augflow.kernels.table import straight_line
from augflow.transform import Table


def line(slope: float, middle: float, lift: float) -> Table:
    levels: Table = np.clip(np.rint((np.arange(256.0) - middle) * slope + middle + lift), 0, 255).astype(np.uint8)
    return levels


def test_a_straight_line_is_rounded_to_even_and_cut() -> None:
    rng = np.random.default_rng(0)
    for slope, lift in rng.uniform((0, -255), (2, 255), (2000, 2)).tolist():
        np.testing.assert_array_equal(straight_line(slope, 127.5, lift), line(slope, 127.5, lift))
    for slope in (0.0, 0.5, 1.0, 1.5, 2.0, -1.0, 1e300):
        for lift in (-1e9, -255.0, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 255.0, 1e9):
            np.testing.assert_array_equal(straight_line(slope, 127.5, lift), line(slope, 127.5, lift))
