"""The examples of docs/pipelines.md run, with the real tools."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def write(name: str, checkout: Path, place: Path) -> None:
    """Write the example of that name out of the page."""
    text = (checkout / "docs" / "pipelines.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```\w+\n# {re.escape(name)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (place / name).write_text(block)


def test_dvc_makes_what_changed_and_nothing_else(small_source: Path, checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("dvc", reason="DVC is not installed")
    shutil.copytree(small_source, tmp_path / "photos")
    write("dvc.yaml", checkout, tmp_path)
    write("recipe.yaml", checkout, tmp_path)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "augflow"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m augflow "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(tmp_path / "config"),
        "DVC_SYSTEM_CONFIG_DIR": str(tmp_path / "config"),
    }

    def dvc(*words: str) -> str:
        said = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    def images() -> dict[str, str]:
        found = sorted(tmp_path.glob("balanced/*/*.jpg"))
        return {path.relative_to(tmp_path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    dvc("init", "--no-scm", "-q")
    (tmp_path / ".dvc" / "config").write_text(
        "[core]\n    no_scm = True\n    check_update = false\n    analytics = false\n"
    )
    assert "Made 28" in dvc("repro")
    before = images()
    assert len(before) == 28
    assert "Stage 'balance' didn't change, skipping" in dvc("repro")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("target: 14", "target: 16"))
    assert "Made 4 " in dvc("repro")
    assert len(images()) == 32
    assert before.items() <= images().items()
    recipe.write_text(recipe.read_text().replace("target: 16", "target: 14"))
    dvc("repro")
    assert images() == before


def test_mlflow_knows_the_data_set_of_a_run(
    small_source: Path, checkout: Path, tmp_path: Path, make_set: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A store of files is all that the light distribution has.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    root = tmp_path / "photos" / "balanced"
    make_set({"target": 14, "render": {"size": 24}, "chain": "a", "chains": {"a": {"flip": {}}}}, small_source, root)
    write("log.py", checkout, tmp_path)
    done = subprocess.run([sys.executable, "log.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = mlflow.search_runs(output_format="list")
    (said,) = run.inputs.dataset_inputs
    told = json.loads((root / "run.json").read_text())
    assert (said.dataset.name, said.dataset.digest) == ("balanced", told["plan_digest"])
    assert json.loads(said.dataset.profile)["num_rows"] == 28
    assert run.data.params["recipe_digest"] == told["recipe_digest"]
    assert [file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)] == ["recipe.lock.yaml"]
