"""What the bridges' tests share: a small stream, and its images by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augflow.online.opening import stream
from augflow.online.stream import Stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

RECIPE: dict[str, Any] = {
    "target": 21,
    "chains": {"some": {"flip": {}, "rotate": {"limit": 25}, "grain": {"use": "poisson_noise", "p": 0.5}}},
    "render": {"size": 16},
}


@pytest.fixture
def small_stream(small_source: Path) -> Callable[..., Stream]:
    """Open 2 × 21 images of 16 × 16 pixels."""

    def call(output: dict[str, Any] | None = None, **options: Any) -> Stream:
        recipe = read_recipe(RECIPE | {"output": output}, Registry())
        return stream(recipe, {"kind": "folder", "root": str(small_source)}, **{"workers": 0, **options})

    return call
