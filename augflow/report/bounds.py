"""The bounds of what a transform may draw, read off its fields.

A field that holds a range (`Ascending` in its type) or a limit x, which stands for (-x, x), is narrowed to either end:
what such a variant draws lies at that bound, and pixels follow as ever. One such field gives two variants, two give the
four corners; with more each goes to both ends while the others stay in the middle, and all of them go together.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from augflow.draw import Streams
from augflow.errors import AugflowError
from augflow.report.draws import SEED
from augflow.transform import Ascending, Params, Size, span

_TRIES = 32
_FEW = 4
_ENDINGS = ("limit", "_range")
"""How albumentations calls the arguments that hold a range."""

Pair = tuple[float, float]


class Bound(NamedTuple):
    """A transform with a draw at a bound of it; `at` says which, where a field tells."""

    at: str
    transform: Any
    params: Params


def bounds(transform: Any, size: Size, key: str) -> list[Bound]:
    """Every bound of a transform on an image of `size`; a few different draws where no field holds a range.

    Args:
        key: names the streams for what else is drawn.
    """
    ranges = ranges_of(transform)
    found = []
    for at in _ends(ranges):
        variant = _narrowed(transform, {**{name: (_middle(*pair),) * 2 for name, pair in ranges.items()}, **at})
        if variant is not None:
            told = ", ".join(f"{name} {pair[0]:g}".replace("-", "−") for name, pair in at.items())
            found.append(Bound(told, variant, variant.draw(Streams(0, key, 0).at(told), size)))
    return found or _different(transform, size, key)


def ranges_of(transform: Any) -> dict[str, Pair]:
    """The arguments of a transform that hold a range from one number to a larger one."""
    if not dataclasses.is_dataclass(transform):
        return {
            name: (pair[0], pair[1])
            for name, pair in getattr(transform, "arguments", {}).items()
            if name.endswith(_ENDINGS) and _is_range(pair)
        }
    hints = get_type_hints(type(transform), include_extras=True)
    found = {}
    for field in dataclasses.fields(transform):
        value = getattr(transform, field.name)
        if _ascends(hints[field.name]) and (isinstance(value, int | float) or _is_range(value)):
            low, high = span(value)
            if low < high:
                found[field.name] = (low, high)
    return found


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(end, int | float) and not isinstance(end, bool) for end in value)
        and value[0] < value[1]
    )


def _ascends(hint: Any) -> bool:
    if get_origin(hint) is Annotated and Ascending in hint.__metadata__:
        return True
    return any(map(_ascends, get_args(hint)))


def _ends(ranges: Mapping[str, Pair]) -> Iterator[dict[str, Pair]]:
    if not ranges:
        return
    if len(ranges) <= 2:
        for ends in itertools.product((0, 1), repeat=len(ranges)):
            yield {name: (pair[end],) * 2 for (name, pair), end in zip(ranges.items(), ends, strict=True)}
        return
    for name, pair in ranges.items():
        yield from ({name: (value, value)} for value in pair)
    for end in (0, 1):
        yield {name: (pair[end],) * 2 for name, pair in ranges.items()}


def _middle(low: float, high: float) -> float:
    if isinstance(low, int) and isinstance(high, int):
        return (low + high) // 2
    return math.sqrt(low * high) if low > 0 else (low + high) / 2


def _narrowed(transform: Any, fields: Mapping[str, Pair]) -> Any:
    """A transform with other ranges; None where it does not take them."""
    if dataclasses.is_dataclass(transform):
        return dataclasses.replace(transform, **fields)  # type: ignore[type-var]
    try:
        return type(transform)(**{**transform.arguments, **fields})
    except AugflowError:
        return None


def _different(transform: Any, size: Size, key: str) -> list[Bound]:
    found: dict[str, Bound] = {}
    for number in range(_TRIES):
        params = transform.draw(Streams(0, key, number).at("bound"), size)
        known = {name: value for name, value in params.items() if name != SEED} or (params and number < 2 and params)
        found.setdefault(str(known), Bound("", transform, params))
    return list(found.values())[:_FEW]
