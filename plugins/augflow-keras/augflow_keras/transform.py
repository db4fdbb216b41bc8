"""The transform `keras`: what ImageDataGenerator does to one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks, turned
from augflow.transform import Image, Params, Rng, Size
from augflow_keras.pixels import Dialect, FillMode, Values, brighten, move, shift_channels

_Angle: TypeAlias = Annotated[float, at.Ge(0), at.Le(360)]
_Shift: TypeAlias = (
    Annotated[int, at.Ge(0)] | Annotated[float, at.Ge(0)] | Annotated[tuple[float, ...], at.MaxLen(10_000)]
)
_Factor: TypeAlias = Annotated[float, at.Gt(0), at.Le(100)]
_Strength: TypeAlias = Annotated[float, at.Ge(0)]


@dataclass(frozen=True)
class Keras:
    """Turn, shift, shear, zoom, shift values, mirror and brighten, as Keras's ImageDataGenerator does.

    `rotation_range`, `shear_range`: degrees, uniform from -x to x. `width_shift_range`, `height_shift_range`: a float
    below 1 is a share of the side, from 1 on pixels, uniform from -x to x; a whole number n is drawn from -n + 1 to
    n - 1; of a list one is drawn, with a sign: shares if all are below 1. `zoom_range`: x stands for (1 - x, 1 + x), a
    pair for itself; two factors are drawn, and above 1 they shrink. `channel_shift_range`: levels added to all
    channels, uniform from -x to x, within the values of the image. `brightness_range`: a pair of factors, uniform.
    `horizontal_flip`, `vertical_flip`: with a chance of one half. `fill_mode`, `cval`: what lies beyond the image.
    `interpolation_order`: 0 nearest, 1 linear, to 5 splines. `dialect`: `classic` as keras-preprocessing 1.1.2,
    `keras3` as Keras 3, where the shifts are exchanged.
    """

    rotation_range: _Angle = 0
    width_shift_range: _Shift = 0.0
    height_shift_range: _Shift = 0.0
    brightness_range: tuple[_Strength, _Strength] | None = None
    shear_range: _Angle = 0.0
    zoom_range: Annotated[float, at.Ge(0), at.Lt(1)] | tuple[_Factor, _Factor] = 0.0
    channel_shift_range: _Strength = 0.0
    fill_mode: FillMode = "nearest"
    cval: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    interpolation_order: Annotated[int, at.Ge(0), at.Le(5)] = 1
    dialect: Dialect = "classic"

    version: ClassVar[int] = 1
    geometric: ClassVar[bool] = True

    @property
    def breaks(self) -> Breaks:
        upside_down = self.vertical_flip or turned(-self.rotation_range, self.rotation_range)
        mirrored = self.horizontal_flip or self.vertical_flip
        return (*(("orientation",) if upside_down else ()), *(("handedness",) if mirrored else ()))

    def draw(self, rng: Rng, size: Size) -> Params:
        chance = rng.random(12).tolist()  # as many whatever is asked, so that one argument leaves the others' draws
        zoom = self.zoom_range
        low, high = zoom if isinstance(zoom, tuple) else (1 - zoom, 1 + zoom)
        return {
            "theta": _within(self.rotation_range, chance[0]),
            "tx": _shift(self.height_shift_range, size.height, chance[1], chance[2]),
            "ty": _shift(self.width_shift_range, size.width, chance[3], chance[4]),
            "shear": _within(self.shear_range, chance[5]),
            "zx": low + (high - low) * chance[6],
            "zy": low + (high - low) * chance[7],
            "flip_horizontal": self.horizontal_flip and chance[8] < 0.5,
            "flip_vertical": self.vertical_flip and chance[9] < 0.5,
            "channel_shift_intensity": _within(self.channel_shift_range, chance[10]) or None,
            "brightness": _between(self.brightness_range, chance[11]),
        }

    def apply(self, image: Image, **params: Any) -> Image:
        in_bytes = self.interpolation_order < 2 and params["channel_shift_intensity"] is params["brightness"] is None
        made = self.perform(image if in_bytes else image.astype(np.float32), params)
        if in_bytes:
            return made.copy() if np.may_share_memory(made, image) else np.ascontiguousarray(made)
        return np.ascontiguousarray(np.clip(np.rint(made), 0, 255).astype(np.uint8))

    def perform(self, image: Values, params: Params) -> Values:
        """Change the pixels of a float image by a draw; names that are missing change nothing."""
        geometry = {name: params[name] for name in _GEOMETRY if name in params}
        brightened = params.get("brightness") is not None
        how = (self.dialect, self.fill_mode, self.cval, self.interpolation_order)
        image = move(image, *how, **geometry, to_the_bit=brightened)
        if (intensity := params.get("channel_shift_intensity")) is not None:
            image = shift_channels(image, intensity)
        if params.get("flip_horizontal"):
            image = image[:, ::-1]
        if params.get("flip_vertical"):
            image = image[::-1]
        if (factor := params.get("brightness")) is not None:
            image = brighten(image, self.dialect, factor)
        return image


_GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy")


def _within(limit: float, chance: float) -> float:
    return limit * (2 * chance - 1) if limit else 0


def _between(pair: tuple[float, float] | None, chance: float) -> float | None:
    return None if pair is None else pair[0] + (pair[1] - pair[0]) * chance


def _shift(limit: int | float | tuple[float, ...], side: int, chance: float, sign: float) -> float:
    if not limit:
        return 0
    if isinstance(limit, float):
        return limit * (2 * chance - 1) * (side if limit < 1 else 1)
    if isinstance(limit, tuple):
        drawn = limit[int(chance * len(limit))] * (side if max(limit) < 1 else 1)
    else:
        drawn = int(chance * limit)
    return drawn if sign < 0.5 else -drawn
