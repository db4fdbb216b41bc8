"""Orders' samples, read and opened, each stage for some of them before the next; of what is large few are held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from augflow.engine.order import Done, Order
from augflow.engine.sample import Sample, open_sample
from augflow.engine.time_limit import TimeLimit
from augflow.engine.views import Family, Views, shortage
from augflow.errors import ImageError
from augflow.plan.plan import ORIGINAL, Unit
from augflow.source import Source, decode_timeout

_MOST_BYTES = 1 << 23
"""Of files that are read, and of pixels that are decoded, before more are."""
_MOST_AHEAD = 1 << 24
"""Pixels of samples whose outputs are drawn together: these are made again where a worker is killed among them."""
_SMALL = 1 << 14
"""Pixels of a sample up to which it is decoded as it is opened."""


class Task:
    """An order under way."""

    data: bytes
    sample: Sample
    family: Family

    def __init__(self, order: Order) -> None:
        label, key, copies, split, group = order
        self.unit = Unit(label, key, copies[0], copies[-1] + 1, split, group)
        self.copies = copies
        self.records: list[bytes] = []
        self.bytes = 0
        self.converted: tuple[str, ...] = ()
        self.fault: ImageError | None = None

    def let_go(self) -> None:
        """Hold no longer what may be large."""
        for held in ("data", "sample", "family"):
            vars(self).pop(held, None)

    def done(self) -> Done:
        if self.fault:
            return Done(0, 0, (), self.fault.kind, self.fault.detail)
        return Done(len(self.records), self.bytes, self.converted)


class Opener:
    """Reads and opens the samples of orders."""

    def __init__(self, source: Source, views: Views) -> None:
        self._source, self._views = source, views
        self._limit = TimeLimit(decode_timeout(source))

    def open(self, tasks: Iterable[Task]) -> Iterator[list[Task]]:
        """Yield tasks whose samples are open, some at a time, in their order; the others have a fault."""
        for read in _some(tasks, self._read):
            for opened in _some(read, self._open):
                yield from _some(opened, self._prove)

    def _read(self, task: Task) -> float:
        task.data = self._source.read(task.unit.key)
        return len(task.data) / _MOST_BYTES

    def _open(self, task: Task) -> float:
        task.sample = open_sample(task.unit.key, task.data, self._source.max_pixels, self._limit)
        opened = task.sample.opened
        return max(opened.held / _MOST_BYTES, math.prod(opened.size) / _MOST_AHEAD)

    def _prove(self, task: Task) -> float:
        sample = task.sample
        task.family = self._views.of(task.unit, sample)
        if task.copies == (ORIGINAL,) and task.family.names.verbatim(ORIGINAL):
            sample.opened.check()
        elif math.prod(sample.opened.size) <= _SMALL:
            sample.photograph.pixels  # noqa: B018  Else it would be decoded between other samples' passes.
        task.converted = sample.opened.notes
        return 0


def _some(tasks: Iterable[Task], stage: Callable[[Task], float]) -> Iterator[list[Task]]:
    """Bring tasks a stage on; yield as many at a time as take all that may be held: `stage` returns a task's share."""
    some: list[Task] = []
    taken = 0.0
    for task in tasks:
        try:
            taken += stage(task)
        except ImageError as error:
            if lack := shortage(error):
                raise lack from None
            task.fault = error
            task.let_go()
            continue
        some.append(task)
        if taken >= 1:
            yield some
            some, taken = [], 0
    if some:
        yield some
