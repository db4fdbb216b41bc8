"""Imported by the fork server before it forks: a worker whose driver is gone before it could begin ends without a word.

The library that starts workers would print a traceback, of which nobody who killed the driver learns anything.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from multiprocessing import spawn
from types import TracebackType

_told = sys.excepthook


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, (EOFError, pickle.UnpicklingError, ConnectionError)) and trace is not None:
        place = spawn._main.__code__
        if any(frame.f_code is place for frame, _ in traceback.walk_tb(trace)):
            return
    _told(kind, error, trace)


sys.excepthook = _tell
