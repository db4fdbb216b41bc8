"""Recipes and censuses of a few samples, as tests of plans and of names need them."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from augflow.engine.render import Render
from augflow.plan import target
from augflow.plan.census import Census, Keys
from augflow.recipe.recipe import Originals, Recipe, Rule, Surplus

ORIGINALS: tuple[Originals, ...] = ("keep", "render", "augment", "omit")
Classes = Mapping[str, int | list[str]]

counts = st.dictionaries(st.sampled_from(["hat", "shoe", "no", "0012"]), st.integers(0, 12), min_size=1)


def recipe(
    aim: object = "max",
    max_copies: int = 20,
    surplus: Surplus = "keep",
    originals: Originals = "augment",
    seed: int = 0,
    weights: Mapping[str, float] | None = None,
    **classes: Rule,
) -> Recipe:
    rule = Rule(target.parse(aim), tuple((weights or {"gentle": 1.0}).items()), surplus, max_copies)
    return Recipe(seed, originals, rule, classes, {}, Render(), {})


def census(classes: Classes) -> Census:
    found = Census({label: Keys() for label in classes})
    for label, samples in classes.items():
        names = [f"{number}.jpg" for number in range(samples)] if isinstance(samples, int) else samples
        for name in names:
            found.classes[label].append(f"{label}/{name}")
    return found
