"""What every output is called, and which chain makes it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from augflow.draw import Streams, digest
from augflow.plan.plan import ORIGINAL, Unit
from augflow.recipe.recipe import Recipe
from augflow.source import Splits, told

_LONGEST_STEM = 120
_LONGEST_NAME = 255
_LONGEST_SUFFIX = 8
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]")


class Namer:
    """Names outputs by nothing but recipe, sample and copy number."""

    def __init__(self, recipe: Recipe, digests: Mapping[str, str], splits: Splits | None = None) -> None:
        self.recipe = recipe
        self._splits = splits
        chains: list[tuple[str | None, str]] = [(None, ""), *digests.items()]
        self.how = {name: digest(recipe.seed, repr(recipe.render), made).hex() for name, made in chains}
        """What tells one way of making an output from every other, by chain."""

    def of(self, unit: Unit) -> Names:
        """The names of all that is made from one sample."""
        return Names(self, unit)

    def passes(self, split: str | None) -> bool:
        """Whether samples of a split go into the sink as they are."""
        return self._splits is not None and self._splits.passes(split)

    def folder(self, label: str, split: str | None) -> str:
        """The folder of a class below the sink."""
        name = _folder(label)
        return f"{self._splits.folder(split)}{name}" if self._splits else name


class Names:
    """Name, chain and key of every output of one sample."""

    def __init__(self, namer: Namer, unit: Unit) -> None:
        recipe = namer.recipe
        self.unit, self._seed, self._how = unit, recipe.seed, namer.how
        self._passes = namer.passes(unit.split)
        self._kept = recipe.originals == "keep"
        self._augmented = recipe.originals == "augment"
        self._chains = recipe.rule_for(unit.label).chains
        told_of = f" {unit.label}\0{unit.key}"
        if unit.split is not None or unit.group is not None:
            told_of += f"\0{unit.split}\0{unit.group}"
        self._told = told_of.encode("utf-8", "surrogateescape")
        stem, self._own_suffix = _stem(unit.key)
        self._stem = f"{namer.folder(unit.label, unit.split)}/{stem}"
        self._suffix = recipe.render.suffix

    def verbatim(self, copy: int) -> bool:
        """Whether this output is the sample's own bytes."""
        return self._passes or (self._kept and copy == ORIGINAL)

    def chain(self, copy: int) -> str | None:
        """The chain that makes this output; None for an original that goes through none."""
        if self._passes or (copy == ORIGINAL and not self._augmented):
            return None
        chains = self._chains
        if len(chains) == 1:
            return chains[0][0]
        drawn = Streams(self._seed, self.unit.key, copy).chance("/chain")
        total = sum(weight for _, weight in chains)
        bounds = itertools.accumulate(weight / total for _, weight in chains)
        return next((name for (name, _), bound in zip(chains, bounds, strict=True) if drawn < bound), chains[-1][0])

    def name(self, copy: int, chain: str | None) -> tuple[str, str]:
        """Return the output's key (of all that decides its pixels) and its path below the sink."""
        how, suffix = ("verbatim", self._own_suffix) if self.verbatim(copy) else (self._how[chain], self._suffix)
        key = blake2b(f"{copy} {how}".encode() + self._told, digest_size=8).hexdigest()
        return key, f"{self._stem}-{copy:03d}-{key}{suffix}"

    def path(self, copy: int) -> str:
        """The path of an output below the sink."""
        return self.name(copy, self.chain(copy))[1]


@lru_cache(maxsize=1024)
def _folder(label: str) -> str:
    """A class's name as a folder has it: one that grows too long by being written out ends in a digest instead."""
    name = told(label)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{name.encode()[:_LONGEST_STEM].decode(errors='ignore')}~{digest(name).hex()[:16]}"


def _stem(key: str) -> tuple[str, str]:
    """A sample's name as a part of its outputs' names, and its ending."""
    stem, suffix = os.path.splitext(key.rpartition("/")[2])
    if len(suffix) > _LONGEST_SUFFIX or not suffix[1:].isalnum() or not suffix.isascii():
        stem, suffix = stem + suffix, ""
    stem = _UNSAFE.sub("_", stem).lstrip("._-") or "image"
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem, suffix
