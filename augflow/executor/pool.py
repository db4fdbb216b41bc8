"""A pool of processes on this machine, each with a callable of its own, built there from plain data."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from augflow.errors import SurroundingsError
from augflow.executor import Work, forkserver, load


def pool_of(work: Work, workers: int) -> ProcessPoolExecutor:
    """So many processes, to which `call` is submitted with a list of items.

    Raises:
        SurroundingsError: the machine lets none be started.
    """
    forkserver.start([work.entry.partition(":")[0]])
    context = multiprocessing.get_context("forkserver")
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        # A worker of joblib's tells its own children a default that they do not know, and ours would die of it.
        multiprocessing.set_start_method("forkserver", force=True)
    try:
        context.Lock()
    except (OSError, ImportError) as error:
        raise SurroundingsError(
            f"No workers can be started: a lock among processes cannot be made: {error}. Is /dev/shm there, "
            "with room, and may it be written to?"
        ) from error
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work.entry, work.spec))


def call(items: list[Any]) -> list[Any]:
    """What the process's callable gives for each item."""
    return [_call(item) for item in items]


_call: Any = None


def _begin(entry: str, spec: Mapping[str, Any]) -> None:
    global _call
    gc.freeze()  # What was imported stays: there is nothing in it to look for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    threading.Thread(target=_leave_with_the_driver, daemon=True).start()
    try:
        _call = load(entry)(spec)
    except Exception as error:  # It is no item's fault, and stops the run.
        _call = _Unbuilt(error)


class _Unbuilt:
    """Raises what went wrong when the callable was built."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, item: Any) -> Any:
        raise self.error


def _leave_with_the_driver() -> None:
    """End this process when the driver has ended; the fork server does not, as long as it has a child."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
