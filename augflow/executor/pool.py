"""A pool of processes on this machine, each with a callable of its own, built there from plain data."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import popen_forkserver, spawn
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from augflow.errors import SurroundingsError
from augflow.executor import Work, forkserver, load


def pool_of(work: Work, workers: int) -> ProcessPoolExecutor:
    """So many processes, to which `call` is submitted with a list of items.

    Raises:
        SurroundingsError: the machine lets none be started.
    """
    demand_files(workers)
    forkserver.start([work.entry.partition(":")[0]])
    context = _Context()
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


def result(pool: ProcessPoolExecutor, future: Future[Any]) -> Any:
    """Wait for what a future gives.

    Raises:
        BrokenProcessPool: a process died.
    """
    while True:
        try:
            return future.result(_LOOK)
        except TimeoutError:
            if future.done():
                raise
            if not all(process.is_alive() for process in processes_of(pool)):
                _give_up_reading(pool)


_LOOK = 1.0
"""Seconds after which somebody who waits looks whether all processes live."""


def end(pool: ProcessPoolExecutor, at_once: bool) -> None:
    """End all processes; `at_once` also in the middle of what they do."""
    if at_once:
        for process in processes_of(pool):
            process.kill()
        _give_up_reading(pool)
    pool.shutdown(wait=True, cancel_futures=True)


def processes_of(pool: ProcessPoolExecutor) -> list[Any]:
    """Those that there are."""
    return list((pool._processes or {}).values())


def _give_up_reading(pool: ProcessPoolExecutor) -> None:
    """Of a process killed while it told its results half a message is left; without a writer its reader gives up."""
    pool._result_queue._writer.close()  # type: ignore[attr-defined]


class _Process(ForkServerProcess):
    """Does not run this process's script once more, as Python's own do for what is defined there.

    Workers need nothing of it. A script for training would import its libraries in each of them, and one without
    `if __name__ == "__main__":` would start workers of workers.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> popen_forkserver.Popen:  # noqa: N802
        with _scriptless():
            return popen_forkserver.Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Process


@contextmanager
def _scriptless() -> Iterator[None]:
    """Let processes that this thread starts know nothing of the script."""
    starting = threading.get_ident()

    def prepared(name: str) -> dict[str, Any]:
        data: dict[str, Any] = real(name)
        if threading.get_ident() == starting:
            data.pop("init_main_from_path", None)
            data.pop("init_main_from_name", None)
        return data

    with _starting:
        real = spawn.get_preparation_data
        spawn.get_preparation_data = prepared
        try:
            yield
        finally:
            spawn.get_preparation_data = real


_starting = threading.Lock()


_FILES, _FILES_EACH = 28, 4
"""Open files that a process needs for itself, and for each of its workers."""
_ENOUGH = 8192


def demand_files(workers: int, setting: str = "workers") -> None:
    """See that so many workers may be.

    Raises:
        SurroundingsError: they need more open files than are allowed.
    """
    if workers > most_workers():
        raise SurroundingsError(
            f"{setting}: {workers} workers need {_FILES + _FILES_EACH * workers} open files, and {_files()} are "
            "allowed. Allow more (`ulimit -n`), or ask for fewer workers."
        )


def most_workers() -> int:
    """How many workers the number of open files allows."""
    return (_files() - _FILES) // _FILES_EACH


def _files() -> int:
    """How many files this process may have open, raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _ENOUGH and (hard > soft or hard == resource.RLIM_INFINITY):
        soft = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def call(items: list[Any]) -> list[Any]:
    """What the process's callable gives for each item."""
    return _call.several(items) if hasattr(_call, "several") else [_call(item) for item in items]


_call: Any = None
_ALLOCATED = 10_000
"""Objects after which a worker looks for garbage; nearly all that it lets go of needs no looking for."""


def _begin(entry: str, spec: Mapping[str, Any]) -> None:
    global _call
    gc.freeze()  # What was imported stays: there is nothing in it to look for.
    gc.set_threshold(_ALLOCATED)
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
