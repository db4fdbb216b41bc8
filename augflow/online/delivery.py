"""Finished pixels as a training loop takes them: three channels, in the type and layout that a recipe's output says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from augflow.engine.output import Output
from augflow.online.batches import Array, Item, Room
from augflow.online.rendering import Rendered
from augflow.transform import Pixels, Size

_FLAT = 1e-6


class Delivery:
    """Hands pixels over; gray becomes three equal channels, so that images fit together in a batch.

    Args:
        size: of every image; None where each has its own.
    """

    def __init__(self, output: Output, size: Size | None) -> None:
        self.output = output
        self.shape = output.shape(*size) if size else None
        self._table = output.table()

    def item(self, label: int, rendered: Rendered) -> Item:
        """One image by itself."""
        return Item(self.image(rendered.pixels), label, rendered.record)

    def image(self, pixels: Pixels) -> Array:
        """`pixels`, handed over in room of their own."""
        image = self.empty(*pixels.shape[:2])
        self.hand_over(pixels, image)
        return image

    def room(self, images: int, into: Array | None = None) -> Room:
        """Room for a batch of images of one size, in `into` where that is given."""
        if into is None:
            assert self.shape
            into = np.empty((images, *self.shape), self.output.dtype)
        return Room(into, np.empty(images, np.int64))

    def fill(self, room: Room, start: int, made: Iterable[tuple[int, Rendered]]) -> list[dict[str, Any]]:
        """Put images into a batch's room, from a place on; return their records."""
        records = []
        for place, (label, (pixels, record)) in enumerate(made, start):
            self.hand_over(pixels, room.images[place])
            room.labels[place] = label
            records.append(record)
        return records

    def empty(self, height: int, width: int) -> Array:
        """Room for an image of so many pixels."""
        return np.empty(self.output.shape(height, width), dtype=self.output.dtype)

    def hand_over(self, pixels: Pixels, into: Array) -> None:
        """Write `pixels` into what `empty` made for their size."""
        if self.output.dtype == "uint8" and self.output.layout == "hwc":
            _rgb(pixels, into)
            return
        values: Array = _rgb(pixels, np.empty((*pixels.shape[:2], 3), np.uint8))
        if self.output.normalise == "sample":
            mean, deviation = values.mean(), values.std()
            values = (values - np.float32(mean)) / np.float32(deviation + _FLAT)
        if self.output.layout == "hwc":
            into[...] = values if self._table is None else _look_up(values, self._table)
            return
        for channel in range(3):
            plane = np.ascontiguousarray(values[..., channel])
            into[channel] = plane if self._table is None else _look_up(plane, self._table[:, channel])


def _rgb(pixels: Pixels, into: Array) -> Array:
    """Write three equal channels of gray, or the first three of what has a spare one."""
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        into[...] = pixels
        return into
    found: Array = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_RGBA2RGB, dst=into)
    return found


def _look_up(values: Array, table: Array) -> Array:
    """What a table (256, or 256 by channels) has for each byte."""
    if table.dtype == np.float32:  # OpenCV has no smaller one.
        return np.asarray(cv2.LUT(values, np.ascontiguousarray(table).reshape(1, 256, -1)))
    return table[values] if table.ndim == 1 else table[values, np.arange(3)]
