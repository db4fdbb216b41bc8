"""What transforms say they break is what they do, and a chain that breaks what a class must preserve is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.config.compose import compose
from augflow.draw import Streams
from augflow.errors import RecipeError
from augflow.recipe.json_schema import recipe_schema
from augflow.recipe.reader import read_recipe
from augflow.registry import BUILT_IN, Registry
from augflow.symmetry import SYMMETRIES, turned
from augflow.transform import Size
from augflow.transforms.albumentations import catalogue

REGISTRY = Registry()
SIZE = Size(40, 50)


def breaks(name: str, **arguments: Any) -> set[str]:
    return set(REGISTRY.build(name, arguments).breaks)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_transform_that_ships_says_what_it_breaks(name: str) -> None:
    assert breaks(name) <= set(SYMMETRIES)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if hasattr(REGISTRY.find(name), "matrix")])
def test_geometry_mirrors_and_turns_only_where_it_says(name: str) -> None:
    transform = REGISTRY.build(name, {})
    for copy in range(60):
        matrix = transform.matrix(SIZE, **transform.draw(Streams(0, "sample", copy).at("step"), SIZE))
        mirrored = np.linalg.det(matrix[:2, :2]) < 0
        assert not mirrored or "handedness" in transform.breaks
        up = matrix[:2, :2] @ [0, -1]
        assert up[1] < 0 or "orientation" in transform.breaks


@pytest.mark.parametrize("name", [name for name in BUILT_IN if hasattr(REGISTRY.find(name), "table")])
def test_tables_change_the_order_of_channels_only_where_they_say(name: str) -> None:
    transform = REGISTRY.build(name, {})
    for copy in range(20):
        table = transform.table(**transform.draw(Streams(0, "sample", copy).at("step"), SIZE))
        ordered = table.ndim == 1 and (np.diff(table.astype(int)) >= 0).all()
        assert ordered or "colour" in transform.breaks


def test_what_is_broken_depends_on_the_arguments() -> None:
    assert breaks("flip") == {"handedness"}
    assert breaks("flip", axis="both") == {"orientation"}
    assert breaks("flip", axis="vertical") == breaks("flip", axis="any") == {"orientation", "handedness"}
    assert breaks("rotate", limit=25) == set()
    assert breaks("rotate", limit=46) == breaks("rotate", limit=[0, 90]) == {"orientation"}
    assert breaks("quarter_turns", turns=[0]) == set()
    assert breaks("affine", rotate=90) == {"orientation"}
    assert breaks("hue_saturation", hue=0) == set()
    assert breaks("hue_saturation", hue=0, saturation=[-1, 0]) == breaks("hue_saturation") == {"colour"}
    assert breaks("channel_shift", limit=0) == set()
    assert breaks("albumentations.D4") == {"orientation", "handedness"}
    assert breaks("albumentations.Rotate", limit=[-10, 10]) == set()
    assert breaks("albumentations.Rotate") == breaks("albumentations.Affine", rotate=[-360, 360]) == {"orientation"}
    assert breaks("albumentations.CLAHE") == set()
    assert turned(350, 370) == ()


def test_what_is_listed_of_albumentations_is_there() -> None:
    from augflow.transforms.albumentations_symmetry import _BREAKING, _TURNING

    known = {listed.name for listed in catalogue()}
    assert {name for names in _BREAKING.values() for name in names.split()} - known == set()
    assert set(_TURNING) <= known


def faults(**recipe: Any) -> str:
    chains: dict[str, Any] = {"a": {"flip": {}}, "b": {"colour": {"use": "hue_saturation"}, "a": {}}, "c": {"blur": {}}}
    with pytest.raises(RecipeError) as refused:
        read_recipe({"chains": chains, "chain": "c"} | recipe, REGISTRY)
    return str(refused.value)


def test_a_chain_that_breaks_what_all_must_preserve_is_refused_by_name() -> None:
    said = faults(chain="a", preserve=["handedness"])
    assert said.startswith("recipe.chains.a.flip: flip may change handedness, which all classes must preserve.")
    said = faults(chain="b", preserve=["colour", "handedness"])
    assert "recipe.chains.b.colour: hue_saturation may change colour" in said
    assert "recipe.chains.a.flip: flip may change handedness" in said
    chains: dict[str, Any] = {"a": {"x": {"one_of": {"invert": {}, "blur": {}}}}}
    assert "recipe.chains.a.x.one_of.invert: invert" in faults(chain="a", chains=chains, preserve=["colour"])


def test_a_class_may_ask_for_itself() -> None:
    said = faults(chain="a", classes={"6": {"preserve": ["handedness"]}, "cat": {"target": 3}})
    assert said.count("\n") == 0
    assert 'which class "6" must preserve' in said
    said = faults(preserve=["handedness"], classes={"text": {"chain": "a"}})
    assert 'which class "text" must preserve' in said
    recipe = {"chains": {"a": {"flip": {}}, "c": {"blur": {}}}, "chain": "a"}
    read_recipe(recipe | {"classes": {"6": {"chain": "c", "preserve": ["handedness"]}}}, REGISTRY)
    read_recipe(recipe | {"preserve": ["orientation", "colour"]}, REGISTRY)
    read_recipe({"chains": {"a": {"flip": {"p": 0}}}, "preserve": ["handedness"]}, REGISTRY)


def test_only_known_words_are_taken() -> None:
    assert "Did you mean 'colour'?" in faults(preserve=["color"])
    assert "is not a list of orientation, handedness, colour" in faults(preserve="colour")
    assert "recipe.classes.a.preserve" in faults(classes={"a": {"preserve": [1]}})


def test_a_plugin_that_says_nothing_is_refused_where_it_matters(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Fog:\n    'Fog.'\n\n"
        "    def draw(self, rng, size):\n        return {}\n\n    def table(self):\n        return None\n",
        encoding="utf-8",
    )
    registry = Registry([plugin])
    read_recipe({"chains": {"a": {"fog": {}}}}, registry)
    with pytest.raises(RecipeError, match="fog does not say what it preserves"):
        read_recipe({"chains": {"a": {"fog": {}}}, "preserve": ["colour"]}, registry)


def test_it_is_said_in_a_file_or_on_the_command_line_and_in_the_schema() -> None:
    settings = compose(["source=demo", "+recipe.preserve=[handedness]"])
    with pytest.raises(RecipeError, match="flip may change handedness"):
        read_recipe(settings.recipe, REGISTRY, settings.where)
    schema = recipe_schema(REGISTRY)
    assert schema["properties"]["preserve"]["items"]["enum"] == list(SYMMETRIES)
    assert "preserve" in schema["properties"]["classes"]["additionalProperties"]["properties"]
