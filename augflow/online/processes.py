"""One pass over an epoch, made ahead by processes; what they make lies in memory that this process shares with them.

Threads take turns at Python itself, which is a quarter of the work; processes do not.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple

import numpy as np

from augflow.errors import SurroundingsError
from augflow.executor import Work
from augflow.executor.pool import call, pool_of
from augflow.online.batches import Item
from augflow.online.delivery import Array, Delivery
from augflow.online.epochs import Epochs, View
from augflow.online.rendering import Renderer
from augflow.online.worker import Made, Shelf, bytes_of

WORKER = "augflow.online.worker:Worker"
_TOGETHER = 8
"""Images that a process makes at a time; more where a sample has more."""
_STEP = 32
"""Images that are planned at a time, for each process: between one and two of these are under way or waiting."""
_MOST_BYTES = 1 << 28
"""Of finished images that wait for their turn."""
_LARGE = 1 << 20
"""Bytes of an image, where they are not known."""


class _Task:
    """Views of some samples, made by one process after another; each with its place on the shelf."""

    def __init__(self) -> None:
        self.families: list[list[tuple[View, int]]] = []
        self.views = 0
        self.done: Future[list[list[Made | None]]] = Future()


class _Awaited(NamedTuple):
    """A view under way: its class, its task, where in this it stands, and its place on the shelf."""

    label: int
    task: _Task
    family: int
    member: int
    place: int


class ProcessPass:
    """Makes the views of a pass in processes, each sample decoded once for several of its views.

    Args:
        labels: of the classes, as the epochs number them.
        shape: of every image; None where each may have its own.
        numbers: what will be taken of the share, in order.
        whole: the number in the epoch of a number in the share.
        ours: the reverse; None where it is another's.
    """

    def __init__(
        self,
        epochs: Epochs,
        renderer: Renderer,
        labels: Sequence[int],
        shape: tuple[int, int, int] | None,
        epoch: int,
        numbers: range,
        whole: Callable[[int], int],
        ours: Callable[[int], int | None],
        workers: int,
    ) -> None:
        self._epochs, self._renderer, self._labels, self._epoch = epochs, renderer, labels, epoch
        self._whole, self._ours = whole, ours
        self._delivery = Delivery(renderer.recipe.output)
        self._step = _STEP * workers
        self._shelf = self._new_shelf(shape) if shape else None
        places = len(self._shelf.images) if self._shelf else 2 * self._step + _MOST_BYTES // _LARGE
        self._free = list(range(places))
        self._awaited: dict[int, _Awaited] = {}
        self._planned, self._stop = numbers.start, numbers.stop
        memory = self._shelf.name if self._shelf else ""
        try:
            self._pool = pool_of(Work(WORKER, {"renderer": renderer, "memory": memory, "shape": shape}), workers)
        except BaseException:
            if self._shelf:
                self._shelf.clear()
            raise
        self._end = weakref.finalize(self, _end, self._pool, self._shelf)  # Also where a pass is left in the middle.

    def __enter__(self) -> ProcessPass:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _new_shelf(self, shape: tuple[int, int, int]) -> Shelf | None:
        """None where there is too little memory to share; images then come through a pipe."""
        dtype = self._renderer.recipe.output.dtype
        least = 3 * self._step * bytes_of(shape, dtype)
        size = max(least, _MOST_BYTES)
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
        """The view that comes as this number of the share, its image copied `into` where that is given.

        Raises:
            SurroundingsError: a process died.
        """
        try:
            while self._planned - number <= self._step and self._planned < self._stop:
                self._plan(min(self._planned + self._step, self._stop))
            label, task, family, member, place = self._awaited.pop(number)
            made = task.done.result()[family][member] or self._make_here(number)
        except BrokenProcessPool as error:
            raise SurroundingsError(
                "A process that makes images for the stream died. There may be too little memory, or an image that "
                "ends whoever decodes it: `run` survives that, and names it."
            ) from error
        image = made.image if made.image is not None or self._shelf is None else self._shelf.images[place]
        into = np.empty_like(image) if into is None else into
        into[...] = image
        self._free.append(place)
        return Item(into, label, made.record)

    def _plan(self, stop: int) -> None:
        """Give out what is not under way before the number `stop`."""
        task = _Task()
        while self._planned < stop:
            if self._planned not in self._awaited:
                self._add(self._planned, task)
            self._planned += 1
            if task.views >= _TOGETHER or (task.views and self._planned == stop):
                task.done = self._pool.submit(call, task.families)
                task = _Task()

    def _add(self, number: int, task: _Task) -> None:
        """Add a view, and those of its family that come later, as far as there is room for them."""
        family: list[tuple[View, int]] = []
        index = self._whole(number)
        for mate in (index, *self._epochs.family(self._epoch, index)):
            ours = self._ours(mate)
            if ours is None or not number <= ours < self._stop or ours in self._awaited:
                continue
            if ours > number and len(self._free) <= 2 * self._step:
                continue
            number_of_class, view = self._epochs.at(self._epoch, mate)
            place = self._free.pop()
            self._awaited[ours] = _Awaited(self._labels[number_of_class], task, len(task.families), len(family), place)
            family.append((view, place))
        task.families.append(family)
        task.views += len(family)

    def _make_here(self, number: int) -> Made:
        """Make a view whose sample cannot be used, or one that stands in for it."""
        index = self._whole(number)
        _, view = self._epochs.at(self._epoch, index)
        pixels, record = self._renderer.render(view, self._epochs.stand_ins(self._epoch, index))
        image = self._delivery.empty(*pixels.shape[:2])
        self._delivery.hand_over(pixels, image)
        return Made(record, image)


def _end(pool: ProcessPoolExecutor, shelf: Shelf | None) -> None:
    pool.shutdown(wait=True, cancel_futures=True)
    if shelf:
        shelf.clear()
