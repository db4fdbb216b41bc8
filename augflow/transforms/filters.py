"""Filters: what a lens or a codec does to neighbouring pixels. Beyond the edge lies the mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import annotated_types as at
import numpy as np

from augflow.symmetry import Breaks
from augflow.transform import Ascending, Image, Params, Rng, ShareRange, Size, uniform

_Sigma: TypeAlias = Annotated[float, at.Ge(0), at.Le(20)]
_SigmaRange: TypeAlias = Annotated[tuple[_Sigma, _Sigma], Ascending]
_Quality: TypeAlias = Annotated[int, at.Ge(1), at.Le(100)]
_QualityRange: TypeAlias = Annotated[tuple[_Quality, _Quality], Ascending]


@dataclass(frozen=True)
class Sharpen:
    """Blend with the photograph sharpened by a 3×3 kernel: 9 in the middle, -1 around.

    `amount`: share of the sharpened one, 0 to 1, uniform. As albumentations' `Sharpen` with `lightness` 1, which keeps
    the brightness.
    """

    amount: ShareRange = (0.2, 0.8)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"amount": uniform(rng, *self.amount)}

    def apply(self, image: Image, amount: float) -> Image:
        import cv2

        kernel = np.full((3, 3), -amount, dtype=np.float32)
        kernel[1, 1] = 1 + 8 * amount
        sharp = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(sharp, dtype=np.uint8).reshape(image.shape)


@dataclass(frozen=True)
class Blur:
    """Blur as a Gaussian does.

    `sigma`: standard deviation in pixels, 0 to 20, uniform; the kernel reaches three of them.
    """

    sigma: _SigmaRange = (0.5, 1.5)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"sigma": uniform(rng, *self.sigma)}

    def apply(self, image: Image, sigma: float) -> Image:
        import cv2

        reach = 2 * round(3 * sigma) + 1
        blurred = cv2.GaussianBlur(image, (reach, reach), sigma, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(blurred, dtype=np.uint8).reshape(image.shape)


@dataclass(frozen=True)
class JpegArtefacts:
    """Pass the photograph through a JPEG file of low quality, chroma at half resolution (4:2:0).

    `quality`: 1 to 100 on the scale of libjpeg (Independent JPEG Group), uniform over whole numbers.
    """

    quality: _QualityRange = (40, 80)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"quality": int(rng.integers(self.quality[0], self.quality[1] + 1))}

    def apply(self, image: Image, quality: int) -> Image:
        import simplejpeg

        colours, sampling = ("GRAY", "Gray") if image.shape[2] == 1 else ("RGB", "420")
        data = simplejpeg.encode_jpeg(image, quality=quality, colorspace=colours, colorsubsampling=sampling)
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace=colours), dtype=np.uint8)
