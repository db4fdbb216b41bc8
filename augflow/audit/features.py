"""What an image shows of how it was made, rather than of what it shows: figures that a plain probe learns from.

`traces` are in the pixels, where a classifier can learn from them as well: DCT and blockiness, sharpness, noise,
borders, tones. `file_traces` are in the file: size, JPEG tables, metadata.
"""

from __future__ import annotations

import io
import math
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from augflow.transform import Pixels

Vector = NDArray[np.float32]

SIDE = 256
"""The middle so large is looked at; of a larger image more would tell no more."""
_LEAST = 16
"""Sides that are smaller are filled up."""
_STRIP = 3
_TINY = 1e-3


def traces(pixels: Pixels, side: int = SIDE) -> Vector:
    """Figures of the pixels, uint8, gray or RGB with or without a spare channel; always equally many."""
    gray: Any = pixels
    if pixels.ndim == 3:
        gray = cv2.cvtColor(pixels, cv2.COLOR_RGBA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_RGB2GRAY)
    lacking = [max(0, _LEAST - side) for side in gray.shape]
    if any(lacking):
        gray = cv2.copyMakeBorder(gray, 0, lacking[0], 0, lacking[1], cv2.BORDER_REPLICATE)
    middle = _middle(gray, side).astype(np.float32)
    found = [*_blocks(middle), *_frequencies(middle), *_sharpness(middle), *_borders(gray, middle), *_tones(gray)]
    return np.array(found, dtype=np.float32)


def file_traces(data: bytes, height: int, width: int) -> Vector:
    """Figures of the file: its sides and size, and what its header says; always equally many."""
    found = [math.log(height), math.log(width), math.log(len(data) / (height * width))]
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            tables = getattr(image, "quantization", None) or {}
            sums = [math.log(sum(tables[number])) if number in tables else 0.0 for number in (0, 1)]
            jpeg = image.format in ("JPEG", "MPO")
            sampling = JpegImagePlugin.get_sampling(image) if jpeg else -1
            told = [key in image.info for key in ("exif", "icc_profile", "comment", "dpi", "progressive", "adobe")]
            kinds = [image.format == name for name in ("JPEG", "PNG", "WEBP")]
            found += [*sums, sampling, *told, *kinds, image.mode == "L"]
    except Exception:  # Pixels came of it, so another reader can say more; the probe has the rest.
        found += [0.0] * 13
    return np.array(found, dtype=np.float32)


def _middle(gray: Pixels, side: int) -> Pixels:
    """The middle, cut on the grid of 8 × 8 that JPEG starts at the corner."""
    height, width = gray.shape
    top, left = max(0, height - side) // 16 * 8, max(0, width - side) // 16 * 8
    return gray[top : top + side, left : left + side]


def _blocks(gray: Vector) -> list[float]:
    """How much stronger steps between pixels are on the grid of 8 than off it, and on whichever phase is strongest."""
    found = []
    for axis in (0, 1):
        # Of second differences content is small, and a seam large.
        steps = np.abs(np.diff(gray, 2, axis=axis)).mean(axis=1 - axis)
        phases = np.array([steps[phase::8].mean() for phase in range(8)]) + _TINY
        usual = np.median(phases)
        found += [math.log((phases[6] + phases[7]) / 2 / usual), math.log(phases.max() / usual)]
    return found


@cache
def _cosines() -> NDArray[np.float32]:
    """The matrix of the DCT of 8 values (type II, orthonormal)."""
    k, n = np.mgrid[:8, :8]
    matrix = np.cos((2 * n + 1) * k * np.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    found: Vector = matrix.astype(np.float32)
    return found


def _frequencies(gray: Vector) -> list[float]:
    """Of the 8 × 8 DCT, by u + v: how large coefficients are, and how many are as good as nothing."""
    rows, columns = gray.shape[0] // 8, gray.shape[1] // 8
    blocks = gray[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    size = np.abs(_cosines() @ blocks @ _cosines().T).reshape(-1, 64)
    bands = np.add.outer(np.arange(8), np.arange(8)).ravel()
    share = np.bincount(bands)[1:]
    large = np.bincount(bands, size.mean(axis=0))[1:] / share
    none = np.bincount(bands, (size < 0.5).mean(axis=0))[1:] / share
    return [*np.log(large + _TINY).tolist(), *none.tolist()]


def _sharpness(gray: Vector) -> list[float]:
    """Detail by octaves, along the axes and across them, and noise in the dark, the middle and the bright."""
    found: list[float] = []
    level: Any = gray
    for _ in range(3):
        smooth = cv2.GaussianBlur(level, (5, 5), 0.8)
        found.append(math.log(cv2.norm(level, smooth, cv2.NORM_L1) / level.size + _TINY))
        level = smooth[::2, ::2]
    fine = np.abs(gray - cv2.blur(gray, (3, 3)))
    across = np.abs(gray[1:, 1:] - gray[:-1, :-1]).mean() + _TINY
    along = (np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean()) / 2 + _TINY
    found.append(math.log(float(across / along)))
    for low, high in ((8, 80), (80, 176), (176, 248)):
        some = fine[(gray >= low) & (gray < high)]
        # The median is what noise leaves where there is no edge.
        found.append(math.log(float(np.median(some)) + 0.1) if some.size >= 64 else math.log(0.1))
    return found


def _borders(gray: Pixels, middle: Vector) -> list[float]:
    """Black, constant or repeated pixels along the sides and in the corners, against the inside."""
    height, width = gray.shape
    step = float(np.abs(np.diff(middle, axis=0)).mean() + np.abs(np.diff(middle, axis=1)).mean()) / 2 + 0.5
    found = []
    for turned in (gray, gray[::-1], gray.T, gray.T[::-1]):
        edge = turned[: _STRIP + 1].astype(np.float32)
        found.append(math.log(float(np.abs(np.diff(edge, axis=0)).mean() + 0.5) / step))
    sides = [sum(found) / 4, min(found), max(found)]
    high, wide = max(2, height // 10), max(2, width // 10)
    sides_of = ((y, x) for y in (slice(high), slice(-high, None)) for x in (slice(wide), slice(-wide, None)))
    corners = [gray[place].astype(np.float32) for place in sides_of]
    black = sorted(float((corner < 6).mean()) for corner in corners)
    flat = sorted(_flatness(corner) for corner in corners)
    busy = sorted(math.log(float(np.abs(np.diff(corner, axis=0)).mean() + 0.5) / step) for corner in corners)
    return [*sides, sum(black) / 4, black[-1], black[1], sum(flat) / 4, flat[-1], sum(busy) / 4, busy[0], busy[-1]]


def _flatness(corner: Vector) -> float:
    return float((np.abs(np.diff(corner, axis=0)) < 1).mean() + (np.abs(np.diff(corner, axis=1)) < 1).mean()) / 2


def _tones(gray: Pixels) -> list[float]:
    """Mean, spread, what is cut off at both ends, and the gaps that a stretched histogram has."""
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    share = counts / counts.sum()
    levels = np.arange(256)
    mean = float(share @ levels)
    spread = math.sqrt(float(share @ (levels - mean) ** 2))
    inside = np.flatnonzero(counts)
    span = counts[inside[0] : inside[-1] + 1]
    rough = float(np.abs(np.diff(span, 2)).sum() / (2 * counts.sum())) if len(span) > 2 else 0.0
    return [mean / 255, spread / 128, float(share[:2].sum()), float(share[-2:].sum()), float((span == 0).mean()), rough]
