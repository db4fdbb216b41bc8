"""Proving a JPEG whole without decoding it; see `whole_jpeg.c`."""

from __future__ import annotations

import ctypes

from augflow.kernels.library import kernel

_prove_whole = kernel("prove_whole", "plp")


def is_surely_whole(data: bytes) -> bool:
    """Whether a decoder surely reads all of a JPEG and finds no fault; False says nothing."""
    sure = ctypes.c_uint8()
    _prove_whole(data, len(data), ctypes.addressof(sure))
    return bool(sure.value)
