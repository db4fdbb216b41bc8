"""Drawn images of which nothing but their treatment tells originals from copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augflow.audit.result import Audit, Item

Draw = Callable[[Path, Mapping[str, int]], Path]
SIDE = 72


@pytest.fixture(scope="session")
def draw_source() -> Draw:
    """Draw a class folder of so many images for each name: soft colours with rectangles on them, JPEG."""

    def call(root: Path, classes: Mapping[str, int]) -> Path:
        rng = np.random.default_rng(7)
        for label, count in classes.items():
            (root / label).mkdir(parents=True)
            for number in range(count):
                coarse = rng.integers(30, 226, (5, 5, 3), dtype=np.uint8)
                pixels = np.array(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
                for _ in range(6):
                    top, left, high, wide = rng.integers(4, SIDE // 2, 4)
                    pixels[top : top + high, left : left + wide] = rng.integers(20, 236, 3)
                grain = rng.normal(0, rng.uniform(1, 4), pixels.shape)
                noisy = np.clip(pixels + grain, 0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(root / label / f"{number:04}.jpg", quality=int(rng.integers(80, 96)))
        return root

    return call


@pytest.fixture(scope="session")
def drawn(draw_source: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large class and three small ones, only to be read."""
    return draw_source(
        tmp_path_factory.mktemp("drawn") / "source", {"crowd": 420, "one": 170, "two": 170, "three": 170}
    )


@pytest.fixture(scope="session")
def item() -> Callable[[Audit, str], Item]:
    """The item of a name."""
    return lambda found, name: next(item for item in found.items if item.name == name)
