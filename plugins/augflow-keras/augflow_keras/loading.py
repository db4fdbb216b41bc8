"""How image files become arrays, as Keras reads them: EXIF orientation is not applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from augflow_keras.pixels import Floats

ColorMode: TypeAlias = Literal["rgb", "rgba", "grayscale"]
DataFormat: TypeAlias = Literal["channels_last", "channels_first"]

_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


@dataclass(frozen=True)
class Loading:
    """Size, colours and layout of the arrays.

    Raises:
        ValueError: there is no such colour mode or interpolation.
    """

    target_size: tuple[int, int]
    color_mode: ColorMode
    interpolation: str
    keep_aspect_ratio: bool
    data_format: DataFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "target_size", tuple(self.target_size))
        for name, value, known in (
            ("color_mode", self.color_mode, tuple(_CHANNELS)),
            ("interpolation", self.interpolation, _INTERPOLATIONS),
        ):
            if value not in known:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(known)}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        height, width = self.target_size
        channels = _CHANNELS[self.color_mode]
        return (height, width, channels) if self.data_format == "channels_last" else (channels, height, width)

    def load(self, path: str) -> Floats:
        """Read one file.

        Raises:
            OSError: it is not there, or no image; the message names it.
        """
        from keras.utils import load_img

        try:
            with load_img(
                path,
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
                keep_aspect_ratio=self.keep_aspect_ratio,
            ) as picture:
                image: Any = np.array(picture, dtype=np.float32)
        except Exception as error:
            raise OSError(f"{path} cannot be read as an image: {type(error).__name__}: {error}") from error
        image = image.reshape(*self.target_size, -1)
        return image if self.data_format == "channels_last" else np.moveaxis(image, 2, 0)
