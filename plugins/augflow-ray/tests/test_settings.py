"""What may be asked of the executor, from the command line too; it is found by its entry point, settings and all."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from augflow_ray.executor import RayExecutor
from augflow_ray.surroundings import differences, facts

from augflow import compose
from augflow.errors import PluginError, SurroundingsError
from augflow.executor import Work, open_executor
from augflow.testing import obedient

AUGFLOW = [sys.executable, "-P", "-c", "import sys; from augflow.cli import main; sys.exit(main())"]


def test_its_settings_are_its_defaults() -> None:
    settings = compose(["executor=ray", "source=demo"]).executor
    defaults = {name: taken.default for name, taken in inspect.signature(RayExecutor).parameters.items()}
    assert settings == {"kind": "ray", **defaults}
    opened = open_executor(settings | {"cpus": 2})
    assert isinstance(opened, RayExecutor)
    assert opened.cpus == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cpus", 0),
        ("cpus", True),
        ("workers", 0),
        ("workers", "two"),
        ("in_flight", -1),
        ("batch_size", 0),
        ("retries", -1),
        ("task_timeout", 0),
        ("address", "ray://head:10001"),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(PluginError, match=rf"executor\.{name}"):
        open_executor({"kind": "ray", name: value})


def test_where_no_cluster_answers_it_says_so_soon() -> None:
    with pytest.raises(SurroundingsError, match=r"executor\.address: no cluster can be used at '127\.0\.0\.1:1'"):
        list(RayExecutor("127.0.0.1:1").run(Work(obedient.ENTRY, {}), [(0, "", None)]))


def test_without_anything_to_do_no_cluster_is_asked() -> None:
    assert list(RayExecutor("127.0.0.1:1").run(Work(obedient.ENTRY, {}), [])) == []


def test_a_command_runs_on_ray_wherever_it_stands_and_leaves_none_of_it(tmp_path: Path) -> None:
    for decoy in ("augflow", "augflow_ray", "numpy", "json"):
        (tmp_path / f"{decoy}.py").write_text("raise SystemExit('a file that happens to lie here was imported')\n")
    command = [*AUGFLOW, "run", "source=demo", "sink.root=sink", "recipe.target=12"]
    command += ["recipe.surplus=drop", "recipe.render.size=32", "--no-audit", "executor=ray", "executor.workers=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "72 images in" in done.stdout
    assert done.stderr == ""
    assert not [link for link in Path("/proc").glob("[0-9]*/cwd") if _target(link) == str(tmp_path)]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def test_what_decides_pixels_is_told_of_plugin_files_too(tmp_path: Path) -> None:
    plugin = tmp_path / "fog.py"
    plugin.write_text("density = 1\n")
    here = facts({"plugins": [str(plugin)]})
    assert {"python", "numpy", "opencv-python-headless", "the plugin fog.py"} <= set(here)
    plugin.write_text("density = 2\n")
    (edited,) = differences(here, facts({"plugins": [str(plugin)]}))
    assert edited.startswith("the plugin fog.py sha256 ")
    plugin.unlink()
    (gone,) = differences(here, facts({"plugins": [str(plugin)]}))
    assert gone.startswith("the plugin fog.py not there, here sha256 ")


def test_of_a_recipe_all_is_told_that_a_lock_of_it_holds() -> None:
    from augflow import Registry, read_recipe

    recipe = read_recipe(compose(["source=demo"]).recipe, Registry())
    here = facts({"recipe": recipe.as_json(), "plugins": []})
    assert {"libjpeg-turbo", "stringzilla", "processor", "the transform rotate"} <= set(here)
    (other,) = differences(here, here | {"processor": "x86_64 none"})
    assert other.startswith("processor x86_64 none, here ")
