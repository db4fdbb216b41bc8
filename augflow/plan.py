"""What to make: for each class how many, from which samples, each as often as the others.

A plan is never held as a list of tasks. A class's samples take turns in an order fixed by seed and key, and how many
copies each makes follows from its place; so a raised target keeps every task, and a sample that leaves or joins moves
few others.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.census import Census, Keys
from augflow.draw import Streams, digest
from augflow.errors import RecipeError, nearest
from augflow.recipe import Recipe, Rule
from augflow.source import told

ORIGINAL = 0
"""The copy number of an original; copies count from 1."""

_LONGEST_STEM = 120
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]")


class Unit(NamedTuple):
    """One sample with all that is made from it: copies numbered from `first` up to and without `end`."""

    label: str
    key: str
    first: int
    end: int


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
        if self.shortfall:
            return f"max_copies={self.rule.max_copies} for each of {self.has} samples"
        if self.result > self.target:
            return "surplus=keep"
        return ""

    @property
    def per_sample(self) -> tuple[int, int]:
        """The fewest and the most copies of one sample."""
        if not self.has:
            return 0, 0
        return self.copies // self.has, -(-self.copies // self.has)


class Plan:
    """All that a recipe asks of a source, class by class, in order.

    Raises:
        RecipeError: the recipe speaks of a class that the source does not have.
    """

    def __init__(self, recipe: Recipe, census: Census) -> None:
        self.recipe = recipe
        self._keys = census.classes
        self._turns: dict[str, NDArray[np.int64]] = {}
        for label in recipe.classes:
            if label not in census.classes:
                raise RecipeError(
                    f"recipe.classes.{label}: the source has no class '{label}'.{nearest(label, census.classes)} "
                    f"Classes: {', '.join(census.classes)}."
                )
        counts = {label: count for label, count in census.counts.items() if count}
        self.classes = {label: self._plan(label, counts) for label in sorted(census.classes)}

    def _plan(self, label: str, counts: dict[str, int]) -> ClassPlan:
        has = counts.get(label, 0)
        rule = self.recipe.rule_for(label)
        target = rule.target.resolve(label, counts) if counts else 0
        if self.recipe.originals == "omit":
            originals = 0
        elif rule.surplus == "drop":
            originals = min(has, target)
        else:
            originals = has
        copies = min(max(0, target - originals), has * rule.max_copies)
        return ClassPlan(label, rule, has, target, originals, copies)

    @property
    def outputs(self) -> int:
        return sum(plan.result for plan in self.classes.values())

    @property
    def falls_short(self) -> bool:
        return any(plan.shortfall for plan in self.classes.values())

    def units(self) -> Iterator[Unit]:
        """Every sample that something is made of, class by class, in the order in which samples take turns."""
        for plan in self.classes.values():
            yield from self._units(plan, self._keys[plan.label])

    def _units(self, plan: ClassPlan, keys: Keys) -> Iterator[Unit]:
        if not plan.has:
            return
        rounds, further = divmod(plan.copies, plan.has)
        first = ORIGINAL + 1 if self.recipe.originals == "omit" else ORIGINAL
        if plan.label not in self._turns:
            self._turns[plan.label] = keys.ranked(self.recipe.seed)
        for place, index in enumerate(self._turns[plan.label].tolist()):
            end = 1 + rounds + (place < further)
            start = first if place < plan.originals or first else ORIGINAL + 1
            if start < end:
                yield Unit(plan.label, keys[index], start, end)

    @cached_property
    def digest(self) -> str:
        """Digest of recipe, classes, counts and samples: equal plans make equal trees."""
        parts: list[str | int] = [self.recipe.digest]
        for plan in self.classes.values():
            parts += [plan.label, plan.has, plan.originals, plan.copies]
        parts += itertools.chain.from_iterable((unit.key, unit.first, unit.end) for unit in self.units())
        return digest(*parts).hex()


class Namer:
    """Name, chain and key of every output, from nothing but recipe, sample and copy number."""

    def __init__(self, recipe: Recipe, digests: Mapping[str, str]) -> None:
        self._recipe = recipe
        self._suffix = recipe.render.suffix
        chains: list[tuple[str | None, str]] = [(None, ""), *digests.items()]
        self._how = {name: digest(recipe.seed, repr(recipe.render), made).hex() for name, made in chains}

    def chain(self, unit: Unit, copy: int) -> str | None:
        """The chain that makes this output; None for an original that goes through none."""
        if copy == ORIGINAL and self._recipe.originals != "augment":
            return None
        chains = self._recipe.rule_for(unit.label).chains
        if len(chains) == 1:
            return chains[0][0]
        drawn = Streams(self._recipe.seed, unit.key, copy).chance("/chain")
        total = sum(weight for _, weight in chains)
        bounds = itertools.accumulate(weight / total for _, weight in chains)
        return next((name for (name, _), bound in zip(chains, bounds, strict=True) if drawn < bound), chains[-1][0])

    def name(self, unit: Unit, copy: int, chain: str | None) -> tuple[str, str]:
        """Return the output's key (of all that decides its pixels) and its path below the sink."""
        verbatim = copy == ORIGINAL and self._recipe.originals == "keep"
        how = "verbatim" if verbatim else self._how[chain]
        told_of = f"{copy} {how} {unit.label}\0{unit.key}".encode("utf-8", "surrogateescape")
        key = blake2b(told_of, digest_size=8).hexdigest()
        stem, suffix = _stem(unit.key)
        return key, f"{told(unit.label)}/{stem}-{copy:03d}-{key}{suffix if verbatim else self._suffix}"


@lru_cache(maxsize=1024)
def _stem(key: str) -> tuple[str, str]:
    """A sample's name as a part of its outputs' names, and its ending."""
    stem, suffix = os.path.splitext(key.rpartition("/")[2])
    stem = _UNSAFE.sub("_", stem).lstrip("._-") or "image"
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem, suffix
