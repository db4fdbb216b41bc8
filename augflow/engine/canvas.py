"""Perform drawn steps with as few passes as the pixels allow.

Neighbouring matrices are multiplied and sampled once; neighbouring tables are composed and looked up once; the rest
runs in between. Nothing is sampled, looked up or even decoded until somebody asks for the pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import stringzilla

from augflow.engine.product import Rows, product
from augflow.engine.sampling import Photograph, warp
from augflow.transform import IDENTITY, Border, Fill, Image, Matrix, Pixels, Size, Table


class Canvas:
    """An image with all that waits to be carried out on it."""

    def __init__(self, photograph: Photograph) -> None:
        self.gray = photograph.gray
        self.size = photograph.size
        """As it stands after all that waits."""
        self._photograph = photograph
        self._held: Pixels | None = None
        """What has been made of the photograph so far, if anything."""
        self._owned = False
        self.waiting: deque[_Pass] = deque()
        """Passes that nothing more can share."""
        self._matrix: Rows | None = None
        self._border: Border | None = None
        self._fill: Fill = 0
        self._table: Table | None = None

    def move(self, matrix: Matrix, size: Size, border: Border | None, fill: Fill) -> None:
        """Add geometry; `border` is None where it cannot look beyond the photograph."""
        if self._table is not None or (border and self._border and (border, fill) != (self._border, self._fill)):
            self.close()
        rows: Rows = np.asarray(matrix, np.float64).tolist()
        self._matrix = rows if self._matrix is None else product(self._matrix, rows)
        self.size = size
        if border:
            self._border, self._fill = border, fill

    def look_up(self, table: Table) -> None:
        """Add a table."""
        if self._table is None:
            self._table = table
        elif table.ndim == 1:
            self._table = table[self._table]
        else:
            earlier = self._table if self._table.ndim == 2 else self._table[:, None]
            self._table = np.take_along_axis(table, np.broadcast_to(earlier, table.shape), axis=0)

    def apply(self, transform: Any, params: dict[str, Any]) -> None:
        """Hand the pixels to `transform.apply`, after all that waits."""
        held = self.pixels()
        image = np.ascontiguousarray(image_of(held))
        made = transform.apply(image, **params)
        if made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != image.shape[2]:
            raise TypeError(f"{type(transform).__name__}.apply returned {made.dtype} {made.shape} for {image.shape}")
        self._owned = self._owned or not np.may_share_memory(made, held)
        self._held = np.ascontiguousarray(made[..., 0] if made.shape[2] == 1 else made)
        self.size = Size(made.shape[0], made.shape[1])

    def pixels(self) -> Pixels:
        """Carry out all that waits and return the pixels."""
        self.close()
        while self.waiting:
            self.carry_on()
        return self._photograph.pixels if self._held is None else self._held

    def close(self) -> None:
        """Let nothing more share a pass with what waits."""
        if self._matrix is not None:
            self.waiting.append((Canvas._sample, (self._matrix, self.size, self._border or "reflect", self._fill)))
            self._matrix, self._border, self._fill = None, None, 0
        if self._table is not None:
            self.waiting.append((Canvas._translate, (self._table,)))
            self._table = None

    def carry_on(self) -> None:
        """Carry out the first pass of those that wait."""
        act, given = self.waiting.popleft()
        act(self, *given)

    def _sample(self, matrix: Rows, size: Size, border: Border, fill: Fill) -> None:
        photograph = self._photograph if self._held is None else Photograph(self._held)
        self._held = warp(photograph, matrix, size, border, fill)
        self._owned = self._owned or self._held.base is None

    def _translate(self, table: Table) -> None:
        held = self._photograph.pixels if self._held is None else self._held
        self._held = _look_up(held, table, into=held if self._owned else None)
        self._owned = True


_Pass = tuple[Callable[..., None], tuple[Any, ...]]


def _look_up(pixels: Pixels, table: Table, into: Pixels | None) -> Pixels:
    if table.ndim == 1 and into is not None and into.flags.c_contiguous:
        stringzilla.translate(into.data.cast("B"), table.tobytes(), inplace=True)
        return into
    if table.ndim == 2:
        if pixels.ndim == 2:
            raise TypeError("a table with a curve for each colour cannot be looked up for a gray image")
        spare = [IDENTITY[:, None]] if pixels.shape[2] == 4 else []
        table = np.ascontiguousarray(np.concatenate([table, *spare], axis=1)).reshape(1, 256, -1)
    return np.asarray(cv2.LUT(pixels, table, dst=into), dtype=np.uint8)


def image_of(pixels: Pixels) -> Image:
    """Show pixels as transforms see them: (height, width, channels), 1 or 3 channels."""
    if pixels.ndim == 2:
        return pixels[..., None]
    if pixels.shape[2] == 4:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
    return pixels


def pixels_of(image: Image) -> Pixels:
    """The reverse of `image_of`: gray loses its third axis."""
    return image[..., 0] if image.shape[2] == 1 else image
