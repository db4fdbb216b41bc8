"""What previews are made of: a plan and a bench, and what the run over the same makes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.preview.making import Bench
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source import open_source

RECIPE: dict[str, Any] = {
    "version": 1,
    "seed": 5,
    "target": 20,
    "weights": {"mild": 1, "wild": 1},
    "originals": "augment",
    "chains": {
        "mild": {"flip": {}, "turn": {"use": "rotate", "limit": 20}},
        "wild": {
            "mild": {},
            "never": {"use": "invert", "p": 0},
            "detail": {"one_of": {"blur": {}, "sharpen": {}}},
            "grain": {"use": "gaussian_noise", "p": 0.5},
        },
    },
    "render": {"size": 40, "quality": 90},
}

Set: TypeAlias = AbstractContextManager[tuple[Plan, Bench]]


@pytest.fixture
def begin(mixed_source: Path) -> Callable[..., Set]:
    """Plan on a source and set up a bench for it; changes are to the recipe above."""

    @contextlib.contextmanager
    def call(changes: Mapping[str, Any] | None = None, root: Path = mixed_source) -> Iterator[tuple[Plan, Bench]]:
        source = {"kind": "folder", "root": str(root)}
        recipe = read_recipe({**RECIPE, **(changes or {})}, Registry())
        yield Plan(recipe, take_census(open_source(source))), Bench(recipe, source, [])

    return call


@pytest.fixture(scope="session")
def made(mixed_source: Path, make_set: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run makes by this recipe."""
    root = tmp_path_factory.mktemp("made") / "sink"
    make_set(RECIPE, mixed_source, root)
    return root


@pytest.fixture
def own_mixed(mixed_source: Path, tmp_path: Path) -> Path:
    """A copy of the source that a test may change."""
    return Path(shutil.copytree(mixed_source, tmp_path / "mixed"))
