"""Make outputs again from their records and their source, by the draws that the records hold, and compare.

No random generator takes part. Where the bytes come out otherwise than recorded, the pixels are compared, and what
changed since is named: a library, a transform's version, the source, or the file itself.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from augflow.engine.chain import Drawn
from augflow.engine.codec import decode, encode, open_image
from augflow.engine.performing import finish
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph
from augflow.engine.time_limit import TimeLimit, reason
from augflow.errors import ImageError, PluginError, RecipeError, SurroundingsError
from augflow.executor import Lost, Work, open_executor
from augflow.ledger.dataset import (
    Counting,
    Dataset,
    Record,
    find,
    read_output,
    read_sample,
    silently,
    source_of,
    versions_then,
)
from augflow.ledger.versions import versions
from augflow.registry import Registry
from augflow.schema import check, construct
from augflow.sink import open_sink
from augflow.sink.folder import is_inside
from augflow.sink.whole import written
from augflow.source import MOST_PIXELS, decode_timeout, open_source
from augflow.transform import Pixels

REPLAYER = "augflow.replay:Replayer"
ALL = "all"

_FAMILY = 64


class Verdict(NamedTuple):
    """What came of one output, made again.

    `kind` is `equal`; `bytes differ` or `pixels differ` from those recorded; `file changed` or `file missing` where
    the replay is right and the file is not; `source changed`, `source missing`; `in the way`, another file being where
    it was to be written; or `failed`.
    """

    path: str
    kind: str
    detail: str = ""
    most: int | None = None
    """The largest difference of a decoded value, of 255."""
    mean: float | None = None
    """The mean absolute difference."""


@dataclass
class Replay:
    """What was made again, and what came of it."""

    changed: dict[str, tuple[str, str]]
    """Libraries whose version was another when something of the data set was made: name → then, now. And plugin files
    that were edited since, with the first digits of their sha256."""
    outputs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Verdicts by their kind."""
    differing: list[Verdict] = field(default_factory=list)
    """Every verdict but `equal`, by path."""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 1 if self.differing else 0


def replay(
    what: str,
    sink: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    executor: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    to: str | Path | None = None,
    counting: Counting = silently,
) -> Replay:
    """Make one output of a data set again, or `all`, and compare with the record and the file.

    Args:
        what: a key, or its first six digits or more; a path, below the sink or on disk; or `all`.
        sink, source, executor: settings; without a source, the one that the run was made from.
        plugins: Python files with transforms. Those that the run used are not loaded unless named here.
        to: folder where to write what was made, outside the data set and the source.

    Raises:
        AugflowError: no such output, no data set, no source, or a transform that is not known here.
    """
    began = time.monotonic()
    dataset = Dataset(sink)
    path = None if what == ALL else find(dataset, what)
    opened, settings = source_of(dataset, source)
    spec = {
        "sink": dataset.settings,
        "source": settings,
        "plugins": list(plugins),
        "to": None if to is None else str(to),
    }
    _demand_outside(to, dataset.sink.name, getattr(opened, "root", None))
    records = [dataset.record(path)] if path else None
    _demand_transforms(transforms_of(records) if records else _all_transforms(dataset), plugins, dataset)
    outcome = Replay(_changed(dataset, plugins))
    total = 1 if path else dataset.ledger.metadata.num_rows
    with counting("Making again", total) as advance:
        items = families(records or dataset.records())
        for (_, family), verdicts in open_executor(executor or {}).run(Work(REPLAYER, spec), items):
            if isinstance(verdicts, Lost):
                _, why = reason(verdicts, decode_timeout(opened))
                verdicts = [Verdict(record["path"], "failed", why) for record in family]
            outcome.outputs += len(verdicts)
            outcome.counts.update(verdict.kind for verdict in verdicts)
            outcome.differing += [verdict for verdict in verdicts if verdict.kind != "equal"]
            advance(len(verdicts))
    outcome.differing.sort()
    outcome.seconds = time.monotonic() - began
    return outcome


def _changed(dataset: Dataset, plugins: Sequence[str]) -> dict[str, tuple[str, str]]:
    now = versions()
    changed = {
        name: (" and ".join(then), now.get(name, "none"))
        for name, then in versions_then(dataset).items()
        if then != [now.get(name)]
    }
    before = dataset.account.get("plugins_sha256", {})
    for file, digest in Registry(plugins).digests.items():
        if before.get(file, digest) != digest:
            changed[file] = (before[file][:12], digest[:12])
    return changed


