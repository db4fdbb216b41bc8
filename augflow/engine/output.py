"""How a stream hands over finished pixels: their type, the order of their axes, and how they are normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

Three: TypeAlias = tuple[float, float, float]
Positive: TypeAlias = Annotated[float, at.Gt(0)]


@dataclass(frozen=True)
class Standardise:
    """(value / 255 - mean) / std, for red, green and blue."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    mean: Three
    std: tuple[Positive, Positive, Positive]


@dataclass(frozen=True)
class Output:
    """How a stream hands over its images; a file holds whole numbers from 0 to 255, and nothing else."""

    dtype: Literal["uint8", "float32", "float16"] = "uint8"

    layout: Literal["hwc", "chw"] = "hwc"
    """Whether channels come last, as Keras and NumPy have them, or first, as PyTorch does."""

    normalise: Literal["unit", "sample"] | Standardise | None = None
    """unit: from 0 to 1; sample: each image to mean 0 and deviation 1; or mean and std of each channel, of values from
    0 to 1. Null leaves 0 to 255."""

    def __post_init__(self) -> None:
        if self.normalise is not None and self.dtype == "uint8":
            raise ValueError("normalised values are fractions: say dtype: float32")

    @property
    def fits_a_file(self) -> bool:
        return self.dtype == "uint8"

    def shape(self, height: int, width: int) -> tuple[int, int, int]:
        """The shape of an image of so many pixels."""
        return (height, width, 3) if self.layout == "hwc" else (3, height, width)

    def table(self) -> NDArray[np.floating[Any]] | None:
        """What each byte becomes: shape (256, 3); None where that depends on the image, or nothing changes."""
        if self.dtype == "uint8" or self.normalise == "sample":
            return None
        values = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
        if self.normalise is not None:
            values /= 255
        if isinstance(self.normalise, Standardise):
            values = (values - self.normalise.mean) / self.normalise.std
        return values.astype(self.dtype)
