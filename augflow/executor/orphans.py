"""Imported by the fork server before it forks: it, and a worker, whose driver is gone before all is said end silently.

The library that starts workers would print a traceback, of which nobody who killed the driver learns anything.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from multiprocessing import reduction, spawn
from types import TracebackType

_told = sys.excepthook
_PLACES = {spawn._main.__code__, reduction.recvfds.__code__}
"""Where a worker, and the server, hear from the driver."""


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    broken = isinstance(error, (EOFError, pickle.UnpicklingError, ConnectionError))
    if broken and any(frame.f_code in _PLACES for frame, _ in traceback.walk_tb(trace)):
        return
    _told(kind, error, trace)


sys.excepthook = _tell
