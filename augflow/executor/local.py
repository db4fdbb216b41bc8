"""Processes on this machine.

When a worker dies, the pool is built anew and what was under way runs again, an item at a time: the one that
kills its worker twice is given up, all others are done.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from augflow.errors import PluginError
from augflow.executor import Lost, Work, forkserver, load

_WINDOW = 3
_LARGEST_BATCH = 32


class LocalExecutor:
    """Runs items on `workers` processes, as many as there are cores where it says `auto`."""

    def __init__(self, workers: int | str = "auto") -> None:
        if workers != "auto" and (isinstance(workers, (str, bool)) or not 1 <= workers <= 1024):
            raise PluginError(f"executor.workers: {workers!r} is not 'auto' or a whole number from 1 to 1024.")
        self.workers = _cores() if workers == "auto" else int(workers)

    def run(self, work: Work, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        suspects: list[Any] = []
        batches = _batches(items)
        while True:
            lost = yield from self._rounds(work, batches, self.workers * _WINDOW)
            if not lost:
                break
            suspects += lost
        for item in suspects:
            lost = yield from self._rounds(work, iter([[item]]), 1)
            if lost:
                lost = yield from self._rounds(work, iter([[item]]), 1)
            if lost:
                yield item, Lost("the worker died")

    def _rounds(self, work: Work, batches: Iterator[list[Any]], window: int) -> Iterator[tuple[Any, Any]] | Any:
        """Run batches until there are none left, or a worker dies; return the items that were under way then."""
        under_way: dict[Future[list[Any]], list[Any]] = {}
        pool = self._pool(work, min(window, self.workers))
        try:
            while True:
                for batch in itertools.islice(batches, window - len(under_way)):
                    under_way[pool.submit(_run, batch)] = batch
                if not under_way:
                    return []
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    results = future.result()
                    yield from zip(under_way.pop(future), results, strict=True)
        except BrokenProcessPool:
            return list(itertools.chain.from_iterable(under_way.values()))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _pool(self, work: Work, workers: int) -> ProcessPoolExecutor:
        forkserver.start([work.entry.partition(":")[0]])
        context = multiprocessing.get_context("forkserver")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work.entry, work.spec))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Begin with single items, so that every worker has some soon, and grow, so that sending them costs little."""
    rest = iter(items)
    sizes = itertools.chain(
        itertools.chain.from_iterable([n] * 8 for n in (1, 2, 4, 8, 16)), itertools.repeat(_LARGEST_BATCH)
    )
    for size in sizes:
        batch = list(itertools.islice(rest, size))
        if not batch:
            return
        yield batch


_call: Any = None


def _begin(entry: str, spec: Mapping[str, Any]) -> None:
    global _call
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    threading.Thread(target=_leave_with_the_driver, args=(os.getppid(),), daemon=True).start()
    _call = load(entry)(spec)


def _leave_with_the_driver(parent: int) -> None:
    """End this process when the fork server has gone, which goes when the driver does."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run(items: list[Any]) -> list[Any]:
    return [_call(item) for item in items]
