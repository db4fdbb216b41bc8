"""A typo in a recipe is refused, and what was meant is named."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path as Folder
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.config import catalogue, lineage, strict
from augflow.config.compose import compose
from augflow.errors import RecipeError
from augflow.recipe.findings import look
from augflow.recipe.json_schema import recipe_schema
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.transforms.albumentations import catalogue as albumentations

REGISTRY = Registry()
LABELS = ["leaf", "pebble", "shell", "feather", "acorn", "key"]
KNOWN = {*REGISTRY.names(), "p", "use", "one_of", "preserve", *LABELS}
LETTERS = "abcdefghijklmnopqrstuvwxyz_"
Path = tuple[str, ...]

RICH = """\
weights: {soft: 3, hard: 1}
preserve: [colour]
classes:
  feather: {target: 80, preserve: [orientation]}
  pebble: {weights: {hard: 2}}
chains:
  soft:
    albumentations.CLAHE: {clip_limit: [1, 3], tile_grid_size: [4, 4]}
    albumentations.GaussianBlur: {sigma_limit: [0.5, 1]}
    zoom: {scale: [0.9, 1.1], border: nearest}
    tone: {use: albumentations.RandomGamma, gamma_limit: [80, 120]}
  hard:
    soft: {p: 0.5}
    detail: {p: 0.5, one_of: {sharpen: {amount: [0.2, 0.6]}, albumentations.MedianBlur: {blur_limit: 3}}}
    smudge: {use: perspective, scale: [0.02, 0.1]}
"""


def recipes() -> Iterator[dict[str, Any]]:
    for file in sorted(catalogue.conf_dir().glob("recipe/*.yaml")):
        data = lineage.gather(strict.load(file, "recipe"), lineage.shelves()).data
        data["classes"] = {"shell": {"target": 800, "chain": data["chain"], "surplus": "drop", "max_copies": 3}}
        yield data
    yield strict.parse(RICH.encode(), "recipe").data


RECIPES = list(recipes())


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Every key that has one meaning only, and every word that is one of several; whether it is a key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = (*path, key)
            free = isinstance(inner, dict) and {"use", "one_of"} & inner.keys()
            if not free and len(key) > 2:
                yield here, True
            yield from places(inner, here)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, str(number)))
    elif isinstance(value, str):
        yield path, False


def mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    letter = chance.choice(LETTERS)
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return chance.choice(
        [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped]
    )


def at(recipe: Any, path: Path) -> Any:
    for key in path:
        recipe = recipe[int(key) if isinstance(recipe, list) else key]
    return recipe


def with_typo(chance: random.Random) -> tuple[dict[str, Any], str, str]:
    """A recipe with one typo; the word that it was, and the word that it became."""
    while True:
        recipe = copy.deepcopy(chance.choice(RECIPES))
        path, is_key = chance.choice(list(places(recipe)))
        node = at(recipe, path[:-1])
        word = path[-1] if is_key else at(recipe, path)
        typo = mistyped(word, chance)
        if typo in (word, "") or typo in node or typo in KNOWN:
            continue
        if is_key:
            items = [(typo if key == word else key, inner) for key, inner in node.items()]
            node.clear()
            node.update(items)
        else:
            node[int(path[-1]) if isinstance(node, list) else path[-1]] = typo
        # Of a chain's own name the recipe does not know which is right: that of the chain, or where it is chosen.
        return recipe, typo if path[:-1] == ("chains",) else word, typo


def refusal(recipe: dict[str, Any], folder: Folder) -> str:
    """What `augflow check` says of it, on the source of the demo."""
    file = folder / "typo.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return "\n".join(str(finding) for finding in look(file, REGISTRY, LABELS) if finding.level == "error")


def test_what_has_no_typo_is_not_refused(tmp_path: Folder) -> None:
    for recipe in RECIPES:
        assert refusal(recipe, tmp_path) == ""


def test_of_a_hundred_typos_all_are_refused_and_most_are_put_right(tmp_path: Folder) -> None:
    chance = random.Random(5)
    wrong = []
    for _ in range(100):
        recipe, word, typo = with_typo(chance)
        said = refusal(recipe, tmp_path)
        assert said, (word, typo)
        if f"Did you mean '{word}'?" not in said:
            wrong.append((word, typo, said))
    assert len(wrong) <= 10, wrong


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_typo_gets_through(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    recipe, word, typo = with_typo(random.Random(seed))
    assert refusal(recipe, tmp_path_factory.getbasetemp()), (word, typo)


def test_every_name_of_albumentations_is_put_right(tmp_path: Folder) -> None:
    chance = random.Random(7)
    names = [f"albumentations.{listed.name}" for listed in albumentations() if listed.reason is None]
    right = 0
    for name in names:
        typo = mistyped(name, chance)
        said = refusal({"chains": {"a": {"x": {"use": typo}}}}, tmp_path) if typo != name else f"'{name}'"
        assert said, (name, typo)
        right += f"'{name}'" in said
    assert right >= 0.9 * len(names)


@pytest.mark.parametrize("typed", ["albumentation.CLAHE", "albumentations.Claeh", "CLAHE", "Claeh"])
def test_transforms_of_albumentations_are_known_by_their_own_names(typed: str) -> None:
    assert REGISTRY.near(typed) == " Did you mean 'albumentations.CLAHE'?"


def test_what_is_near_nothing_is_not_guessed() -> None:
    assert REGISTRY.near("os.system") == REGISTRY.near("qwertz") == ""


def overridden(chance: random.Random) -> tuple[str, str]:
    """An override of a shipped recipe with one word of its key or its value mistyped; the word that it was."""
    while True:
        name = chance.choice(["balance", "gentle", "strong", "article", "keras"])
        recipe = compose(["source=demo", f"recipe={name}"]).recipe
        path, is_key = chance.choice([place for place in places(recipe) if "preserve" not in place[0]])
        word = path[-1] if is_key else at(recipe, path)
        typo = mistyped(word, chance)
        if not re.fullmatch(r"[a-z]\w*", typo) or typo in KNOWN or (is_key and typo in at(recipe, path[:-1])):
            continue
        key = ".".join(("recipe", *path[:-1], typo if is_key else path[-1]))
        if is_key:
            value = at(recipe, path)
            said = (
                f"~{key}"
                if chance.random() < 0.3
                else f"{key}={'{}' if isinstance(value, dict) else json.dumps(value)}"
            )
            return f"recipe={name} {said}", word
        return f"recipe={name} {key}={typo}", word


def test_typos_in_overrides_are_refused_and_most_are_put_right() -> None:
    chance = random.Random(9)
    wrong = []
    for _ in range(40):
        typed, word = overridden(chance)
        choice, _, override = typed.partition(" ")
        with pytest.raises(RecipeError) as refused:
            read_recipe(compose(["source=demo", choice, override]).recipe, REGISTRY)
        if f"Did you mean '{word}'?" not in str(refused.value):
            wrong.append((typed, str(refused.value)))
    assert len(wrong) <= 4, wrong


def test_the_schema_sees_most_typos_too() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the extra `test` brings an independent validator")
    validator = jsonschema.Draft202012Validator(recipe_schema(REGISTRY))
    chance = random.Random(6)
    found = [validator.is_valid(recipe) for recipe, _, _ in (with_typo(chance) for _ in range(30))]
    assert found.count(False) >= 24
