"""What a worker does: one sample with all its copies, decoded once, each output written whole and told in a record."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cv2
from pydantic_core import to_json

from augflow.draw import Streams
from augflow.engine.chain import Chain, Drawn, finish
from augflow.engine.codec import Opened, encode, open_image
from augflow.engine.sampling import Photograph
from augflow.engine.time_limit import TimeLimit
from augflow.errors import ImageError, SurroundingsError
from augflow.plan.plan import ORIGINAL, Namer, Unit
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.sink import open_sink
from augflow.source import decode_timeout, open_source, splits_of, told
from augflow.transform import Pixels


class Made(NamedTuple):
    """What came of an order: records, a line of JSON each; or why the sample is set aside."""

    records: list[str]
    outputs: list[tuple[str, int]]
    """Path and size of each."""
    bytes: int
    converted: tuple[str, ...]
    kind: str = ""
    detail: str = ""


class Maker:
    """Makes outputs; built once in every process, from plain data.

    Called with (label, key, copy numbers, split, group), it makes those copies.

    Args:
        spec: `recipe` (resolved), `source` and `sink` (settings), `plugins` (files).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        cv2.setNumThreads(1)
        _keep_memory()
        self.recipe = Recipe.from_json(spec["recipe"])
        self.source = open_source(spec["source"])
        self.limit = TimeLimit(decode_timeout(self.source))
        self.sink = open_sink(spec["sink"])
        registry = Registry(spec["plugins"])
        self.chains = {name: Chain(name, steps, registry) for name, steps in self.recipe.chains.items()}
        digests = {name: chain.digest for name, chain in self.chains.items()}
        self.namer = Namer(self.recipe, digests, splits_of(self.source))
        self._renders = {None: self._render(None)} | {name: self._render(chain) for name, chain in self.chains.items()}

    def _render(self, chain: Chain | None) -> str:
        after = chain.steps[chain.fold].name if chain and chain.fold >= 0 else None
        return json.dumps({**dataclasses.asdict(self.recipe.render), "after": after})

    def __call__(self, order: tuple[str, str, tuple[int, ...], str | None, str | None]) -> Made:
        label, sample, copies, split, group = order
        unit = Unit(label, sample, copies[0], copies[-1] + 1, split, group)
        try:
            data = self.source.read(sample)
            opened = open_image(data, self.source.max_pixels, self.limit)
            if copies == (ORIGINAL,) and self.namer.verbatim(unit, ORIGINAL):
                opened.check()
        except ImageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NOT_ITS_FAULT:
                raise error.__cause__ from None
            return _aside(error.kind, error.detail)
        given = hashlib.sha256(data).hexdigest()
        parents = [{"key": told(sample), "sha256": given, "role": "source"}]
        records, outputs = [], []
        try:
            for finished in self._finish(unit, copies, opened, data):
                for made, record in finished:
                    digest = given if made is data else hashlib.sha256(made).hexdigest()
                    record |= {"size": len(made), "sha256": digest, "parents": parents}
                    self.sink.put(record["path"], made)
                    outputs.append((record["path"], len(made)))
                    records.append(_encode(record))
        except ImageError as error:
            return _aside(error.kind, error.detail)
        except (SurroundingsError, OSError):
            raise
        except Exception as error:
            return _aside("chain failed", f"{type(error).__name__}: {error}")
        return Made(records, outputs, sum(size for _, size in outputs), opened.notes)

    def _finish(
        self, unit: Unit, copies: tuple[int, ...], opened: Opened, data: bytes
    ) -> Iterator[list[tuple[bytes, dict[str, Any]]]]:
        """Make the copies a few at a time, each stage for all of them before the next: caches stay warm."""
        photograph = Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)
        few = max(1, min(8, _MOST_PIXELS // math.prod(opened.size)))
        for start in range(0, len(copies), few):
            drawn = [self._draw(unit, copy, opened) for copy in copies[start : start + few]]
            made = [self._perform(photograph, *begun) for begun in drawn]
            files = [data if pixels is None else encode(pixels, self.recipe.render) for pixels in made]
            yield [(file, record) for file, (record, _, _) in zip(files, drawn, strict=True)]

    def _perform(
        self, photograph: Photograph, record: dict[str, Any], drawn: list[Drawn] | None, fold: int
    ) -> Pixels | None:
        if drawn is None:
            record["height"], record["width"] = photograph.size
            return None
        photograph.reduction = 1
        pixels = finish(photograph, drawn, fold, self.recipe.render)
        record["height"], record["width"] = pixels.shape[:2]
        if photograph.reduction > 1:
            record["converted"].append(f"decoded at 1/{photograph.reduction}")
        return pixels

    def _draw(self, unit: Unit, copy: int, opened: Opened) -> tuple[dict[str, Any], list[Drawn] | None, int]:
        """Begin the record, and say what to perform: None where the original's bytes are kept."""
        name = self.namer.chain(unit, copy)
        key, path = self.namer.name(unit, copy, name)
        record: dict[str, Any] = {"path": path, "key": key, "label": told(unit.label), "copy": copy, "chain": name}
        for what, named in (("split", unit.split), ("group", unit.group)):
            if named is not None:
                record[what] = told(named)
        if self.namer.verbatim(unit, copy):
            return record | {"steps": [], "render": None, "converted": []}, None, -1
        record |= {"render": self._renders[name], "converted": list(opened.notes), "steps": []}
        if name is None:
            return record, [], -1
        chain = self.chains[name]
        entries, drawn = chain.draw(opened.size, self.recipe.render, Streams(self.recipe.seed, unit.key, copy))
        for entry in entries:
            if entry["draw"] is not None:
                entry["draw"] = _encode(entry["draw"])
        record["steps"] = entries
        return record, drawn, chain.fold


_NOT_ITS_FAULT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ESTALE}
"""Why a sound file may be unreadable: the machine is short of something. That stops the run; no sample is set aside."""

_MOST_PIXELS = 2_000_000


def _encode(value: dict[str, Any]) -> str:
    return to_json(value).decode()


def _keep_memory() -> None:
    """Let glibc keep freed memory: fresh pages for every image cost more than filtering it."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def _aside(kind: str, detail: str) -> Made:
    return Made([], [], 0, (), kind, detail)
