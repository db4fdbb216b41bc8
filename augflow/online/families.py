"""One pass over an epoch, in which a sample is decoded once for several of its views where these come soon enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from augflow.online.epochs import Epochs
from augflow.online.rendering import Rendered, Renderer

_MOST_BYTES = 1 << 28
"""Of finished images that wait for their turn."""


class ThreadPass:
    """Makes the views of a pass; several threads may ask, each for a run of numbers that ascend from ask to ask.

    Args:
        ours: the number in a reader's share of a number in the epoch; None where it is another's.
        whole: the reverse.
    """

    def __init__(
        self,
        epochs: Epochs,
        renderer: Renderer,
        epoch: int,
        whole: Callable[[int], int],
        ours: Callable[[int], int | None],
    ) -> None:
        self._epochs, self._renderer, self._epoch = epochs, renderer, epoch
        self._whole, self._ours = whole, ours
        self._lock = threading.Lock()
        self._held: dict[int, Future[Rendered]] = {}
        self._frontier = 0
        self._bytes = 1 << 20

    def begin(self, end: int) -> None:
        """Say that all up to this number are made or being made: none of these is to be made for later."""
        with self._lock:
            self._frontier = max(self._frontier, end)

    def make(self, number: int) -> tuple[int, Rendered]:
        """The class's number, and the view that comes as this number of the share."""
        epoch, index = self._epoch, self._whole(number)
        label, view = self._epochs.at(epoch, index)
        with self._lock:
            held = self._held.pop(number, None)
            mates = {} if held else self._promise(index)
        if held:
            return label, held.result()
        indices = [index, *mates]
        views = [view, *(self._epochs.at(epoch, mate)[1] for mate in mates)]
        made = self._renderer.render_family(views, lambda at: self._epochs.stand_ins(epoch, indices[at]))
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

    def _promise(self, index: int) -> dict[int, Future[Rendered]]:
        """The others of the family that come later in this share, as far as there is room to hold them."""
        room = _MOST_BYTES // self._bytes - len(self._held)
        promised: dict[int, Future[Rendered]] = {}
        for mate in self._epochs.family(self._epoch, index):
            number = self._ours(mate)
            if number is not None and number >= self._frontier and number not in self._held and len(promised) < room:
                promised[mate] = self._held[number] = Future()
        return promised
