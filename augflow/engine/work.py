"""What a worker does: one sample with all its copies, decoded once, each output written whole and told in a record."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cv2
from pydantic_core import to_json

from augflow.engine.codec import Opened, encode, open_image
from augflow.engine.sampling import Photograph
from augflow.engine.time_limit import TimeLimit
from augflow.engine.views import NOT_ITS_FAULT, Views
from augflow.errors import ImageError, SurroundingsError
from augflow.plan.plan import ORIGINAL, Unit
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.sink import Puts, open_sink
from augflow.source import decode_timeout, open_source, splits_of, told


class Done(NamedTuple):
    """What came of an order: how many outputs, of how many bytes together; or why the sample is set aside."""

    outputs: int
    bytes: int
    converted: tuple[str, ...]
    kind: str = ""
    detail: str = ""


class Maker:
    """Makes outputs; built once in every process, from plain data.

    Called with (label, key, copy numbers, split, group), it makes those copies and writes down their records.

    Args:
        spec: `recipe` (resolved), `source` and `sink` (settings), `plugins` (files), `run` (its number in the journal).
        sink: where outputs and records go, if not where `spec` says.
    """

    def __init__(self, spec: Mapping[str, Any], sink: Puts | None = None) -> None:
        cv2.setNumThreads(1)
        keep_memory()
        self.recipe = Recipe.from_json(spec["recipe"])
        self.source = open_source(spec["source"])
        self.limit = TimeLimit(decode_timeout(self.source))
        self.sink = sink or open_sink(spec["sink"])
        self.notes = self.sink.notes(spec.get("run", 0))
        self.views = Views(self.recipe, Registry(spec["plugins"]), splits_of(self.source))

    def __call__(self, order: tuple[str, str, tuple[int, ...], str | None, str | None]) -> Done:
        label, sample, copies, split, group = order
        unit = Unit(label, sample, copies[0], copies[-1] + 1, split, group)
        try:
            data = self.source.read(sample)
            opened = open_image(data, self.source.max_pixels, self.limit)
            if copies == (ORIGINAL,) and self.views.namer.verbatim(unit, ORIGINAL):
                opened.check()
        except ImageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in NOT_ITS_FAULT:
                raise error.__cause__ from None
            return _aside(error.kind, error.detail)
        given = hashlib.sha256(data).hexdigest()
        parents = [{"key": told(sample), "sha256": given, "role": "source"}]
        records: list[bytes] = []
        size = 0
        try:
            for finished in self._finish(unit, copies, opened, data):
                for made, record in finished:
                    digest = given if made is data else hashlib.sha256(made).hexdigest()
                    record |= {"size": len(made), "sha256": digest, "parents": parents}
                    self.sink.put(record["path"], made)
                    size += len(made)
                    records.append(to_json(record))
            self.notes.append(records)
        except ImageError as error:
            return _aside(error.kind, error.detail)
        except (SurroundingsError, OSError):
            raise
        except Exception as error:
            return _aside("chain failed", f"{type(error).__name__}: {error}")
        return Done(len(records), size, opened.notes)

    def _finish(
        self, unit: Unit, copies: tuple[int, ...], opened: Opened, data: bytes
    ) -> Iterator[list[tuple[bytes, dict[str, Any]]]]:
        """Make the copies a few at a time, each stage for all of them before the next: caches stay warm."""
        photograph = Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)
        few = max(1, min(8, _MOST_PIXELS // math.prod(opened.size)))
        for start in range(0, len(copies), few):
            begun = [self.views.draw(unit, copy, opened) for copy in copies[start : start + few]]
            made = [self.views.perform(photograph, one) for one in begun]
            files = [data if pixels is None else encode(pixels, self.recipe.render) for pixels in made]
            yield [(file, one.record) for file, one in zip(files, begun, strict=True)]


_MOST_PIXELS = 2_000_000


def keep_memory() -> None:
    """Let glibc keep freed memory: fresh pages for every image cost more than filtering it."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def _aside(kind: str, detail: str) -> Done:
    return Done(0, 0, (), kind, detail)
