"""What a recipe declares of each step: how often it fires, and what it may draw, found by drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augflow.draw import Streams
from augflow.errors import AugflowError
from augflow.registry import Registry
from augflow.report.bounds import bounds
from augflow.report.draws import SEED
from augflow.transform import Size

TIMES = 20_000
"""How often a transform is asked to draw, to learn what it declares."""

_FEW = 50
_SIZES = Size(480, 640), Size(333, 250)


@dataclass
class Declared:
    """One step of a chain as the recipe has it."""

    path: str
    use: str
    """The transform, `one_of`, or `chain NAME`."""
    p: float
    arguments: Mapping[str, Any] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    """What it draws by itself, many times over; of `one_of` the option. Empty where the transform is not known here."""
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The bounds of what it draws, where it is one number."""
    by_size: frozenset[str] = frozenset()
    """Names of what depends on the size of each photograph."""
    unknown: str = ""
    """Why the transform cannot be asked."""


def declared(steps: Sequence[Mapping[str, Any]], registry: Registry, within: str = "") -> Iterator[Declared]:
    """Every step of a resolved chain, inner ones after the one that holds them."""
    for step in steps:
        path = f"{within}{step['name']}"
        if "one_of" in step:
            total = sum(option["weight"] for option in step["one_of"])
            shares = [name for option in step["one_of"] for name in [option["name"]] * _times(option["weight"], total)]
            yield Declared(path, "one_of", step["p"], values={"option": shares})
            yield from declared(step["one_of"], registry, f"{path}/")
        elif "steps" in step:
            yield Declared(path, f"chain {step['chain']}", step["p"])
            yield from declared(step["steps"], registry, f"{path}/")
        else:
            yield _asked(Declared(path, step["use"], step["p"], step["arguments"]), registry)


def _times(weight: float, total: float) -> int:
    return round(TIMES * weight / total) if total else 0


def _asked(step: Declared, registry: Registry) -> Declared:
    """Let the transform draw; what it draws on photographs of two sizes alike does not depend on them."""
    try:
        transform = registry.build(step.use, step.arguments)
        if set(transform.draw(_stream(step, 0), _SIZES[0])) <= {SEED}:
            return step
        on_one = [transform.draw(_stream(step, n), _SIZES[0]) for n in range(TIMES)]
        on_other = [transform.draw(_stream(step, n), _SIZES[1]) for n in range(_FEW)]
        found = bounds(transform, _SIZES[0], step.path)
    except AugflowError as error:
        step.unknown = str(error)
        return step
    for name in on_one[0]:
        if name == SEED:
            continue
        step.values[name] = [draw[name] for draw in on_one]
        if step.values[name][:_FEW] != [draw[name] for draw in on_other]:
            step.by_size |= {name}
        at_bounds = [bound.params[name] for bound in found if isinstance(bound.params.get(name), int | float)]
        if at_bounds and isinstance(step.values[name][0], int | float):
            low, high = min(at_bounds), max(at_bounds)
            if low <= min(step.values[name]) and max(step.values[name]) <= high:  # Else no field bounds it.
                step.ends[name] = (low, high)
    return step


def _stream(step: Declared, number: int) -> Any:
    return Streams(0, "declared", number).at(step.path)
