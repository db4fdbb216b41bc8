"""What Ray's workers do: mind one process each, hand it items, and tell what came of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import ray

from augflow.executor import Lost, Work
from augflow_ray.hand import Hand, raised
from augflow_ray.surroundings import Facts, differences

_TOGETHER = 32
"""Items that are given at once to work that takes several."""
_IDLE = 5.0
"""Seconds after which the process ends that nobody has work for; a Ray worker may live on for minutes."""


class Order(NamedTuple):
    """What is the same for every task of a run."""

    work: Work
    digest: str
    """Of the work, to know it again by."""
    folder: str
    """The driver's working folder."""
    facts: Facts
    """What decides pixels where the driver is."""
    patience: float
    """Seconds that an item may take."""
    allow_drift: bool


class Answer(NamedTuple):
    """What came of a task."""

    node: str
    drift: list[str]
    """What decides pixels and is otherwise there."""
    results: list[bytes | Lost]
    """Of the items in their order: results, pickled, or how each ended the process; none after what was raised."""
    error: bytes | None = None
    """What stopped the run, pickled."""


def look(order: Order) -> Answer:
    """Tell what decides pixels on this node otherwise than where the driver is."""
    return _answer(order, iter(()))


def work(order: Order, items: Sequence[Any], alone: bool) -> Answer:
    """Run items; `alone` in a process that has run nothing else."""
    return _answer(order, _results(order, items, alone))


def _answer(order: Order, results: Iterator[bytes | Lost]) -> Answer:
    node = ray.get_runtime_context().get_node_id()
    found: list[bytes | Lost] = []
    drift: list[str] = []
    try:
        with _KEPT.held():
            drift = differences(order.facts, _KEPT.hand(order).facts)
            if not drift or order.allow_drift:
                for result in results:
                    found.append(result)
    except Exception as error:
        return Answer(node, drift, found, raised(error))
    return Answer(node, drift, found)


def _results(order: Order, items: Sequence[Any], alone: bool) -> Iterator[bytes | Lost]:
    if alone:
        _KEPT.close()
    together = _KEPT.begun(order).gathers and not alone
    for first in range(0, len(items), _TOGETHER):
        yield from _some(order, items[first : first + _TOGETHER], together)


def _some(order: Order, items: Sequence[Any], together: bool) -> Iterator[bytes | Lost]:
    """Run items; one by one also those that ended the process together, to see which it was."""
    if together:
        results = list(_KEPT.begun(order).run(items, order.patience, together))
        if not isinstance(results[-1], Lost):
            yield from results
            return
        _KEPT.close()
    hand = _KEPT.begun(order)
    while items:
        done = 0
        for result in hand.run(items, order.patience):
            done += 1
            yield result
        items = items[done:]
        if isinstance(result, Lost):
            _KEPT.close()
            hand = _KEPT.begun(order) if items else hand


class _Kept:
    """The process that this Ray worker minds, from one task to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hand: Hand | None = None
        self._digest = ""
        self._begun = False
        self._timer: threading.Timer | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep the process from being ended for idleness."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            try:
                yield
            except BaseException:
                self.close()
                raise
            self._timer = threading.Timer(_IDLE, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def hand(self, order: Order) -> Hand:
        """The process for a run's work, started where there is none."""
        if self._hand is None or self._digest != order.digest:
            self.close()
            self._hand, self._digest, self._begun = Hand(order.work, order.folder), order.digest, False
        return self._hand

    def begun(self, order: Order) -> Hand:
        """The same, once it has built the work."""
        hand = self.hand(order)
        if not self._begun:
            hand.begin()
            self._begun = True
        return hand

    def close(self) -> None:
        if self._hand:
            self._hand.close()
        self._hand = None

    def _end_idle(self) -> None:
        timer = self._timer
        with self._lock:
            if timer is self._timer:
                self.close()


_KEPT = _Kept()
