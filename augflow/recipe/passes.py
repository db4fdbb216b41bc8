"""Say in words what a chain compiles to: which steps share one pass over the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from augflow.engine.chain import Chain, Node, OneOf, Step
from augflow.engine.render import Render
from augflow.transform import Border, Fill

_Edge: TypeAlias = tuple[Border, Fill]
_Pass: TypeAlias = tuple[str, _Edge | None, list[str]]


def passes_of(chain: Chain, render: Render) -> list[str]:
    """One line for each pass over the pixels, when every step fires."""
    passes: list[_Pass] = []
    if chain.fold < 0:
        _add_render(passes, render)
    for number, step in enumerate(chain.steps):
        for way, border, name in _ways(step):
            _add(passes, way, border, name)
        if number == chain.fold:
            _add_render(passes, render)
    return [f"{_PASSES[way]}: {' × '.join(names)}" for way, _, names in passes] or ["nothing changes the pixels"]


_PASSES = {
    "geometry": "sampled once",
    "point-wise": "looked up in one table",
    "pixel-wise": "applied",
    "drawn": "as drawn, one of",
}


def _add(passes: list[_Pass], way: str, border: _Edge | None, name: str) -> None:
    if passes and way in ("geometry", "point-wise") and passes[-1][0] == way:
        _, known, names = passes[-1]
        if border is None or known is None or border == known:
            passes[-1] = (way, known or border, [*names, name])
            return
    passes.append((way, border, [name]))


def _add_render(passes: list[_Pass], render: Render) -> None:
    if render.size is not None:
        size = render.size if isinstance(render.size, int) else "×".join(map(str, render.size))
        edge = (render.border, render.fill) if render.fit == "pad" else None
        _add(passes, "geometry", edge, f"render to {size} ({render.fit})")


def _ways(step: Node) -> Iterator[tuple[str, _Edge | None, str]]:
    if isinstance(step, OneOf):
        yield "drawn", None, f"{step.name} ({', '.join(option.name for option in step.options)})"
    elif isinstance(step, Step):
        way = "geometry" if hasattr(step.transform, "matrix") else "pixel-wise"
        way = "point-wise" if hasattr(step.transform, "table") else way
        border = getattr(step.transform, "border", None)
        edge = (border, getattr(step.transform, "fill", 0)) if border else None
        yield way, edge, step.name if step.p == 1 else f"{step.name} (p {step.p:g})"
    else:
        for inner in step.steps:
            yield from _ways(inner)
