"""Settings that a plugin carries for what it offers: found without importing it, and nothing else of its folder is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from augflow.cli import main
from augflow.config import catalogue
from augflow.config.compose import compose
from augflow.errors import RecipeError

FILES = {
    "conf/executor/grid.yaml": "# Many machines.\nkind: grid\nnodes: 4  # machines\n",
    "conf/executor/local.yaml": "kind: grid\n",
    "conf/executor/other.yaml": "kind: grid\n",
    "conf/recipe/grid.yaml": "target: 1\n",
    "conf/config.yaml": "defaults: []\n",
    "conf/hydra/config.yaml": "run: {dir: /nowhere}\n",
    "__init__.py": "raise SystemExit('imported')\n",
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin that offers the executor `grid`, as an installer lays it down."""
    for path, text in FILES.items():
        file = tmp_path / "grid_plugin" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    about = tmp_path / "grid_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: grid-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[augflow.executors]\ngrid = grid_plugin.run:Grid\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "grid_plugin" / "conf"


def test_what_a_plugin_offers_is_chosen_by_its_name(plugin: Path) -> None:
    assert catalogue.plugged()["executor"]["grid"] == plugin / "executor" / "grid.yaml"
    settings = compose(["source=demo", "executor=grid", "executor.nodes=7"])
    assert settings.executor == {"kind": "grid", "nodes": 7}
    assert "grid_plugin" not in sys.modules


def test_nothing_else_of_its_folder_is_seen(plugin: Path) -> None:
    settings = compose(["source=demo"])
    assert settings.executor["kind"] == "local"
    for word in ("executor=other", "recipe=grid"):
        with pytest.raises(RecipeError, match="is called"):
            compose(["source=demo", word])


def test_help_lists_it_and_a_wrong_name_is_told(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    assert "grid        Many machines." in capsys.readouterr().out
    assert main(["plan", "source=demo", "executor=gird"]) == 2
    assert "Did you mean 'grid'?" in capsys.readouterr().err


def test_an_operators_own_of_the_same_name_is_not_hidden(plugin: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "executor"
    mine.mkdir(parents=True)
    (mine / "grid.yaml").write_text("kind: local\n")
    with pytest.raises(RecipeError, match="Two executors are called 'grid'"):
        compose(["source=demo", "executor=grid"], config_dir=tmp_path / "mine")
