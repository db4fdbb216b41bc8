"""Which view of which sample stands at which place of which epoch, computed from that place alone.

In every class the samples take turns, in the order of the plan, and go on taking turns from epoch to epoch. So the
first epoch is the plan's, all are balanced as it is, and copy numbers go on.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.draw import digest
from augflow.plan.census import Census, Groups, Keys
from augflow.plan.plan import ORIGINAL, ClassPlan, Plan, Unit
from augflow.recipe.recipe import Originals

STAND_IN = 1_000_000_000
"""Copy numbers from here on are of views that stand in for those of a sample that cannot be used."""


class View(NamedTuple):
    """One image of an epoch: a copy of a sample."""

    unit: Unit
    copy: int


@dataclass(frozen=True)
class _Turns:
    """The samples of one class in the order of their turns."""

    plan: ClassPlan
    originals: Originals
    keys: Keys
    order: NDArray[np.int64]
    groups: Groups | None
    split: str | None

    def view(self, epoch: int, slot: int) -> View:
        has, originals, copies = self.plan.has, self.plan.originals, self.plan.copies
        if self.originals in ("augment", "omit"):
            turn = epoch * (originals + copies) + slot
            first = ORIGINAL if self.originals == "augment" else ORIGINAL + 1
            return self._view(turn % has, first + turn // has)
        if slot < originals:
            return self._view((epoch * originals + slot) % has, ORIGINAL)
        turn = epoch * copies + slot - originals
        return self._view(turn % has, ORIGINAL + 1 + turn // has)

    def stand_ins(self, epoch: int, slot: int) -> Iterator[View]:
        """Views of the other samples, those first whose turn comes next; none is a view of any epoch."""
        has, number = self.plan.has, epoch * self.plan.result + slot
        for further in range(1, has):
            yield self._view((number + further) % has, STAND_IN + number)

    def _view(self, place: int, copy: int) -> View:
        index = int(self.order[place])
        group = self.groups[index] if self.groups else None
        return View(Unit(self.plan.label, self.keys[index], copy, copy + 1, self.split, group), copy)


class Epochs:
    """All views of all epochs, class by class; each epoch can be shuffled."""

    def __init__(self, plan: Plan, census: Census) -> None:
        self.seed = plan.recipe.seed
        self.classes = tuple(plan.classes)
        self._turns = [
            _Turns(
                done,
                plan.recipe.originals,
                keys := census.classes[label],
                keys.ranked(self.seed),
                census.groups.get(label),
                census.split,
            )
            for label, done in plan.classes.items()
        ]
        self._ends = list(itertools.accumulate(turns.plan.result for turns in self._turns))
        self._shuffled: tuple[int, NDArray[Any]] | None = None

    def __len__(self) -> int:
        return self._ends[-1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_shuffled": None}

    def shuffled(self, epoch: int, index: int) -> int:
        """The place of the view that comes as number `index` of an epoch."""
        known = self._shuffled
        if known is None or known[0] != epoch:
            self._shuffled = known = epoch, _permutation(self.seed, epoch, len(self))
        return int(known[1][index])

    def at(self, epoch: int, place: int) -> tuple[int, View]:
        """The number of the class, and the view."""
        number, slot = self._slot(place)
        return number, self._turns[number].view(epoch, slot)

    def stand_ins(self, epoch: int, place: int) -> Iterator[View]:
        """What may take this place, the first choice first, when its sample cannot be used."""
        number, slot = self._slot(place)
        return self._turns[number].stand_ins(epoch, slot)

    def _slot(self, place: int) -> tuple[int, int]:
        number = bisect.bisect_right(self._ends, place)
        return number, place - (self._ends[number - 1] if number else 0)


def _permutation(seed: int, epoch: int, size: int) -> NDArray[Any]:
    """The order of an epoch: by raw words of a keyed Philox, so that no change of NumPy's own shuffling moves it."""
    key = int.from_bytes(digest(seed, "/order", epoch), "little")
    order = np.argsort(np.random.Philox(key=key).random_raw(size), kind="stable")
    return order.astype(np.uint32) if size <= 2**32 else order
