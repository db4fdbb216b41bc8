"""Splits and groups through whole runs, from folders and from tables: only what is asked is touched."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import SourceError
from augflow.replay import replay
from augflow.verify import verify

Make = Callable[..., Any]
Rows = Callable[[Path], list[dict[str, Any]]]
Tree = Callable[[Path], dict[str, str]]
Augflow = Callable[..., Any]

SPLITS = {"train": range(9), "val": range(9, 11), "test": range(11, 12)}


@pytest.fixture(scope="session")
def split_source(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/, val/ and test/ over the classes, two photographs of each patient; and a table that says the same."""
    root = tmp_path_factory.mktemp("split") / "photos"
    lines = []
    for split, numbers in SPLITS.items():
        for label, every in (("crowd", 1), ("few", 3)):
            (root / split / label).mkdir(parents=True)
            for number in numbers[::every]:
                path = root / split / label / f"p{number // 2 if split == 'train' else number}-{number}.jpg"
                shutil.copy(small_source / "crowd" / f"{number:02}.jpg", path)
                lines.append((path.relative_to(root).as_posix(), label, split, path.name.partition("-")[0]))
    with open(root.with_name("table.csv"), "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([("path", "label", "split", "group"), *sorted(lines, reverse=True)])
    return root


def of_folder(root: Path) -> list[str]:
    return [f"source.root={root}", r"source.group_by='/(p\d+)-'"]


def of_table(root: Path) -> list[str]:
    return ["source=table", f"source.table={root.with_name('table.csv')}", f"source.root={root}"]


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.jpg")}


@pytest.fixture(params=[of_folder, of_table])
def words(request: pytest.FixtureRequest, split_source: Path) -> list[str]:
    found: list[str] = request.param(split_source)
    return found


def test_only_the_chosen_split_goes_into_the_result(
    words: list[str], make: Make, rows: Rows, counts: Callable[[Path], dict[str, int]], tmp_path: Path
) -> None:
    outcome = make(*words, f"sink.root={tmp_path}", "recipe.target=12")
    assert counts(tmp_path) == {"crowd": 12, "few": 12}
    assert outcome.plan.left_out == {"test": {"crowd": 1, "few": 1}, "val": {"crowd": 2, "few": 1}}
    for row in rows(tmp_path):
        (parent,) = row["parents"]
        assert parent["key"].startswith("train/")
        assert (row["split"], row["group"]) == ("train", Path(parent["key"]).name.partition("-")[0])
    assert not verify({"root": str(tmp_path)}).faults


def test_the_others_pass_untouched_and_each_split_reads_as_a_data_set(
    words: list[str], split_source: Path, make: Make, rows: Rows, tree: Tree, tmp_path: Path
) -> None:
    words = [*words, f"sink.root={tmp_path}", "recipe.target=12", "source.others=pass"]
    outcome = make(*words)
    assert outcome.exit_code == 0
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"train", "val", "test"}
    read = {
        split: {label.name: len(list(label.iterdir())) for label in (tmp_path / split).iterdir()} for split in SPLITS
    }
    assert read == {
        "train": {"crowd": 12, "few": 12},
        "val": {"crowd": 2, "few": 1},
        "test": {"crowd": 1, "few": 1},
    }
    for split in ("val", "test"):
        assert Counter(files(tmp_path / split).values()) == Counter(files(split_source / split).values())
    for row in rows(tmp_path):
        assert row["path"].startswith(f"{row['split']}/{row['label']}/")
        assert row["parents"][0]["key"].startswith(f"{row['split']}/")
        if row["split"] != "train":
            assert (row["copy"], row["chain"], row["render"], row["steps"]) == (0, None, None, [])
            assert row["sha256"] == row["parents"][0]["sha256"]
    assert not verify({"root": str(tmp_path)}).faults
    before = tree(tmp_path)
    again = make(*words)
    assert (again.made, again.kept, again.removed) == (0, 29, 0)
    assert tree(tmp_path) == before


def test_folders_and_tables_of_the_same_make_the_same(
    split_source: Path, make: Make, tree: Tree, tmp_path: Path
) -> None:
    for others in ("omit", "pass"):
        for name, words in (("folder", of_folder(split_source)), ("table", of_table(split_source))):
            make(*words, f"sink.root={tmp_path / others / name}", f"source.others={others}")
        assert tree(tmp_path / others / "folder") == tree(tmp_path / others / "table")


