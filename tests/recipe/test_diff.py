"""`augflow diff`: what differs in meaning, and nothing that does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from augflow.cli import main
from augflow.recipe.diff import Change, diff_recipes, target_text
from augflow.recipe.reader import read_recipe
from augflow.recipe.sides import diff_outputs, diff_sides, read_side
from augflow.registry import Registry
from tests.conftest import Make

REGISTRY = Registry()
BASE: dict[str, Any] = {
    "target": 500,
    "chain": "a",
    "classes": {"hat": {"target": 800}},
    "chains": {
        "a": {
            "flip": {},
            "rotate": {"limit": 25},
            "zoom": {"scale": [0.8, 1.2]},
            "x": {"one_of": {"blur": {}, "sharpen": {}}},
        },
        "b": {"a": {"p": 0.5}},
    },
}


def changes(**to: Any) -> list[Change]:
    return diff_recipes(resolved(BASE), resolved(BASE | to), REGISTRY)


def with_steps(**steps: Any) -> list[Change]:
    chains = copy.deepcopy(BASE["chains"])
    chains["a"] = {name: step for name, step in (chains["a"] | steps).items() if step is not None}
    return changes(chains=chains)


def resolved(recipe: dict[str, Any]) -> dict[str, Any]:
    return read_recipe(recipe, REGISTRY).as_json()


def test_what_means_the_same_does_not_differ() -> None:
    other = {key: BASE[key] for key in reversed(BASE)} | {"seed": 0, "originals": "augment", "render": {}}
    other["chains"] = {"b": BASE["chains"]["b"], "a": copy.deepcopy(BASE["chains"]["a"])}
    other["chains"]["a"]["rotate"] = {"use": "rotate", "p": 1, "fill": 0, "limit": 25.0}
    other["weights"] = {"a": 1}
    del other["chain"]
    assert diff_recipes(resolved(BASE), resolved(other), REGISTRY) == []


def test_values_and_rules() -> None:
    assert changes(target="0.8max", seed=3) == [
        Change(("seed",), "changed", 0, 3),
        Change(("target",), "changed", 500, "0.8max"),
    ]
    assert changes(max_copies=5) == [Change(("max_copies",), "changed", 20, 5)]
    assert changes(chain=None, weights={"a": 1, "b": 2})[0].path == ("chain",)
    assert changes(render={"size": 224}) == [Change(("render", "size"), "changed", None, 224)]
    assert changes(classes={"hat": {"target": 900}, "cap": {"surplus": "drop"}}) == [
        Change(("classes", "hat", "target"), "changed", 800, 900),
        Change(("classes", "cap", "surplus"), "changed", "keep", "drop"),
    ]
    assert changes(classes={}) == [Change(("classes", "hat", "target"), "changed", 800, 500)]
    assert [
        target_text({"word": word, "factor": factor}) for word, factor in (("count", 5.0), ("x", 1.5), ("x", 1))
    ] == [
        5,
        "1.5x",
        "1x",
    ]


def test_steps_are_added_removed_moved_and_changed() -> None:
    assert with_steps(flip=None) == [Change(("chains", "a", "flip"), "removed", before=_flip())]
    assert with_steps(gray={}) == [
        Change(("chains", "a", "gray"), "added", after={"use": "gray", "p": 0.5}, note="after x"),
    ]
    assert with_steps(flip={"p": 0.2, "axis": "any"}) == [
        Change(("chains", "a", "flip", "p"), "changed", 0.5, 0.2),
        Change(("chains", "a", "flip", "axis"), "changed", "horizontal", "any"),
    ]
    assert with_steps(flip={"use": "invert"}) == [Change(("chains", "a", "flip", "use"), "changed", "flip", "invert")]
    assert with_steps(x={"one_of": {"blur": {"weight": 2}, "sharpen": {}}}) == [
        Change(("chains", "a", "x", "blur", "weight"), "changed", 1.0, 2.0)
    ]
    steps = BASE["chains"]["a"]
    order = {name: steps[name] for name in ("rotate", "zoom", "x", "flip")}
    assert changes(chains={**BASE["chains"], "a": order}) == [
        Change(("chains", "a", "flip"), "moved", "first", "after x")
    ]


def _flip() -> dict[str, Any]:
    return {"use": "flip", "p": 0.5, "axis": "horizontal"}


@pytest.mark.parametrize(
    ("step", "note"),
    [
        ({"rotate": {"limit": 30}}, "wider"),
        ({"rotate": {"limit": [-5, 5]}}, "narrower"),
        ({"rotate": {"limit": [0, 30]}}, "another range"),
        ({"zoom": {"scale": [0.9, 1.1]}}, "narrower"),
        ({"zoom": {"scale": [0.7, 1.2]}}, "wider"),
        ({"zoom": {"scale": [0.8, 1.2], "border": "wrap"}}, ""),
    ],
)
def test_ranges_are_compared_as_ranges(step: dict[str, Any], note: str) -> None:
    (change,) = with_steps(**step)
    assert change.note == note


def test_chains_are_added_removed_and_renamed() -> None:
    chains = BASE["chains"]
    assert changes(chains={**chains, "c": {"flip": {}}}) == [Change(("chains", "c"), "added", after=["flip"])]
    assert changes(chains={"a": chains["a"]}) == [Change(("chains", "b"), "removed", before=["a"])]
    assert changes(chains={"a": chains["a"], "c": chains["b"]}) == [
        Change(("chains", "b"), "changed", "b", "c", "renamed")
    ]


@pytest.fixture(scope="module")
def sets(make_set: Make, mixed_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    recipe = {"target": 6, "chains": {"a": {"flip": {"p": 1}, "rotate": {"limit": 5}}}}
    made = {}
    for name, more in {"one": {}, "again": {}, "more": {"target": 8}, "seed": {"seed": 1}}.items():
        made[name] = tmp_path_factory.mktemp("sets") / name
        make_set(recipe | more, mixed_source, made[name])
    return made


def test_data_sets_are_compared_by_recipe_counts_and_bytes(sets: dict[str, Path]) -> None:
    one, again, more, seed = (read_side(str(sets[name]), REGISTRY) for name in ("one", "again", "more", "seed"))
    same = diff_outputs(one, again)
    assert same is not None
    assert same.same
    assert (same.shared, same.counts) == (16, {"few": (6, 6), "many": (10, 10)})
    raised = diff_outputs(one, more)
    assert raised is not None
    assert (raised.shared, raised.changed, raised.renamed, raised.only) == (16, 0, 0, (0, 2))
    assert raised.counts["few"] == (6, 8)
    other = diff_outputs(one, seed)
    assert other is not None
    assert other.shared == 0
    assert other.only[0] + other.renamed == 16
    assert diff_outputs(one, read_side("balance", REGISTRY)) is None


def test_a_lock_is_the_recipe_of_its_data_set(sets: dict[str, Path]) -> None:
    lock = read_side(str(sets["one"] / "recipe.lock.yaml"), REGISTRY)
    assert diff_recipes(lock.recipe, read_side(str(sets["one"]), REGISTRY).recipe, REGISTRY) == []


def test_the_verb_tells_a_tree_json_and_markdown(
    sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(sets["one"]), str(sets["again"])]) == 0
    assert "the same recipe" in capsys.readouterr().out
    assert main(["diff", str(sets["one"]), str(sets["more"])]) == 1
    told = capsys.readouterr().out
    assert "~ target: 6 → 8" in told
    assert "16 images shared, 0 changed, 0 renamed" in told
    assert main(["diff", str(sets["one"]), str(sets["more"]), "--format", "json"]) == 1
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["changes"] == [{"path": ["target"], "kind": "changed", "before": 6, "after": 8, "note": ""}]
    assert as_json["outputs"]["counts"] == {"few": [6, 8], "many": [10, 10]}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(BASE), encoding="utf-8")
    child = tmp_path / "child.yaml"
    child.write_text("extends: mine\nchains: {a: {flip: null, rotate: {limit: 30}, gray: {}}}\n", encoding="utf-8")
    assert main(["diff", str(file), str(child), "--format", "markdown"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        '- − `chains.a.flip`: `{"use": "flip", "p": 0.5, "axis": "horizontal"}`',
        "- ~ `chains.a.rotate.limit`: `25.0` → `30.0` (wider)",
        '- + `chains.a.gray`: `{"use": "gray", "p": 0.5}` (after zoom)',
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["balance", "balanse"], "recipe called 'balanse'. Did you mean 'balance'?"),
        (["balance"], "diff compares two, and 1 is named"),
        (["balance", "gentle", "--format", "yaml"], "it is text, json, markdown"),
        (["balance", "tests"], "holds no data set of augflow's"),
    ],
)
def test_what_cannot_be_compared_is_told(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    monkeypatch.chdir(checkout)
    assert main(["diff", *words]) == 2
    assert said in capsys.readouterr().err


def test_what_must_hold_differs_too(tmp_path: Path) -> None:
    def side(name: str, text: str) -> Any:
        (tmp_path / name).write_text(f"chains: {{a: {{blur: {{}}}}}}\n{text}", encoding="utf-8")
        return read_side(str(tmp_path / name), REGISTRY)

    none = side("none.yaml", "classes: {hat: {target: 3}}\n")
    some = side("some.yaml", "preserve: [colour, handedness]\nclasses: {hat: {target: 3, preserve: [orientation]}}\n")
    same = side("same.yaml", "classes: {hat: {preserve: [orientation], target: 3}}\npreserve: [handedness, colour]\n")
    assert diff_sides(some, same, REGISTRY) == []
    assert diff_sides(none, some, REGISTRY) == [
        Change(("preserve",), "changed", None, ["colour", "handedness"]),
        Change(("classes", "hat", "preserve"), "changed", None, ["orientation"]),
    ]
