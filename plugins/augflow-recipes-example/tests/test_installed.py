"""The package as a user has it: installed, listed, each recipe planned, nothing of it imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
RECIPES = ("digits", "from_above", "from_above_500", "xray")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, without what only editors need."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder), str(PACKAGE)], check=True)
    return folder


def augflow(site: Path, *words: str) -> str:
    path = os.pathsep.join([str(site), *(entry for entry in sys.path if entry and Path(entry) != PACKAGE)])
    command = [sys.executable, "-m", "augflow", *words]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, cwd=site, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_it_is_listed_with_its_version_and_holds_nothing_but_yaml(site: Path) -> None:
    listed = json.loads(augflow(site, "recipes", "--format", "json"))
    ours = {item["recipe"]: item["from"] for item in listed if item["recipe"].startswith("example/")}
    assert ours == {f"example/{name}": "augflow-recipes-example 0.1.0" for name in RECIPES}
    held = {file.suffix for file in (site / "augflow_recipes_example").rglob("*") if file.is_file()}
    assert held == {".yaml"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_planned(name: str, site: Path) -> None:
    words = ["source=demo", f"recipe=example/{name}", f"sink.root={site / name}", "recipe.max_copies=100"]
    assert "leaf" in augflow(site, "plan", *words)
