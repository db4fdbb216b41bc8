"""Processes on this machine.

When a worker dies, the pool is built anew and what was under way runs again, an item at a time: the one that
kills its worker twice, or uses up its time, is given up, all others are done.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from augflow.errors import PluginError, SurroundingsError
from augflow.executor import SPENT, Lost, Work
from augflow.executor.pool import call, cores, demand_files, end, most_workers, pool_of, processes_of

_WINDOW = 3
_LARGEST_BATCH = 64
_SOON = 0.2
"""Seconds from a batch's sending to its results, the wait for those before it included, within which batches grow."""
_AS_LARGE = 8
"""Batches of a size that come back soon before they grow."""
_LIVES = 3
"""Workers of which one must live for an item to be blamed; somebody may kill them at random."""


class LocalExecutor:
    """Runs items on processes.

    Args:
        workers: how many; `auto` for as many as there are cores.
        task_timeout: seconds after which an item that does not end is given up with its worker.
    """

    def __init__(self, workers: int | str = "auto", task_timeout: float = 600) -> None:
        if workers != "auto" and (type(workers) is not int or not 1 <= workers <= 1024):
            raise PluginError(f"executor.workers: {workers!r} is not 'auto' or a whole number from 1 to 1024.")
        if isinstance(task_timeout, (str, bool)) or not task_timeout > 0:
            raise PluginError(f"executor.task_timeout: {task_timeout!r} is not a number of seconds above 0.")
        self.workers = min(cores(), max(1, most_workers())) if workers == "auto" else int(workers)
        demand_files(self.workers, "executor.workers")
        self.task_timeout = task_timeout

    def run(self, work: Work, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        batches = _Batches(items)
        suspects: list[Any] = []
        while under_way := (yield from self._rounds(work, batches, self.workers * _WINDOW, batches.came_back))[0]:
            suspects += under_way
        yield from self._alone(work, suspects)

    def _alone(self, work: Work, suspects: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Run items one by one; give up the one that costs its worker's life, or does not end, twice; or is `SPENT`."""
        waiting = [(item, 1) for item in reversed(suspects)]
        while waiting:
            singles = ([item] for item, _ in reversed(waiting))
            rounds = self._rounds(work, singles, 1)
            while True:
                try:
                    result = next(rounds)
                except StopIteration as stop:
                    under_way, lost = stop.value
                    break
                waiting.pop()
                yield result
            if under_way:
                item, tries = waiting.pop()
                if lost.signal == SPENT:
                    yield item, lost
                elif tries == 2:
                    self._demand_life(work)
                    yield item, lost
                else:
                    waiting.append((item, tries + 1))

    def _demand_life(self, work: Work) -> None:
        """Before an item is blamed, see whether one of a few workers lives that are asked for nothing."""
        if not any(self._lives(work) for _ in range(_LIVES)):
            raise SurroundingsError(
                "Workers die as soon as they begin: there may be too little memory, or too few processes or files "
                "allowed. What was made so far is kept; the same command goes on from there."
            )

    def _lives(self, work: Work) -> bool:
        rounds = self._rounds(work, iter([[]]), 1)
        try:
            while True:
                next(rounds)
        except StopIteration as stop:
            return not stop.value[1].why

    def _rounds(
        self,
        work: Work,
        batches: Iterator[list[Any]],
        window: int,
        came_back: Callable[[float], None] = lambda seconds: None,
    ) -> Generator[tuple[Any, Any], None, tuple[list[Any], Lost]]:
        """Run batches until there are none left, or a worker dies or hangs; return what was under way then, and why."""
        under_way: dict[Future[list[Any]], list[Any]] = {}
        sent: dict[Future[list[Any]], float] = {}
        batch: list[Any] = []
        pool = pool_of(work, min(window, self.workers))
        well = False
        try:
            while True:
                for batch in itertools.islice(batches, window - len(under_way)):
                    future = pool.submit(call, batch)
                    under_way[future], sent[future] = batch, time.monotonic()
                    batch = []
                if not under_way:
                    well = True
                    return [], Lost("")
                done, _ = wait(under_way, timeout=self.task_timeout, return_when=FIRST_COMPLETED)
                if not done:
                    return _flat(under_way), Lost(f"no end after {self.task_timeout:g} s")
                for future in done:
                    results = future.result()
                    came_back(time.monotonic() - sent.pop(future))
                    yield from zip(under_way.pop(future), results, strict=True)
        except BrokenProcessPool:
            processes = processes_of(pool)
        finally:
            end(pool, at_once=not well)
        # A pool may also break between two results: what was just being handed out is in the batch.
        return [*_flat(under_way), *batch], _death(processes)


def _death(processes: list[Any]) -> Lost:
    """How the worker died that broke a pool; known for sure where it was the only one."""
    number = max((-(process.exitcode or 0) for process in processes), default=0)
    if number <= 0:
        return Lost("the worker died")
    return Lost(f"the worker died of {signal.Signals(number).name}", number)


def _flat(under_way: Mapping[Any, list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(under_way.values()))


class _Batches:
    """Items by batches: single ones first, so that every worker has some soon.

    Where they come back soon batches grow, so that sending them costs little.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        self._size = 1
        self._soon = 0

    def __iter__(self) -> Iterator[list[Any]]:
        return self

    def __next__(self) -> list[Any]:
        if batch := list(itertools.islice(self._items, self._size)):
            return batch
        raise StopIteration

    def came_back(self, seconds: float) -> None:
        """Tell how long a batch took."""
        self._soon = self._soon + 1 if seconds < _SOON else 0
        if self._soon == _AS_LARGE and self._size < _LARGEST_BATCH:
            self._size, self._soon = 2 * self._size, 0
