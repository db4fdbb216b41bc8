"""Some of a data set's outputs, with pictures and whole records: of every class and every chain a few."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augflow.draw import digest
from augflow.errors import ImageError
from augflow.ledger.dataset import Dataset, Record, read_output, read_sample
from augflow.plan.plan import ORIGINAL
from augflow.report.picture import Picture, read
from augflow.sink.folder import is_inside
from augflow.source import Source

MOST = 240
"""Outputs that are shown, of all classes together."""

SIDE = 224
_OF_ONE_SAMPLE = 4


@dataclass(frozen=True)
class Shown:
    """An output with its record; `picture` is None where `fault` says why."""

    record: Record
    picture: Picture | None
    fault: str
    parents: tuple[int | None, ...]
    """Numbers among the gallery's parents; None where one cannot be read."""


@dataclass(frozen=True)
class Gallery:
    """What is shown of a data set."""

    shown: list[Shown]
    parents: list[Picture]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Path and fault of every output that is not as its record says."""
        return [(one.record["path"], one.fault) for one in self.shown if one.fault]


def gallery(
    dataset: Dataset, source: Source | None, most: int = MOST, seen: Callable[[int], None] = lambda done: None
) -> Gallery:
    """Choose outputs, the same each time, and read them and their parents.

    Args:
        source: where parents are read; None where it is not there.
        seen: called with 1 after each output.
    """
    chosen = choose(dataset, most)
    records = {record["path"]: record for record in _records(dataset, chosen)}
    known: dict[str, int | None] = {}
    parents: list[Picture] = []
    shown = []
    for path in chosen:
        record = records[path]
        for parent in record["parents"]:
            key = parent["key"]
            if key not in known:
                found = _parent(source, key, parent["sha256"])
                known[key] = len(parents) if found else None
                parents += [found] if found else []
        picture, fault = _output(dataset, record)
        numbers = tuple(known[parent["key"]] for parent in record["parents"])
        shown.append(Shown(_readable(record), picture, fault, numbers))
        seen(1)
    return Gallery(shown, parents)


def choose(dataset: Dataset, most: int) -> list[str]:
    """Paths of outputs: each class gets an equal share of `most`, sample by sample, and every chain of it is there."""
    table = dataset.table("path", "split", "label", "copy", "chain", "parents")
    classes: dict[tuple[str, str], list[tuple[bytes, int, str | None, str]]] = {}
    columns = (table[name].to_pylist() for name in ("path", "split", "label", "copy", "chain"))
    import pyarrow.compute as pc

    keys = pc.struct_field(pc.list_element(table["parents"], 0), "key").to_pylist() if len(table) else []
    for path, split, label, copy, chain, key in zip(*columns, keys, strict=True):
        classes.setdefault((split or "", label), []).append((digest(key or "", size=8), copy, chain, path))
    quota = max(1, most // max(1, len(classes)))
    chosen = []
    for named in _some(sorted(classes), most):
        chosen += _of_class(sorted(classes[named], key=lambda row: (row[0], row[1], row[3])), quota)
    return chosen


def _some(classes: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """Every class, or as many as there is room for."""
    return sorted(sorted(classes, key=lambda named: digest(*named))[:most])


def _of_class(rows: Sequence[tuple[bytes, int, str | None, str]], quota: int) -> list[str]:
    """Sample by sample a few outputs of each; first of all one of every chain."""
    first = {chain: place for place, (_, _, chain, _) in reversed([*enumerate(rows)])}
    count: Counter[bytes] = Counter()
    few: list[int] = []
    further: list[int] = []
    for place, (family, _, _, _) in enumerate(rows):
        count[family] += 1
        (few if count[family] <= _OF_ONE_SAMPLE else further).append(place)
    taken = [*dict.fromkeys([*sorted(first.values()), *few, *further])][:quota]
    return [rows[place][3] for place in sorted(taken)]


def _records(dataset: Dataset, paths: Sequence[str]) -> list[Record]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(paths, pa.string())
    found: list[Record] = []
    for batch in dataset.batches():
        found += batch.filter(pc.is_in(batch.column("path"), wanted)).to_pylist()
    return found


def _output(dataset: Dataset, record: Record) -> tuple[Picture | None, str]:
    fault = ""
    try:
        if not is_inside(record["path"]):
            raise ImageError("failed", "its path leads out of the data set")
        data = read_output(dataset.sink, record["path"], record["size"])
        if hashlib.sha256(data).hexdigest() != record["sha256"]:
            fault = "changed: not the bytes of its record"
        return read(data, SIDE, record["height"] * record["width"]), fault
    except ImageError as error:
        return None, fault or str(error)


def _parent(source: Source | None, key: str, sha256: str) -> Picture | None:
    if source is None:
        return None
    try:
        data = read_sample(source, key)
        return read(data, SIDE, source.max_pixels) if hashlib.sha256(data).hexdigest() == sha256 else None
    except ImageError:
        return None


def _readable(record: Mapping[str, Any]) -> Record:
    """A record whose JSON texts are unfolded."""
    steps = [
        {**step, "arguments": _json(step["arguments"]), "draw": _json(step["draw"])} for step in record["steps"] or []
    ]
    return {**record, "steps": steps, "render": _json(record["render"])}


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_int=_whole)


def _whole(digits: str) -> int | str:
    """A whole number; as text where a page's script would round it, as it would a seed."""
    return int(digits) if abs(int(digits)) < 2**53 else digits


def is_original(record: Mapping[str, Any]) -> bool:
    """Whether an output stands for its sample itself."""
    return bool(record["copy"] == ORIGINAL)
