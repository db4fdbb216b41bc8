"""A few outputs, made by what a run makes them with, and kept in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from augflow.engine.work import Maker
from augflow.plan.plan import Unit
from augflow.recipe.recipe import Recipe


class Output(NamedTuple):
    """What a run would write: its record and its bytes."""

    record: Mapping[str, Any]
    data: bytes


class Bench:
    """Makes outputs one sample at a time; each is byte for byte what a run would make."""

    def __init__(self, recipe: Recipe, source: Mapping[str, Any], plugins: Sequence[str]) -> None:
        self._shelf = _Shelf()
        self.maker = Maker({"recipe": recipe.as_json(), "source": source, "plugins": list(plugins)}, self._shelf)
        self.max_pixels = self.maker.source.max_pixels

    def make(self, unit: Unit, copies: Sequence[int]) -> tuple[list[Output], str, str]:
        """Make copies of a sample; return them, or none and why the sample is set aside (kind, detail)."""
        self._shelf.files, self._shelf.records = {}, []
        done = self.maker((unit.label, unit.key, tuple(copies), unit.split, unit.group))
        outputs = [Output(record, self._shelf.files[record["path"]]) for record in map(json.loads, self._shelf.records)]
        return outputs, done.kind, done.detail


class _Shelf:
    """A sink of one sample's outputs."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.records: list[bytes] = []

    def put(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def notes(self, run: int) -> _Shelf:
        return self

    def begin(self, paths: Sequence[str]) -> None:
        pass

    def append(self, records: Sequence[bytes]) -> None:
        self.records += records
