"""What to make: for each class how many, from which samples, each as often as the others.

A plan is never held as a list of tasks. A class's samples take turns in an order fixed by seed and key, and how many
copies each makes follows from its place; so a raised target keeps every task, and a sample that leaves or joins moves
few others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow import markup
from augflow.draw import digest_of
from augflow.errors import RecipeError, nearest
from augflow.plan.census import Census, Keys
from augflow.plan.weighting import share
from augflow.recipe.recipe import Recipe, Rule
from augflow.source import told

ORIGINAL = 0
"""The copy number of an original; copies count from 1."""


class Unit(NamedTuple):
    """One sample with all that is made from it: copies numbered from `first` up to and without `end`."""

    label: str
    key: str
    first: int
    end: int
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class ClassPlan:
    """What becomes of one class."""

    label: str
    rule: Rule
    has: int
    target: int
    originals: int
    """How many originals go into the result."""
    copies: int
    """How many copies are to be made."""
    shares: NDArray[np.int64] | None = field(default=None, compare=False)
    """Copies that each sample makes, in their order in the census, where they have weights."""
    copied: int = -1
    """How many samples may be copied: those whose weight is not 0."""

    @property
    def result(self) -> int:
        return self.originals + self.copies

    @property
    def shortfall(self) -> int:
        return max(0, self.target - self.result)

    @property
    def why(self) -> str:
        """Why the class falls short, or holds more than its target; empty where it does neither."""
        if self.shortfall and not self.has:
            return "it has no usable sample"
        if self.shortfall and not self.copied:
            return f"all of its {self.has} samples have the weight 0"
        if self.shortfall:
            return f"max_copies={self.rule.max_copies} for each of {self.copied} samples"
        if self.result > self.target:
            return "surplus=keep"
        return ""

    @property
    def per_sample(self) -> tuple[int, int]:
        """The fewest and the most copies of one sample."""
        if not self.has:
            return 0, 0
        if self.shares is not None:
            return int(self.shares.min()), int(self.shares.max())
        return self.copies // self.has, -(-self.copies // self.has)


class Plan:
    """All that a recipe asks of a source, class by class, in order.

    Raises:
        RecipeError: the recipe speaks of a class that the source does not have.
    """

    def __init__(self, recipe: Recipe, census: Census) -> None:
        self.recipe = recipe
        self._census = census
        self._turns: dict[tuple[str | None, str], NDArray[np.int64]] = {}
        for label in recipe.classes:
            if label not in census.classes:
                raise RecipeError(
                    f"recipe.classes.{label}: the source has no class '{label}'.{nearest(label, census.classes)} "
                    f"Classes: {', '.join(census.classes)}."
                )
        counts = {label: count for label, count in census.counts.items() if count}
        self.classes = {label: self._plan(label, counts) for label in sorted(census.classes)}

    def _plan(self, label: str, counts: dict[str, int]) -> ClassPlan:
        has, rule = counts.get(label, 0), self.recipe.rule_for(label)
        target, originals, copies = self.recipe.amount(label, counts)
        weights = self._census.weights.get(label)
        if weights is None:
            return ClassPlan(label, rule, has, target, originals, copies, copied=has)
        weighed = np.ones(has)
        weighed[: len(weights)] = weights
        copied = int((weighed > 0).sum())
        copies = min(copies, copied * rule.max_copies)
        order = self._order(self.split, label, self._census.classes[label])
        shares = np.empty(has, np.int64)
        shares[order] = share(copies, weighed[order], rule.max_copies)
        return ClassPlan(label, rule, has, target, originals, copies, shares, copied)

    @property
    def split(self) -> str | None:
        """The split that is augmented, where the source has splits."""
        return self._census.split

    @property
    def passed(self) -> dict[str, dict[str, int]]:
        """Split → class → images that go into the result as they are."""
        return {split: dict(sorted(other.counts.items())) for split, other in sorted(self._census.others.items())}

    @property
    def left_out(self) -> dict[str, dict[str, int]]:
        """Split → class → images that are left out."""
        return {split: dict(sorted(counts.items())) for split, counts in sorted(self._census.left_out.items())}

    @property
    def outputs(self) -> int:
        passed = sum(other.total for other in self._census.others.values())
        return sum(plan.result for plan in self.classes.values()) + passed

    @property
    def falls_short(self) -> bool:
        return any(plan.shortfall for plan in self.classes.values())

    def units(self, rank: int = 0, of: int = 1) -> Iterator[Unit]:
        """Every sample that something is made of, class by class, in the order in which samples take turns.

        After them come those of the splits that pass.

        Args:
            rank, of: a slice of the plan, the samples at places `rank`, `rank + of` …; those of all ranks from 0 up to
                `of` are the plan. What lies between is not made up.
        """
        if not 0 <= rank < of:
            raise ValueError(f"rank {rank} is none of {of} ranks, which count from 0")
        before = 0
        for plan in self.classes.values():
            yield from self._units(plan, self._census.classes[plan.label], (rank - before) % of, of)
            before += plan.has
        for split, other in sorted(self._census.others.items()):
            for label, keys in sorted(other.classes.items()):
                groups = other.groups.get(label)
                order = self._order(split, label, keys)
                for index in order[(rank - before) % of :: of].tolist():
                    yield Unit(label, keys[index], ORIGINAL, ORIGINAL + 1, split, groups[index] if groups else None)
                before += len(order)

    def units_of(self, label: str) -> Iterator[Unit]:
        """Those of one class, the samples with the most copies first."""
        return self._units(self.classes[label], self._census.classes[label])

    def _units(self, plan: ClassPlan, keys: Keys, first_place: int = 0, step: int = 1) -> Iterator[Unit]:
        if not plan.has:
            return
        rounds, further = divmod(plan.copies, plan.has)
        first = ORIGINAL + 1 if self.recipe.originals == "omit" else ORIGINAL
        split, groups = self.split, self._census.groups.get(plan.label)
        order = self._order(split, plan.label, keys)[first_place::step].tolist()
        for place, index in zip(itertools.count(first_place, step), order, strict=False):
            end = 1 + (rounds + (place < further) if plan.shares is None else int(plan.shares[index]))
            start = first if place < plan.originals or first else ORIGINAL + 1
            if start < end:
                yield Unit(plan.label, keys[index], start, end, split, groups[index] if groups else None)

    def _order(self, split: str | None, label: str, keys: Keys) -> NDArray[np.int64]:
        if (split, label) not in self._turns:
            self._turns[split, label] = keys.ranked(self.recipe.seed)
        return self._turns[split, label]

    def _repr_html_(self) -> str:
        rows = [
            (told(label), done.has, done.target, done.originals, done.copies, done.result, done.why)
            for label, done in self.classes.items()
        ]
        columns = ("class", "has", "target", "originals", "copies", "result", "")
        return markup.shown(f"Plan: {self.outputs} outputs", columns, rows)

    @cached_property
    def digest(self) -> str:
        """Digest of recipe, classes, counts and samples: equal plans make equal trees."""
        classes = ((plan.label, plan.has, plan.originals, plan.copies) for plan in self.classes.values())
        units = ([part for part in unit[1:] if part is not None] for unit in self.units())
        parts = itertools.chain.from_iterable(itertools.chain([[self.recipe.digest]], classes, units))
        return digest_of(parts).hex()
