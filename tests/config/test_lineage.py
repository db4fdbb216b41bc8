"""Recipes that build on others: what a child changes, adds, drops, and how circles and missing parents are told."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from augflow.cli import main
from augflow.config import catalogue, lineage, strict
from augflow.config.compose import compose
from augflow.errors import RecipeError

SHIPPED = list(catalogue.choices("recipe", [catalogue.conf_dir()]))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def composed(file: Path | str, *overrides: str, **more: Any) -> dict[str, Any]:
    return compose([str(file), "source=demo", *overrides], **more).recipe


def refusal(file: Path | str, **more: Any) -> str:
    with pytest.raises(RecipeError) as refused:
        composed(file, **more)
    return str(refused.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_gathered_is_what_hydra_composes(name: str) -> None:
    document = strict.load(catalogue.conf_dir() / f"recipe/{name}.yaml", "recipe")
    found = lineage.gather(document, lineage.shelves())
    assert found.refusals == []
    assert found.data == composed(f"recipe={name}")
    (steps,), (composed_steps,) = found.data["chains"].values(), composed(f"recipe={name}")["chains"].values()
    assert list(steps) == list(composed_steps)


CHILD = """\
extends: balance
target: 500
originals: keep
chains:
  gentle:
    flip: null
    rotate: {limit: 10}
    light: {use: gamma}
    blur: {sigma: [0.5, 1]}
