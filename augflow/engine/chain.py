"""A chain, built from its description, draws its steps for one output.

The description is plain JSON, checked before (`recipe/reader.py`): a list of steps, each with `name` and `p` and one of
`use` (a transform, with `arguments`), `one_of` (steps, with `weight` each) and `steps` (another chain's, named by
`chain`).
"""

from __future__ import annotations

import bisect
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from augflow import markup
from augflow.draw import Streams, digest
from augflow.engine.render import Render
from augflow.registry import Registry
from augflow.transform import Params, Size

Description = Mapping[str, Any]
Entry = dict[str, Any]
"""What the record keeps of a step: `step` (its path), `transform`, `version`, `arguments`, `fired` and its `draw`."""

Drawn: TypeAlias = tuple[int, Any, Params]
"""The number of the top-level step that a transform came from, the transform, and its draw."""


@dataclass(frozen=True)
class Step:
    """One transform, with its probability."""

    name: str
    path: str
    p: float
    use: str
    arguments: str
    """As JSON text, for the record."""
    transform: Any

    @property
    def version(self) -> int:
        return int(getattr(self.transform, "version", 1))

    def is_geometric(self) -> bool:
        return hasattr(self.transform, "matrix") or bool(getattr(self.transform, "geometric", False))

    @cached_property
    def idle(self) -> Entry:
        """The entry of the record where the step does not fire."""
        return _entry(self.path, self.use, self.version, self.arguments)

    def draw(self, number: int, size: Size, streams: Streams, entries: list[Entry], drawn: list[Drawn]) -> Size:
        if streams.chance(self.path) >= self.p:
            entries.append(self.idle.copy())
            return size
        params = self.transform.draw(streams.generator(), size)
        entries.append({**self.idle, "fired": True, "draw": params})
        drawn.append((number, self.transform, params))
        return resized(self.transform, size, params)


@dataclass(frozen=True)
class OneOf:
    """Steps of which one is drawn, by weight."""

    name: str
    path: str
    p: float
    options: tuple[Node, ...]
    bounds: tuple[float, ...]
    """Weights, added up."""

    def choose(self, chance: float) -> Node:
        return self.options[bisect.bisect_right(self.bounds, chance * self.bounds[-1], hi=len(self.options) - 1)]

    def draw(self, number: int, size: Size, streams: Streams, entries: list[Entry], drawn: list[Drawn]) -> Size:
        entry = _entry(self.path, "one_of", 1)
        entries.append(entry)
        if streams.chance(self.path) >= self.p:
            return size
        chosen = self.choose(streams.generator().random())
        entry |= {"fired": True, "draw": {"option": chosen.name}}
        return chosen.draw(number, size, streams, entries, drawn)

    def is_geometric(self) -> bool:
        return any(option.is_geometric() for option in self.options)


@dataclass(frozen=True)
class Nested:
    """The steps of another chain, all or none."""

    name: str
    path: str
    p: float
    chain: str
    steps: tuple[Node, ...]

    def is_geometric(self) -> bool:
        return any(step.is_geometric() for step in self.steps)

    def draw(self, number: int, size: Size, streams: Streams, entries: list[Entry], drawn: list[Drawn]) -> Size:
        entry = _entry(self.path, f"chain {self.chain}", 1)
        entries.append(entry)
        if streams.chance(self.path) >= self.p:
            return size
        entry |= {"fired": True, "draw": {}}
        for step in self.steps:
            size = step.draw(number, size, streams, entries, drawn)
        return size


Node = Step | OneOf | Nested


class Chain:
    """Named steps in their order, ready to draw."""

    def __init__(self, name: str, description: Sequence[Description], registry: Registry) -> None:
        self.name = name
        self._description = description
        self.steps = tuple(_build(step, registry) for step in description)
        self.digest = digest(json.dumps(list(description), sort_keys=True), *_versions(self.steps)).hex()
        self.fold = max((i for i, step in enumerate(self.steps) if step.is_geometric()), default=-1)
        """The top-level step after which the render takes place: the last that can move pixels, fired or not."""

    def _repr_html_(self) -> str:
        columns = ("step", "transform", "p", "arguments")
        return markup.shown(f"Chain {self.name}", columns, markup.steps(self._description))

    def draw(self, size: Size, render: Render, streams: Streams) -> tuple[list[Entry], list[Drawn]]:
        """Draw every step for one output of a photograph of `size`; return entries for the record, and the draws."""
        entries: list[Entry] = []
        drawn: list[Drawn] = []
        for number, step in enumerate(self.steps):
            if number == self.fold + 1:
                size = render.target(size)
            size = step.draw(number, size, streams, entries, drawn)
        return entries, drawn


def _build(step: Description, registry: Registry, within: str = "") -> Node:
    name, p = step["name"], step["p"]
    path = f"{within}{name}"
    if "one_of" in step:
        options = tuple(_build(option, registry, f"{path}/") for option in step["one_of"])
        return OneOf(name, path, p, options, tuple(itertools.accumulate(option["weight"] for option in step["one_of"])))
    if "steps" in step:
        steps = tuple(_build(inner, registry, f"{path}/") for inner in step["steps"])
        return Nested(name, path, p, step["chain"], steps)
    use, arguments = step["use"], step["arguments"]
    return Step(name, path, p, use, json.dumps(arguments), registry.build(use, arguments))


def _versions(steps: Iterable[Node]) -> list[int]:
    found: list[int] = []
    for step in steps:
        if isinstance(step, Step):
            found.append(step.version)
        else:
            found += _versions(step.options if isinstance(step, OneOf) else step.steps)
    return found


def _entry(path: str, transform: str, version: int, arguments: str | None = None) -> Entry:
    """The entry of a step that does not fire."""
    return {
        "step": path,
        "transform": transform,
        "version": version,
        "arguments": arguments,
        "fired": False,
        "draw": None,
    }


def resized(transform: Any, size: Size, params: Params) -> Size:
    """The size that an image of `size` has after a transform."""
    return Size(*transform.resized(size, **params)) if hasattr(transform, "resized") else size
