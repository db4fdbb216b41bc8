"""Windows: cut from the photograph, or laid around it; their edges fall between pixels, so nothing is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks
from augflow.transform import Ascending, Border, Fill, Matrix, Params, Rng, Share, Size

_Area: TypeAlias = Annotated[float, at.Ge(0.01), at.Le(1)]
_AreaRange: TypeAlias = Annotated[tuple[_Area, _Area], Ascending]
_Ratio: TypeAlias = Annotated[float, at.Ge(0.1), at.Le(10)]
_RatioRange: TypeAlias = Annotated[tuple[_Ratio, _Ratio], Ascending]
_Pixels: TypeAlias = Annotated[int, at.Ge(1), at.Le(16384)]
_PixelSize: TypeAlias = _Pixels | tuple[_Pixels, _Pixels] | None


@dataclass(frozen=True)
class Pad:
    """Widen the canvas on every side by whole pixels.

    `share`: of the height for top and bottom, of the width for left and right, at most 1; one number, or (top, right,
    bottom, left).
    """

    share: Share | tuple[Share, Share, Share, Share] = 0.1
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        shares = self.share if isinstance(self.share, tuple) else (self.share,) * 4
        sides = (size.height, size.width, size.height, size.width)
        names = ("top", "right", "bottom", "left")
        return {name: round(share * side) for name, share, side in zip(names, shares, sides, strict=True)}

    def resized(self, size: Size, top: int, right: int, bottom: int, left: int) -> Size:
        return Size(top + size.height + bottom, left + size.width + right)

    def matrix(self, size: Size, top: int, right: int, bottom: int, left: int) -> Matrix:
        return _window(-top, -left)


@dataclass(frozen=True)
class Crop:
    """Cut out a window, without loss.

    `scale`: the window's share of the area, 0.01 to 1, uniform, the aspect ratio kept. `size` in pixels (one number
    for a square, or height and width) takes its place; no side grows beyond the image's own. `position`: anywhere in
    the image, or its centre.
    """

    scale: _AreaRange = (0.8, 1.0)
    size: _PixelSize = None
    position: Literal["random", "centre"] = "random"

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        area, y, x = rng.random(3).tolist()
        if self.size is None:
            side = math.sqrt(_between(self.scale, area))
            height, width = max(1, round(side * size.height)), max(1, round(side * size.width))
        else:
            height, width = map(min, _both(self.size), size)
        if self.position == "centre":
            return _central(size, height, width)
        return _anywhere(size, height, width, y, x)

    def resized(self, size: Size, top: int, left: int, height: int, width: int) -> Size:
        return Size(height, width)

    def matrix(self, size: Size, top: int, left: int, height: int, width: int) -> Matrix:
        return _window(top, left)


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cut out a window of random area and aspect ratio, and resize it.

    `scale`: the window's share of the area, 0.01 to 1, uniform; `ratio`: width over height, 0.1 to 10, uniform in its
    logarithm; `size`: pixels of the result (one number for a square, or height and width), or none for the image's
    own size. After ten windows that do not fit, the largest central one whose ratio is allowed, as torchvision's
    `RandomResizedCrop`. Szegedy et al., "Going deeper with convolutions", CVPR 2015.
    """

    scale: _AreaRange = (0.08, 1.0)
    ratio: _RatioRange = (3 / 4, 4 / 3)
    size: _PixelSize = None

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        result = {"to": list(size if self.size is None else _both(self.size))}
        logarithms = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(10):
            area, shape, y, x = rng.random(4).tolist()
            pixels = size.height * size.width * _between(self.scale, area)
            ratio = math.exp(_between(logarithms, shape))
            height, width = round(math.sqrt(pixels / ratio)), round(math.sqrt(pixels * ratio))
            if 0 < height <= size.height and 0 < width <= size.width:
                return _anywhere(size, height, width, y, x) | result
        height = max(1, min(size.height, round(size.width / self.ratio[0])))
        width = max(1, min(size.width, round(size.height * self.ratio[1])))
        return _central(size, height, width) | result

    def resized(self, size: Size, top: int, left: int, height: int, width: int, to: list[int]) -> Size:
        return Size(*to)

    def matrix(self, size: Size, top: int, left: int, height: int, width: int, to: list[int]) -> Matrix:
        return _window(top, left, height / to[0], width / to[1])


def _between(pair: tuple[float, float], share: float) -> float:
    return pair[0] + (pair[1] - pair[0]) * share


def _both(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def _anywhere(size: Size, height: int, width: int, y: float, x: float) -> Params:
    """Place a window; y and x, from 0 to below 1, choose among the offsets that keep it inside."""
    top, left = int(y * (size.height - height + 1)), int(x * (size.width - width + 1))
    return {"top": top, "left": left, "height": height, "width": width}


def _central(size: Size, height: int, width: int) -> Params:
    top, left = (size.height - height) // 2, (size.width - width) // 2
    return {"top": top, "left": left, "height": height, "width": width}


def _window(top: int, left: int, y: float = 1, x: float = 1) -> Matrix:
    """Map a canvas onto the window at (top, left), y and x source pixels for each of its own."""
    return np.array([[x, 0, left + x / 2 - 0.5], [0, y, top + y / 2 - 0.5], [0, 0, 1]], dtype=np.float64)
