"""What sinks tell of every output beside its image: rows of the sealed ledger, some at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.errors import SinkError

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = dict[str, Any]
"""An output as readers are told of it; no value is ever missing, since they guess types by the first few."""

TOLD = ("path", "key", "label", "split", "group", "copy", "chain", "parents", "sha256", "size", "height", "width")
"""Columns of the ledger that a row is made of."""

KEY = re.compile(r"[0-9a-f]{16}")
_KEY_IN_PATH = re.compile(r"-([0-9a-f]{16})(?:\.[0-9A-Za-z]+)?")
SPLIT = "train"
"""What the outputs of a data set without splits are called, since readers want a name."""

_BITS = 16
_HELD = 1 << 17
"""Rows that are held at a time."""


def row(record: dict[str, Any]) -> Row:
    """What readers are told of an output; `family` is the key of the sample that it comes from."""
    parents = record["parents"] or []
    told = {name: record[name] for name in TOLD} | {"parents": parents}
    told |= {name: told[name] or "" for name in ("split", "group", "chain")}
    return told | {"family": parents[0]["key"] if parents else ""}


def key_of(path: str) -> str:
    """The key that an output's path ends in; empty where it has none."""
    match = _KEY_IN_PATH.search(path, max(0, len(path) - 48))
    return match[1] if match and match.end() == len(path) else ""


def rows(ledger: Path) -> Iterator[Row]:
    """Every row, in the order of their paths."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(ledger).iter_batches(4096, columns=[*TOLD]):
        yield from map(row, batch.to_pylist())


def keys_of(ledger: Path) -> set[str]:
    """The key of every output; none where there is no ledger."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    if ledger.exists():
        for batch in pq.ParquetFile(ledger).iter_batches(columns=["key"]):
            found.update(batch.column(0).to_pylist())
    return found


def labels_of(ledger: Path) -> list[str]:
    """Every class that has an output, in order; the place of each is its number."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    for batch in pq.ParquetFile(ledger).iter_batches(columns=["label"]):
        found.update(batch.column(0).unique().to_pylist())
    return sorted(found)


def count_for(outputs: int, most: int) -> int:
    """How many shards hold so many outputs, `most` in each on average: a power of two."""
    count = 1
    while count * most < outputs and count < 1 << _BITS:
        count *= 2
    return count


def number_of(key: str, count: int) -> int:
    """The shard, of `count`, that an output of that key lies in: the leading bits of the key."""
    return int(key[: _BITS // 4], 16) * count >> _BITS


def shards(ledger: Path, most: int) -> Iterator[tuple[str, int, int, list[Row]]]:
    """Yield split, number, count and rows, in the order of their keys, of every shard.

    What is held at a time is four bytes of every output, and the rows of some shards.

    Raises:
        SinkError: the ledger holds what no run writes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where, known = _where(ledger, most)
    totals = np.bincount(where, minlength=len(known))
    first = 0
    while first < len(known):
        end = first + max(1, int(np.searchsorted(np.cumsum(totals[first:]), _HELD, "right")))
        parts: list[pa.RecordBatch] = []
        start = 0
        for batch in pq.ParquetFile(ledger).iter_batches(columns=[*TOLD]):
            here = where[start : start + len(batch)]
            start += len(batch)
            chosen = np.flatnonzero((here >= first) & (here < end))
            parts.append(batch.append_column("shard", pa.array(here)).take(pa.array(chosen)))
        if parts:
            table = pa.Table.from_batches(parts).sort_by([("shard", "ascending"), ("key", "ascending")])
        place = 0
        for number in range(first, end):
            some = table.slice(place, totals[number]).to_pylist() if totals[number] else []
            place += int(totals[number])
            yield (*known[number], [row(record) for record in some])
        first = end


def _where(ledger: Path, most: int) -> tuple[NDArray[np.int32], list[tuple[str, int, int]]]:
    """The number of every output's shard, in the order of the ledger; and of each shard its split, number and count."""
    import pyarrow.parquet as pq

    splits: dict[str, list[int]] = {}
    heads: list[NDArray[np.int32]] = []
    for batch in pq.ParquetFile(ledger).iter_batches(columns=["key", "split"]):
        keys = batch.column("key").to_pylist()
        if not all(key and KEY.fullmatch(key) for key in keys):
            raise SinkError(f"{ledger.absolute()} holds a key that augflow does not make.")
        numbers = [splits.setdefault(split or SPLIT, [len(splits), 0]) for split in batch.column("split").to_pylist()]
        for number in numbers:
            number[1] += 1
        leading = (int(key[: _BITS // 4], 16) for key in keys)
        pairs = ((number[0] << _BITS) | lead for number, lead in zip(numbers, leading, strict=True))
        heads.append(np.fromiter(pairs, np.int32, len(keys)))
    head = np.concatenate([*heads, np.empty(0, np.int32)])
    known: list[tuple[str, int, int]] = []
    where = np.empty(len(head), np.int32)
    for split, (order, outputs) in sorted(splits.items()):
        count = count_for(outputs, most)
        mine = head >> _BITS == order
        where[mine] = len(known) + ((head[mine] & ((1 << _BITS) - 1)).astype(np.int64) * count >> _BITS)
        known += [(split, shard, count) for shard in range(count)]
    return where, known
