"""Find beforehand what cannot be decoded, as a run finds it while it works, so that both plan the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from augflow.engine.codec import open_image
from augflow.errors import ImageError
from augflow.online.ahead import ahead
from augflow.online.rendering import read
from augflow.plan.census import Census, take_census
from augflow.plan.plan import Plan
from augflow.recipe.recipe import Recipe
from augflow.source import Aside, Source

_AT_ONCE = 64


def settled(
    recipe: Recipe, source: Source, check: bool, workers: int, seen: Callable[[int], None]
) -> tuple[Census, Plan, list[Aside]]:
    """Take the census and plan by it; with `check`, anew until all that the plan asks for can be decoded.

    Returns:
        census, plan, and what was set aside, in order of its keys.
    """
    census = take_census(source)
    plan = Plan(recipe, census)
    aside = list(census.aside)
    checked: set[str] = set()
    bad: dict[str, Aside] = {}
    while check:
        asked = (unit.key for unit in plan.units() if unit.label in plan.classes and unit.split == census.split)
        before = len(bad)
        bad |= {fault.key: fault for fault in _faults(source, asked, checked, workers, seen)}
        if len(bad) == before:
            break
        census = take_census(source, frozenset(bad))
        plan = Plan(recipe, census)
    return census, plan, sorted([*aside, *bad.values()])


def _faults(
    source: Source, keys: Iterable[str], checked: set[str], workers: int, seen: Callable[[int], None]
) -> Iterator[Aside]:
    def look(key: str) -> Aside | None:
        try:
            open_image(read(source, key), source.max_pixels).check()
        except ImageError as error:
            return Aside(key, error.kind, error.detail)
        return None

    def fresh() -> Iterator[str]:
        for key in keys:
            if key not in checked:
                checked.add(key)
                yield key

    for fault in ahead(look, fresh(), workers, _AT_ONCE):
        seen(len(checked))
        if fault:
            yield fault
