"""One pass over a share, made ahead by threads; a sample is decoded once for those of its views that come soon enough.

Libraries let go of Python's lock while they work on pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from augflow.online.ahead import ahead
from augflow.online.batches import MOST_BYTES, TOGETHER, Batch, Item, Room, groups, joined
from augflow.online.delivery import Delivery
from augflow.online.rendering import Rendered, Renderer
from augflow.online.share import Share

_AHEAD = 4
"""How often so many are under way or waiting, for each thread."""


class ThreadPass:
    """Makes the views of a pass; several threads may ask, each for a run of numbers that ascend from ask to ask.

    Args:
        mine: whether a number will be asked for here.
    """

    def __init__(
        self,
        share: Share,
        renderer: Renderer,
        delivery: Delivery,
        workers: int,
        mine: Callable[[int], bool] = lambda number: True,
    ) -> None:
        self._share, self._renderer, self._delivery = share, renderer, delivery
        self._workers, self._mine = workers, mine
        self._lock = threading.Lock()
        self._held: dict[int, Future[Rendered]] = {}
        self._frontier = 0
        self._bytes = 1 << 20

    def items(self, numbers: range) -> Iterator[Item]:
        """The images of these numbers."""

        def make(some: range) -> list[Item]:
            return [self._delivery.item(*made) for made in self.views(some)]

        for items in ahead(make, groups(numbers, TOGETHER), self._workers, self._most):
            yield from items

    def batches(self, numbers: range, size: int) -> Iterator[Batch]:
        """So many of the images at a time, each batch made in parts by several threads."""

        def parts() -> Iterator[tuple[Room | None, int, range]]:
            for some in groups(numbers, size):
                room = self._delivery.room(len(some)) if self._delivery.shape else None
                for part in groups(range(len(some)), TOGETHER):
                    yield room, part.start, some[part.start : part.stop]

        def make(part: tuple[Room | None, int, range]) -> tuple[Room | None, list[Any]]:
            room, place, some = part
            if room is None:
                return None, [self._delivery.item(*made) for made in self.views(some)]
            return room, self._delivery.fill(room, place, self.views(some))

        made: list[Any] = []
        taken = numbers.start
        for room, more in ahead(make, parts(), self._workers, self._most):
            made += more
            if len(made) == min(size, numbers.stop - taken):
                yield joined(made) if room is None else Batch(*room, made)
                taken += len(made)
                made = []

    @property
    def _most(self) -> int:
        """How many groups of images may be under way or waiting."""
        return _AHEAD * max(1, self._workers)

    def views(self, numbers: Sequence[int]) -> Iterator[tuple[int, Rendered]]:
        """The label and the finished pixels of each number; they ascend, and follow those asked for before."""
        with self._lock:  # None of these is to be made for later: all are being made.
            self._frontier = max(self._frontier, numbers[-1] + 1)
        return map(self._make, numbers)

    def _make(self, number: int) -> tuple[int, Rendered]:
        label, view = self._share.view(number)
        with self._lock:
            held = self._held.pop(number, None)
            mates = {} if held else self._promise(number)
        if held:
            return label, held.result()
        numbers = [number, *mates]
        views = [view, *(self._share.view(mate)[1] for mate in mates)]
        made = self._renderer.render_family(views, lambda at: self._share.stand_ins(numbers[at]))
        waiting = list(mates.values())
        try:
            first = next(made)
            self._bytes = first.pixels.nbytes
            for pixels, record in made:
                waiting.pop(0).set_result(Rendered(np.array(pixels) if pixels.base is not None else pixels, record))
        except BaseException as error:
            for future in waiting:
                future.set_exception(error)
            if len(waiting) == len(mates):
                raise
        return label, first

    def _promise(self, number: int) -> dict[int, Future[Rendered]]:
        """The others of the family that come later here, as far as there is room to hold them."""
        room = MOST_BYTES // self._bytes - len(self._held)
        promised: dict[int, Future[Rendered]] = {}
        for mate in self._share.family(number):
            if mate >= self._frontier and mate not in self._held and self._mine(mate) and len(promised) < room:
                promised[mate] = self._held[mate] = Future()
        return promised
