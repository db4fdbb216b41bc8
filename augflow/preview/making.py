"""A few outputs, made by what a run makes them with, into a folder that is gone afterwards."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from augflow.engine.work import Maker
from augflow.plan.plan import Unit
from augflow.recipe.recipe import Recipe
from augflow.sink import open_sink


class Output(NamedTuple):
    """What a run would write: its record and its bytes."""

    record: Mapping[str, Any]
    data: bytes


class Bench:
    """Makes outputs one sample at a time; begun and ended by `bench`."""

    def __init__(self, maker: Maker, folder: Path) -> None:
        self.maker = maker
        self._folder = folder
        self.max_pixels = maker.source.max_pixels

    def make(self, unit: Unit, copies: Sequence[int]) -> tuple[list[Output], str, str]:
        """Make copies of a sample; return them, or none and why the sample is set aside (kind, detail)."""
        made = self.maker((unit.label, unit.key, tuple(copies), unit.split, unit.group))
        records = [json.loads(line) for line in made.records]
        outputs = [Output(record, (self._folder / record["path"]).read_bytes()) for record in records]
        return outputs, made.kind, made.detail


@contextlib.contextmanager
def bench(recipe: Recipe, source: Mapping[str, Any], plugins: Sequence[str]) -> Iterator[Bench]:
    """Set up a bench; what it makes is byte for byte what a run would."""
    with tempfile.TemporaryDirectory(prefix="augflow-preview-") as folder:
        sink = {"kind": "folder", "root": folder}
        with open_sink(sink).held():
            spec = {"recipe": recipe.as_json(), "source": source, "sink": sink, "plugins": list(plugins)}
            yield Bench(Maker(spec), Path(folder))
