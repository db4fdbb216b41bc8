"""A typo in a recipe is refused, and what was meant is named."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.config import catalogue, lineage, strict
from augflow.recipe.json_schema import recipe_schema
from augflow.recipe.reader import FaultyRecipeError, read_recipe
from augflow.registry import Registry

REGISTRY = Registry()
KNOWN = {*REGISTRY.names(), "p", "use", "one_of"}
LETTERS = "abcdefghijklmnopqrstuvwxyz_"
Path = tuple[str, ...]


def shipped() -> Iterator[dict[str, Any]]:
    for file in sorted(catalogue.conf_dir().glob("recipe/*.yaml")):
        data = lineage.gather(strict.load(file, "recipe"), lineage.shelves()).data
        data["classes"] = {"hat": {"target": 800, "chain": data["chain"], "surplus": "drop", "max_copies": 3}}
        yield data


RECIPES = list(shipped())


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Every key that has one meaning only, and every word that is one of several; whether it is a key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = (*path, key)
            free = path in (("classes",), ("chains",)) or (isinstance(inner, dict) and {"use", "one_of"} & inner.keys())
            if not free and len(key) > 2:
                yield here, True
            yield from places(inner, here)
    elif isinstance(value, str):
        yield path, False


def mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    letter = chance.choice(LETTERS)
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return chance.choice(
        [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped]
    )


def with_typo(chance: random.Random) -> tuple[dict[str, Any], str, str]:
    """A shipped recipe with one typo; the word that it was, and the word that it became."""
    while True:
        recipe = copy.deepcopy(chance.choice(RECIPES))
        path, is_key = chance.choice(list(places(recipe)))
        node: Any = recipe
        for key in path[:-1]:
            node = node[key]
        word = path[-1] if is_key else node[path[-1]]
        typo = mistyped(word, chance)
        if typo in (word, "") or typo in node or typo in KNOWN:
            continue
        if is_key:
            items = [(typo if key == word else key, inner) for key, inner in node.items()]
            node.clear()
            node.update(items)
        else:
            node[path[-1]] = typo
        return recipe, word, typo


def refusal(recipe: dict[str, Any]) -> str:
    try:
        read_recipe(recipe, REGISTRY)
    except FaultyRecipeError as error:
        return str(error)
    return ""


def test_of_a_hundred_typos_all_are_refused_and_most_are_put_right() -> None:
    chance = random.Random(5)
    right = 0
    for _ in range(100):
        recipe, word, typo = with_typo(chance)
        said = refusal(recipe)
        assert said, (word, typo)
        right += f"Did you mean '{word}'?" in said
    assert right >= 90


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_typo_gets_through(seed: int) -> None:
    recipe, word, typo = with_typo(random.Random(seed))
    assert refusal(recipe), (word, typo)


def test_the_schema_sees_most_typos_too() -> None:
    import pytest

    jsonschema = pytest.importorskip("jsonschema", reason="the extra `test` brings an independent validator")
    validator = jsonschema.Draft202012Validator(recipe_schema(REGISTRY))
    chance = random.Random(6)
    found = [validator.is_valid(recipe) for recipe, _, _ in (with_typo(chance) for _ in range(30))]
    assert found.count(False) >= 24
