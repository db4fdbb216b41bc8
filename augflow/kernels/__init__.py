"""What is done to pixels in C, where no library does it as fast or as exactly.

All of it works in whole numbers, so that every processor and compiler gives the same bytes. `build.py` compiles the
sources when augflow is installed.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.errors import AugflowError
from augflow.transform import Border, Matrix, Pixels, Size


def _load() -> ctypes.CDLL:
    path = Path(__file__).with_name("kernels.so")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise AugflowError(
            f"{path} cannot be loaded: {error}. It is compiled when augflow is installed: install it again, on this "
            "machine (in a checkout: `pip install -e .`)."
        ) from error


_library = _load()


def _kernel(name: str, arguments: str) -> Any:
    """The function of that name, which returns nothing; `arguments`, a letter each: pointer, int, unsigned, long."""
    found = _library[name]
    kinds = {"p": ctypes.c_void_p, "i": ctypes.c_int32, "u": ctypes.c_uint32, "l": ctypes.c_uint64}
    found.argtypes, found.restype = [kinds[letter] for letter in arguments], None
    return found


_warp = _kernel("warp", "piiipiippiiiu")
_BORDERS: dict[Border, int] = {"reflect": 0, "nearest": 1, "wrap": 2, "constant": 3}
_Edges = struct.Struct("=4d")


def warp(
    pixels: Pixels,
    matrix: Matrix,
    size: Size,
    edges: tuple[float, float, float, float],
    taps: tuple[int, int],
    border: Border,
    fill: bytes,
) -> Pixels:
    """Sample gray pixels, or such of four bytes, through `matrix` (see `warp.c`).

    Args:
        edges: how far the edges of an output pixel's footprint reach, right and down along x, then along y, in source
            pixels; 1/16 at least, and together no more than `taps` hold.
        taps: source pixels that stand for an output pixel along x and y: even, 2 to 64.
        fill: four bytes, for the border `constant`.
    """
    pixels, matrix = np.ascontiguousarray(pixels), np.ascontiguousarray(matrix, np.float64)
    made: Pixels = np.empty((*size, *pixels.shape[2:]), np.uint8)
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 4
    along = _Edges.pack(*edges)
    _warp(
        pixels.ctypes.data, width, height, channels, made.ctypes.data, size.width, size.height, matrix.ctypes.data,
        along, *taps, _BORDERS[border], int.from_bytes(fill, sys.byteorder),
    )  # fmt: skip
    return made


_add_noise = _kernel("add_noise", "pplpp")
_Bytes: TypeAlias = NDArray[np.uint8]


def add_noise(values: _Bytes, seed: int, upper: _Bytes) -> _Bytes:
    """Add noise to every value by a number of 16 bits each, and cut to 0–255 (see `noise.c`).

    Args:
        values: contiguous.
        seed: of SFC64.
        upper: by how much the 32,768 numbers of the upper half raise a value; those of the lower mirror them.
    """
    made = np.empty_like(values)
    state = np.random.SFC64(seed).state["state"]["state"]
    _add_noise(values.ctypes.data, made.ctypes.data, values.size, state.ctypes.data, upper.ctypes.data)
    return made
