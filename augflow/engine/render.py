"""How every output is finished: its size, and how a photograph of another shape is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import annotated_types as at
import numpy as np

from augflow.transform import Border, Fill, Matrix, Size

Side = Annotated[int, at.Ge(1), at.Le(65_500)]


@dataclass(frozen=True)
class Render:
    """How every output is finished, the same for all classes."""

    size: Side | tuple[Side, Side] | None = None
    """One side of a square, or [height, width], in pixels; null keeps each image's own."""

    fit: Literal["crop", "stretch", "pad"] = "crop"
    """What becomes of another aspect ratio: the middle is taken, it is stretched, or `border` fills what is lacking."""

    border: Border = "reflect"
    fill: Fill = 0
    format: Literal["jpeg", "png", "webp"] = "jpeg"

    quality: Annotated[int, at.Ge(1), at.Le(100)] = 90
    """Of JPEG (4:2:0) and WebP; PNG is lossless."""

    @property
    def suffix(self) -> str:
        return {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}[self.format]

    def target(self, size: Size) -> Size:
        """The size that an image of `size` is brought to."""
        if self.size is None:
            return size
        return Size(self.size, self.size) if isinstance(self.size, int) else Size(*self.size)

    def matrix(self, size: Size) -> Matrix:
        """Output → source pixel centres for an image of `size`."""
        target = self.target(size)
        x, y = size.width / target.width, size.height / target.height
        if self.fit == "crop":
            x = y = min(x, y)
        elif self.fit == "pad":
            x = y = max(x, y)
        centre_x, centre_y = (size.width - 1) / 2, (size.height - 1) / 2
        return np.array(
            [
                [x, 0, centre_x - x * (target.width - 1) / 2],
                [0, y, centre_y - y * (target.height - 1) / 2],
                [0, 0, 1],
            ],
            dtype=np.float64,
        )
