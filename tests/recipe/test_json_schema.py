"""The JSON Schema of recipes: complete, never stricter than the reader, and kept in conf/."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from augflow import registry
from augflow.cli import main
from augflow.config import catalogue, strict
from augflow.errors import RecipeError
from augflow.recipe.json_schema import chain_schema, recipe_schema, written
from augflow.recipe.reader import read_recipe
from augflow.registry import BUILT_IN, Registry
from augflow.schema import json_schema
from augflow.transforms.albumentations import catalogue as albumentations

jsonschema = pytest.importorskip("jsonschema", reason="the extra `test` brings an independent validator")

CONF = catalogue.conf_dir()
SHIPPED = sorted(CONF.glob("recipe/*.yaml")) + sorted(CONF.glob("chain/*.yaml"))


@pytest.fixture(scope="module")
def shipped_only() -> Iterator[Registry]:
    """The transforms that ship, whatever else is installed here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "offered", lambda group: ())
        yield Registry()


@pytest.fixture(scope="module")
def schema(shipped_only: Registry) -> dict[str, Any]:
    return recipe_schema(shipped_only)


@pytest.fixture(scope="module")
def validators(schema: dict[str, Any], shipped_only: Registry) -> dict[str, Any]:
    made = {"recipe": schema, "chain": chain_schema(shipped_only)}
    return {kind: jsonschema.Draft202012Validator(one) for kind, one in made.items()}


def kind_of(file: Path) -> strict.Kind:
    return "recipe" if file.parent.name == "recipe" else "chain"


