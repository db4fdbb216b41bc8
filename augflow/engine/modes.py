"""From Pillow's modes to gray or RGB of 8 bits: palettes, CMYK and the like, alpha over white, 16 bits reduced."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow

from augflow.errors import ImageError
from augflow.transform import Pixels

_ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}


def converted(image: Pillow.Image, bits: int, notes: list[str]) -> Pixels:
    """Pixels as the engine takes them; what that took is added to `notes`.

    Args:
        bits: of one value as it was stored.

    Raises:
        ImageError: of such values nobody knows what they mean.
    """
    mode = image.mode
    if mode == "F":
        raise ImageError("unsupported", "floating-point pixels have no agreed range")
    if mode in ("I", "I;16", "I;16B", "I;16L"):
        notes.append("16 bits reduced to 8")
        return _by_strips(image, 1, _reduce)
    if bits == 16:
        notes.append("16 bits reduced to 8")
    if mode in _ALPHA or "transparency" in image.info:
        notes.append("alpha laid over white")
        gray = mode in ("LA", "La", "L")
        return _by_strips(image, 1 if gray else 4, lambda strip: _flatten(strip, gray))
    if mode in ("L", "1"):
        return _by_strips(image, 1, lambda strip: np.asarray(strip.convert("L")))
    if mode != "RGB":
        notes.append(f"{_SPACES.get(mode, mode)} converted to RGB")
    return _by_strips(image, 4, lambda strip: _padded(strip.convert("RGB")))


_SPACES = {"P": "palette", "YCbCr": "YCbCr", "CMYK": "CMYK", "LAB": "Lab", "HSV": "HSV"}


def _by_strips(image: Pillow.Image, channels: int, convert: Callable[[Pillow.Image], Pixels]) -> Pixels:
    """Convert some rows at a time: whole copies of a large picture take more memory than the picture itself."""
    width, height = image.size
    made = np.empty((height, width, channels)[: 2 if channels == 1 else 3], np.uint8)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        made[top:bottom] = convert(image if rows >= height else image.crop((0, top, width, bottom)))
    return made


_STRIP = 4_000_000


def _reduce(image: Pillow.Image) -> Pixels:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise ImageError("unsupported", "32-bit pixels have no agreed range")
    return ((values.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)


def _flatten(image: Pillow.Image, gray: bool) -> Pixels:
    whole = image.convert("RGBA")
    white = Pillow.new("RGBA", whole.size, (255, 255, 255, 255))
    white.alpha_composite(whole)
    return np.asarray(white.convert("L")) if gray else _padded(white.convert("RGB"))


def _padded(image: Pillow.Image) -> Pixels:
    """RGB with a spare byte for each pixel, as the engine likes it."""
    return np.asarray(image.convert("RGBA"))
