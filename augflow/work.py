"""What a worker does: one sample with all its copies, decoded once, each output written whole and told in a record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2

from augflow.chain import Chain, Drawn, finish
from augflow.codec import Decoded, decode, encode
from augflow.draw import Streams
from augflow.errors import ImageError, SurroundingsError
from augflow.plan import ORIGINAL, Namer, Unit
from augflow.recipe import Recipe
from augflow.registry import Registry
from augflow.sampling import Photograph
from augflow.sink import open_sink
from augflow.source import open_source
from augflow.transform import Size


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

    Called with (label, key, copy numbers), it makes those copies.

    Args:
        spec: `recipe` (resolved), `source` and `sink` (settings), `plugins` (files).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        cv2.setNumThreads(1)
        self.recipe = Recipe.from_json(spec["recipe"])
        self.source = open_source(spec["source"])
        self.sink = open_sink(spec["sink"])
        registry = Registry(spec["plugins"])
        self.chains = {name: Chain(name, steps, registry) for name, steps in self.recipe.chains.items()}
        self.namer = Namer(self.recipe, {name: chain.digest for name, chain in self.chains.items()})
        self._renders = {name: self._render(chain) for name, chain in self.chains.items()}
        self._plain_render = self._render(None)

    def _render(self, chain: Chain | None) -> str:
        after = chain.steps[chain.fold].name if chain and chain.fold >= 0 else None
        return json.dumps({**dataclasses.asdict(self.recipe.render), "after": after})

    def __call__(self, order: tuple[str, str, tuple[int, ...]]) -> Made:
        label, sample, copies = order
        unit = Unit(label, sample, copies[0], copies[-1] + 1)
        try:
            data = self.source.read(sample)
            decoded = decode(data, self.source.max_pixels)
        except ImageError as error:
            return _aside(error.kind, error.detail)
        parent = {"key": sample, "sha256": hashlib.sha256(data).hexdigest(), "role": "source"}
        photograph = Photograph(decoded.pixels)
        records, outputs = [], []
        for copy in copies:
            try:
                record = self._make(unit, copy, data, decoded, photograph)
            except (SurroundingsError, OSError):
                raise
            except Exception as error:
                return _aside("chain failed", f"copy {copy}: {type(error).__name__}: {error}")
            outputs.append((record["path"], record["size"]))
            records.append(json.dumps(record | {"parents": [parent]}, separators=(",", ":")))
        return Made(records, outputs, sum(size for _, size in outputs), decoded.notes)

    def _make(self, unit: Unit, copy: int, data: bytes, decoded: Decoded, photograph: Photograph) -> dict[str, Any]:
        name = self.namer.chain(unit, copy)
        key, path = self.namer.name(unit, copy, name)
        steps: list[dict[str, Any]] = []
        converted = decoded.notes
        if copy == ORIGINAL and self.recipe.originals == "keep":
            made, render, size, converted = data, None, photograph.size, ()
        else:
            drawn: list[Drawn] = []
            fold = -1
            if name:
                chain = self.chains[name]
                streams = Streams(self.recipe.seed, unit.key, copy)
                entries, drawn = chain.draw(photograph.size, self.recipe.render, streams)
                steps = [entry | {"draw": _text(entry["draw"])} for entry in entries]
                fold = chain.fold
            pixels = finish(photograph, drawn, fold, self.recipe.render)
            made = encode(pixels, self.recipe.render)
            render = self._renders[name] if name else self._plain_render
            size = Size(*pixels.shape[:2])
        self.sink.put(path, made)
        return {
            "path": path,
            "key": key,
            "label": unit.label,
            "copy": copy,
            "sha256": hashlib.sha256(made).hexdigest(),
            "size": len(made),
            "height": size.height,
            "width": size.width,
            "chain": name,
            "steps": steps,
            "render": render,
            "converted": list(converted),
        }


def _aside(kind: str, detail: str) -> Made:
    return Made([], [], 0, (), kind, detail)


def _text(draw: dict[str, Any] | None) -> str | None:
    return None if draw is None else json.dumps(draw)
