"""Sweeps whose jobs run side by side, through Hydra's joblib launcher: each as if it ran alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

BESIDE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "executor.workers=1", "--no-audit")
TEAM = """\
extends: balance
target: 14
render: {size: 24}
"""


@pytest.fixture
def joblib() -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is not installed")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "conf" / "recipe").mkdir(parents=True)
    (tmp_path / "conf" / "recipe" / "team.yaml").write_text(TEAM)
    (tmp_path / "mine.yaml").write_text("extends: team\nsurplus: drop\n")
    return tmp_path


@pytest.mark.usefixtures("joblib")
def test_every_job_makes_what_it_makes_alone(
    small_source: Path, augflow: Any, place: Path, tree: Callable[[Path], Any]
) -> None:
    words = ["mine.yaml", "--config-dir", place / "conf", f"source.root={small_source}", "--no-audit"]
    said = augflow("run", "-m", *words, *BESIDE, "sink.root=out", "recipe.seed=1,2,3", cwd=place)
    assert said.returncode == 0, said.stderr
    sinks = sorted((place / "out").iterdir())
    assert [sink.name for sink in sinks] == [f"recipe.seed={seed},recipe=mine" for seed in (1, 2, 3)]
    assert all(f"28 images in out/{sink.name}" in said.stdout for sink in sinks)
    assert augflow("run", *words, "sink.root=alone", "recipe.seed=2", cwd=place).returncode == 0
    assert tree(sinks[1]) == tree(place / "alone")
    assert tree(sinks[0]) != tree(sinks[1]) != tree(sinks[2])


@pytest.mark.usefixtures("joblib")
def test_recipes_by_name_find_their_parents_in_every_job(small_source: Path, augflow: Any, place: Path) -> None:
    words = ["--config-dir", place / "conf", f"source.root={small_source}", "recipe.render.size=16"]
    said = augflow("run", "-m", *words, *BESIDE, "sink.root=out/${recipe.target}", "recipe=team,balance", cwd=place)
    assert said.returncode == 0, said.stderr
    assert sorted(os.listdir(place / "out")) == ["14", "max"]


@pytest.mark.usefixtures("joblib")
def test_the_worst_exit_code_is_told_with_its_job(small_source: Path, augflow: Any, place: Path) -> None:
    source = place / "source"
    shutil.copytree(small_source, source)
    (source / "few" / "torn.jpg").write_bytes(b"no image")
    words = [f"source.root={source}", "sink.root=out", "recipe.render.size=16", "recipe.target=13,-3,14"]
    said = augflow("run", "-m", *words, *BESIDE, cwd=place)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    codes = [line for line in said.stderr.splitlines() if "exit code" in line]
    assert [line.rpartition(" ")[2] for line in codes] == ["2", "1", "1"]
    assert "recipe.target=-3" in codes[0]
    assert sorted(len([*sink.glob("*/*")]) for sink in (place / "out").iterdir()) == [26, 28]


@pytest.mark.parametrize("launcher", [(), BESIDE[:2]], ids=["basic", "joblib"])
def test_two_jobs_in_one_sink_are_refused(
    launcher: tuple[str, ...], small_source: Path, augflow: Any, place: Path
) -> None:
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is not installed")
    words = [f"source.root={small_source}", "recipe.target=14", "recipe.render.size=16", "executor.workers=1"]
    said = augflow("run", "-m", *words, *launcher, "--no-audit", "sink.root=out,./out", cwd=place)
    assert said.returncode == 2
    assert "another job of this sweep writes to" in said.stderr
    (made,) = (place / "out").iterdir()
    assert len([*made.glob("*/*")]) == 28
    assert augflow("verify", f"sink.root={made}", cwd=place).returncode == 0
    said = augflow("scan", "-m", f"source.root={small_source},{small_source}/../{small_source.name}", cwd=place)
    assert said.returncode == 0, "looking twice at one place is no fault"


@pytest.mark.usefixtures("joblib")
def test_a_job_that_is_killed_leaves_what_it_made(
    small_source: Path, checkout: Path, augflow: Any, place: Path
) -> None:
    words = ["run", "-m", f"source.root={small_source}", "sink.root=out", "recipe.seed=1,2", "recipe.target=900"]
    words += ["recipe.max_copies=900", "recipe.render.size=256", *BESIDE]
    command = [sys.executable, "-m", "augflow", *words]
    with subprocess.Popen(
        command, cwd=place, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(checkout)}
    ) as process:
        deadline = time.monotonic() + 60
        while len([*(place / "out").glob("*/.augflow/lock")]) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        lock = next((place / "out").glob("*/.augflow/lock"))
        os.kill(int(lock.read_bytes()), signal.SIGKILL)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 3, said
    assert "The launcher of the sweep gave up" in said
    assert "the same command goes on" in said
    assert augflow(*words, cwd=place).returncode == 0


def test_a_sweeper_that_needs_a_figure_is_refused(small_source: Path, augflow: Any, place: Path) -> None:
    said = augflow("run", "-m", f"source.root={small_source}", "hydra/sweeper=optuna", "recipe.seed=1,2", cwd=place)
    assert said.returncode == 2
    assert "docs/sweeps.md" in said.stderr
    assert not (place / "balanced").exists()


def test_a_sink_of_a_sweep_is_named_without_quotes(small_source: Path, augflow: Any, place: Path) -> None:
    words = [f"source.root={small_source}", "recipe.target=13", "recipe.render.size=16", "recipe.seed=1,2"]
    assert augflow("run", "-m", *words, "sink.root=out", "--no-audit", cwd=place).returncode == 0
    sink = next((place / "out").iterdir())
    assert "=" in sink.name
    assert augflow("verify", f"sink.root={sink}", cwd=place).returncode == 0


def test_optuna_sweeps_over_a_script_that_trains(small_source: Path, checkout: Path, place: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="hydra-optuna-sweeper is not installed")
    text = (checkout / "docs" / "sweeps.md").read_text(encoding="utf-8")
    for name in ("objective.yaml", "objective.py"):
        (block,) = re.findall(rf"^```\w+\n(# {re.escape(name)}.*?)^```$", text, re.DOTALL | re.MULTILINE)
        (place / name).write_text(block)
    folders = [f"train={small_source}", f"validation={small_source}"]
    command = [sys.executable, "objective.py", "-m", *folders, "target=14", "hydra.sweeper.n_trials=2"]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    said = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert said.returncode == 0, said.stderr
    (best,) = place.glob("multirun/*/*/optimization_results.yaml")
    found = yaml.safe_load(best.read_text())
    assert {*found["best_params"]} == {"rotate", "brightness"}
    assert 0 <= found["best_value"] <= 1