def test_it_is_a_schema_of_its_dialect(validators: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(validators["recipe"].schema)
    assert validators["chain"].schema["$defs"] == validators["recipe"].schema["$defs"]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_ships_is_valid_and_names_its_schema(file: Path, validators: dict[str, Any]) -> None:
    validators[kind_of(file)].validate(strict.load(file, kind_of(file)).data)
    line = next(line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(catalogue.MODELINE))
    assert (file.parent / line.removeprefix(catalogue.MODELINE)).resolve() == CONF / f"{kind_of(file)}.schema.json"
    assert "yaml-language-server" not in catalogue.purpose(file)
    assert catalogue.purpose(file)


def test_the_first_line_may_be_for_the_editor(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{catalogue.MODELINE}x.json\n# For cats.\nseed: 1\n", encoding="utf-8")
    assert catalogue.purpose(file) == "For cats."


def test_the_schema_beside_the_recipes_is_the_one_of_today(schema: dict[str, Any], checkout: Path) -> None:
    kept = json.loads((CONF / "recipe.schema.json").read_text(encoding="utf-8"))
    assert kept == schema, "run: augflow schema > conf/recipe.schema.json (with no plugin installed)"
    assert written(schema).count("\n") == len(schema["$defs"]) + 3
    assert json.loads(written(schema)) == schema
    assert json.loads((CONF / "chain.schema.json").read_text(encoding="utf-8"))["$ref"] == (
        "recipe.schema.json#/$defs/chain"
    )


def test_every_argument_of_every_transform_is_there(schema: dict[str, Any], shipped_only: Registry) -> None:
    usable = [f"albumentations.{listed.name}" for listed in albumentations() if listed.reason is None]
    assert len(usable) > 90
    for name in (*BUILT_IN, *usable):
        cls = shipped_only.find(name)
        step = schema["$defs"][name]
        assert step["description"] == schema["$defs"]["chain"]["properties"][name]["description"], name
        assert step["description"], name
        own = json_schema(cls).get("properties", {})
        assert set(step["properties"]) == {*own, "use", "p", "weight"}, name
        assert step["properties"]["p"]["default"] == getattr(cls, "p", 1)
        for argument, field in own.items():
            told = step["properties"][argument]
            said, _, allowed = told["description"].partition("Allowed: ")
            assert said, (name, argument)
            assert allowed, (name, argument)
            assert ("default" in told) == ("default" in field)
            for bound in ("minimum", "maximum", "exclusiveMinimum", "minItems", "maxItems"):
                assert told.get(bound) == field.get(bound), (name, argument)
    assert "degrees, at most 180" in schema["$defs"]["rotate"]["properties"]["limit"]["description"]
    assert "kernel size" in schema["$defs"]["albumentations.Blur"]["properties"]["blur_limit"]["description"]


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            for key, value in part.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(part, list):
            for item in part:
                yield from references(item)

    for reference in set(references(schema)):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


CHAINS: dict[str, Any] = {
    "a": {"flip": {}},
    "b": {"rotate": {"limit": [-3, 5]}, "a": {"p": 0.5}, "again": {"use": "a"}},
}
GOOD: dict[str, dict[str, Any]] = {
    "least": {},
    "seed": {"seed": 2**63 - 1, "version": 1},
    "count": {"target": 500},
    "word": {"target": "not majority"},
    "share": {"target": "0.8max"},
    "multiple": {"target": "1.5x"},
    "count as a text": {"target": "500"},
    "weights": {"weights": {"a": 3, "b": 0.5}},
    "class": {"classes": {"hat": {"target": 8, "chain": "b", "surplus": "drop", "max_copies": 0}}},
    "nothing": {"classes": None, "weights": None, "render": None},
    "render": {"render": {"size": [224, 200], "format": "png", "fit": "pad"}},
    "one_of": {"chains": {"a": {"x": {"one_of": {"blur": {"weight": 2}, "y": {"use": "sharpen"}}, "p": 0.2}}}},
    "use": {"chains": {"a": {"rotate": {"use": "blur", "sigma": [1, 2]}}}},
    "null step": {"chains": {"a": {"flip": None, "b": None}, "b": {"flip": {}}}},
    "albumentations": {"chains": {"a": {"albumentations.CLAHE": {"clip_limit": [1, 3]}}}},
    "albumentations by use": {"chains": {"a": {"x": {"use": "albumentations.Blur", "blur_limit": 5}}}},
}
BAD: dict[str, dict[str, Any]] = {
    "key": {"taget": 5},
    "version": {"version": 2},
    "target": {"target": "most"},
    "negative": {"target": -1},
    "seed": {"seed": -1},
    "originals": {"originals": "kept"},
    "rule": {"classes": {"hat": {"originals": "keep"}}},
    "a number for a class": {"classes": {"hat": 5}},
    "render": {"render": {"quality": 101}},
    "argument": {"chains": {"a": {"rotate": {"limt": 3}}}},
    "bound": {"chains": {"a": {"rotate": {"limit": 181}}}},
    "type": {"chains": {"a": {"rotate": {"limit": "5"}}}},
    "pair": {"chains": {"a": {"rotate": {"limit": [1, 2, 3]}}}},
    "argument by use": {"chains": {"a": {"x": {"use": "rotate", "limt": 3}}}},
    "bound by use": {"chains": {"a": {"x": {"use": "rotate", "limit": 181}}}},
    "p": {"chains": {"a": {"rotate": {"p": 1.5}}}},
    "weight outside one_of": {"chains": {"a": {"rotate": {"weight": 2}}}},
    "weight by use outside one_of": {"chains": {"a": {"x": {"use": "rotate", "weight": 2}}}},
    "no transform": {"chains": {"a": {"rotat": {"limit": 3}}}},
    "one_of with arguments": {"chains": {"a": {"x": {"one_of": {"blur": {}}, "limit": 3}}}},
    "one_of and use": {"chains": {"a": {"x": {"use": "blur", "one_of": {"blur": {}}}}}},
    "one_of of nothing": {"chains": {"a": {"x": {"one_of": {}}}}},
    "bound in one_of": {"chains": {"a": {"x": {"one_of": {"rotate": {"limit": 181}}}}}},
    "albumentations": {"chains": {"a": {"albumentations.CLAHE": {"clip": 3}}}},
    "refused albumentations": {"chains": {"a": {"albumentations.Normalize": {"mean": [0.5]}}}},
}


def test_a_recipe_that_extends_another_is_valid(validators: dict[str, Any]) -> None:
    dropped = {"hat": None}
    steps = {"flip": None, "albumentations.Resize": None, "x": {"one_of": {"blur": None}}}
    recipe = {"extends": "balance", "classes": dropped, "weights": dropped, "chains": {"gentle": steps, "b": None}}
    validators["recipe"].validate(recipe)
    assert not validators["recipe"].is_valid({"extends": "../balance"})


def whole(recipe: dict[str, Any]) -> dict[str, Any]:
    made = {"chain": "a", "chains": copy.deepcopy(CHAINS)} | copy.deepcopy(recipe)
    if recipe.get("weights"):
        del made["chain"]
    return made


@pytest.mark.parametrize("name", GOOD)
def test_what_the_reader_accepts_is_valid(name: str, validators: dict[str, Any], shipped_only: Registry) -> None:
    recipe = whole(GOOD[name])
    read_recipe(recipe, shipped_only)
    validators["recipe"].validate(recipe)
    for chain in recipe["chains"].values():
        validators["chain"].validate(chain)


@pytest.mark.parametrize("name", BAD)
def test_what_is_invalid_is_refused_by_the_reader_too(
    name: str, validators: dict[str, Any], shipped_only: Registry
) -> None:
    recipe = whole(BAD[name])
    assert not validators["recipe"].is_valid(recipe)
    with pytest.raises(RecipeError):
        read_recipe(recipe, shipped_only)


def test_the_verb_prints_it_with_the_operators_plugins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom typing import Annotated\nimport annotated_types as at\n\n"
        '@dataclass(frozen=True)\nclass Fog:\n    """Blend towards gray.\n\n    `density`: share of fog.\n    """\n\n'
        "    density: Annotated[float, at.Ge(0), at.Le(1)] = 0.3\n\n"
        "    def draw(self, rng, size):\n        return {}\n\n    def table(self):\n        return None\n",
        encoding="utf-8",
    )
    assert main(["schema", f"plugins=[{plugin}]"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["$defs"]["fog"]["properties"]["density"] == {
        "default": 0.3,
        "description": "`density`: share of fog. Allowed: a number from 0 to 1. Default: 0.3.",
        "maximum": 1,
        "minimum": 0,
        "type": "number",
    }
    assert main(["schema", "chain"]) == 0
    assert json.loads(capsys.readouterr().out)["$ref"] == "#/$defs/chain"
    assert main(["schema", "chian"]) == 2
    assert "Did you mean 'chain'?" in capsys.readouterr().err
