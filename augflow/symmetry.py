"""What a chain may change without changing what an image is called: orientation, handedness, colour.

A transform says in `breaks` which of these it may change, as a class attribute, or as a property where its arguments
decide. A recipe says in `preserve` which must hold, for all classes or for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from augflow.registry import Registry

Symmetry: TypeAlias = Literal["orientation", "handedness", "colour"]
Breaks: TypeAlias = tuple[Symmetry, ...]
"""`orientation`: which side is up (6 and 9); `handedness`: left and right (b and d, any text); `colour`: hues."""

SYMMETRIES: tuple[Symmetry, ...] = ("orientation", "handedness", "colour")
UPRIGHT = 45.0
"""Degrees up to which something turned still stands upright."""


def turned(low: float, high: float) -> Breaks:
    """What turning by an angle from `low` to `high` breaks."""
    upright = high - low <= 2 * UPRIGHT and not any(UPRIGHT < angle % 360 < 360 - UPRIGHT for angle in (low, high))
    return () if upright else ("orientation",)


class Broken(NamedTuple):
    """A step that breaks something."""

    path: tuple[str, ...]
    """Its key in the recipe."""
    use: str
    breaks: Breaks | None
    """None where the transform does not say."""


def broken(
    chain: str, steps: Sequence[Mapping[str, Any]], registry: Registry, within: tuple[str, ...] = ()
) -> Iterator[Broken]:
    """Every step of a chain, as `recipe_reader` describes it, that breaks something or does not say."""
    for step in steps:
        path = (*(within or ("chains", chain)), str(step.get("name")))
        if step.get("p") == 0:
            continue
        if "one_of" in step:
            yield from broken(chain, step["one_of"], registry, (*path, "one_of"))
        elif "steps" in step:
            yield from broken(step["chain"], step["steps"], registry)
        elif "arguments" in step:
            breaks = getattr(registry.build(step["use"], step["arguments"]), "breaks", None)
            if breaks is None or breaks:
                yield Broken(path, step["use"], breaks)
