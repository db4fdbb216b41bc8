"""A stream gives the pixels of a run, image for image, whatever reads it and in whatever order; then new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.online.stream import Stream, stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

CHAIN = {
    "flip": {},
    "rotate": {"limit": 25},
    "light": {"use": "brightness_contrast", "brightness": 0.2, "contrast": 0.2},
    "grain": {"use": "poisson_noise", "p": 0.5},
}
RECIPE: dict[str, Any] = {
    "target": "max",
    "chain": "some",
    "chains": {"some": CHAIN},
    "render": {"size": 24, "format": "png"},
}


def opened(source: Path, recipe: Mapping[str, Any] = RECIPE, **options: Any) -> Stream:
    settings = {"kind": "folder", "root": str(source), **options.pop("settings", {})}
    return stream(read_recipe(recipe, Registry()), settings, **{"workers": 0, **options})


def in_order(items: Any) -> list[tuple[bytes, int, str]]:
    return [(item.image.tobytes(), item.label, item.record["key"]) for item in items]


def test_epoch_0_is_what_run_writes(mixed_source: Path, make_set: Any, tmp_path: Path) -> None:
    make_set(RECIPE, mixed_source, tmp_path)
    rows = {row["key"]: row for row in pq.read_table(tmp_path / "ledger.parquet").to_pylist()}
    items = list(opened(mixed_source))
    assert sorted(item.record["key"] for item in items) == sorted(rows)
    for image, label, record in items:
        row = rows[record["key"]]
        with Image.open(tmp_path / row["path"]) as file:
            assert np.array_equal(image, np.asarray(file.convert("RGB")))
        assert label == ["few", "many"].index(row["label"])
        assert record == {name: row[name] for name in record}


@pytest.mark.parametrize("originals", ["keep", "render", "augment", "omit"])
def test_through_the_codec_it_is_the_file_bit_for_bit(
    originals: str, mixed_source: Path, make_set: Any, tmp_path: Path
) -> None:
    recipe = RECIPE | {"originals": originals, "render": {"format": "jpeg", "quality": 80}}
    make_set(recipe, mixed_source, tmp_path)
    rows = {row["key"]: row for row in pq.read_table(tmp_path / "ledger.parquet").to_pylist()}
    items = list(opened(mixed_source, recipe, through_codec=True))
    assert len(items) == len(rows)
    for item in items:
        row = rows[item.record["key"]]
        assert item.record == {name: value for name, value in row.items() if name in item.record}
        assert row.keys() - item.record.keys() <= {"recipe_digest", "plan_digest", "split", "group"}
        if row["render"] is not None:
            with Image.open(tmp_path / row["path"]) as file:
                assert np.array_equal(item.image, np.asarray(file.convert("RGB")))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_and_any_order_of_access(workers: int, mixed_source: Path) -> None:
    plain = in_order(opened(mixed_source))
    many = opened(mixed_source, workers=workers)
    assert in_order(many) == plain
    many.set_epoch(0)
    at_random = np.random.default_rng(3).permutation(len(many)).tolist()
    found = {index: many[index] for index in at_random}
    assert in_order(found[index] for index in range(len(many))) == plain


def test_every_epoch_is_balanced_and_differs_in_every_view(mixed_source: Path) -> None:
    found = opened(mixed_source)
    first, second, third = (list(found) for _ in range(3))
    for epoch in (first, second, third):
        assert Counter(item.label for item in epoch) == {0: 10, 1: 10}
    seen = [item.image.tobytes() for item in (*first, *second, *third)]
    assert len(set(seen)) == 60
    copies: dict[str, list[int]] = {}
    for epoch in (first, second, third):
        for item in epoch:
            copies.setdefault(item.record["parents"][0]["key"], []).append(item.record["copy"])
    for numbers in copies.values():
        assert sorted(numbers) == [*range(len(numbers))], "copy numbers go on without a gap"
    assert found.epoch == 3
    found.set_epoch(1)
    assert in_order(found) == in_order(second)
