"""Geometry: flips, turns and maps about the centre of the photograph, each one matrix.

Angles are degrees counter-clockwise as seen on the screen. A limit is a number x, which stands for (-x, x), or a pair.
`border` and `fill` say what lies beyond the photograph.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks, turned
from augflow.transform import Ascending, Border, Fill, Matrix, Params, Rng, Size, span, uniform, within

_Angle: TypeAlias = Annotated[float, at.Ge(-180), at.Le(180)]
_AngleLimit: TypeAlias = Annotated[float, at.Ge(0), at.Le(180)] | Annotated[tuple[_Angle, _Angle], Ascending]
_Lean: TypeAlias = Annotated[float, at.Ge(-60), at.Le(60)]
_LeanLimit: TypeAlias = Annotated[float, at.Ge(0), at.Le(60)] | Annotated[tuple[_Lean, _Lean], Ascending]
_Move: TypeAlias = Annotated[float, at.Ge(-1), at.Le(1)]
_MoveLimit: TypeAlias = Annotated[float, at.Ge(0), at.Le(1)] | Annotated[tuple[_Move, _Move], Ascending]
_Factor: TypeAlias = Annotated[float, at.Ge(0.1), at.Le(10)]
_FactorRange: TypeAlias = Annotated[tuple[_Factor, _Factor], Ascending]
_Inward: TypeAlias = Annotated[float, at.Ge(0), at.Le(0.25)]
_InwardRange: TypeAlias = Annotated[tuple[_Inward, _Inward], Ascending]

_AXES = ("horizontal", "vertical", "both")


@dataclass(frozen=True)
class Flip:
    """Mirror the photograph.

    `axis`: `horizontal` swaps left and right, `vertical` top and bottom, `both` is half a turn, `any` draws one.
    """

    axis: Literal["horizontal", "vertical", "both", "any"] = "horizontal"

    version: ClassVar[int] = 1
    p: ClassVar[float] = 0.5

    @property
    def breaks(self) -> Breaks:
        by_axis: dict[str, Breaks] = {"horizontal": ("handedness",), "both": ("orientation",)}
        return by_axis.get(self.axis, ("handedness", "orientation"))

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"axis": _AXES[int(rng.integers(3))] if self.axis == "any" else self.axis}

    def matrix(self, size: Size, axis: str) -> Matrix:
        x, from_x = (-1, size.width - 1) if axis != "vertical" else (1, 0)
        y, from_y = (-1, size.height - 1) if axis != "horizontal" else (1, 0)
        return _matrix(x, 0, from_x, 0, y, from_y)


@dataclass(frozen=True)
class Transpose:
    """Swap rows and columns: a mirror along the diagonal from the top left; width and height change places."""

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("handedness", "orientation")
    p: ClassVar[float] = 0.5

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def resized(self, size: Size) -> Size:
        return Size(size.width, size.height)

    def matrix(self, size: Size) -> Matrix:
        return _matrix(0, 1, 0, 1, 0, 0)


@dataclass(frozen=True)
class QuarterTurns:
    """Turn by one of `turns` quarters counter-clockwise, without loss.

    `turns` lists numbers from 0 to 3, each as likely as the next (say one twice to favour it). At 1 and 3 width and
    height change places.
    """

    turns: Annotated[tuple[Annotated[int, at.Ge(0), at.Le(3)], ...], at.MinLen(1), at.MaxLen(16)] = (0, 1, 2, 3)

    version: ClassVar[int] = 1

    @property
    def breaks(self) -> Breaks:
        return ("orientation",) if any(self.turns) else ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"turns": self.turns[int(rng.integers(len(self.turns)))]}

    def resized(self, size: Size, turns: int) -> Size:
        return Size(size.width, size.height) if turns % 2 else size

    def matrix(self, size: Size, turns: int) -> Matrix:
        right, bottom = size.width - 1, size.height - 1
        rows = (
            ([1, 0, 0], [0, 1, 0]),
            ([0, -1, right], [1, 0, 0]),
            ([-1, 0, right], [0, -1, bottom]),
            ([0, 1, 0], [-1, 0, bottom]),
        )[turns]
        return np.array([*rows, [0, 0, 1]], dtype=np.float64)


@dataclass(frozen=True)
class Rotate:
    """Turn the content about the centre; the canvas stays as it is.

    `limit`: degrees, at most 180, uniform.
    """

    limit: _AngleLimit = 30
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1

    @property
    def breaks(self) -> Breaks:
        return turned(*span(self.limit))

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"angle": within(rng, self.limit)}

    def matrix(self, size: Size, angle: float) -> Matrix:
        cos, sin = _cos_sin(angle)
        return _about_centre(size, cos, -sin, sin, cos)


@dataclass(frozen=True)
class Shift:
    """Move the content right by a share of the width and down by a share of the height; negative: left, up.

    `x`, `y`: limits, at most 1, uniform, drawn apart.
    """

    x: _MoveLimit = 0.1
    y: _MoveLimit = 0.1
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"x": within(rng, self.x), "y": within(rng, self.y)}

    def matrix(self, size: Size, x: float, y: float) -> Matrix:
        return _matrix(1, 0, -x * size.width, 0, 1, -y * size.height)


@dataclass(frozen=True)
class Shear:
    """Slant the content about the centre, first along y, then along x; areas are kept.

    `x`: degrees by which upright lines lean, `y`: by which level lines tilt, both counter-clockwise; limits, at most
    60, uniform, drawn apart.
    """

    x: _LeanLimit = 10
    y: _LeanLimit = 0
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"x": within(rng, self.x), "y": within(rng, self.y)}

    def matrix(self, size: Size, x: float, y: float) -> Matrix:
        lean, tilt = math.tan(math.radians(x)), math.tan(math.radians(y))
        return _about_centre(size, 1, -lean, tilt, 1 - lean * tilt)


@dataclass(frozen=True)
class Zoom:
    """Enlarge (above 1) or shrink (below 1) the content about the centre; the canvas stays as it is.

    `scale`: factors from 0.1 to 10, uniform in their logarithm. `separate` draws one factor for each axis, which
    changes the aspect ratio.
    """

    scale: _FactorRange = (0.8, 1.2)
    separate: bool = False
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        x, y = _factor(rng, self.scale), _factor(rng, self.scale)
        return {"x": x, "y": y if self.separate else x}

    def matrix(self, size: Size, x: float, y: float) -> Matrix:
        return _about_centre(size, 1 / x, 0, 0, 1 / y)


@dataclass(frozen=True)
class Affine:
    """Shear, scale, rotate and shift the content in that order, the first three about the centre.

    `rotate`: degrees, limit, at most 180. `shift`: share of width and height, limit, at most 1, both axes drawn apart.
    `scale`: factors from 0.1 to 10, uniform in their logarithm. `shear`: degrees by which upright lines lean, limit,
    at most 60. Counter-clockwise, the order torchvision's `RandomAffine` has.
    """

    rotate: _AngleLimit = 0
    shift: _MoveLimit = 0
    scale: _FactorRange = (1, 1)
    shear: _LeanLimit = 0
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1

    @property
    def breaks(self) -> Breaks:
        return turned(*span(self.rotate))

    def draw(self, rng: Rng, size: Size) -> Params:
        return {
            "angle": within(rng, self.rotate),
            "x": within(rng, self.shift),
            "y": within(rng, self.shift),
            "scale": _factor(rng, self.scale),
            "shear": within(rng, self.shear),
        }

    def matrix(self, size: Size, angle: float, x: float, y: float, scale: float, shear: float) -> Matrix:
        cos, sin = _cos_sin(angle)
        lean = math.tan(math.radians(shear))
        a, b, c, d = cos - lean * sin, -sin - lean * cos, sin, cos
        return _about_centre(size, a / scale, b / scale, c / scale, d / scale, x, y)


@dataclass(frozen=True)
class Perspective:
    """Look at the photograph aslant: four points inside it become the corners of the canvas.

    `scale`: how far the points lie from the corners, as a share of width and height, at most 0.25. One share is drawn
    for the image, then every corner's two distances between 0 and that share. Nothing beyond the photograph is shown.
    Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3.
    """

    scale: _InwardRange = (0.02, 0.1)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        share = uniform(rng, *self.scale)
        return {"corners": (share * rng.random((4, 2))).tolist()}

    def matrix(self, size: Size, corners: list[list[float]]) -> Matrix:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners  # inwards, clockwise from the top left
        x1, x2, y2, y3 = 1 - x1, 1 - x2, 1 - y2, 1 - y3
        ax, ay, bx, by = x1 - x2, y1 - y2, x3 - x2, y3 - y2
        sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
        whole = ax * by - bx * ay
        g, h = (sx * by - bx * sy) / whole, (ax * sy - sx * ay) / whole
        aspect = size.width / size.height
        g_px, h_px = g / size.width, h / size.height
        return _from_edges(
            [x1 - x0 + g * x1, (x3 - x0 + h * x3) * aspect, x0 * size.width],
            [(y1 - y0 + g * y1) / aspect, y3 - y0 + h * y3, y0 * size.height],
            [g_px, h_px, 1],
        )


def _matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> Matrix:
    """The matrix with these rows above (0, 0, 1), in two thirds of the time that NumPy takes for lists."""
    return np.frombuffer(_NINE(a, b, c, d, e, f, 0, 0, 1)).reshape(3, 3)


_NINE = struct.Struct("=9d").pack


def _factor(rng: Rng, scale: tuple[float, float]) -> float:
    return math.exp(uniform(rng, math.log(scale[0]), math.log(scale[1])))


def _cos_sin(degrees: float) -> tuple[float, float]:
    radians = math.radians(degrees)
    return math.cos(radians), math.sin(radians)


def _about_centre(size: Size, a: float, b: float, c: float, d: float, x: float = 0, y: float = 0) -> Matrix:
    """Take offsets from the output's centre, moved by shares (x, y), through [[a, b], [c, d]] to the source's."""
    centre_x, centre_y = (size.width - 1) / 2, (size.height - 1) / 2
    from_x, from_y = centre_x + x * size.width, centre_y + y * size.height
    return _matrix(a, b, centre_x - a * from_x - b * from_y, c, d, centre_y - c * from_x - d * from_y)


def _from_edges(*rows: list[float]) -> Matrix:
    """Turn a homography whose origin is the top left edge into one whose origin is the first pixel's centre."""
    x, y, w = ([a, b, c + (a + b) / 2] for a, b, c in rows)
    return np.array(
        [[p - r / 2 for p, r in zip(x, w, strict=True)], [q - r / 2 for q, r in zip(y, w, strict=True)], w],
        dtype=np.float64,
    )
