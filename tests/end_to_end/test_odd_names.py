"""Whatever a listing holds goes through a run to its end, with right counts and a ledger that can be read."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augflow.source import told
from augflow.verify import verify

Make = Callable[..., Any]
Rows = Callable[[Path], list[dict[str, Any]]]
Tree = Callable[[Path], dict[str, str]]
Augflow = Callable[..., Any]

NAMES = [
    "plain",
    "Plain",
    "two words",
    " led and trailed ",
    "-rf",
    "--help",
    'it\'s "quoted"',
    "new\nline",
    "tab\tand\rreturn",
    "back\\slash",
    "🧦 socks",
    "größe",
    "gro\u0308ße",
    "a" * 255,
    "é" * 127,
    "caf\udce9",
    "\udcff" * 250,
    "0012",
    "1e3",
    "no",
    "null",
    "~",
    "$HOME",
    "${oc.env:HOME}",
    "%s {0} *?",
    "con.",
    "[bold]red",
    "\x1b[31mred",
    "\udce9",
]


@pytest.fixture(scope="module")
def odd_source(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of each name, with a photograph of that very name, and one called 1.jpg."""
    root = tmp_path_factory.mktemp("odd")
    photograph = (small_source / "few" / "00.jpg").read_bytes()
    try:
        (root / NAMES[-1]).mkdir()
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    for name in NAMES:
        (root / name).mkdir(exist_ok=True)
        (root / name / "1.jpg").write_bytes(photograph)
        short = next(name[:end] for end in range(len(name), 0, -1) if len(os.fsencode(name[:end])) < 252)
        (root / name / f"{short}.jpg").write_bytes(photograph)
    return root


@pytest.mark.parametrize("originals", ["augment", "keep"])
def test_names_of_every_kind_come_through(
    originals: str, odd_source: Path, make: Make, rows: Rows, tree: Tree, tmp_path: Path
) -> None:
    words = [f"source.root={odd_source}", f"sink.root={tmp_path}", f"recipe.originals={originals}", "recipe.target=3"]
    outcome = make(*words)
    assert (outcome.exit_code, outcome.made) == (0, 3 * len(NAMES))
    found = rows(tmp_path)
    assert Counter(row["label"] for row in found) == {told(name): 3 for name in NAMES}
    assert {row["parents"][0]["key"] for row in found} == {
        told(path.relative_to(odd_source).as_posix()) for path in odd_source.rglob("*.jpg")
    }
    assert {row["path"] for row in found} == {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")}
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} >= {told(name) for name in NAMES[:16]}
    assert not verify({"root": str(tmp_path)}).faults
    before = tree(tmp_path)
    again = make(*words)
    assert (again.made, again.kept, again.removed) == (0, 3 * len(NAMES), 0)
    assert tree(tmp_path) == before


def test_the_command_says_such_names(odd_source: Path, augflow: Augflow, tmp_path: Path) -> None:
    said = augflow("plan", f"source.root={odd_source}", "recipe.target=3", LC_ALL="C")
    assert said.returncode == 0, said.stderr
    assert "\x1b" not in said.stdout
    assert "Note: Class names that differ only in case or accents: 'Plain', 'plain'." in said.stdout.splitlines()
    assert "[bold]red" in said.stdout
    assert r"caf\udce9" in said.stdout
    said = augflow("scan", f"source.root={odd_source}", "--format", "json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["classes"].keys() == {*NAMES}


def test_each_oddity_is_told_by_its_kind(own_source: Path, make: Make, augflow: Augflow, tmp_path: Path) -> None:
    few = own_source / "few"
    (few / "loop").symlink_to(own_source)
    (few / "self.jpg").symlink_to("self.jpg")
    (few / "gone.jpg").symlink_to("nowhere.jpg")
    (few / "twice").symlink_to(few / "below")
    (few / "below" / "deeper").mkdir(parents=True)
    shutil.move(few / "00.jpg", few / "below" / "deeper" / "00.jpg")
    for name in (".hidden.jpg", ".DS_Store", "Thumbs.db", "notes.txt"):
        (few / name).write_text("no picture")
    os.mkfifo(few / "pipe.jpg")
    (own_source / "void").mkdir()
    (own_source / "Few").mkdir()
    shutil.copy(own_source / "crowd" / "00.jpg", own_source / "Few" / "same.jpg")
    (own_source / "ruins").mkdir()
    (own_source / "ruins" / "1.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (own_source / "ruins" / "2.jpg").write_bytes(b"")
    aside = {
        "few/loop": "loop",
        "few/self.jpg": "loop",
        "few/gone.jpg": "dangling link",
        "few/twice": "linked twice",
        "few/notes.txt": "not an image",
        "few/pipe.jpg": "not a file",
        "ruins/1.jpg": "damaged",
        "ruins/2.jpg": "empty",
    }
    said = augflow("scan", f"source.root={own_source}", "--format", "json")
    assert said.returncode == 1, said.stderr
    told = json.loads(said.stdout)
    assert {item["key"]: item["kind"] for item in told["aside"]} == aside
    assert {label: found["samples"] for label, found in told["classes"].items()} == {
        "Few": 1,
        "crowd": 12,
        "few": 4,
        "ruins": 0,
        "void": 0,
    }
    assert told["notes"] == [
        "Passed over: 1 hidden files or folders.",
        "Passed over: 2 files that systems leave behind (.DS_Store, Thumbs.db, desktop.ini).",
        "2 folders lie below class folders: their images belong to the class.",
        "Class names that differ only in case or accents: 'Few', 'few'.",
    ]
    assert [[item["key"] for item in same] for same in told["same_content"]] == [["Few/same.jpg", "crowd/00.jpg"]]
    said = augflow("scan", f"source.root={own_source}")
    assert "Few/same.jpg = crowd/00.jpg" in said.stdout
    assert all(f"{key}: {kind}; " in said.stdout for key, kind in aside.items())
    outcome = make(f"source.root={own_source}", f"sink.root={tmp_path}")
    assert {item.key: item.kind for item in outcome.aside} == aside
    assert {label: done.result for label, done in outcome.plan.classes.items()} == {
        "Few": 12,
        "crowd": 12,
        "few": 12,
        "ruins": 0,
        "void": 0,
    }
    assert {label: done.why for label, done in outcome.plan.classes.items() if done.shortfall} == {
        "ruins": "it has no usable sample",
        "void": "it has no usable sample",
    }
