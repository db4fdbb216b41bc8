"""The compiled kernels, loaded once a process."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from augflow.errors import AugflowError


def _load() -> ctypes.CDLL:
    path = Path(__file__).with_name("kernels.so")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise AugflowError(f"{path} cannot be loaded: {error}. {_AGAIN}") from error


_AGAIN = (
    "It is compiled when augflow is installed: install it again, on this machine (in a checkout: `pip install -e .`)."
)
_library = _load()
_view: Any = ctypes.c_char.from_buffer


def address(array: NDArray[Any]) -> int:
    """Where a contiguous array begins, in a third of the time that `array.ctypes` takes where it may be written to."""
    if array.flags.writeable:
        return ctypes.addressof(_view(array))
    return int(array.ctypes.data)


def kernel(name: str, arguments: str) -> Any:
    """The function of that name, which returns nothing.

    Args:
        arguments: a letter each: p for a pointer (an address, or bytes), i for 32 bits with a sign, l for 64
            without, d for a double.

    Raises:
        AugflowError: the library is of another version of augflow.
    """
    kinds: dict[str, Any] = {
        "p": ctypes.c_void_p,
        "i": ctypes.c_int32,
        "l": ctypes.c_uint64,
        "d": ctypes.c_double,
    }
    try:
        found = _library[name]
    except AttributeError as error:
        raise AugflowError(f"{_library._name} is of another version of augflow. {_AGAIN}") from error
    found.argtypes, found.restype = [kinds[letter] for letter in arguments], None
    return found
