"""Colour: what changes values and leaves every pixel where it is, as a table wherever one will do.

A limit is a number x, which stands for (-x, x), or a pair. Tables are rounded once, to the nearest level.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

from augflow.kernels.table import straight_line
from augflow.symmetry import Breaks
from augflow.transform import IDENTITY, Ascending, Image, Params, Rng, Size, Table, span, uniform, within

_Strength: TypeAlias = Annotated[float, at.Ge(-1), at.Le(1)]
_StrengthLimit: TypeAlias = Annotated[float, at.Ge(0), at.Le(1)] | Annotated[tuple[_Strength, _Strength], Ascending]
_Gamma: TypeAlias = Annotated[float, at.Ge(0.1), at.Le(10)]
_GammaRange: TypeAlias = Annotated[tuple[_Gamma, _Gamma], Ascending]
_Hue: TypeAlias = Annotated[float, at.Ge(-180), at.Le(180)]
_HueLimit: TypeAlias = Annotated[float, at.Ge(0), at.Le(180)] | Annotated[tuple[_Hue, _Hue], Ascending]
_Levels: TypeAlias = Annotated[int, at.Ge(-255), at.Le(255)]
_LevelsLimit: TypeAlias = Annotated[int, at.Ge(0), at.Le(255)] | Annotated[tuple[_Levels, _Levels], Ascending]
_Bits: TypeAlias = Annotated[int, at.Ge(1), at.Le(8)]
_BitsRange: TypeAlias = Annotated[tuple[_Bits, _Bits], Ascending]
_Threshold: TypeAlias = Annotated[int, at.Ge(0), at.Le(256)]
_ThresholdRange: TypeAlias = Annotated[tuple[_Threshold, _Threshold], Ascending]
_Percent: TypeAlias = Annotated[float, at.Ge(0), at.Le(49)]

_Counts: TypeAlias = NDArray[np.int64]

_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class BrightnessContrast:
    """Lighten or darken, and stretch or flatten about the middle level.

    `brightness`: share of the full range added, `contrast`: share by which the distance from level 127.5 grows;
    limits, at most 1, uniform. v → (v - 127.5)(1 + contrast) + 127.5 + 255 brightness.
    """

    brightness: _StrengthLimit = 0.2
    contrast: _StrengthLimit = 0.2

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {
            "brightness": within(rng, self.brightness),
            "contrast": within(rng, self.contrast),
        }

    def table(self, brightness: float, contrast: float) -> Table:
        return straight_line(1 + contrast, 127.5, 255 * brightness)


@dataclass(frozen=True)
class Gamma:
    """Darken (above 1) or lighten (below 1) the middle levels; black and white stay.

    `gamma`: exponents from 0.1 to 10, uniform in their logarithm. v → 255 (v / 255)^gamma.
    """

    gamma: _GammaRange = (0.8, 1.25)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"gamma": math.exp(uniform(rng, math.log(self.gamma[0]), math.log(self.gamma[1])))}

    def table(self, gamma: float) -> Table:
        return _levels(255 * (np.arange(256) / 255) ** gamma)


@dataclass(frozen=True)
class HueSaturation:
    """Blend with or away from the photograph's own gray, then turn the hue.

    `hue`: degrees on the HSV circle (red 0, green 120, blue 240), limit, at most 180; `saturation`: share by which
    the distance from BT.601 luma grows, limit, at most 1; uniform. As torchvision's `adjust_saturation` and
    `adjust_hue`, in floating point throughout. Smith, "Color gamut transform pairs", SIGGRAPH 1978.
    """

    hue: _HueLimit = 10
    saturation: _StrengthLimit = 0.2

    version: ClassVar[int] = 1
    colour_only: ClassVar[bool] = True

    @property
    def breaks(self) -> Breaks:
        return ("colour",) if any(span(self.hue)) or span(self.saturation)[0] <= -1 else ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {
            "hue": within(rng, self.hue),
            "saturation": within(rng, self.saturation),
        }

    def apply(self, image: Image, hue: float, saturation: float) -> Image:
        if image.shape[2] == 1:
            return image.copy()
        import cv2

        values = image.astype(np.float32)
        if saturation:
            blend = (1 + saturation) * np.eye(3) - saturation * _LUMA
            values = np.clip(cv2.transform(values, blend), 0, 255, dtype=np.float32)
        if hue % 360:
            hsv = np.asarray(cv2.cvtColor(values, cv2.COLOR_RGB2HSV), dtype=np.float32)
            hsv[..., 0] += hue % 360
            values = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)
        return np.asarray(cv2.convertScaleAbs(values), dtype=np.uint8)


@dataclass(frozen=True)
class ChannelShift:
    """Add a number of levels to each of red, green and blue; a gray photograph takes green's.

    `limit`: whole levels, at most 255, uniform, drawn for each channel.
    """

    limit: _LevelsLimit = 20

    version: ClassVar[int] = 1

    @property
    def breaks(self) -> Breaks:
        return ("colour",) if self.limit not in (0, (0, 0)) else ()

    def draw(self, rng: Rng, size: Size) -> Params:
        low, high = (-self.limit, self.limit) if isinstance(self.limit, int) else self.limit
        return {"shift": rng.integers(low, high + 1, size=3).tolist()}

    def table(self, shift: list[int]) -> Table:
        return _levels(np.arange(256)[:, None] + np.array(shift))


@dataclass(frozen=True)
class Gray:
    """Replace red, green and blue by their luma; the three channels stay. ITU-R BT.601: 0.299, 0.587, 0.114."""

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    p: ClassVar[float] = 0.5
    colour_only: ClassVar[bool] = True

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def apply(self, image: Image) -> Image:
        if image.shape[2] == 1:
            return image.copy()
        import cv2

        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


@dataclass(frozen=True)
class Posterize:
    """Keep the highest bits of every value and clear the rest, as Pillow's `ImageOps.posterize`.

    `bits`: 1 to 8, uniform over whole numbers; 8 changes nothing.
    """

    bits: _BitsRange = (4, 6)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"bits": int(rng.integers(self.bits[0], self.bits[1] + 1))}

    def table(self, bits: int) -> Table:
        return IDENTITY & np.uint8(256 - (1 << (8 - bits)))


@dataclass(frozen=True)
class Solarize:
    """Invert the values at or above a threshold, as Pillow's `ImageOps.solarize`.

    `threshold`: levels from 0 to 256, uniform over whole numbers; 256 changes nothing.
    """

    threshold: _ThresholdRange = (128, 192)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"threshold": int(rng.integers(self.threshold[0], self.threshold[1] + 1))}

    def table(self, threshold: int) -> Table:
        return np.where(np.arange(256) < threshold, IDENTITY, 255 - IDENTITY)


@dataclass(frozen=True)
class Equalize:
    """Spread each channel's values evenly over the range, as Pillow's `ImageOps.equalize`."""

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    p: ClassVar[float] = 0.5

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def apply(self, image: Image) -> Image:
        return _by_histogram(image, _equalized)


@dataclass(frozen=True)
class Autocontrast:
    """Stretch each channel so that its darkest value becomes 0 and its brightest 255.

    `cutoff`: percent of the pixels left out at either end before, 0 to 49. As Pillow's `ImageOps.autocontrast`.
    """

    cutoff: _Percent = 0.0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    p: ClassVar[float] = 0.5

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"cutoff": float(self.cutoff)}

    def apply(self, image: Image, cutoff: float) -> Image:
        return _by_histogram(image, lambda counts: _stretched(counts, cutoff))


@dataclass(frozen=True)
class Invert:
    """Turn every value v into 255 - v, as a negative does."""

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    p: ClassVar[float] = 0.5

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def table(self) -> Table:
        return 255 - IDENTITY


def _levels(values: NDArray[np.floating | np.integer]) -> Table:
    rounded = np.rint(values)
    np.maximum(rounded, 0, out=rounded)
    table: Table = np.minimum(rounded, 255, out=rounded).astype(np.uint8)
    return table


def _by_histogram(image: Image, curve: Callable[[_Counts], Table]) -> Image:
    """Send each channel through the curve that `curve` makes of its 256 counts."""
    import cv2

    channels = range(image.shape[2])
    counts = [cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel().astype(np.int64) for channel in channels]
    tables = np.stack([curve(count) for count in counts], axis=-1)
    return np.asarray(cv2.LUT(image, tables[None]), dtype=np.uint8).reshape(image.shape)


def _equalized(counts: _Counts) -> Table:
    used = counts[counts > 0]
    step = int(used.sum() - used[-1]) // 255
    if step == 0:
        return IDENTITY
    below = np.cumsum(counts) - counts
    table: Table = np.minimum((step // 2 + below) // step, 255).astype(np.uint8)
    return table


def _stretched(counts: _Counts, cutoff: float) -> Table:
    cut = int(counts.sum() * cutoff // 100)
    low = int(np.argmax(np.cumsum(counts) > cut))
    high = 255 - int(np.argmax(np.cumsum(counts[::-1]) > cut))
    if high <= low:
        return IDENTITY
    scale = 255.0 / (high - low)
    table: Table = np.clip(np.trunc(np.arange(256) * scale - low * scale), 0, 255).astype(np.uint8)
    return table
