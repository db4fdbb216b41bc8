"""Sampling through a matrix; see `warp.c`."""

from __future__ import annotations

import struct
import sys

import numpy as np

from augflow.kernels.library import kernel
from augflow.transform import Border, Matrix, Pixels, Size

_warp = kernel("warp", "piiipiippiiiu")
_BORDERS: dict[Border, int] = {"reflect": 0, "nearest": 1, "wrap": 2, "constant": 3}
_EDGES = struct.Struct("=4d")


def warp(
    pixels: Pixels,
    matrix: Matrix,
    size: Size,
    edges: tuple[float, float, float, float],
    taps: tuple[int, int],
    border: Border,
    fill: bytes,
) -> Pixels:
    """Sample gray pixels, or such of four bytes, through `matrix`.

    Args:
        edges: how far the edges of an output pixel's footprint reach, right and down along x, then along y, in source
            pixels; 1/16 at least, and together no more than `taps` hold.
        taps: source pixels that stand for an output pixel along x and y: even, 2 to 8.
        fill: four bytes, for the border `constant`.
    """
    pixels, matrix = np.ascontiguousarray(pixels), np.ascontiguousarray(matrix, np.float64)
    made: Pixels = np.empty((*size, *pixels.shape[2:]), np.uint8)
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 4
    _warp(
        pixels.ctypes.data, width, height, channels, made.ctypes.data, size.width, size.height, matrix.ctypes.data,
        _EDGES.pack(*edges), *taps, _BORDERS[border], int.from_bytes(fill, sys.byteorder),
    )  # fmt: skip
    return made
