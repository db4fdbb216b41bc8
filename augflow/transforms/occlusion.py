"""Occlusion: parts of the photograph covered, so that a classifier learns from the rest as well."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Annotated, ClassVar, Literal, TypeAlias

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks
from augflow.transform import Ascending, Fill, Image, Params, Rng, Share, ShareRange, Size, uniform

_Count: TypeAlias = Annotated[int, at.Ge(0), at.Le(100)]
_Aspect: TypeAlias = Annotated[float, at.Ge(0.01), at.Le(100)]
_OpenShare: TypeAlias = Annotated[float, at.Gt(0), at.Le(1)]


@dataclass(frozen=True)
class Erase:
    """Cover rectangles of the photograph.

    `count` is the range of how many, `scale` of each one's share of the area, `ratio` of height / width, drawn
    uniformly in its logarithm and narrowed where the rectangle would not fit. `fill` is a gray level, (red, green,
    blue), the photograph's own `mean` colour, or `random` values for every pixel. Draws `rectangles`: top, left,
    height, width in pixels.

    Zhong et al., "Random Erasing Data Augmentation", arXiv:1708.04896, which draws again where it does not fit and
    fills with random values; with a fixed square and level it is Cutout (DeVries and Taylor, arXiv:1708.04552).
    """

    count: Annotated[tuple[_Count, _Count], Ascending] = (1, 1)
    scale: ShareRange = (0.02, 0.2)
    ratio: Annotated[tuple[_Aspect, _Aspect], Ascending] = (0.3, 3.3)
    fill: Fill | Literal["random", "mean"] = "mean"

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        low, high = self.count
        count = int(rng.integers(low, high, endpoint=True))
        seed = int(rng.integers(2**63))
        rectangles = [self._rectangle(rng, size) for _ in range(count)]
        fill = list(self.fill) if isinstance(self.fill, tuple) else self.fill
        return {"rectangles": rectangles, "fill": fill, "seed": seed}

    def _rectangle(self, rng: Rng, size: Size) -> list[int]:
        area = uniform(rng, *self.scale) * size.height * size.width
        low, high = self.ratio
        aspect = exp(uniform(rng, log(low), log(high)))
        aspect = min(max(aspect, area / size.width**2), size.height**2 / area) if area else aspect
        height = min(max(round(sqrt(area * aspect)), 1), size.height)
        width = min(max(round(sqrt(area / aspect)), 1), size.width)
        top = int(rng.integers(size.height - height, endpoint=True))
        left = int(rng.integers(size.width - width, endpoint=True))
        return [top, left, height, width]

    def apply(self, image: Image, rectangles: list[list[int]], fill: int | list[int] | str, seed: int) -> Image:
        import cv2

        covered = image.copy()
        noise = np.random.Generator(np.random.SFC64(seed))
        mean = np.rint(cv2.mean(image)[: image.shape[2]]) if fill == "mean" else None
        for top, left, height, width in rectangles:
            window = covered[top : top + height, left : left + width]
            if isinstance(fill, str):
                window[:] = noise.integers(256, size=window.shape, dtype=np.uint8) if mean is None else mean
            else:
                window[:] = _level(fill, image)
        return covered


@dataclass(frozen=True)
class GridDrop:
    """Cover a regular grid of squares.

    `unit` is the range of the grid's period as a share of the shorter side, `ratio` the side of the covered square as
    a share of the period (so ratio² of the area is covered), `fill` its gray level or colour. Draws the period and the
    square's side in pixels and where the grid starts.

    Chen et al., "GridMask Data Augmentation", arXiv:2001.04086, whose r is 1 - ratio; the grid is not turned here.
    """

    unit: Annotated[tuple[_OpenShare, _OpenShare], Ascending] = (0.1, 0.2)
    ratio: Share = 0.5
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        period = max(2, round(uniform(rng, *self.unit) * min(size)))
        top, left = (int(rng.integers(period)) for _ in range(2))
        fill = list(self.fill) if isinstance(self.fill, tuple) else self.fill
        return {"period": period, "side": round(self.ratio * period), "top": top, "left": left, "fill": fill}

    def apply(self, image: Image, period: int, side: int, top: int, left: int, fill: int | list[int]) -> Image:
        height, width, _ = image.shape
        rows = (np.arange(height) + top) % period < side
        columns = (np.arange(width) + left) % period < side
        covered = image.copy()
        covered[np.ix_(rows, columns)] = _level(fill, image)
        return covered


def _level(fill: int | list[int], image: Image) -> int | list[int]:
    """`fill`, or on gray a colour's BT.601 luma."""
    if isinstance(fill, int) or image.shape[2] == 3:
        return fill
    red, green, blue = fill
    return round(0.299 * red + 0.587 * green + 0.114 * blue)
