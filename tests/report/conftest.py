"""Data sets to report on: one with two chains, nested steps and one of several; one with hostile names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECIPE: dict[str, Any] = {
    "version": 1,
    "seed": 3,
    "target": 14,
    "weights": {"mild": 2, "wild": 1},
    "originals": "render",
    "chains": {
        "mild": {
            "flip": {},
            "turn": {"use": "rotate", "limit": 25},
            "light": {"use": "brightness_contrast", "brightness": 0.2, "contrast": 0.2},
        },
        "wild": {
            "mild": {"p": 0.8},
            "detail": {"p": 0.9, "one_of": {"blur": {"weight": 3}, "sharpen": {"weight": 1}}},
            "cut": {"use": "crop", "scale": [0.6, 0.9]},
            "grain": {"use": "poisson_noise", "p": 0.6},
        },
    },
    "render": {"size": 48, "quality": 90},
}


@pytest.fixture(scope="session")
def made(mixed_source: Path, make_set: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 28 images, only to be read."""
    root = tmp_path_factory.mktemp("reported") / "balanced"
    make_set(RECIPE, mixed_source, root)
    return root


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "own"))
