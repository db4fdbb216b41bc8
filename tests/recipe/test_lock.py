"""A lock holds all that decides pixels; a run that is held against it goes on only where nothing differs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from augflow.cli import main
from augflow.config import strict
from augflow.errors import RecipeError
from augflow.recipe import lock
from augflow.recipe.findings import look
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

jsonschema = pytest.importorskip("jsonschema", reason="the extra `test` brings an independent validator")

MINE = (
    "extends: balance\ntarget: 12\nchains:\n  gentle: {rotate: {limit: 7}, own: {use: albumentations.Blur, p: 0.5}}\n"
)
PLUGIN = """\
from dataclasses import dataclass

@dataclass(frozen=True)
class Dim:
    \"\"\"Halve.\"\"\"

    version = 3

    def draw(self, rng, size):
        return {}

    def apply(self, image):
        return image // 2
"""

Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(tmp_path: Path, small_source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Say:
    """Type `augflow run …` in a folder that holds `mine.yaml`; return the exit code and what was said on stderr."""
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str]:
        code = main(["run", f"source.root={small_source}", "executor.workers=1", *words])
        return code, capfd.readouterr().err

    return call


@pytest.fixture
def locked(say: Say) -> Path:
    assert say("mine.yaml", "sink.root=one", "recipe.seed=3") == (0, "")
    return Path("one/recipe.lock.yaml")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = strict.load(path, "recipe")
    whole = {**data.data, "lock": data.lock}
    change(whole["lock"])
    path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")


def test_a_run_leaves_a_lock_that_names_what_it_came_from(locked: Path) -> None:
    text = locked.read_text(encoding="utf-8")
    document = strict.load(locked, "recipe")
    found = lock.read(document)
    names = [{kind: name for kind, name in file.items() if kind != "sha256"} for file in found.files]
    assert names == [{"recipe": "mine.yaml"}, {"recipe": "balance"}, {"chain": "gentle"}]
    assert found.files[0]["sha256"] == hashlib.sha256(MINE.encode()).hexdigest()
    assert {"augflow", "numpy", "pillow", "simplejpeg", "libjpeg-turbo", "albumentations"} <= found.versions.keys()
    assert found.versions["libjpeg-turbo"][0].isdigit()
    assert found.transforms["rotate"] == 1
    assert cv2.getCPUFeaturesLine() in found.processor
    assert "# yaml-language-server: $schema=" in text
    assert str(Path.cwd()) not in text
    assert look(locked, Registry()) == []
    schema = json.loads((Path(lock.__file__).parents[2] / "conf/recipe.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)
    told = json.loads(Path("one/run.json").read_bytes())
    assert told["lock_sha256"] == hashlib.sha256(locked.read_bytes()).hexdigest()


def test_equal_runs_leave_equal_locks_and_so_does_a_locked_run(locked: Path, say: Say) -> None:
    assert say("mine.yaml", "sink.root=two", "recipe.seed=3") == (0, "")
    assert say("--locked", str(locked), "sink.root=three") == (0, "")
    assert say("mine.yaml", "--locked", str(locked), "sink.root=four", "recipe.seed=3") == (0, "")
    for other in ("two", "three", "four"):
        assert Path(other, "recipe.lock.yaml").read_bytes() == locked.read_bytes()
        assert Path(other, "ledger.parquet").read_bytes() == Path("one/ledger.parquet").read_bytes()


def test_a_lock_runs_as_a_recipe(locked: Path, say: Say) -> None:
    assert say(str(locked), "sink.root=two") == (0, "")
    assert Path("two/ledger.parquet").read_bytes() == Path("one/ledger.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["recipe.seed=4"], "recipe.seed: 3 → 4"),
        (["recipe.chains.gentle.rotate.limit=8"], "recipe.chains.gentle.rotate.limit: 7.0 → 8.0"),
        (["~recipe.chains.gentle.own"], "recipe.chains.gentle.own: "),
        (["+recipe.classes.few.target=14"], "recipe.classes.few.target: 12 → 14"),
        (["mine.yaml"], "recipe.seed: 3 → 0"),
        (["recipe=gentle", "recipe.seed=3"], "recipe mine.yaml: sha256 "),
    ],
)
def test_a_locked_run_refuses_another_recipe(locked: Path, say: Say, words: list[str], told: str) -> None:
    code, said = say("--locked", str(locked), "sink.root=two", *words)
    assert code == 2
    assert f"  {told}" in said
    assert not Path("two").exists()


def test_a_locked_run_refuses_files_that_changed_and_tells_of_those_that_are_gone(locked: Path, say: Say) -> None:
    Path("mine.yaml").write_text(f"# a comment\n{MINE}", encoding="utf-8")
    code, said = say("--locked", str(locked), "sink.root=two")
    assert (code, Path("two").exists()) == (2, False)
    assert "recipe mine.yaml: sha256 " in said
    assert "chain gentle" not in said
    Path("mine.yaml").unlink()
    code, said = say("--locked", str(locked), "sink.root=two")
    assert code == 0
    assert "the recipe mine.yaml is not here" in said


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda said: said["versions"].update(numpy="1.0"), "numpy: 1.0 → "),
        (lambda said: said["versions"].pop("pillow"), "pillow: none → "),
        (lambda said: said["transforms"].update(rotate=9), "the transform rotate: 9 → 1"),
        (lambda said: said["packages"].update(acme="2"), "the package acme: 2 → none"),
        (
            lambda said: said["plugins"].append({"file": "fog.py", "sha256": "00"}),
            "the plugin fog.py: sha256 00… → none",
        ),
        (lambda said: said.update(processor="z80"), "processor: z80 → "),
        (lambda said: said["files"].pop(), "chain gentle: none → sha256 "),
    ],
)
def test_a_locked_run_refuses_other_versions(
    locked: Path, say: Say, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    edit(locked, change)
    code, said = say("--locked", str(locked), "sink.root=two")
    assert (code, Path("two").exists()) == (2, False)
    assert told in said
    assert said.count("→") == 1


def test_plugin_files_are_locked_by_their_content(say: Say) -> None:
    Path("dim.py").write_text(PLUGIN, encoding="utf-8")
    Path("dark.yaml").write_text("target: 6\nchains: {dark: {dim: {}}}\n", encoding="utf-8")
    assert say("dark.yaml", "plugins=[dim.py]", "sink.root=one") == (0, "")
    found = lock.read(strict.load("one/recipe.lock.yaml", "recipe"))
    assert found.transforms == {"dim": 3}
    assert found.plugins == ({"file": "dim.py", "sha256": hashlib.sha256(PLUGIN.encode()).hexdigest()},)
    shutil.copy("dim.py", "dimmer.py")
    code, said = say("--locked", "one/recipe.lock.yaml", "plugins=[dimmer.py]", "sink.root=two")
    assert code == 2
    assert "the plugin dim.py: " in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("target: 5\nchains: {a: {flip: {}}}\n", "this recipe is not locked"),
        ("target: 5\nchains: {a: {flip: {}}}\nlock: 5\n", "x.yaml:3:1: lock: "),
        ("target: 5\nchains: {a: {flip: {}}}\nlock:\n  format: 2\n", "x.yaml:4:3: lock.format: its format is 2"),
        ("target: 5\nchains: {a: {flip: {}}}\nlock: {format: 1}\n", "x.yaml:3:"),
    ],
)
def test_a_lock_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        lock.reopen(tmp_path / "x.yaml", Registry())
    assert told in str(refused.value)
    if "lock:" in text:
        assert [finding.level for finding in look(tmp_path / "x.yaml", Registry())][:1] == ["error"]


def test_a_parents_lock_is_not_its_childs(locked: Path, say: Say) -> None:
    shutil.copy(locked, "parent.yaml")
    Path("child.yaml").write_text("extends: parent\nseed: 9\n", encoding="utf-8")
    assert strict.load("parent.yaml", "recipe").lock is not None
    assert look("child.yaml", Registry()) == []
    assert say("child.yaml", "sink.root=two") == (0, "")
    names = [file.get("recipe") for file in lock.read(strict.load("two/recipe.lock.yaml", "recipe")).files]
    assert names == ["child.yaml", "parent"]


def test_what_differs_is_named_even_where_only_the_order_of_chains_does() -> None:
    registry = Registry()
    steps: dict[str, Any] = {"chain": "a", "chains": {"a": {"flip": {}}, "b": {"blur": {}}}}
    recipe = read_recipe(steps, registry)
    now = lock.lock_of(recipe, registry)
    assert lock.differences((recipe, now), (recipe, now), registry) == []
    later = replace(now, versions={**now.versions, "numpy": "0"})
    assert [str(found) for found in lock.differences((recipe, later), (recipe, now), registry)] == [
        f"numpy: 0 → {now.versions['numpy']}"
    ]


def test_secrets_of_the_environment_are_recorded_unresolved(
    say: Say, small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", str(small_source))
    code = main(["run", "mine.yaml", "source.root=${oc.env:CANARY}", "sink.root=one", "executor.workers=1"])
    assert code == 0
    told = json.loads(Path("one/run.json").read_bytes())
    assert told["source"]["root"] == "${oc.env:CANARY}"
    assert told["source"]["max_pixels"] == 100_000_000
    for file in ("run.json", "recipe.lock.yaml", "ledger.parquet"):
        assert str(small_source).encode() not in Path("one", file).read_bytes()
