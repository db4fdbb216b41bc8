"""What was drawn, in words: "rotate: angle −12.3"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SEED = "seed"
"""A drawn number that stands for noise; nobody reads anything off it."""

_LONGEST = 4


def fired(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name every transform that fired with its draw; `entries` are the steps of a record."""
    return [say(entry["step"], draw_of(entry)) for entry in entries if entry["fired"] and entry["arguments"]]


def silent(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the steps that did not fire."""
    return [entry["step"] for entry in entries if not entry["fired"]]


def draw_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a step drew: in a record it stands as JSON text."""
    draw = entry["draw"]
    return (json.loads(draw) if isinstance(draw, str) else draw) or {}


def say(step: str, draw: Mapping[str, Any]) -> str:
    """A step with its draw, as people write them."""
    told = [f"{name} {value(of)}" for name, of in draw.items() if name != SEED]
    return f"{step}: {', '.join(told)}" if told else step


def value(of: Any) -> str:
    """A drawn value; numbers to three digits, long lists cut short."""
    if isinstance(of, bool) or of is None:
        return {True: "yes", False: "no", None: "none"}[of]
    if isinstance(of, int | float):
        return number(of)
    if isinstance(of, list):
        shown = " ".join(value(item) for item in of[:_LONGEST])
        return f"[{shown}{' …' if len(of) > _LONGEST else ''}]"
    return str(of)


def number(of: float) -> str:
    """Three digits and a real minus sign."""
    if isinstance(of, int) or of == int(of):
        return f"{int(of):,}".replace("-", "−").replace(",", "\u202f") if abs(of) < 1e15 else f"{of:.2e}"
    return f"{of:.3g}".replace("-", "−")


def numbers(of: Any) -> Iterator[float]:
    """Every number in a drawn value, lists unfolded."""
    if isinstance(of, list):
        for item in of:
            yield from numbers(item)
    elif isinstance(of, int | float) and not isinstance(of, bool):
        yield of
