"""One pass over a share, made ahead by processes; what they make lies in memory that this process shares with them.

Threads take turns at Python itself, which is a quarter of the work; processes do not.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple

import numpy as np

from augflow.errors import SurroundingsError
from augflow.executor import Work
from augflow.executor.pool import call, end, pool_of, result
from augflow.online.batches import MOST_BYTES, TOGETHER, Array, Batch, Item, groups, joined
from augflow.online.delivery import Delivery
from augflow.online.epochs import View
from augflow.online.rendering import Renderer
from augflow.online.share import Share
from augflow.online.worker import Made, Shelf, bytes_of

WORKER = "augflow.online.worker:Worker"
_STEP = 32
"""Images that are planned at a time, for each process, unless they are large."""


class ProcessPass:
    """Makes the views of a pass, each sample decoded once for those of its views that there is room for."""

    def __init__(self, share: Share, renderer: Renderer, delivery: Delivery, workers: int) -> None:
        self._given = share, renderer, delivery, workers
        self._delivery = delivery

    def items(self, numbers: range) -> Iterator[Item]:
        """The images of these numbers.

        Raises:
            SurroundingsError: a process died, or none could be started.
        """
        with _Crew(*self._given, numbers) as crew:
            yield from map(crew.take, numbers)

    def batches(self, numbers: range, size: int) -> Iterator[Batch]:
        """So many of the images at a time; raises as `items` does."""
        with _Crew(*self._given, numbers) as crew:
            for some in groups(numbers, size):
                if self._delivery.shape is None:
                    yield joined([crew.take(number) for number in some])
                    continue
                room = self._delivery.room(len(some))
                items = [crew.take(number, into) for number, into in zip(some, room.images, strict=True)]
                room.labels[:] = [item.label for item in items]
                yield Batch(*room, [item.record for item in items])


class _Task:
    """Views of some samples, made by one process after another; each with its place on the shelf."""

    def __init__(self) -> None:
        self.families: list[list[tuple[View, int]]] = []
        self.views = 0
        self.done: Future[list[list[Made | None]]] = Future()


class _Awaited(NamedTuple):
    """A view under way: its label, its task, where in this it stands, and its place on the shelf."""

    label: int
    task: _Task
    family: int
    member: int
    place: int


class _Crew:
    """The processes of a pass, and what they were given to do; numbers are taken in their order."""

    def __init__(self, share: Share, renderer: Renderer, delivery: Delivery, workers: int, numbers: range) -> None:
        self._share, self._renderer, self._delivery = share, renderer, delivery
        self._workers = workers
        shape, dtype = delivery.shape, delivery.output.dtype
        self._largest = bytes_of(shape, dtype) if shape else 0
        self._planned, self._stop = numbers.start, numbers.stop
        self._awaited: dict[int, _Awaited] = {}
        self._shelf = self._new_shelf(shape, dtype) if shape else None
        # What is needed soon always finds a place.
        self._kept_free = 2 * self._step if self._shelf else 2 * _STEP * workers
        self._free = list(range(len(self._shelf.images) if self._shelf else 6 * _STEP * workers))
        spec = {"renderer": renderer, "delivery": delivery, "memory": self._shelf.name if self._shelf else ""}
        try:
            self._pool = pool_of(Work(WORKER, spec), workers)
        except BaseException:
            if self._shelf:
                self._shelf.clear()
            raise
        # Also where Python ends first.
        self._end = weakref.finalize(self, _end, self._pool, self._awaited, self._shelf)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def _bytes(self) -> int:
        """Of an image; as long as none is known, one may be as large as all may be together."""
        return self._largest or MOST_BYTES

    @property
    def _step(self) -> int:
        """Images that are planned at a time: between one and two of these are under way or waiting."""
        return max(self._workers, min(_STEP * self._workers, MOST_BYTES // (3 * self._bytes)))

    def _new_shelf(self, shape: tuple[int, int, int], dtype: str) -> Shelf | None:
        """None where there is too little memory to share; images then come through a pipe."""
        least = 3 * self._step * self._bytes
        size = max(least, MOST_BYTES)
        with contextlib.suppress(OSError):  # Not everywhere is it a folder.
            room = os.statvfs("/dev/shm")
            size = min(size, room.f_bavail * room.f_frsize // 2)
        if size < least:
            return None
        try:
            return Shelf(SharedMemory(create=True, size=size), shape, dtype)
        except OSError:
            return None

    def take(self, number: int, into: Array | None = None) -> Item:
        """The image of a number, copied `into` where that is given."""
        try:
            while self._planned - number <= self._step and self._planned < self._stop:
                self._plan(min(self._planned + self._step, self._stop))
            label, task, family, member, place = self._awaited.pop(number)
            made = result(self._pool, task.done)[family][member] or self._make_here(number)
        except BrokenProcessPool as error:
            raise SurroundingsError(
                "A process that makes images for the stream died. There may be too little memory, or an image that "
                "ends whoever decodes it: `run` survives that, and names it."
            ) from error
        image = made.image if made.image is not None or self._shelf is None else self._shelf.images[place]
        into = np.empty_like(image) if into is None else into
        into[...] = image
        self._largest = max(self._largest, into.nbytes)
        self._free.append(place)
        return Item(into, label, made.record)

    def _plan(self, stop: int) -> None:
        """Give out what is not under way before the number `stop`."""
        task = _Task()
        while self._planned < stop:
            if self._planned not in self._awaited:
                self._add(self._planned, task)
            self._planned += 1
            if task.views >= TOGETHER or (task.views and self._planned == stop):
                task.done = self._pool.submit(call, task.families)
                task = _Task()

    def _add(self, number: int, task: _Task) -> None:
        """Add a view, and those of its family that come later, as far as there is room for them."""
        family: list[tuple[View, int]] = []
        for mate in (number, *self._share.family(number)):
            if not number <= mate < self._stop or mate in self._awaited:
                continue
            if mate > number and not self._has_room():
                break
            label, view = self._share.view(mate)
            place = self._free.pop()
            self._awaited[mate] = _Awaited(label, task, len(task.families), len(family), place)
            family.append((view, place))
        task.families.append(family)
        task.views += len(family)

    def _has_room(self) -> bool:
        """Whether a view may be made that is not needed soon."""
        waiting = 0 if self._shelf else len(self._awaited) * self._bytes
        return len(self._free) > self._kept_free and waiting < MOST_BYTES

    def _make_here(self, number: int) -> Made:
        """Make a view whose sample cannot be used, or one that stands in for it."""
        _, view = self._share.view(number)
        pixels, record = self._renderer.render(view, self._share.stand_ins(number))
        return Made(record, self._delivery.image(pixels))


def _end(pool: ProcessPoolExecutor, awaited: Mapping[int, _Awaited], shelf: Shelf | None) -> None:
    end(pool, at_once=bool(awaited))
    if shelf:
        shelf.clear()