def transforms_of(records: Iterable[Record]) -> set[str]:
    """Names of the transforms that fired."""
    return {
        step["transform"]
        for record in records
        for step in record["steps"] or ()
        if step["arguments"] is not None and step["draw"] is not None
    }


def _all_transforms(dataset: Dataset) -> set[str]:
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in dataset.batches("steps"):
        steps = pc.list_flatten(batch.column(0))
        name, arguments, draw = (pc.struct_field(steps, part) for part in ("transform", "arguments", "draw"))
        found.update(pc.unique(name.filter(pc.and_(arguments.is_valid(), draw.is_valid()))).to_pylist())
    return found


def _demand_outside(to: str | Path | None, sink: str, source: Path | None) -> None:
    if to is None:
        return
    folder = Path(to).resolve()
    for what, root in (("data set", sink), ("source", source)):
        if root is not None and folder.is_relative_to(Path(root).resolve()):
            raise RecipeError(f"--to {to}: it lies in the {what}. Name another folder.")
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"--to {to}: it is a file. Name a folder.")


def _demand_transforms(used: Iterable[str], plugins: Sequence[str], dataset: Dataset) -> None:
    registry = Registry(plugins)
    missing = sorted(name for name in used if name not in registry)
    if not missing:
        return
    files = [file for file in dataset.account.get("plugins", []) if file not in registry.plugins]
    names = ", ".join(f"'{name}'" for name in missing)
    if not files:
        raise PluginError(f"No transform is called {names} here: install the package that the run had them from.")
    raise PluginError(
        f"No transform is called {names} here. The run had plugins=[{','.join(files)}]; a plugin file is code, and is "
        "loaded only where you name it: give that setting too, if you trust it."
    )


def families(records: Iterable[Record]) -> Iterator[tuple[str, list[Record]]]:
    """Group the records of one sample that follow each other: it is read and decoded once for them."""
    for key, family in itertools.groupby(records, key=lambda record: _parent(record)["key"]):
        while some := list(itertools.islice(family, _FAMILY)):
            yield str(key), some


def _parent(record: Record) -> dict[str, str]:
    for parent in record["parents"] or ():
        if parent and parent["role"] == "source" and parent["key"] and parent["sha256"]:
            found: dict[str, str] = parent
            return found
    return {"key": "", "sha256": ""}


