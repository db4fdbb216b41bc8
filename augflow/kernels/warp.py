"""Sampling through a matrix; see `warp.c`."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from augflow.kernels.library import address, kernel
from augflow.transform import Border, Pixels, Size

_warp = kernel("warp", "ppp")
_BORDERS: dict[Border, int] = {"reflect": 0, "nearest": 1, "wrap": 2, "constant": 3}
_CHANNELS = {(): 1, (4,): 4}
"""By what a shape has beyond height and width."""
_BYTES = np.dtype(np.uint8)
_JOB = struct.Struct("=9d4d8i4s").pack


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
    deep = shape[2:]
    if pixels.dtype != _BYTES or deep not in _CHANNELS or len(shape) < 2 or 0 in shape or 0 in size:
        raise ValueError(f"neither gray bytes nor four of them a pixel: {pixels.dtype} {shape} to {size}")
    pixels = np.ascontiguousarray(pixels)
    made: Pixels = np.empty(size + deep, np.uint8)
    across, down, last = matrix
    _warp(
        address(pixels), address(made),
        _JOB(
            *across, *down, *last, *edges,
            shape[1], shape[0], _CHANNELS[deep], size[1], size[0], *taps, _BORDERS[border], fill,
        ),
    )  # fmt: skip
    return made
