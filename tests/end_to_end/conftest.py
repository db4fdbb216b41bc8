"""What whole runs share: the command as a person types it, the library call, and ways to compare what they leave."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow.parquet as pq
import pytest

from augflow.config.compose import compose
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import Outcome, run

Tree = dict[str, str]
Rows = list[dict[str, Any]]


class Command(Protocol):
    def __call__(
        self, *words: str | Path, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


class Made(NamedTuple):
    """A finished run: where it went, and what the command said."""

    root: Path
    said: subprocess.CompletedProcess[str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "photographs: needs data sets made of the photographs, thousands of outputs")


@pytest.fixture(scope="session")
def augflow(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Type `augflow …` in a shell somewhere else."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def call(*words: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "augflow", *map(str, words)],
            cwd=cwd or elsewhere,
            env=os.environ | {"PYTHONPATH": str(checkout)} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return call


@pytest.fixture(scope="session")
def make() -> Callable[..., Outcome]:
    """Run with overrides, as the verb does, in this process."""

    def call(*overrides: str | Path, executor: dict[str, Any] | None = None) -> Outcome:
        settings = compose([str(word) for word in overrides])
        recipe = read_recipe(settings.recipe, Registry(settings.plugins))
        return run(
            recipe,
            settings.source,
            settings.sink,
            executor or settings.executor,
            settings.plugins,
            files=settings.origin["files"],
        )

    return call


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], Tree]:
    """Digest every file below a folder, and name every folder; `run.json` alone may tell when and where."""

    def call(root: Path) -> Tree:
        found = {}
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if name != "run.json":
                found[name] = "folder" if path.is_dir() else hashlib.blake2b(path.read_bytes()).hexdigest()
        return found

    return call


@pytest.fixture(scope="session")
def rows() -> Callable[[Path], Rows]:
    """Read the ledger of a finished sink."""

    def call(root: Path) -> Rows:
        found: Rows = pq.read_table(root / "ledger.parquet").to_pylist()
        return found

    return call


@pytest.fixture(scope="session")
def counts() -> Callable[[Path], dict[str, int]]:
    """Count the files of every folder at the root."""

    def call(root: Path) -> dict[str, int]:
        return {path.name: len(list(path.iterdir())) for path in sorted(root.iterdir()) if path.is_dir()}

    return call


@pytest.fixture(scope="session")
def balanced(photographs: Path, augflow: Command, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The main job on the photographs: 7,950 images of their full size."""
    root = tmp_path_factory.mktemp("balanced")
    return Made(root, augflow("run", f"source.root={photographs}", f"sink.root={root}"))


@pytest.fixture(scope="session")
def five_hundred(photographs: Path, augflow: Command, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The photographs brought to 500 of each class, small."""
    root = tmp_path_factory.mktemp("five_hundred")
    words = ["recipe.target=500", "recipe.surplus=drop", "recipe.render.size=32"]
    return Made(root, augflow("run", f"source.root={photographs}", f"sink.root={root}", *words))


@pytest.fixture
def own_source(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small source that a test may change."""
    return Path(shutil.copytree(small_source, tmp_path_factory.mktemp("own") / "source"))
