"""Sampling through a matrix; see `warp.c`."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence

import numpy as np

from augflow.kernels.library import address, kernel
from augflow.transform import Border, Pixels, Size

_warp = kernel("warp", "piiipiippiiiu")
_BORDERS: dict[Border, int] = {"reflect": 0, "nearest": 1, "wrap": 2, "constant": 3}
_CHANNELS = {(): 1, (4,): 4}
"""By what a shape has beyond height and width."""
_MATRIX, _EDGES = struct.Struct("=9d").pack, struct.Struct("=4d").pack


def warp(
    pixels: Pixels,
    matrix: Sequence[Sequence[float]],
    size: Size,
    edges: tuple[float, float, float, float],
    taps: tuple[int, int],
    border: Border,
    fill: bytes,
) -> Pixels:
    """Sample gray pixels, or such of four bytes, through `matrix`, given by its rows.

    Args:
        edges: how far the edges of an output pixel's footprint reach, right and down along x, then along y, in source
            pixels; 1/16 at least, and together no more than `taps` hold.
        taps: source pixels that stand for an output pixel along x and y: even, 2 to 8.
        fill: four bytes, for the border `constant`.

    Raises:
        ValueError: the pixels are not of that shape and kind: C would read and write beyond them.
    """
    shape = pixels.shape
    if pixels.dtype != np.uint8 or shape[2:] not in _CHANNELS or len(shape) < 2 or not all((*shape, *size)):
        raise ValueError(f"neither gray bytes nor four of them a pixel: {pixels.dtype} {shape} to {size}")
    pixels = np.ascontiguousarray(pixels)
    made: Pixels = np.empty((*size, *shape[2:]), np.uint8)
    across, down, last = matrix
    _warp(
        address(pixels), shape[1], shape[0], _CHANNELS[shape[2:]], address(made), size[1], size[0],
        _MATRIX(*across, *down, *last), _EDGES(*edges), *taps, _BORDERS[border], int.from_bytes(fill, sys.byteorder),
    )  # fmt: skip
    return made
