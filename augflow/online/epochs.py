"""Which view of which sample stands at which place of which epoch, computed from that place alone.

In every class the samples take turns, in the order of the plan, and go on taking turns from epoch to epoch. So the
first epoch is the plan's, all are balanced as it is, and copy numbers go on.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.draw import digest
from augflow.plan.census import Census, Groups, Keys
from augflow.plan.plan import ORIGINAL, ClassPlan, Plan, Unit
from augflow.recipe.recipe import Originals

STAND_IN = 1_000_000_000
"""Copy numbers from here on are of views that stand in for those of a sample that cannot be used."""

SCATTER = 2048
"""Over at least so many images the views of one sample are scattered in a shuffled epoch."""


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

    def places(self, epoch: int) -> NDArray[np.int64]:
        """The place in the order of turns of every slot's sample."""
        has, originals, copies = self.plan.has, self.plan.originals, self.plan.copies
        if self.originals in ("augment", "omit"):
            return (epoch * (originals + copies) + np.arange(originals + copies)) % has
        turns = [epoch * originals + np.arange(originals), epoch * copies + np.arange(copies)]
        return np.concatenate(turns) % has

    def family(self, epoch: int, slot: int) -> list[int]:
        """The slots of the epoch that views of the same sample have."""
        has, originals, copies = self.plan.has, self.plan.originals, self.plan.copies
        if self.originals in ("augment", "omit"):
            return list(range(slot % has, originals + copies, has))
        place = (epoch * originals + slot if slot < originals else epoch * copies + slot - originals) % has
        original = (place - epoch * originals) % has
        first = originals + (place - epoch * copies) % has
        return [*range(original, originals, has), *range(first, originals + copies, has)]

    def stand_ins(self, epoch: int, slot: int) -> Iterator[View]:
        """Views of the other samples, those first whose turn comes next; none is a view of any epoch."""
        has, number = self.plan.has, epoch * self.plan.result + slot
        for further in range(1, has):
            yield self._view((number + further) % has, STAND_IN + number)

    def _view(self, place: int, copy: int) -> View:
        index = int(self.order[place])
        group = self.groups[index] if self.groups else None
        return View(Unit(self.plan.label, self.keys[index], copy, copy + 1, self.split, group), copy)


@dataclass(frozen=True)
class _Weighted(_Turns):
    """Samples that have weights: every epoch copies each as often as the plan does."""

    @cached_property
    def _shares(self) -> NDArray[np.int64]:
        """Copies in an epoch, by place in the order of turns."""
        assert self.plan.shares is not None
        return self.plan.shares[self.order]

    @cached_property
    def _copied(self) -> NDArray[np.int64]:
        """The place of every copy's sample."""
        return np.repeat(np.arange(self.plan.has), self._shares)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """The number of each place's first copy among the copies."""
        return np.cumsum(self._shares) - self._shares

    def _place(self, slot: int) -> int:
        return slot if slot < self.plan.originals else int(self._copied[slot - self.plan.originals])

    def view(self, epoch: int, slot: int) -> View:
        originals = self.plan.originals
        place = self._place(slot)
        is_original = slot < originals
        nth = 0 if is_original else slot - originals - int(self._starts[place])
        share, begun = int(self._shares[place]), place < originals
        if self.originals == "augment" and begun:
            return self._view(place, ORIGINAL + epoch * (share + 1) + (0 if is_original else nth + 1))
        return self._view(place, ORIGINAL if is_original else ORIGINAL + 1 + epoch * share + nth)

    def places(self, epoch: int) -> NDArray[np.int64]:
        return np.concatenate([np.arange(self.plan.originals), self._copied])

    def family(self, epoch: int, slot: int) -> list[int]:
        place, originals = self._place(slot), self.plan.originals
        first = originals + int(self._starts[place])
        return [*([place] if place < originals else []), *range(first, first + int(self._shares[place]))]


class _Order(NamedTuple):
    """The order of an epoch, and where in it each place is."""

    epoch: int
    places: NDArray[Any]
    indices: NDArray[Any]


