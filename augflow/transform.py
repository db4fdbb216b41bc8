"""What a transform is: it draws parameters, and changes pixels by them in one of three ways.

A transform is a frozen dataclass whose fields are its arguments. It has `draw` and exactly one of `matrix`
(geometry), `table` (point-wise) and `apply` (anything else). `draw` returns JSON values only: they are kept in the
record, and pixels follow from them alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""Pixels of shape (height, width, channels), 1 channel (gray) or 3 (RGB)."""

Pixels: TypeAlias = NDArray[np.uint8]
"""As the engine holds them: (height, width) gray, (height, width, 3) RGB, or (height, width, 4) with a spare byte."""

Matrix: TypeAlias = NDArray[np.float64]
"""3×3: homogeneous output pixel centres (x, y, 1) to source pixel centres; the first pixel's centre is (0, 0)."""

Table: TypeAlias = NDArray[np.uint8]
"""Shape (256,), one curve for all channels, or (256, 3), a curve each for R, G, B."""

Params: TypeAlias = dict[str, Any]
"""A draw: JSON values by name, passed back as keyword arguments."""

Rng: TypeAlias = np.random.Generator

IDENTITY: Table = np.arange(256, dtype=np.uint8)
IDENTITY.flags.writeable = False


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int


def _ascends(pair: tuple[float, float]) -> bool:
    return pair[0] <= pair[1]


Ascending = at.Predicate(_ascends)
Share: TypeAlias = Annotated[float, at.Ge(0), at.Le(1)]
Range: TypeAlias = Annotated[tuple[float, float], Ascending]
ShareRange: TypeAlias = Annotated[tuple[Share, Share], Ascending]

Border: TypeAlias = Literal["reflect", "nearest", "wrap", "constant"]
"""What lies beyond the photograph: its mirror image (edge pixel not doubled), its edge, itself again, or `fill`."""

Byte: TypeAlias = Annotated[int, at.Ge(0), at.Le(255)]
Fill: TypeAlias = Byte | tuple[Byte, Byte, Byte]
"""A gray level, or red, green, blue."""


def span(limit: float | tuple[float, float]) -> tuple[float, float]:
    """Read a limit: a number x stands for (-x, x), a pair for itself."""
    return limit if isinstance(limit, tuple) else (-limit, limit)


def uniform(rng: Rng, low: float, high: float) -> float:
    """Draw a number from `low` up to `high`: `rng.uniform` as a plain float, in a fraction of its time."""
    return low + (high - low) * rng.random()


def within(rng: Rng, limit: float | tuple[float, float]) -> float:
    """Draw a number within a limit: `uniform(rng, *span(limit))`."""
    low, high = limit if isinstance(limit, tuple) else (-limit, limit)
    return low + (high - low) * rng.random()


class Transform(Protocol):
    """Whatever draws; it has one of the three ways below besides."""

    def draw(self, rng: Rng, size: Size) -> Params:
        """Draw the parameters for one output of an image of `size` as it stands at this step."""
        ...


class Geometry(Transform, Protocol):
    """Moves pixels.

    May also have `resized(size, **params) -> Size` where it changes the size, and fields `border` and `fill` where it
    can look beyond the photograph.
    """

    def matrix(self, size: Size, **params: Any) -> Matrix: ...


class PointWise(Transform, Protocol):
    """Changes each value by itself."""

    def table(self, **params: Any) -> Table: ...


class PixelWise(Transform, Protocol):
    """Anything else: pure, the input untouched. A class attribute `geometric = True` says that it moves pixels."""

    def apply(self, image: Image, **params: Any) -> Image: ...
