"""The hint from a quick sample, for the end of a run: as many pairs as there is time for."""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from augflow.audit.hint import LEAST, hint, shares_of
from augflow.audit.look import Looker
from augflow.audit.result import Item
from augflow.ledger.dataset import Dataset

MOST = 300
"""Pairs, at most."""

_SIDE = 128


class Output(NamedTuple):
    """What is needed of a record."""

    path: str
    size: int
    label: str
    split: str | None
    copy: int
    chain: str | None


def quick_hint(sink: Mapping[str, Any], until: float) -> Item | None:
    """Seek the hint in a finished data set, in this process, until `time.monotonic()` says `until`.

    Returns None where that was not enough to tell anything.

    Raises:
        SinkError: there is no data set.
    """
    dataset = Dataset(sink)
    table = dataset.table(*Output._fields)
    # Without arrow's own arithmetic, which imports pandas where there is one.
    split = dataset.account.get("split")
    columns = (table[name].to_pylist() for name in Output._fields)
    rows = [row for row in map(Output, *columns) if row.split == split]
    spec = {"sink": dataset.settings, "source": None, "against": None, "max_pixels": 10**8, "fills": False}
    looker = Looker(spec | {"side": _SIDE})
    found = []
    times: list[float] = []
    for pair in _pairs(rows):
        times.append(time.monotonic())
        if times[-1] > until or _is_too_slow(times, until):
            break
        looks = looker(("hint", [(row.path, row.size) for row in pair]))
        if not any(look.fault for look in looks):
            found.append([look.traces for look in looks])
    if len(found) < LEAST:
        return None
    stacked = np.array(found, dtype=np.float64)
    return hint(stacked[:, 0], stacked[:, 1], shares_of([(row.label, row.copy, row.chain) for row in rows]))


def _is_too_slow(times: Sequence[float], until: float) -> bool:
    """Whether the least sample will not be seen in time, to judge by two pairs behind the first."""
    return len(times) == 4 and (times[3] - times[1]) / 2 * (LEAST - 3) > until - times[3]


def _pairs(rows: Sequence[Output]) -> Iterator[tuple[Output, Output]]:
    """Originals with their first copies, classes in turn: an original's row comes before its copy's."""
    of_class: defaultdict[str, list[tuple[Output, Output]]] = defaultdict(list)
    for original, copy in itertools.pairwise(rows):
        if original.copy == 0 and copy.copy == 1 and original.label == copy.label:
            of_class[original.label].append((original, copy))
    chance = random.Random(0)
    in_turn = itertools.zip_longest(*(chance.sample(pairs, min(MOST, len(pairs))) for pairs in of_class.values()))
    return itertools.islice((pair for pair in itertools.chain.from_iterable(in_turn) if pair), MOST)
