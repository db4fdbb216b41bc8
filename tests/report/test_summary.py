"""What a report adds up is what lies on disk and what the run said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augflow.errors import SinkError
from augflow.ledger.dataset import Dataset
from augflow.report.summary import Summary, summarise


def summary(root: Path) -> Summary:
    return summarise(Dataset({"kind": "folder", "root": str(root)}))


def test_classes_are_as_they_lie_there(made: Path) -> None:
    found = summary(made)
    on_disk = {folder.name: len(list(folder.iterdir())) for folder in made.iterdir() if folder.is_dir()}
    assert {line.label: line.after for line in found.classes} == on_disk == {"many": 14, "few": 14}
    assert [(line.label, line.before, line.originals, line.copies) for line in found.classes] == [
        ("many", 10, 10, 4),
        ("few", 4, 4, 10),
    ]
    assert (found.outputs, found.before, found.after, found.copies) == (28, 14, 28, 14)
    assert found.bytes == sum(file.stat().st_size for file in made.glob("*/*"))
    assert (found.imbalance("before"), found.imbalance("after")) == (2.5, 1)


def test_what_was_made_of_them(made: Path) -> None:
    rows = pq.read_table(made / "ledger.parquet").to_pylist()
    expected = Counter((row["copy"] > 0, row["chain"], row["render"] is None) for row in rows)
    assert summary(made).made == expected
    assert expected[False, None, False] == 14
    assert summary(made).converted == Counter(note for row in rows for note in row["converted"])
    assert summary(made).converted


def test_copies_of_each_sample(made: Path) -> None:
    many, few = summary(made).classes
    assert many.per_sample == {0: 6, 1: 4}
    assert few.per_sample == {2: 2, 3: 2}
    assert few.mean_copies == 2.5
    assert summary(made).per_sample == {0: 6, 1: 4, 2: 2, 3: 2}


def test_what_was_set_aside_and_falls_short(small_source: Path, own_small: Path, tmp_path: Path) -> None:
    from augflow.config.compose import compose
    from augflow.recipe.reader import read_recipe
    from augflow.registry import Registry
    from augflow.runner import run

    (own_small / "few" / "00.jpg").write_bytes(b"no picture")
    settings = compose([f"source.root={own_small}", "recipe.target=30", "recipe.max_copies=3", "recipe.originals=keep"])
    sink = {"kind": "folder", "root": str(tmp_path / "sink")}
    run(read_recipe(settings.recipe, Registry()), settings.source, sink, {"kind": "local", "workers": 1})
    found = summary(tmp_path / "sink")
    assert [(item["key"], item["kind"]) for item in found.aside] == [("few/00.jpg", "not an image")]
    assert [(line.label, line.before, line.short) for line in found.classes] == [("crowd", 12, 0), ("few", 3, 18)]
    assert found.made[False, None, True] == 15


@pytest.fixture
def own_small(small_source: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(small_source, tmp_path / "source"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="no data set"):
        summary(tmp_path)


def test_labels_that_only_the_account_or_only_the_ledger_knows(own: Path, edit_ledger: Callable[..., None]) -> None:
    def rename(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["label"] = "other" if row["label"] == "few" else row["label"]

    edit_ledger(own, rename)
    lines = {line.label: (line.before, line.after) for line in summary(own).classes}
    assert lines == {"many": (10, 14), "few": (4, 0), "other": (0, 14)}
    assert summary(own).imbalance("after") is None
    assert json.loads((own / "run.json").read_bytes())["classes"].keys() == {"many", "few"}
