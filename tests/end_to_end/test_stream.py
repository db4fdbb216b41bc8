"""`run` and `stream` on the photographs: equal, image for image, for any workers, in any order."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.config.compose import compose
from augflow.online.opening import stream
from augflow.online.stream import Stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

pytestmark = pytest.mark.photographs


def opened(photographs: Path, *words: str, **options: Any) -> Stream:
    settings = compose([f"source.root={photographs}", *words])
    return stream(read_recipe(settings.recipe, Registry()), settings.source, **options)


def told(root: Path) -> dict[str, tuple[str, str]]:
    """Key → path and hash of the file."""
    rows = pq.read_table(root / "ledger.parquet", columns=["key", "path", "sha256"]).to_pylist()
    return {row["key"]: (row["path"], row["sha256"]) for row in rows}


@pytest.mark.parametrize(
    ("share", "workers", "processes"), [(0, 0, False), (1, 1, False), (2, 2, False), (3, 4, False), (4, 2, True)]
)
def test_a_tenth_of_an_epoch_is_what_run_wrote(
    share: int, workers: int, processes: bool, photographs: Path, balanced: Any
) -> None:
    """Of 7,950; another tenth for each number of workers."""
    rows = told(balanced.root)
    whole = opened(photographs, through_codec=True, workers=workers, processes=processes, check=False)
    seen = set()
    for number, (image, label, record) in enumerate(whole.shard(share, 10)):
        path, digest = rows[record["key"]]
        assert (record["sha256"], record["path"], whole.classes[label]) == (digest, path, path.split("/")[0])
        if number % 20 == 0:
            with Image.open(balanced.root / path) as file:
                assert np.array_equal(image, np.asarray(file.convert("RGB")))
        seen.add(record["key"])
    assert len(seen) == 795


def test_small_images_by_number_in_any_order(photographs: Path, five_hundred: Any) -> None:
    rows = told(five_hundred.root)
    words = ["recipe.target=500", "recipe.surplus=drop", "recipe.render.size=32"]
    found = opened(photographs, *words, through_codec=True, workers=0, check=False)
    assert len(found) == 5000
    for index in random.Random(3).sample(range(5000), 500):
        record = found[index].record
        assert rows[record["key"]] == (record["path"], record["sha256"])


def test_two_epochs_differ_in_every_view(photographs: Path) -> None:
    found = opened(photographs, "recipe.render.size=32", check=False).shard(0, 20)
    epochs = [[hashlib.sha256(item.image.tobytes()).digest() for item in found] for _ in range(2)]
    assert len(set(epochs[0]) | set(epochs[1])) == 2 * 398
    found.set_epoch(0)
    assert [hashlib.sha256(item.image.tobytes()).digest() for item in found] == epochs[0]
