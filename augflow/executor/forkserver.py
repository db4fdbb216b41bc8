"""The fork server that workers come from: it has the heavy imports done, and shares no threads with the driver.

Started before the driver imports anything slow, it imports at the same time, on another core.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing import forkserver

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start(modules: Sequence[str]) -> None:
    """Start the server, unless it runs, with `modules` imported; each of its workers has one thread for arithmetic."""
    forkserver.set_forkserver_preload(list(modules))
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
