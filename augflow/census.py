"""What a scan of a source found, held so compactly that ten million samples fit."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import overload

import numpy as np
from numpy.typing import NDArray

from augflow.draw import digest
from augflow.errors import SourceError
from augflow.source import Aside, Sample, Source


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
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
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


@dataclass
class Census:
    """Samples per class, and what was set aside with the reason."""

    classes: dict[str, Keys] = field(default_factory=dict)
    aside: list[Aside] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {label: len(keys) for label, keys in self.classes.items()}

    def samples(self) -> Iterator[Sample]:
        """Every sample, class by class."""
        for label, keys in self.classes.items():
            for key in keys:
                yield Sample(label, key)


def take_census(
    source: Source, without: frozenset[str] = frozenset(), seen: Callable[[int], None] | None = None
) -> Census:
    """Take the census of a source, leaving out the keys of `without`.

    Args:
        seen: called now and then with the number of samples found so far.

    Raises:
        SourceError: there is no sample at all.
    """
    census = Census({label: Keys() for label in source.labels()})
    count = 0
    for item in source.scan():
        if isinstance(item, Aside):
            census.aside.append(item)
        else:
            if item.key not in without:
                census.classes[item.label].append(item.key)
            count += 1
            if seen and count % 1000 == 0:
                seen(count)
    if not count:
        raise SourceError("source: no image was found in any class. `augflow scan` says what was set aside and why.")
    census.aside.sort()
    return census
