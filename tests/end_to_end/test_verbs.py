"""The verbs as a person types them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Augflow = Callable[..., Any]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with nothing in it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose home and temporary folders are empty, and ours to look at; short, for sockets' sake."""
    root = tmp_path_factory.mktemp("b")
    found = {}
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        (root / name).mkdir()
        found[name] = str(root / name)
    return found | {"PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(("verb", "form"), [("plan", "text"), ("scan", "json")])
def test_plan_and_scan_write_nothing_anywhere(
    verb: str, form: str, own_source: Path, augflow: Augflow, place: Path, bare: dict[str, str], tree: Tree
) -> None:
    before = tree(own_source)
    said = augflow(verb, f"--format={form}", f"source.root={own_source}", "sink.root=out", cwd=place, **bare)
    assert said.returncode == 0, said.stderr
    assert tree(own_source) == before
    assert not tree(place)
    for folder in bare.values():
        assert not os.path.isdir(folder) or not os.listdir(folder)


def test_run_writes_nothing_but_the_sink(
    small_source: Path, augflow: Augflow, place: Path, bare: dict[str, str]
) -> None:
    said = augflow("run", f"source.root={small_source}", "sink.root=out", cwd=place, **bare)
    assert said.returncode == 0, said.stderr
    assert os.listdir(place) == ["out"]
    for folder in bare.values():
        assert not os.path.isdir(folder) or not os.listdir(folder)


def test_plan_tells_what_run_does(
    small_source: Path, augflow: Augflow, place: Path, counts: Callable[[Path], dict[str, int]]
) -> None:
    words = [f"source.root={small_source}", "recipe.target=50", "recipe.max_copies=5", "sink.root=out"]
    planned = augflow("plan", "--format", "json", *words, cwd=place)
    assert planned.returncode == 1, "few falls short"
    told = json.loads(planned.stdout)
    assert told["classes"]["few"] == {
        "has": 4,
        "target": 50,
        "originals": 4,
        "copies": 20,
        "result": 24,
        "copies_per_sample": [5, 5],
        "shortfall": 26,
        "why": "max_copies=5 for each of 4 samples",
        "chains": {"gentle": 1.0},
    }
    assert augflow("run", *words, cwd=place).returncode == 1
    assert counts(place / "out") == {label: item["result"] for label, item in told["classes"].items()}
    account = json.loads((place / "out" / "run.json").read_text())
    assert account["plan_digest"] == told["plan_digest"]


def test_scan_tells_what_there_is(small_source: Path, augflow: Augflow) -> None:
    said = augflow("scan", "--format", "json", f"source.root={small_source}")
    told = json.loads(said.stdout)["classes"]
    assert {label: found["samples"] for label, found in told.items()} == {"crowd": 12, "few": 4}
    assert told["few"]["formats"] == {"JPEG": 4}
    assert told["few"]["sizes"] == [{"height": 48, "width": 64, "samples": 4}]


def test_a_sweep_makes_a_sink_for_each_job(small_source: Path, augflow: Augflow, place: Path, tree: Tree) -> None:
    words = [f"source.root={small_source}", "recipe.target=14"]
    said = augflow("run", "-m", *words, "sink.root=sweep", "recipe.seed=1,2", cwd=place)
    assert said.returncode == 0, said.stderr
    sinks = sorted((place / "sweep").iterdir())
    assert len(sinks) == 2
    assert all(f"seed={number}" in sink.name for number, sink in enumerate(sinks, 1))
    for number, sink in enumerate(sinks, 1):
        assert augflow("run", *words, f"sink.root=alone-{number}", f"recipe.seed={number}", cwd=place).returncode == 0
        assert tree(sink) == tree(place / f"alone-{number}")
    assert sorted(os.listdir(place)) == ["alone-1", "alone-2", "sweep"]


def test_a_sweep_goes_on_after_a_job_that_is_wrong(small_source: Path, augflow: Augflow, place: Path) -> None:
    words = [f"source.root={small_source}", "sink.root=sweep", "recipe.target=14,-3,13"]
    said = augflow("run", "-m", *words, cwd=place)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert sorted(len(list(sink.glob("*/*"))) for sink in (place / "sweep").iterdir()) == [26, 28]


def test_cfg_job_shows_the_settings_and_runs_nothing(augflow: Augflow, place: Path) -> None:
    said = augflow("run", "--cfg", "job", "source=demo", "recipe=strong", "recipe.target=7", cwd=place)
    assert said.returncode == 0, said.stderr
    assert "target: 7\n" in said.stdout
    assert "kind: demo" in said.stdout
    assert "hydra:" not in said.stdout
    assert not os.listdir(place)


RECIPE = """\
version: 1
target: 15
chain: mine
render: {size: 20, format: png}
chains:
  mine:
    flip: {p: 1}
    quarter: {use: quarter_turns}
"""


def test_a_recipe_is_taken_by_its_path(
    small_source: Path, augflow: Augflow, place: Path, counts: Callable[[Path], dict[str, int]]
) -> None:
    (place / "mine.yaml").write_text(RECIPE)
    said = augflow("run", "mine.yaml", f"source.root={small_source}", "sink.root=out", cwd=place)
    assert said.returncode == 0, said.stderr
    assert counts(place / "out") == {"crowd": 15, "few": 15}
    said = augflow("run", "mine.yaml", f"source.root={small_source}", "sink.root=out", "recipe.target=13", cwd=place)
    assert said.returncode == 0, said.stderr
    assert {path.suffix for path in (place / "out").glob("*/*")} == {".png"}
    account = json.loads((place / "out" / "run.json").read_text())
    assert any("mine.yaml" in word for word in account["command"])


PLUGIN = """
from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np


@dataclass(frozen=True)
class Stamp:
    \"\"\"Write the worker's own eyes into a corner.\"\"\"

    level: Annotated[int, at.Ge(0), at.Le(255)] = 200
    version: ClassVar[int] = 3

    def draw(self, rng, size):
        return {"level": self.level, "side": int(rng.integers(4, 9))}

    def apply(self, image, level, side):
        stamped = image.copy()
        stamped[:side, :side] = level
        return stamped
"""


def test_a_plugin_is_used_by_the_workers(
    small_source: Path, augflow: Augflow, place: Path, rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    from PIL import Image

    (place / "stamp.py").write_text(PLUGIN)
    words = [f"source.root={small_source}", "plugins=[stamp.py]", "+recipe.chains.gentle.stamp={level: 255}"]
    said = augflow("run", *words, "sink.root=out", "recipe.render.format=png", "executor.workers=2", cwd=place)
    assert said.returncode == 0, said.stderr
    records = rows(place / "out")
    assert len(records) == 24
    for record in records:
        step = record["steps"][-1]
        assert (step["step"], step["transform"], step["version"]) == ("stamp", "stamp", 3)
        with Image.open(place / "out" / record["path"]) as image:
            side = json.loads(step["draw"])["side"]
            assert image.crop((0, 0, side, side)).getextrema() == ((255, 255),) * 3
    said = augflow("run", *words[:2], "+recipe.chains.gentle.stamp={level: 256}", "sink.root=no", cwd=place)
    assert said.returncode == 2
    assert "recipe.chains.gentle.stamp.level" in said.stderr
    assert not (place / "no").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["source=demo", "+recipe.tarjet=3"], "Did you mean 'target'?"),
        (["source=demo", "recipe.chains.gentle.rotate.limit=400"], "recipe.chains.gentle.rotate.limit"),
        (["source=demo", "+recipe.classes.leef.target=3"], "Did you mean 'leaf'?"),
        (["source=demo", "executor.workers=2.5"], "executor.workers"),
        (["source=demo", "+executor.worker=2"], "workers"),
        (["source=demo", "+sink.roof=red"], "root"),
        (["source=demo", "executor.kind=locl"], "Did you mean 'local'?"),
        (["source.root=nowhere/at/all"], "there is no folder"),
        (["source.root=5"], "source.root: 5 is not a text"),
        (["source=demo", "plugins=[none.py]"], "none.py"),
        ([], "source.root"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_touches_nothing(
    words: list[str], told: str, augflow: Augflow, place: Path
) -> None:
    said = augflow("run", *words, "sink.root=out", cwd=place)
    assert said.returncode == 2, said.stderr
    assert told in said.stderr
    assert "Traceback" not in said.stderr
    assert not os.listdir(place)


@pytest.mark.parametrize("value", ["abc", "0"])
def test_a_limit_that_is_none_is_refused(value: str, small_source: Path, augflow: Augflow, place: Path) -> None:
    words = [f"source.root={small_source}", f"source.max_pixels={value}", "sink.root=out"]
    said = augflow("run", *words, cwd=place)
    assert said.returncode == 2, said.stdout + said.stderr
    assert "source.max_pixels" in said.stderr
    assert not os.listdir(place)


@pytest.mark.parametrize("setting", ["source.root=2024", "source.root=true", "sink.root=null", "sink.root=1_000"])
def test_a_folder_that_is_no_text_is_refused(setting: str, small_source: Path, augflow: Augflow, place: Path) -> None:
    """Hydra reads these words as something else, and what was typed cannot be had back."""
    said = augflow("run", f"source.root={small_source}", setting, cwd=place)
    assert said.returncode == 2, said.stderr
    key = setting.partition("=")[0]
    assert f"{key}: " in said.stderr
    assert "is not a text" in said.stderr
    assert not os.listdir(place)


def test_in_quotes_a_folder_may_be_called_by_a_number(small_source: Path, augflow: Augflow, place: Path) -> None:
    shutil.copytree(small_source, place / "1e3")
    said = augflow("run", "source.root='1e3'", "sink.root='2024'", cwd=place)
    assert said.returncode == 0, said.stderr
    assert sorted(os.listdir(place)) == ["1e3", "2024"]


def test_other_peoples_files_in_the_sink_end_it_with_2(small_source: Path, augflow: Augflow, place: Path) -> None:
    (place / "novel.txt").write_text("chapter one")
    said = augflow("run", f"source.root={small_source}", f"sink.root={place}")
    assert said.returncode == 2
    assert "novel.txt" in said.stderr
    assert os.listdir(place) == ["novel.txt"]


def test_the_summary_says_what_was_made(small_source: Path, augflow: Augflow, place: Path) -> None:
    said = augflow("run", f"source.root={small_source}", "sink.root=out", cwd=place)
    assert "Made 24 (" in said.stdout
    assert "kept 0, removed 0" in said.stdout
    assert said.stderr == "", "no bar where nobody watches"
    again = augflow("run", "--format=json", f"source.root={small_source}", "sink.root=out", cwd=place)
    told = json.loads(again.stdout)
    assert {key: told[key] for key in ("classes", "made", "kept", "aside")} == {
        "classes": {"crowd": 12, "few": 12},
        "made": 0,
        "kept": 24,
        "aside": [],
    }


def test_names_of_classes_survive_whatever_they_look_like(
    small_source: Path, augflow: Augflow, place: Path, counts: Callable[[Path], dict[str, int]]
) -> None:
    names = ["no", "1e3", "0012", "null", "two words", "größe"]
    photograph = (small_source / "few" / "00.jpg").read_bytes()
    for number, name in enumerate(names, 1):
        (place / "in" / name).mkdir(parents=True)
        for copy in range(number):
            (place / "in" / name / f"{copy}.jpg").write_bytes(photograph)
    (place / "rules.yaml").write_text(
        "version: 1\n"
        "chains: {flip_only: {flip: {}}}\n"
        "classes: {no: {target: 9}, 0012: {target: 8}, two words: {target: 7}, 1e3: {target: 10}}\n"
    )
    said = augflow("run", "rules.yaml", "source.root=in", "sink.root=out", cwd=place)
    assert said.returncode == 0, said.stderr
    assert counts(place / "out") == dict.fromkeys(names, 6) | {"no": 9, "0012": 8, "two words": 7, "1e3": 10}


def test_names_in_another_encoding_are_borne(small_source: Path, augflow: Augflow, place: Path) -> None:
    photograph = (small_source / "few" / "00.jpg").read_bytes()
    (place / "in" / "cafe").mkdir(parents=True)
    try:
        for name in (b"caf\xe9.jpg", b"caf\xe8.jpg"):
            with open(os.path.join(os.fsencode(place), b"in", b"cafe", name), "wb") as file:
                file.write(photograph)
    except OSError:
        pytest.skip("this file system takes no such name")
    said = augflow("run", "source.root=in", "sink.root=out", "recipe.target=5", cwd=place)
    assert said.returncode == 0, said.stderr
    assert len(list((place / "out" / "cafe").iterdir())) == 5
