"""What a scan of a source found, held so compactly that ten million samples fit."""

from __future__ import annotations

import itertools
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import overload

import numpy as np
from numpy.typing import NDArray

from augflow import markup
from augflow.draw import digest
from augflow.errors import SourceError
from augflow.source import Aside, Sample, Source, name_some, splits_of, told


class Keys(Sequence[str]):
    """Texts in one block of bytes: about their length plus eight bytes each."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._ends = array("q", [0])

    def append(self, key: str) -> None:
        self._block += key.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._block))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        count = len(self)
        if not -count <= index < count:
            raise IndexError(index)
        index %= count
        return self.encoded(index).decode("utf-8", "surrogateescape")

    def encoded(self, index: int) -> bytes:
        return bytes(self._block[self._ends[index] : self._ends[index + 1]])

    def ranked(self, seed: int) -> NDArray[np.int64]:
        """Return the order in which the samples take their turns: by a digest of seed and key, whatever the order here.

        A sample's place among the others depends on nothing but its own key, so that adding or removing one leaves the
        others in order.
        """
        start = blake2b(digest(seed, "turn"), digest_size=8)
        ranks = np.empty(len(self), dtype=np.uint64)
        for index in range(len(self)):
            turn = start.copy()
            turn.update(self.encoded(index))
            ranks[index] = int.from_bytes(turn.digest(), "little")
        order = np.argsort(ranks, kind="stable")
        sorted_ranks = ranks[order]
        for tie in np.flatnonzero(sorted_ranks[1:] == sorted_ranks[:-1]):
            if self[order[tie]] > self[order[tie + 1]]:
                order[[tie, tie + 1]] = order[[tie + 1, tie]]
        return order


class Groups:
    """The group of each sample of a class: four bytes each, names held once."""

    def __init__(self, names: list[str | None]) -> None:
        self._names = names
        self._numbers = array("I")

    def append(self, number: int) -> None:
        self._numbers.append(number)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> str | None:
        return self._names[self._numbers[index]]


@dataclass
class Census:
    """Samples per class, and what was set aside with the reason."""

    classes: dict[str, Keys] = field(default_factory=dict)
    aside: list[Aside] = field(default_factory=list)
    split: str | None = None
    """The split that all these are of, where the source has splits."""
    groups: dict[str, Groups] = field(default_factory=dict)
    """Class → the group of each of its samples, where samples have groups."""
    weights: dict[str, array[float]] = field(default_factory=dict)
    """Class → the weight of each of its samples, where any is not 1."""
    others: dict[str, Census] = field(default_factory=dict)
    """Split → its samples, which go into the sink as they are."""
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    """Split → class → samples that are left out."""
    noted: Counter[str] = field(default_factory=Counter)
    """What lies among the samples and is no fault: kind → how many."""

    @property
    def counts(self) -> dict[str, int]:
        return {label: len(keys) for label, keys in self.classes.items()}

    @property
    def total(self) -> int:
        """How many samples something is made of."""
        return sum(map(len, self.classes.values())) + sum(other.total for other in self.others.values())

    def samples(self) -> Iterator[Sample]:
        """Every sample, class by class; after those that are augmented, those of splits that pass."""
        for label, keys in self.classes.items():
            for key in keys:
                yield Sample(label, key, self.split)
        for other in self.others.values():
            yield from other.samples()

    def _repr_html_(self) -> str:
        rows = [(told(label), len(keys)) for label, keys in self.classes.items()]
        rows += [(f"split {told(name)}, passed", other.total) for name, other in self.others.items()]
        rows += [(f"split {told(name)}, left out", counts.total()) for name, counts in self.left_out.items()]
        aside = Counter(item.kind for item in self.aside)
        note = "Set aside: " + ", ".join(f"{count} {kind}" for kind, count in aside.items()) if aside else ""
        return markup.shown(f"Census: {self.total} samples", ("class", "samples"), rows, note)

    @property
    def notes(self) -> list[str]:
        """What a person should know of the listing though nothing is wrong, in whole sentences."""
        notes = [sentence.format(self.noted[kind]) for kind, sentence in _NOTES.items() if self.noted[kind]]
        if self.weights:
            notes.append(f"Samples are copied by their weights, in {len(self.weights)} of {len(self.classes)} classes.")
        for labels in _alike([*self.classes]):
            notes.append(f"Class names that differ only in case or accents: {', '.join(map(repr, labels))}.")
        return notes


_NOTES = {
    "hidden": "Passed over: {} hidden files or folders.",
    "system file": "Passed over: {} files that systems leave behind (.DS_Store, Thumbs.db, desktop.ini).",
    "soft column": "Passed over: {} columns of soft labels; the class of each image is its label.",
    "cached": "Images of Parquet files are kept in the user's cache, which may be removed at any time.",
    "nested folder": "{} folders lie below class folders: their images belong to the class.",
}


def _alike(labels: Iterable[str]) -> list[list[str]]:
    """Names that a file system which is not strict with case or accents takes for one."""
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(unicodedata.normalize("NFC", label).casefold(), []).append(told(label))
    return [sorted(same) for _, same in sorted(found.items()) if len(same) > 1]


def take_census(
    source: Source, without: frozenset[str] = frozenset(), seen: Callable[[int], None] | None = None
) -> Census:
    """Take the census of a source, leaving out the keys of `without`.

    Args:
        seen: called now and then with the number of samples found so far.

    Raises:
        SourceError: there is no sample at all, or a group lies in several splits.
    """
    splits = splits_of(source)
    chosen = splits.chosen if splits else None
    census = Census({label: Keys() for label in source.labels()})
    groups = _Grouping()
    count = 0
    for item in source.scan():
        if isinstance(item, Sample):
            label, key, split, group, weight = item
            part = census
            if split is not None:
                groups.keep_together(group, split)
                if split == chosen:
                    census.split = split
                elif splits and splits.passes(split):
                    part = census.others.setdefault(split, Census(split=split))
                    part.classes.setdefault(label, Keys())
                else:
                    census.left_out.setdefault(split, Counter())[label] += 1
                    continue
            if key not in without:
                if group is not None or part.groups:
                    groups.append(part, label, group)
                if part is census and (weight != 1 or label in part.weights):
                    _append_weight(part, label, weight)
                part.classes[label].append(key)
            count += part is census
            if seen and count % 1000 == 0:
                seen(count)
        elif isinstance(item, Aside):
            census.aside.append(item)
        else:
            census.noted[item.kind] += 1
    groups.demand_together()
    _demand_apart(census.classes)
    if not count:
        where = f"of the split '{chosen}' " if census.left_out or census.others else ""
        raise SourceError(
            f"source: no image {where}was found in any class. `augflow scan` says what was set aside and why."
        )
    census.aside.sort()
    return census


def _append_weight(part: Census, label: str, weight: float) -> None:
    """Append the weight of a sample that is about to be appended to its class."""
    row = part.weights.setdefault(label, array("d"))
    row.extend(itertools.repeat(1.0, len(part.classes[label]) - len(row)))
    row.append(weight)


def _demand_apart(labels: Iterable[str]) -> None:
    told_of: dict[str, str] = {}
    for label in labels:
        if told_of.setdefault(told(label), label) != label:
            raise SourceError(f"source: two classes are both told as '{told(label)}': rename one of them.")


class _Grouping:
    """Numbers groups, and finds those that lie in several splits."""

    def __init__(self) -> None:
        self._names: list[str | None] = [None]
        self._numbers: dict[str | None, int] = {None: 0}
        self._split: dict[str, str] = {}
        self._straddling: dict[str, set[str]] = {}

    def keep_together(self, group: str | None, split: str) -> None:
        if group is not None and self._split.setdefault(group, split) != split:
            self._straddling.setdefault(group, {self._split[group]}).add(split)

    def demand_together(self) -> None:
        if self._straddling:
            told_of = {group: sorted(splits) for group, splits in self._straddling.items()}
            raise SourceError(
                f"source: {len(told_of)} groups lie in several splits: {name_some(told_of)}. What is learnt of a group "
                "in one split helps in the other: put each group into one split."
            )

    def append(self, part: Census, label: str, group: str | None) -> None:
        """Append the group of a sample that is about to be appended to its class."""
        number = self._numbers.setdefault(group, len(self._names))
        if number == len(self._names):
            self._names.append(group)
        if label not in part.groups:
            part.groups[label] = Groups(self._names)
        row = part.groups[label]
        while len(row) < len(part.classes[label]):
            row.append(0)
        row.append(number)
