"""AugMix: several short chains of operations, mixed with the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks
from augflow.transform import Border, Fill, Image, Params, Rng, Size
from augflow_policies.operations import carry_out, operation, sign

OPERATIONS = (
    "autocontrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)


@dataclass(frozen=True)
class AugMix:
    """Average `mixture_width` chains of operations with drawn weights, and mix the average with the photograph.

    Weights come from Dirichlet(`alpha`, …), the photograph's share from Beta(`alpha`, `alpha`). A chain has
    `chain_depth` operations, 1 to 3 where that is null, each at a strength drawn uniformly from 0.1 to `severity`, of
    10.

    Hendrycks, Mu, Cubuk, Zoph, Gilmer and Lakshminarayanan, "AugMix: A Simple Data Processing Method to Improve
    Robustness and Uncertainty", arXiv:1912.02781, with its nine operations and its code's ranges at strength 10: rotate
    ±30°, shear ±0.3, translate ± a third of the side, posterize 4 to 0 bits, solarize 256 to 0. Severity 3 is the one
    for CIFAR.

    Deviations: this is the mixture alone; the consistency loss belongs to the training. Values are mixed exactly and
    rounded to bytes once, at the end. A photograph keeps at least 1 bit. Beyond it lies `border`, not black (`border:
    constant`).
    """

    severity: Annotated[float, at.Ge(0.1), at.Le(10)] = 3.0
    mixture_width: Annotated[int, at.Ge(1), at.Le(10)] = 3
    chain_depth: Annotated[int, at.Ge(1), at.Le(10)] | None = None
    alpha: Annotated[float, at.Ge(0.01), at.Le(100)] = 1.0
    border: Border = "reflect"
    fill: Fill = 0

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ("colour",)
    geometric: ClassVar[bool] = True

    def draw(self, rng: Rng, size: Size) -> Params:
        weights = [float(weight) for weight in rng.dirichlet([self.alpha] * self.mixture_width)]
        original = float(rng.beta(self.alpha, self.alpha))
        depths = [self.chain_depth or int(rng.integers(1, 4)) for _ in range(self.mixture_width)]
        chains = [[self._operation(rng, size) for _ in range(depth)] for depth in depths]
        return {"original": original, "weights": weights, "chains": chains}

    def _operation(self, rng: Rng, size: Size) -> Params:
        name = OPERATIONS[int(rng.integers(len(OPERATIONS)))]
        strength, direction = float(rng.uniform(0.1, self.severity)) / 10, sign(rng)
        magnitudes: dict[str, float] = {
            "posterize": max(1, 4 - int(4 * strength)),
            "rotate": direction * int(30 * strength),
            "solarize": 256 - int(256 * strength),
            "shear_x": direction * 0.3 * strength,
            "shear_y": direction * 0.3 * strength,
            "translate_x": direction * int(size.width / 3 * strength),
            "translate_y": direction * int(size.height / 3 * strength),
        }
        return operation(name, magnitudes.get(name))

    def apply(self, image: Image, original: float, weights: list[float], chains: list[list[Params]]) -> Image:
        mixed = original * image.astype(np.float64)
        for weight, chain in zip(weights, chains, strict=True):
            mixed += (1 - original) * weight * carry_out(image, chain, self.border, self.fill)
        rounded: Image = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
        return rounded
