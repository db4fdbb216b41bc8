"""The hint from a quick sample, for the end of a run: as many pairs as some seconds allow."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from augflow.audit.hint import LEAST, hint, shares_of
from augflow.audit.look import Looker
from augflow.audit.result import Item
from augflow.ledger.dataset import Dataset

MOST = 300
"""Pairs, at most."""


def quick_hint(sink: Mapping[str, Any], seconds: float) -> Item | None:
    """Seek the hint in a finished data set, in this process; None where the time is not enough to tell anything.

    Raises:
        SinkError: there is no data set.
    """
    until = time.monotonic() + seconds
    dataset = Dataset(sink)
    table = dataset.table("path", "size", "label", "split", "copy", "chain")
    split = dataset.account.get("split")
    rows = [
        (label, copy, chain)
        for label, own, copy, chain in zip(
            *(table[name].to_pylist() for name in ("label", "split", "copy", "chain")), strict=True
        )
        if own == split
    ]
    looker = Looker({"root": str(dataset.root), "source": None, "against": None, "max_pixels": 10**8, "fills": False})
    found = []
    for pair in itertools.islice(_pairs(table), MOST):
        if time.monotonic() > until:
            break
        looks = looker(("hint", list(pair)))
        if not any(look.fault for look in looks):
            found.append([look.traces for look in looks])
    if len(found) < LEAST:
        return None
    stacked = np.array(found, dtype=np.float64)
    return hint(stacked[:, 0], stacked[:, 1], shares_of(rows))


def _pairs(table: Any) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """Path and size of originals and their first copies, classes in turn: an original's row comes before its copy's."""
    import pyarrow.compute as pc

    some = table.filter(pc.less_equal(table["copy"], 1))
    copies = some["copy"].to_numpy()
    labels = np.array(some["label"].to_pylist(), dtype=object)
    paths, sizes = some["path"], some["size"]
    places = np.flatnonzero((copies[:-1] == 0) & (copies[1:] == 1) & (labels[:-1] == labels[1:]))
    rng = np.random.default_rng(0)
    of_class = [rng.permutation(places[labels[places] == label]) for label in dict.fromkeys(labels[places])]
    for turn in itertools.zip_longest(*of_class):
        for place in turn:
            if place is not None:
                original, copy = ((paths[at].as_py(), sizes[at].as_py()) for at in (int(place), int(place) + 1))
                yield original, copy
