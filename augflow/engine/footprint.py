"""What an output pixel covers of its photograph, and how many source pixels stand for it."""

from __future__ import annotations

import math
from typing import NamedTuple

from augflow.transform import Size

_SHARP = 1.1
"""Source pixels across an output pixel up to which the photograph is sampled as it is."""
_LEAST, _MOST = 1 / 16, 7.0
_TAIL = 1.4
"""How far beyond the taps, both ends together, the weights may reach: little is lost there, and time is saved."""


class Footprint(NamedTuple):
    """The parallelogram of an output pixel: how far its two edges reach along x, then along y, in source pixels."""

    right_x: float
    down_x: float
    right_y: float
    down_y: float

    @classmethod
    def at_the_centre(cls, matrix: list[list[float]], size: Size) -> Footprint:
        """That of the pixel in the middle of an output of `size`; without perspective, that of every pixel."""
        (a, b, c), (d, e, f), (g, h, i) = matrix
        if g or h or i != 1:
            x, y = (size.width - 1) / 2, (size.height - 1) / 2
            w = g * x + h * y + i or 1e-9  # behind the horizon, or on it, no step is right, and none may be endless
            u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
            a, b, d, e = (a - u * g) / w, (b - u * h) / w, (d - v * g) / w, (e - v * h) / w
        return cls(abs(a), abs(b), abs(d), abs(e))

    @property
    def edges(self) -> tuple[float, float]:
        """How long the edges are, the one to the right and the one down."""
        return math.hypot(self.right_x, self.right_y), math.hypot(self.down_x, self.down_y)

    @property
    def narrowest(self) -> float:
        """By how much the photograph is reduced along the axis where it is reduced least."""
        return min(math.hypot(self.right_x, self.down_x), math.hypot(self.right_y, self.down_y))

    def cut(self, across: int, down: int) -> Footprint:
        """That of a sample where `across` × `down` of them make a pixel."""
        return Footprint(self.right_x / across, self.down_x / down, self.right_y / across, self.down_y / down)

    def within(self, scale: int) -> Footprint:
        """The same in a photograph at 1/`scale`, whose pixels are means over so many already."""
        if scale == 1:
            return self
        return Footprint(*_less(self.right_x, self.down_x, scale), *_less(self.right_y, self.down_y, scale))

    def fitted(self) -> tuple[tuple[float, float, float, float], tuple[int, int]]:
        """Its edges as far as weights can be told, and how many source pixels stand for it, across and down.

        No edge is nothing, and together they are within the most taps. Taps are even numbers, two where nothing is
        softened.
        """
        right_x, down_x, taps_x = _fitted(self.right_x, self.down_x)
        right_y, down_y, taps_y = _fitted(self.right_y, self.down_y)
        return (right_x, down_x, right_y, down_y), (taps_x, taps_y)


def _less(first: float, second: float, scale: int) -> tuple[float, float]:
    first, second = first / scale, second / scale
    squares = first * first + second * second
    share = math.sqrt(max(squares - 1, 0.0) / squares) if squares else 0.0
    return first * share, second * share


def _fitted(first: float, second: float) -> tuple[float, float, int]:
    together = first + second
    if together > _MOST:
        first, second, together = first * _MOST / together, second * _MOST / together, _MOST
    first, second = max(first, _LEAST), max(second, _LEAST)
    if first * first + second * second <= _SHARP * _SHARP:
        return first, second, 2
    return first, second, max(4, 2 * math.ceil((together + 2 - _TAIL) / 2))
