"""Small descriptors of what an image shows, to compare images by: shape, colour, tones, a thumbnail with its hashes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from augflow.transform import Pixels

Descriptor: TypeAlias = NDArray[np.float16]

THUMB = 64
"""Side of a thumbnail."""

WINDOWS = ((0.0, 0.0, 1.0), *((x, y, 0.9) for x in (0.0, 0.05, 0.1) for y in (0.0, 0.05, 0.1)), (0.1, 0.1, 0.8))
"""Left, top and side of the parts that are hashed: the whole first, then what a slight crop may have left of it."""

_CELLS, _ANGLES = 8, 8
_COLOURS = 4


class Tones(NamedTuple):
    """What damage shows in: all are shares of the pixels but the spread, in grey levels."""

    spread: float
    cut_off: float
    """As dark or as bright as can be, in every channel."""
    filled: float
    """Of one colour, and connected with a corner; 0 where it was not measured."""


def small(pixels: Pixels, side: int = THUMB) -> Pixels:
    """Reduce to a square of RGB, or gray, by averaging."""
    reduced: Any = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return reduced if pixels.ndim == 2 else np.ascontiguousarray(reduced[..., :3])


def thumbnail(reduced: Pixels) -> Pixels:
    """The gray of what `small` gave."""
    gray: Any = reduced if reduced.ndim == 2 else cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY)
    return gray  # type: ignore[no-any-return]


def hashes(thumb: Pixels) -> NDArray[np.uint64]:
    """Perceptual hashes of 64 bits, one for each of `WINDOWS` (ImageHash's phash: signs of the low DCT frequencies)."""
    import imagehash
    from PIL import Image as Pillow

    found = []
    for left, top, side in WINDOWS:
        x, y, length = (round(part * THUMB) for part in (left, top, side))
        bits = imagehash.phash(Pillow.fromarray(thumb[y : y + length, x : x + length])).hash
        found.append(np.packbits(bits.ravel()).view(np.uint64)[0])
    return np.array(found, dtype=np.uint64)


def shape(thumb: Pixels) -> Descriptor:
    """Where edges of which direction lie: the root of the share of each of 8 directions in each of 8 × 8 cells.

    After Dalal and Triggs (2005). The distance between two is Hellinger's, from 0 to about 1.4.
    """
    gray = thumb.astype(np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    angle = (np.arctan2(down, across) % np.pi / np.pi * _ANGLES).astype(np.int64) % _ANGLES
    cell = np.arange(THUMB) * _CELLS // THUMB
    place = (cell[:, None] * _CELLS + cell) * _ANGLES + angle
    counts = np.bincount(place.ravel(), strength.ravel(), _CELLS * _CELLS * _ANGLES)
    root: Descriptor = np.sqrt(counts / (counts.sum() + 1e-6)).astype(np.float16)
    return root


def colour(reduced: Pixels) -> Descriptor:
    """How much there is of which colour, in 4 × 4 × 4 of them, each shared among its neighbours; by its root."""
    fewer = cv2.resize(reduced, (THUMB // 2, THUMB // 2), interpolation=cv2.INTER_AREA)
    rgb = fewer if fewer.ndim == 3 else np.repeat(fewer[..., None], 3, axis=2)
    values = rgb.reshape(-1, 3).astype(np.float32) * ((_COLOURS - 1) / 255)
    low = np.minimum(values.astype(np.int64), _COLOURS - 2)
    part = values - low
    counts = np.zeros(_COLOURS**3)
    for corner in range(8):
        upper = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        place = (low + upper) @ np.array([_COLOURS * _COLOURS, _COLOURS, 1])
        weight = np.where(upper, part, 1 - part).prod(axis=1)
        counts += np.bincount(place, weight, _COLOURS**3)
    root: Descriptor = np.sqrt(counts / counts.sum()).astype(np.float16)
    return root


def tones(pixels: Pixels, with_filled: bool) -> Tones:
    """Measure tones of pixels, gray or RGB with or without a spare channel."""
    high, wide = max(1, pixels.shape[0] // 128), max(1, pixels.shape[1] // 128)
    some = np.ascontiguousarray(pixels[::high, ::wide])  # Not averaged: what is cut off would be mended.
    gray = thumbnail(some[..., :3]) if some.ndim == 3 else some
    values = some[..., :3] if some.ndim == 3 else some[..., None]
    cut_off = float(((values <= 1) | (values >= 254)).all(axis=2).mean())
    return Tones(float(gray.std()), cut_off, _filled(gray) if with_filled else 0.0)


def _filled(gray: Pixels) -> float:
    filled = np.zeros(gray.shape, dtype=bool)
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        if not filled[y, x]:
            alike = (np.abs(gray.astype(np.int16) - int(gray[y, x])) <= 4).astype(np.uint8)
            _, parts = cv2.connectedComponents(alike, connectivity=4)
            filled |= parts == parts[y, x]
    return float(filled.mean())
