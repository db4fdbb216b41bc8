"""RandAugment: a few operations, all at one strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at

from augflow.symmetry import Breaks
from augflow.transform import Border, Fill, Image, Params, Rng, Size
from augflow_policies.operations import OPERATIONS, carry_out, operation, sign


@dataclass(frozen=True)
class RandAugment:
    """Perform `num_ops` operations, each drawn uniformly from fourteen, all at `magnitude` (0 to 10).

    Cubuk, Zoph, Shlens and Le, "RandAugment: Practical automated data augmentation with a reduced search space",
    arXiv:1909.13719: its N and M, with N = 2 and M = 9 as for its ResNet-50. Ranges are AutoAugment's
    (arXiv:1805.09501): rotate ±30°, shear ±0.3, translate ±150/331 of the side, posterize 8 to 4 bits, solarize 256 to
    0, enhancements 1 ± 0.9. Strength grows linearly with the magnitude; the sign is drawn.

    Deviations: the authors' code reads an enhancement's range from its lower end, so that M = 5 changes nothing and M
    = 0 most, and posterizes and solarizes less as M grows; here 0 changes nothing and 10 most in every operation.
    Magnitudes end at 10, and may be fractions. Beyond the photograph lies `border`, not gray (`border: constant, fill:
    128`). Sampling is bilinear, not nearest.
    """

    num_ops: Annotated[int, at.Ge(0), at.Le(14)] = 2
    magnitude: Annotated[float, at.Ge(0), at.Le(10)] = 9.0
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    geometric: ClassVar[bool] = True

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"operations": [self._operation(rng, size) for _ in range(self.num_ops)]}

    def _operation(self, rng: Rng, size: Size) -> Params:
        name = OPERATIONS[int(rng.integers(len(OPERATIONS)))]
        share, signed = self.magnitude / 10, sign(rng) * self.magnitude / 10
        magnitudes: dict[str, float] = {
            "rotate": 30 * signed,
            "shear_x": 0.3 * signed,
            "shear_y": 0.3 * signed,
            "translate_x": int(150 / 331 * size.width * signed),
            "translate_y": int(150 / 331 * size.height * signed),
            "posterize": 8 - round(4 * share),
            "solarize": round(256 * (1 - share)),
            **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), 1 + 0.9 * signed),
        }
        return operation(name, magnitudes.get(name))

    def apply(self, image: Image, operations: list[Params]) -> Image:
        return carry_out(image, operations, self.border, self.fill)