def test_leaving_out_what_passed_brings_the_same_as_if_it_never_had(
    split_source: Path, make: Make, tree: Tree, tmp_path: Path
) -> None:
    words = of_folder(split_source)
    make(*words, f"sink.root={tmp_path / 'changed'}", "source.others=pass")
    outcome = make(*words, f"sink.root={tmp_path / 'changed'}")
    assert (outcome.kept, outcome.removed) == (0, 23)
    make(*words, f"sink.root={tmp_path / 'fresh'}")
    assert tree(tmp_path / "changed") == tree(tmp_path / "fresh")


def test_groups_that_straddle_stop_everything_before_it_begins(
    words: list[str], split_source: Path, augflow: Augflow, tmp_path: Path
) -> None:
    shutil.copytree(split_source.parent, tmp_path / "leak")
    leak = tmp_path / "leak" / "photos"
    shutil.copy(leak / "val" / "few" / "p9-9.jpg", leak / "val" / "few" / "p3-9.jpg")
    with open(leak.with_name("table.csv"), "a") as file:
        file.write("val/few/p3-9.jpg,few,val,p3\r\n")
    words = [word.replace(str(split_source.parent), str(leak.parent)) for word in words]
    said = augflow("run", *words, f"sink.root={tmp_path / 'out'}")
    assert said.returncode == 2, said.stdout + said.stderr
    assert "1 groups lie in several splits: p3 (train, val)" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()


def test_plan_and_scan_tell_of_splits(split_source: Path, augflow: Augflow) -> None:
    words = of_table(split_source)
    said = augflow("plan", *words)
    assert said.returncode == 0, said.stderr
    assert "Of the splits, train alone is augmented. Left out: test (2 images), val (3 images)." in said.stdout
    said = augflow("scan", *words, "source.others=pass", "--format", "json")
    told = json.loads(said.stdout)
    assert (told["split"], told["passed"], told["left_out"]) == ("train", {"test": 2, "val": 3}, {})
    assert {label: found["samples"] for label, found in told["classes"].items()} == {"crowd": 9, "few": 3}
    assert len(told["same_content"]) == 5
    assert [item["key"] for item in told["same_content"][0]] == ["test/crowd/p11-11.jpg", "test/few/p11-11.jpg"]


def test_what_is_broken_in_a_split_that_passes_is_set_aside_and_in_one_left_out_is_not_looked_at(
    split_source: Path, make: Make, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(split_source, tmp_path / "source"))
    (source / "val" / "few" / "broken-1.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (source / "val" / "stray.txt").write_text("beside the classes")
    outcome = make(f"source.root={source}", f"sink.root={tmp_path / 'omit'}")
    assert outcome.aside == []
    outcome = make(f"source.root={source}", f"sink.root={tmp_path / 'pass'}", "source.others=pass")
    assert {item.key: item.kind for item in outcome.aside} == {
        "val/stray.txt": "outside a class",
        "val/few/broken-1.jpg": "damaged",
    }
    assert outcome.plan.passed["val"] == {"crowd": 2, "few": 1}
    assert not verify({"root": str(tmp_path / "pass")}).faults


def test_a_split_that_is_not_there_stops_before_it_begins(split_source: Path, make: Make, tmp_path: Path) -> None:
    for words in (of_folder(split_source), of_table(split_source)):
        with pytest.raises(SourceError, match=r"no split 'vla'. Did you mean 'val'"):
            make(*words, f"sink.root={tmp_path / 'out'}", "source.split=vla")
    assert not (tmp_path / "out").exists()


def test_what_lies_outside_the_root_can_be_made_again_where_it_is_allowed(
    split_source: Path, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "lists").mkdir()
    lines = [("path", "label"), *((path, path.parent.name) for path in sorted(split_source.glob("train/*/*.jpg")))]
    with open(tmp_path / "lists" / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows(lines)
    words = ["source=table", f"source.table={tmp_path / 'lists' / 'table.csv'}", f"sink.root={tmp_path / 'out'}"]
    with pytest.raises(SourceError, match="no image"):
        make(*words)
    outcome = make(*words, "source.outside=true")
    assert (outcome.exit_code, outcome.made) == (0, 18)
    assert not verify({"root": str(tmp_path / "out")}).faults
    assert replay("all", {"root": str(tmp_path / "out")}).counts == {"equal": 18}