"""


def test_a_child_changes_adds_and_drops_named_steps(tmp_path: Path) -> None:
    parent = composed("recipe=balance")
    child = composed(write(tmp_path / "mine.yaml", CHILD))
    assert child["target"] == 500
    assert child["originals"] == "keep"
    assert child["chains"]["gentle"] == {
        "rotate": {"limit": 10, "border": "reflect"},
        "shift": parent["chains"]["gentle"]["shift"],
        "light": {"use": "gamma"},
        "grain": parent["chains"]["gentle"]["grain"],
        "blur": {"sigma": [0.5, 1]},
    }
    assert {key: child[key] for key in ("seed", "surplus", "max_copies", "render")} == {
        key: parent[key] for key in ("seed", "surplus", "max_copies", "render")
    }
    assert "extends" not in child


def test_overrides_reach_what_was_inherited(tmp_path: Path) -> None:
    child = composed(
        write(tmp_path / "mine.yaml", CHILD), "recipe.chains.gentle.shift.x=0.3", "~recipe.chains.gentle.grain"
    )
    assert child["chains"]["gentle"]["shift"]["x"] == 0.3
    assert "grain" not in child["chains"]["gentle"]
    assert "shift" not in composed(tmp_path / "mine.yaml", "recipe.chains.gentle.shift=null")["chains"]["gentle"]
    assert composed(tmp_path / "mine.yaml", "+recipe.chains.gentle.gray=null")["chains"]["gentle"]["gray"] is None


def test_null_drops_a_step_of_a_pulled_chain_too(tmp_path: Path) -> None:
    text = "defaults: [{/chain@chains.a: gentle}]\nversion: 1\nchains: {a: {flip: null, invert: null}}\n"
    file = write(tmp_path / "mine.yaml", text)
    steps = composed(file)["chains"]["a"]
    assert "flip" not in steps
    assert steps["invert"] is None
    assert "rotate" not in composed(file, "recipe.chains.a.rotate=null")["chains"]["a"]
    found = lineage.gather(strict.load(file, "recipe"), lineage.shelves())
    assert found.data["chains"]["a"] == steps


def test_grandparents_siblings_classes_weights_and_chains(tmp_path: Path) -> None:
    write(
        tmp_path / "recipe/base.yaml",
        "chains:\n  a: {x: {one_of: {blur: {}, sharpen: {}}}}\n  b: {flip: {}}\nweights: {a: 1, b: 2}\n"
        "classes: {hat: {target: 3}, cap: {weights: {a: 1, b: 1}}}\nchain: null\n",
    )
    write(
        tmp_path / "recipe/team/middle.yaml",
        "extends: base\nweights: {b: null}\nclasses: {hat: null, cap: {weights: {a: null}}}\n"
        "chains: {a: {x: {p: 0.5, one_of: {blur: null}}}}\n",
    )
    middle = composed("recipe=team/middle", config_dir=tmp_path)
    assert middle["weights"] == {"a": 1}
    assert middle["classes"] == {"cap": {"weights": {"b": 1}}}
    assert middle["chains"]["a"] == {"x": {"p": 0.5, "one_of": {"sharpen": {}}}}
    leaf = write(tmp_path / "recipe/leaf.yaml", "extends: team/middle\nchain: b\nchains: {a: null}\n")
    assert composed(leaf) == {"chain": "b", "chains": {"b": {"flip": {}}}, "classes": middle["classes"]}
    beside = write(tmp_path / "loose/leaf.yaml", "extends: sister\n")
    write(tmp_path / "loose/sister.yaml", "target: 7\n")
    assert composed(beside) == {"target": 7}


def test_a_pulled_chain_takes_the_place_of_the_parents(tmp_path: Path) -> None:
    text = "extends: balance\ndefaults: [{/chain@chains.new: keras}, {/chain@chains.gentle: article}]\n"
    child = composed(write(tmp_path / "mine.yaml", text))
    assert child["chains"]["gentle"] == composed("recipe=article")["chains"]["article"]
    assert child["chains"]["new"] == composed("recipe=keras")["chains"]["generator"]


def test_a_recipe_may_extend_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    assert composed(write(tmp_path / "balance.yaml", "extends: balance\ntarget: 9\n"))["target"] == 9


def test_each_value_has_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", CHILD)
    settings = compose([str(file), "source=demo", "recipe.seed=3"])
    conf = catalogue.conf_dir()
    assert settings.where(["chains", "gentle", "rotate", "limit"]) == f"{file}:7:14"
    assert settings.where(["chains", "gentle", "rotate", "border"]).startswith(f"{conf}/chain/gentle.yaml:")
    assert settings.where(["surplus"]).startswith(f"{conf}/recipe/balance.yaml:")
    assert settings.where(["seed"]) == "the override recipe.seed=3"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a": "extends: b\n", "b": "extends: c\n", "c": "extends: b\n"}, "c.yaml:1:1: recipes extend each other in a"),
        ({"a": "extends: a\n"}, "a.yaml:1:1: No recipe is called 'a'."),
        ({"a": "seed: 1\nextends: balanse\n"}, "a.yaml:2:1: No recipe is called 'balanse'. Did you mean 'balance'?"),
        ({"a": "extends: ../b\n"}, "a.yaml:1:1: '../b' is no name of a recipe."),
        ({"a": "extends: /etc/passwd\n"}, "'/etc/passwd' is no name of a recipe"),
        ({"a": "extends: b.yaml\n"}, "'b.yaml' is no name of a recipe"),
        ({"a": "extends: [balance]\n"}, "is no name of a recipe"),
        ({"a": "extends: b\n", "b": "hydra: {}\n"}, "b.yaml:1:1: the key 'hydra'"),
        ({"a": "extends: b\n", "b": "target: ${oc.env:HOME}\n"}, "b.yaml:1:9: '${oc.env:HOME}'"),
        ({"a": "extends: b\ndefaults: [{/chain@chains.x: nothing}]\n", "b": "seed: 1\n"}, "No chain is called"),
    ],
)
def test_what_cannot_be_built_on_is_told_with_its_place(files: dict[str, str], expected: str, tmp_path: Path) -> None:
    for name, text in files.items():
        write(tmp_path / f"{name}.yaml", text)
    assert expected in refusal(tmp_path / "a.yaml")


def test_a_long_line_of_parents_ends(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / f"r{number}.yaml", f"extends: r{number + 1}\n")
    write(tmp_path / "r40.yaml", "seed: 1\n")
    assert "more than 16 recipes build on each other" in refusal(tmp_path / "r0.yaml")


def test_two_parents_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "gentle.yaml", "seed: 1\n")
    assert "Two recipes are called 'gentle'" in refusal(write(tmp_path / "mine.yaml", "extends: gentle\n"))


def test_the_verb_says_where_each_value_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "mine.yaml", CHILD)
    assert main(["recipes", str(file), "recipe.seed=3", "--origin", "--format", "json"]) == 0
    told = {tuple(one["key"]): (one["value"], one["from"]) for one in json.loads(capsys.readouterr().out)}
    conf = catalogue.conf_dir()
    assert told["seed",] == (3, "the override recipe.seed=3")
    assert told["target",] == (500, f"{file}:2:1")
    assert told["chains", "gentle", "rotate", "limit"] == (10, f"{file}:7:14")
    assert told["chains", "gentle", "rotate", "border"][1].startswith(f"{conf}/chain/gentle.yaml:")
    assert told["max_copies",][1].startswith(f"{conf}/recipe/balance.yaml:")
    assert ("chains", "gentle", "flip") not in told
    assert main(["recipes", str(file), "--origin"]) == 0
    assert f"{file}:7:14" in capsys.readouterr().out


HOSTILE = {
    "target": "chains: {a: {_target_: os.system}}\n",
    "hydra": "hydra: {callbacks: {}}\n",
    "package": "# @package _global_\nseed: 1\n",
    "source": "source: {root: /}\n",
    "defaults outside": "defaults: [../secret]\n",
    "environment": "seed: ${oc.env:HOME}\n",
    "alias": "classes: {a: &a {target: 1}, b: *a}\n",
    "python": "seed: !!python/object/apply:os.system []\n",
    "twice": "seed: 1\nseed: 2\n",
    "large": "seed: 1\n" + "#" * 2_000_000,
    "deep": "chains: " + "{a: " * 1_000,
    "bytes": "seed: \x00\n",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("way", ["path", "config dir"])
def test_a_hostile_parent_is_refused_with_its_place(name: str, way: str, tmp_path: Path) -> None:
    evil = write(tmp_path / "recipe/evil.yaml", HOSTILE[name])
    child = write(tmp_path / "recipe/child.yaml", "extends: evil\nseed: 3\n")
    start = time.process_time()
    said = refusal(child) if way == "path" else refusal("recipe=child", config_dir=tmp_path)
    assert said.startswith(f"{evil}:")
    assert time.process_time() - start < 2
