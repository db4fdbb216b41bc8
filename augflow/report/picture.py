"""Small pictures for pages: read from bytes at no more than the scale that is needed, and written as JPEG."""

from __future__ import annotations

import base64
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from augflow.engine.codec import open_image
from augflow.transform import Pixels


class Picture(NamedTuple):
    """A small JPEG, and the size of what it was made from."""

    jpeg: bytes
    height: int
    width: int
    of_height: int
    of_width: int

    @property
    def uri(self) -> str:
        """As a `data:` URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


def read(data: bytes, side: int, max_pixels: int) -> Picture:
    """Make a picture of an image file whose longer side is at most `side` pixels.

    Raises:
        ImageError: the file is damaged, no image, or has more than `max_pixels`.
    """
    opened = open_image(data, max_pixels)
    longest = max(opened.size)
    reduction = next((by for by in (8, 4, 2) if opened.reduced and longest >= by * side), 1)
    pixels = opened.reduced(reduction) if opened.reduced and reduction > 1 else opened.whole()
    return shrunk(pixels, side, opened.size)


def shrunk(pixels: Pixels, side: int, of: tuple[int, int] | None = None) -> Picture:
    """Make a picture of pixels; `of` is the size to tell, where it is not theirs."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        to = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(cv2.resize(pixels, to, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    image = np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[..., None])
    space, sampling = {1: ("GRAY", "Gray"), 3: ("RGB", "420"), 4: ("RGBX", "420")}[image.shape[2]]
    jpeg = bytes(simplejpeg.encode_jpeg(image, _QUALITY, space, sampling))
    return Picture(jpeg, *image.shape[:2], *(of or (height, width)))


_QUALITY = 80
