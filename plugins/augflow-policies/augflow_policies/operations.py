"""The fourteen operations that the policies choose from, with Pillow's meaning of each.

An operation in a draw is `{"name": …, "magnitude": …}`, the magnitude in the operation's own unit: degrees
(counter-clockwise), pixels, shear factor, kept bits, threshold or enhancement factor; null where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.engine.performing import perform
from augflow.transform import Border, Fill, Image, Matrix, Params, Rng, Size, Table

if TYPE_CHECKING:
    from PIL import Image as Pillow

GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
POINT_WISE = ("posterize", "solarize", "brightness")
WHOLE = ("autocontrast", "equalize", "color", "contrast", "sharpness")
OPERATIONS = ("identity", *GEOMETRIC, *POINT_WISE, *WHOLE)


def operation(name: str, magnitude: float | None = None) -> Params:
    """One entry of a draw."""
    return {"name": name, "magnitude": magnitude}


def sign(rng: Rng) -> int:
    """Draw 1 or -1."""
    return 1 if rng.random() < 0.5 else -1


def carry_out(image: Image, operations: Sequence[Params], border: Border, fill: Fill) -> Image:
    """Perform `operations` in order, neighbouring geometry as one warp; the result shares no memory with `image`."""
    ways: dict[str, Any] = dict.fromkeys(GEOMETRIC, Move(border, fill))
    ways |= dict.fromkeys(POINT_WISE, Curve()) | dict.fromkeys(WHOLE, Adjustment())
    made = perform(image, [(ways[one["name"]], one) for one in operations if one["name"] in ways])
    return made.copy() if np.may_share_memory(made, image) else made


@dataclass(frozen=True)
class Move:
    """Rotate about the centre, shear from the upper left corner or translate, as `PIL.Image` does."""

    border: Border
    fill: Fill

    def matrix(self, size: Size, name: str, magnitude: float) -> Matrix:
        if name == "rotate":
            x, y = (size.width - 1) / 2, (size.height - 1) / 2
            c, s = cos(radians(magnitude)), sin(radians(magnitude))
            return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1]], np.float64)
        matrix: Matrix = np.eye(3)
        if name == "shear_x":
            matrix[0, 1:] = magnitude, magnitude / 2
        elif name == "shear_y":
            matrix[1, ::2] = magnitude, magnitude / 2
        else:
            matrix[0 if name == "translate_x" else 1, 2] = magnitude
        return matrix


@dataclass(frozen=True)
class Curve:
    """Change each value by itself: what Pillow makes of a ramp of all values."""

    def table(self, name: str, magnitude: float) -> Table:
        from PIL import Image as Pillow
        from PIL import ImageEnhance, ImageOps

        ramp = Pillow.fromarray(np.arange(256, dtype=np.uint8)[None])
        if name == "posterize":
            curve = ImageOps.posterize(ramp, int(magnitude))
        elif name == "solarize":
            curve = ImageOps.solarize(ramp, int(magnitude))
        else:
            curve = ImageEnhance.Brightness(ramp).enhance(magnitude)
        table: Table = np.array(curve)[0]
        return table


@dataclass(frozen=True)
class Adjustment:
    """Change values by what the whole image holds, or by their neighbours."""

    def apply(self, image: Image, name: str, magnitude: float | None) -> Image:
        from PIL import Image as Pillow

        picture = Pillow.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        return np.array(_adjustments()[name](picture, magnitude)).reshape(image.shape)


def _adjustments() -> dict[str, Callable[[Pillow.Image, Any], Pillow.Image]]:
    from PIL import ImageEnhance, ImageOps

    return {
        "autocontrast": lambda picture, _: ImageOps.autocontrast(picture),
        "equalize": lambda picture, _: ImageOps.equalize(picture),
        "color": lambda picture, factor: ImageEnhance.Color(picture).enhance(factor),
        "contrast": lambda picture, factor: ImageEnhance.Contrast(picture).enhance(factor),
        "sharpness": lambda picture, factor: ImageEnhance.Sharpness(picture).enhance(factor),
    }
