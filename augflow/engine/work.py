"""What a worker does: samples decoded once for all their copies, each output written whole and told in a record."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
from pydantic_core import to_json

from augflow.engine.codec import encode
from augflow.engine.opening import Opener, Task
from augflow.engine.order import Done, Order
from augflow.engine.views import Begun, Family, Views, at_fault
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.sink import Puts, open_sink
from augflow.source import open_source, splits_of


class _Output(Begun):
    """An output under way to its file."""

    def __init__(self, task: Task, family: Family, copy: int) -> None:
        super().__init__(family, copy)
        self.task = task
        self.file = family.sample.data


class Maker:
    """Makes outputs and writes down their records; built once in every process, from plain data.

    Args:
        spec: `recipe` (resolved), `source` and `sink` (settings), `plugins` (files), `run` (its number in the journal).
        sink: where outputs and records go, if not where `spec` says.
    """

    def __init__(self, spec: Mapping[str, Any], sink: Puts | None = None) -> None:
        cv2.setNumThreads(1)
        keep_memory()
        self.recipe = Recipe.from_json(spec["recipe"])
        self.source = open_source(spec["source"])
        self.sink = sink or open_sink(spec["sink"])
        self.notes = self.sink.notes(spec.get("run", 0))
        self.views = Views(self.recipe, Registry(spec["plugins"]), splits_of(self.source))
        self.opener = Opener(self.source, self.views)

    def __call__(self, order: Order) -> Done:
        return self.several([order])[0]

    def several(self, orders: Sequence[Order]) -> list[Done]:
        """Make what orders ask for, each stage for some outputs before the next."""
        tasks = [Task(order) for order in orders]
        for opened in self.opener.open(tasks):
            for some in _together(opened):
                self._make(some)
        return [task.done() for task in tasks]

    def _make(self, some: deque[_Output]) -> None:
        ended = [output.task for output in some if output.copy == output.task.copies[-1]]
        for stage in self.views.before_pixels:
            _bring_on(some, stage)
        if paths := [output.record["path"] for output in some if not output.task.fault]:
            self.notes.begin(paths)
        for few in _few(some):
            while under_way := [output for output in few if not (output.done or output.task.fault)]:
                _bring_on(under_way, self.views.perform)
            for last in (self._encode, self._put, self._note):
                _bring_on(few, last)
        if records := [record for task in ended if not task.fault for record in task.records]:
            self.notes.append(records)

    def _encode(self, output: _Output) -> None:
        sample, digest = output.family.sample, output.family.sample.sha256
        if output.pixels is not None:
            output.file = encode(output.pixels, self.recipe.render)
            digest = hashlib.sha256(output.file).hexdigest()
        output.record |= {"size": len(output.file), "sha256": digest, "parents": sample.parents}

    def _put(self, output: _Output) -> None:
        self.sink.put(output.record["path"], output.file)

    def _note(self, output: _Output) -> None:
        output.task.bytes += len(output.file)
        output.task.records.append(to_json(output.record))


_MOST_OUTPUTS = 128
"""That are drawn together."""
_MOST_PIXELS = 2_000_000
"""What is held at a time of the outputs of one sample."""
_ENOUGH_PIXELS = 100_000
"""From which on no further sample's outputs are made together with these: caches hold no more."""


def _together(tasks: Iterable[Task]) -> Iterator[deque[_Output]]:
    """Begin the outputs of tasks, as many at a time as are drawn together."""
    some: deque[_Output] = deque()
    for task in tasks:
        family = task.family
        task.let_go()
        for copy in task.copies:
            some.append(_Output(task, family, copy))
            if len(some) == _MOST_OUTPUTS:
                yield some
                some = deque()
        del family  # Nobody needs it by the time outputs of the next are made.
    if some:
        yield some


def _few(some: deque[_Output]) -> Iterator[list[_Output]]:
    """Take outputs away, as many at a time as have their pixels in a cache."""
    few: list[_Output] = []
    pixels = 0
    while some:
        output = some.popleft()
        few.append(output)
        pixels += math.prod(output.family.sample.opened.size)
        goes_on = some and some[0].family is output.family
        if not some or pixels >= (_MOST_PIXELS if goes_on else _ENOUGH_PIXELS):
            yield few
            few, pixels = [], 0


def _bring_on(outputs: Iterable[_Output], stage: Callable[[Any], None]) -> None:
    """Bring outputs one stage on; where one cannot be, its sample is at fault, and done with."""
    for output in outputs:
        if output.task.fault:
            continue
        try:
            stage(output)
        except Exception as error:
            output.task.fault = at_fault(error)


def keep_memory() -> None:
    """Let glibc keep freed memory: fresh pages for every image cost more than filtering it."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
