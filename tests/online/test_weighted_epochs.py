"""Samples with weights: every epoch copies each as often as the plan does, and in new views."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.online.opening import stream
from augflow.online.stream import Stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

WEIGHTS = (3, 1, 0, 2)
CHAIN: dict[str, Any] = {"flip": {}, "shift": {}}


@pytest.fixture
def listed(mixed_source: Path, tmp_path: Path) -> dict[str, str]:
    """A table of one class of four samples, each with its weight, and one of nine."""
    files = [sorted((mixed_source / label).glob("*.*")) for label in ("few", "many")]
    lines = ["path,label,weight"]
    lines += [f"{files[1][i].relative_to(mixed_source)},rare,{weight}" for i, weight in enumerate(WEIGHTS)]
    lines += [f"{file.relative_to(mixed_source)},usual,1" for file in files[1][4:]]
    table = tmp_path / "listed.csv"
    table.write_text("\n".join(lines) + "\n")
    return {"kind": "table", "table": str(table), "root": str(mixed_source)}


def opened(listed: dict[str, str], originals: str, shuffle: bool) -> Stream:
    recipe = {"target": 16, "originals": originals, "chain": "some", "chains": {"some": CHAIN}, "render": {"size": 16}}
    return stream(read_recipe(recipe, Registry()), listed, shuffle=shuffle, workers=0)


@pytest.mark.parametrize("originals", ["keep", "render", "augment", "omit"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_epoch_copies_by_weight(originals: str, shuffle: bool, listed: dict[str, str]) -> None:
    made = opened(listed, originals, shuffle)
    units = [unit for label in made.plan.classes for unit in made.plan.units_of(label)]
    wanted = {(unit.key, copy) for unit in units for copy in range(unit.first, unit.end)}
    weighed = {unit.key for unit in made.plan.units_of("rare")}
    epochs = []
    for epoch in range(3):
        made.set_epoch(epoch)
        epochs.append([(item.record["parents"][0]["key"], item.record["copy"]) for item in made])
    assert set(epochs[0]) == wanted
    for views in epochs:
        assert len(set(views)) == len(views) == 32
        counts, first = (Counter(key for key, _ in some if key in weighed) for some in (views, epochs[0]))
        assert counts == first
        assert max(counts.values()) > min(counts.values())
    again = set() if originals in ("augment", "omit") else {(key, 0) for key, copy in epochs[0] if copy == 0}
    assert set(epochs[0]) & set(epochs[1]) == again
    assert set(epochs[1]) & set(epochs[2]) == again


def test_by_number_it_is_the_same(listed: dict[str, str]) -> None:
    made = opened(listed, "augment", shuffle=True)
    made.set_epoch(1)
    passed = [item.image for item in made]
    for index in (0, 7, 31, 12):
        assert np.array_equal(made.at(1, index).image, passed[index])