class Replayer:
    """Makes outputs again; built once in every process, from plain data.

    Called with (key of a sample, records of its outputs), it returns a `Verdict` for each.

    Args:
        spec: `sink` and `source` (settings), `plugins` (files), `to` (folder or None).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        cv2.setNumThreads(1)
        self.sink = open_sink(spec["sink"])
        self.to = None if spec["to"] is None else Path(spec["to"])
        self.source = open_source(spec["source"])
        self.limit = TimeLimit(decode_timeout(self.source))
        self.registry = Registry(spec["plugins"])
        self._built: dict[tuple[str, str], Any] = {}

    def __call__(self, item: tuple[str, list[Record]]) -> list[Verdict]:
        key, records = item
        try:
            data = read_sample(self.source, key)
        except ImageError as error:
            return [Verdict(record["path"], "source missing", f"{key}: {error}") for record in records]
        sample = _Sample(data, self.source.max_pixels, self.limit)
        return [self._judge(record, sample) for record in records]

    def _judge(self, record: Record, sample: _Sample) -> Verdict:
        path, parent = record["path"], _parent(record)
        if parent["sha256"] != sample.sha256:
            return Verdict(path, "source changed", f"{parent['key']} is not the file that it was made from")
        if not is_inside(path):
            return Verdict(path, "failed", "its path leads out of the data set")
        try:
            made = self._make(record, sample)
        except Exception as error:
            return Verdict(path, "failed", f"{type(error).__name__}: {error}")
        verdict = self._compare(record, made)
        if self.to is not None and not _write(self.to / path, made, record["key"]):
            return verdict._replace(kind="in the way", detail=f"{self.to / path} is another file, and was left alone")
        return verdict

    def _make(self, record: Record, sample: _Sample) -> bytes:
        if record["render"] is None:
            return sample.data
        described = json.loads(record["render"])
        after = described.pop("after")
        render: Render = construct(Render, described)
        height, width = render.target(sample.photograph.size)
        if height * width > MOST_PIXELS:
            raise ImageError("too large", f"it would have {width}×{height} pixels")
        drawn, numbers = self._drawn(record)
        fold = -1 if after is None else numbers[after]
        return encode(finish(sample.photograph, drawn, fold, render), render)

    def _drawn(self, record: Record) -> tuple[list[Drawn], dict[str, int]]:
        """What the steps drew, and the number of each top-level step."""
        numbers: dict[str, int] = {}
        drawn = []
        for step in record["steps"] or ():
            number = numbers.setdefault(step["step"].partition("/")[0], len(numbers))
            if step["arguments"] is not None and step["draw"] is not None:
                transform = self._transform(step["transform"], step["arguments"])
                drawn.append((number, transform, json.loads(step["draw"])))
        return drawn, numbers

    def _transform(self, name: str, arguments: str) -> Any:
        if (name, arguments) not in self._built:
            plain = json.loads(arguments)
            for fault in check(self.registry.find(name), plain, (name,)):
                raise RecipeError(f"{'.'.join(fault.path)}: {fault.message}")
            self._built[name, arguments] = self.registry.build(name, plain)
        return self._built[name, arguments]

    def _compare(self, record: Record, made: bytes) -> Verdict:
        path = record["path"]
        right = hashlib.sha256(made).hexdigest() == record["sha256"]
        try:
            file = read_output(self.sink, path, record["size"])
            if hashlib.sha256(file).hexdigest() != record["sha256"]:
                raise ImageError("changed", "its bytes are not those that its record tells of")
        except ImageError as error:
            kind = "file missing" if error.kind == "missing" else "file changed"
            if right:
                return Verdict(path, kind, f"{error.detail}; made again, it is as recorded")
            return Verdict(path, "bytes differ", f"{self._since(record)}pixels cannot be compared: {kind}")
        if right:
            return Verdict(path, "equal")
        return self._measure(record, file, made)

    def _measure(self, record: Record, file: bytes, made: bytes) -> Verdict:
        path, since = record["path"], self._since(record)
        try:
            then, now = (decode(data, self.source.max_pixels, self.limit).pixels for data in (file, made))
        except ImageError as error:
            return Verdict(path, "bytes differ", f"{since}pixels cannot be compared: {error}")
        if then.shape != now.shape:
            return Verdict(path, "pixels differ", f"{since}{_shape(then)} then, {_shape(now)} now")
        if then.ndim == 3:
            then, now = then[..., :3], now[..., :3]
        difference = np.abs(then.astype(np.int16) - now)
        most, mean = int(difference.max()), float(difference.mean())
        return Verdict(path, "pixels differ" if most else "bytes differ", since.removesuffix("; "), most, mean)

    def _since(self, record: Record) -> str:
        """Which transforms have had another version since."""
        told = {
            f"{step['transform']} was version {step['version']} and is {version}; "
            for step in record["steps"] or ()
            if step["arguments"] is not None
            and step["draw"] is not None
            and (version := getattr(self._transform(step["transform"], step["arguments"]), "version", 1))
            != step["version"]
        }
        return "".join(sorted(told))


class _Sample:
    """A sample's bytes, decoded when the first output needs it."""

    def __init__(self, data: bytes, max_pixels: int, limit: TimeLimit) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._max_pixels = max_pixels
        self._limit = limit

    @cached_property
    def photograph(self) -> Photograph:
        opened = open_image(self.data, self._max_pixels, self._limit)
        return Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)


def _shape(pixels: Pixels) -> str:
    height, width = pixels.shape[:2]
    return f"{width}×{height} {'gray' if pixels.ndim == 2 else 'colour'}"


def _write(file: Path, data: bytes, key: str) -> bool:
    """Write a file whole; say whether it is there now, which it is not where another one was before."""
    try:
        if os.path.lexists(file):
            return file.is_file() and file.read_bytes() == data
        file.parent.mkdir(parents=True, exist_ok=True)
        with written(file, file.with_name(f".{key if key.isalnum() else 'made'}.half")) as opened:
            opened.write(data)
    except OSError as error:
        raise SurroundingsError(f"--to: {error.strerror or error}: {file.absolute()}") from error
    return True
