"""A chain, built from its description: draw its steps for one output, then perform what was drawn.

The description is plain JSON, checked before (`recipe/reader.py`): a list of steps, each with `name` and `p` and one of
`use` (a transform, with `arguments`), `one_of` (steps, with `weight` each) and `steps` (another chain's, named by
`chain`).
"""

from __future__ import annotations

import bisect
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow import markup
from augflow.draw import Streams, digest
from augflow.engine.render import Render
from augflow.errors import PluginError
from augflow.registry import Registry
from augflow.transform import Image, Params, Pixels, Size

if TYPE_CHECKING:
    from augflow.engine.canvas import Canvas
    from augflow.engine.sampling import Photograph

Description = Mapping[str, Any]
Entry = dict[str, Any]
"""What the record keeps of a step: `step` (its path), `transform`, `version`, `arguments`, `fired` and its `draw`."""


class Drawn(NamedTuple):
    """A transform with its draw, and the number of the top-level step it came from."""

    step: int
    transform: Any
    params: Params


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
        drawn.append(Drawn(number, self.transform, params))
        return _resized(self.transform, size, params)


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


def _resized(transform: Any, size: Size, params: Params) -> Size:
    return Size(*transform.resized(size, **params)) if hasattr(transform, "resized") else size


def finish(photograph: Photograph, drawn: Sequence[Drawn], fold: int, render: Render) -> Pixels:
    """Perform `drawn` on a photograph, with the render's crop and resize after top-level step number `fold`."""
    laid = Laid(photograph, drawn, fold, render)
    while laid.waits():
        laid.carry_on()
    return laid.pixels()


class Laid:
    """What `finish` does, got as far as can be without touching a pixel, then carried out pass by pass."""

    def __init__(self, photograph: Photograph, drawn: Sequence[Drawn], fold: int, render: Render) -> None:
        from augflow.engine.canvas import Canvas

        self._canvas = Canvas(photograph)
        self._laying = _lay_all(self._canvas, drawn, fold, render)
        self._touches = next(self._laying)

    def waits(self) -> bool:
        """Whether a pass waits to be carried out."""
        return self._touches or self._canvas.waits()

    def carry_on(self) -> None:
        """Carry out one pass."""
        if self._canvas.waits():
            self._canvas.carry_on()
        else:
            self._touches = next(self._laying)

    def pixels(self) -> Pixels:
        """As they are once no pass waits."""
        return self._canvas.pixels()


def _lay_all(canvas: Canvas, drawn: Sequence[Drawn], fold: int, render: Render) -> Iterator[bool]:
    """Lay steps and render; yield True before each step that touches pixels, False in the end."""
    before = [step for step in drawn if step.step <= fold]
    yield from _lay(canvas, before)
    _fit(canvas, render)
    yield from _lay(canvas, drawn[len(before) :])
    _fit(canvas, render)
    yield False


def perform(image: Image, drawn: Iterable[tuple[Any, Params]]) -> Image:
    """Perform transforms with their draws on an image, fused as in a chain; the input is left as it was."""
    from augflow.engine.canvas import Canvas, image_of, pixels_of
    from augflow.engine.sampling import Photograph

    canvas = Canvas(Photograph(pixels_of(image)))
    for _ in _lay(canvas, [Drawn(0, transform, params) for transform, params in drawn]):
        pass
    return image_of(canvas.pixels())


def _fit(canvas: Canvas, render: Render) -> None:
    size, target = canvas.size, render.target(canvas.size)
    if target != size:
        canvas.move(render.matrix(size), target, render.border if render.fit == "pad" else None, render.fill)


def _lay(canvas: Canvas, drawn: Iterable[Drawn]) -> Iterator[bool]:
    """Lay steps onto a canvas; before each that touches pixels yield True."""
    for step in drawn:
        transform, params = step.transform, step.params
        if canvas.gray and getattr(transform, "colour_only", False):
            continue
        if hasattr(transform, "matrix"):
            size = canvas.size
            canvas.move(
                transform.matrix(size, **params),
                _resized(transform, size, params),
                getattr(transform, "border", None),
                getattr(transform, "fill", 0),
            )
        elif hasattr(transform, "table"):
            canvas.look_up(_gray_or_colour(transform.table(**params), canvas.gray))
        elif hasattr(transform, "apply"):
            yield True
            canvas.apply(transform, params)
        else:
            raise PluginError(f"The transform {type(transform).__name__} has none of matrix, table, apply.")


def _gray_or_colour(table: Any, gray: bool) -> Any:
    return table[:, 1] if gray and table.ndim == 2 else table