class Epochs:
    """All views of all epochs, class by class; each epoch can be shuffled.

    A shuffled epoch has every class spread evenly over it, in an order of samples drawn anew; the views of one sample
    are scattered over `SCATTER` places or more, which lets a reader decode it once for several of them.

    Args:
        by_key: let samples take their turns in the order of their keys; for what is not augmented.
    """

    def __init__(self, plan: Plan, census: Census, shuffle: bool, by_key: bool = False) -> None:
        self.seed = plan.recipe.seed
        self.classes = tuple(plan.classes)
        self._shuffle, self._by_key = shuffle, by_key
        self._turns = [
            (_Turns if done.shares is None else _Weighted)(
                done,
                plan.recipe.originals,
                keys := census.classes[label],
                np.array(sorted(range(len(keys)), key=keys.encoded)) if by_key else keys.ranked(self.seed),
                census.groups.get(label),
                census.split,
            )
            for label, done in plan.classes.items()
        ]
        self._ends = list(itertools.accumulate(turns.plan.result for turns in self._turns))
        self._known: _Order | None = None

    def __len__(self) -> int:
        return self._ends[-1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": None}

    def at(self, epoch: int, index: int) -> tuple[int, View]:
        """The number of the class, and the view that comes as number `index` of the epoch."""
        number, slot = self._slot(epoch, index)
        return number, self._turns[number].view(epoch, slot)

    def stand_ins(self, epoch: int, index: int) -> Iterator[View]:
        """What may take this view's place, the first choice first, when its sample cannot be used; no original may."""
        if self._by_key:
            return iter(())
        number, slot = self._slot(epoch, index)
        return self._turns[number].stand_ins(epoch, slot)

    def family(self, epoch: int, index: int) -> list[int]:
        """The numbers in the epoch of all views of the sample, this one's too, ascending."""
        number, slot = self._slot(epoch, index)
        start = self._ends[number] - self._turns[number].plan.result
        places = [start + slot for slot in self._turns[number].family(epoch, slot)]
        return sorted(self._order(epoch).indices[places].tolist()) if self._shuffle else places

    def _slot(self, epoch: int, index: int) -> tuple[int, int]:
        place = int(self._order(epoch).places[index]) if self._shuffle else index
        number = bisect.bisect_right(self._ends, place)
        return number, place - (self._ends[number - 1] if number else 0)

    def _order(self, epoch: int) -> _Order:
        known = self._known
        if known is None or known.epoch != epoch:
            size = len(self)
            kind = np.uint32 if size <= 2**32 else np.uint64
            keys = [self._scattered(turns, epoch) for turns in self._turns if turns.plan.result]
            places = np.argsort(np.concatenate(keys), kind="stable")
            indices = np.empty(size, kind)
            indices[places] = np.arange(size, dtype=kind)
            self._known = known = _Order(epoch, places.astype(kind), indices)
        return known

    def _scattered(self, turns: _Turns, epoch: int) -> NDArray[np.float64]:
        """Where along the epoch the views of a class lie."""
        whole = len(self)
        samples, sample_of = np.unique(turns.places(epoch), return_inverse=True)
        count = len(samples)
        chances = _chances(self.seed, epoch, turns.plan.label, 2 * count + len(sample_of))
        order = np.empty(count)
        order[np.argsort(chances[:count], kind="stable")] = np.arange(count)
        start = (order + chances[count : 2 * count]) / count * whole
        width = min(max(SCATTER, whole / count), whole)
        scattered: NDArray[np.float64] = (start[sample_of] + chances[2 * count :] * width) % whole
        return scattered


def _chances(seed: int, epoch: int, label: str, count: int) -> NDArray[np.float64]:
    """Numbers from 0 up to and without 1, of raw words: no change of NumPy's distributions moves them."""
    key = int.from_bytes(digest(seed, "/order", epoch, label), "little")
    words = np.random.Philox(key=key).random_raw(count) >> np.uint64(11)
    return words.astype(np.float64) * 2.0**-53
