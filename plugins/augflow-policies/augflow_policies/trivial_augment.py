"""TrivialAugment: one operation at any strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from augflow.symmetry import Breaks
from augflow.transform import Border, Fill, Image, Params, Rng, Size
from augflow_policies.operations import OPERATIONS, carry_out, operation, sign


@dataclass(frozen=True)
class TrivialAugment:
    """Perform one operation, drawn uniformly from fourteen, at a strength drawn uniformly from 0, 1, …, 30.

    Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", arXiv:2103.10158, with its
    Wide ranges: rotate ±135°, shear ±0.99, translate ±32 pixels, posterize 8 to 2 bits, solarize 256 to 0, enhancements
    0.01 to 2. The sign is drawn.

    Deviations: beyond the photograph lies `border`, not black (`border: constant`). Sampling is bilinear, not nearest.
    """

    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour", "orientation")
    geometric: ClassVar[bool] = True

    def draw(self, rng: Rng, size: Size) -> Params:
        name = OPERATIONS[int(rng.integers(len(OPERATIONS)))]
        strength, direction = int(rng.integers(31)), sign(rng)
        magnitudes: dict[str, float] = {
            **dict.fromkeys(("shear_x", "shear_y"), direction * 0.99 * strength / 30),
            **dict.fromkeys(("translate_x", "translate_y"), direction * int(32 * strength / 30)),
            "rotate": direction * int(135 * strength / 30),
            "posterize": 8 - int(6 * strength / 30),
            "solarize": 256 - int(256 * strength / 30),
            **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), 0.01 + 1.99 * strength / 30),
        }
        return {"operations": [operation(name, magnitudes.get(name))]}

    def apply(self, image: Image, operations: list[Params]) -> Image:
        return carry_out(image, operations, self.border, self.fill)
