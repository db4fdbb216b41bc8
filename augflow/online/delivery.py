"""Finished pixels as a training loop takes them: three channels, in the type and layout that a recipe's output says."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from augflow.engine.output import Output
from augflow.transform import Pixels

Array = NDArray[Any]
_FLAT = 1e-6


class Delivery:
    """Hands pixels over; gray becomes three equal channels, so that images fit together in a batch."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._table = output.table()

    def empty(self, height: int, width: int, images: int | None = None) -> Array:
        """Room for one image of so many pixels, or for several."""
        shape = self.output.shape(height, width)
        return np.empty(shape if images is None else (images, *shape), dtype=self.output.dtype)

    def hand_over(self, pixels: Pixels, into: Array) -> None:
        """Write `pixels` into what `empty` made for their size."""
        rgb = _rgb(pixels)
        values: Array = rgb
        if self.output.normalise == "sample":
            values = rgb.astype(np.float32)
            values = (values - values.mean(dtype=np.float64)) / (values.std(dtype=np.float64) + _FLAT)
        if self.output.layout == "hwc":
            self._write(values, into, self._table)
            return
        for channel in range(3):
            curve = None if self._table is None else np.ascontiguousarray(self._table[:, channel])
            self._write(values[..., channel], into[channel], curve)

    def _write(self, values: Array, into: Array, table: Array | None) -> None:
        if table is None:
            into[...] = values
        elif table.dtype == np.float32:
            into[...] = cv2.LUT(np.ascontiguousarray(values), table.reshape(1, 256, -1))
        elif table.ndim == 2:
            for channel in range(3):
                into[..., channel] = table[:, channel][values[..., channel]]
        else:
            into[...] = table[values]


def _rgb(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    return pixels[..., :3]
