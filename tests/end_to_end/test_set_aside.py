"""What cannot be used is set aside and named, and the class is filled from its other samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Make = Callable[..., Any]
Tree = Callable[[Path], dict[str, str]]
Augflow = Callable[..., Any]

BROKEN = {
    "few/cut.jpg": "damaged",
    "few/empty.jpg": "empty",
    "few/words.jpg": "not an image",
    "crowd/cut.png": "damaged",
    "crowd/huge.png": "too large",
    "crowd/notes.txt": "not an image",
    "readme.md": "outside a class",
}


def spoil(source: Path) -> None:
    """Put a file of each kind that cannot be used among the others."""
    whole = (source / "few" / "00.jpg").read_bytes()
    (source / "few" / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (source / "few" / "empty.jpg").write_bytes(b"")
    (source / "few" / "words.jpg").write_text("a picture says more than these\n" * 50)
    Image.fromarray(np.arange(12288, dtype=np.uint8).reshape(64, 64, 3)).save(source / "crowd" / "cut.png")
    whole = (source / "crowd" / "cut.png").read_bytes()
    (source / "crowd" / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (12_000, 12_000)).save(source / "crowd" / "huge.png")
    (source / "crowd" / "notes.txt").write_text("not for the album")
    (source / "readme.md").write_text("beside the classes")


@pytest.fixture
def spoilt(own_source: Path) -> Path:
    spoil(own_source)
    return own_source


@pytest.mark.parametrize("target", ["20", "max", "10"])
@pytest.mark.parametrize("originals", ["augment", "keep"])
def test_the_tree_is_that_of_a_source_without_them(
    target: str, originals: str, spoilt: Path, small_source: Path, make: Make, tree: Tree, tmp_path: Path
) -> None:
    words = [f"recipe.target={target}", f"recipe.originals={originals}", "recipe.surplus=drop"]
    outcome = make(*words, f"source.root={spoilt}", f"sink.root={tmp_path / 'spoilt'}")
    sound = make(*words, f"source.root={small_source}", f"sink.root={tmp_path / 'sound'}")
    assert (outcome.exit_code, sound.exit_code) == (1, 0)
    assert {item.key: item.kind for item in outcome.aside} == BROKEN
    assert all(item.detail for item in outcome.aside)
    assert tree(tmp_path / "spoilt") == tree(tmp_path / "sound")


def test_they_are_named_where_it_can_be_read_later(
    spoilt: Path, augflow: Augflow, counts: Callable[[Path], dict[str, int]], tmp_path: Path
) -> None:
    said = augflow("run", f"source.root={spoilt}", f"sink.root={tmp_path}", "recipe.target=15")
    assert said.returncode == 1
    assert counts(tmp_path) == {"crowd": 15, "few": 15}
    assert "Traceback" not in said.stderr
    for key, kind in BROKEN.items():
        assert f"{key}: {kind}; " in said.stdout
    account = json.loads((tmp_path / "run.json").read_text())
    assert {item["key"]: item["kind"] for item in account["aside"]} == BROKEN


def test_scan_and_run_agree(spoilt: Path, make: Make, augflow: Augflow, tmp_path: Path) -> None:
    said = augflow("scan", "--format", "json", f"source.root={spoilt}")
    outcome = make(f"source.root={spoilt}", f"sink.root={tmp_path}")
    assert said.returncode == 1
    assert json.loads(said.stdout)["aside"] == [item._asdict() for item in outcome.aside]


def test_a_second_run_only_tries_them_again(spoilt: Path, make: Make, tree: Tree, tmp_path: Path) -> None:
    words = [f"source.root={spoilt}", f"sink.root={tmp_path}", "recipe.target=20"]
    first = make(*words)
    before = tree(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    again = make(*words)
    assert (again.made, again.kept, again.removed, again.exit_code) == (0, 40, 0, 1)
    assert again.aside == first.aside
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == times
    assert tree(tmp_path) == before


def test_what_was_mended_is_used_from_then_on(
    spoilt: Path, small_source: Path, make: Make, tree: Tree, tmp_path: Path
) -> None:
    words = [f"source.root={spoilt}", "recipe.target=20"]
    make(*words, f"sink.root={tmp_path / 'mended'}")
    shutil.copy(small_source / "crowd" / "03.jpg", spoilt / "few" / "cut.jpg")
    make(*words, f"sink.root={tmp_path / 'mended'}")
    make(*words, f"sink.root={tmp_path / 'fresh'}")
    assert tree(tmp_path / "mended") == tree(tmp_path / "fresh")


def test_a_class_with_nothing_sound_falls_short_and_says_why(
    own_source: Path, augflow: Augflow, tmp_path: Path
) -> None:
    (own_source / "ruins").mkdir()
    for number in range(3):
        (own_source / "ruins" / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    said = augflow("run", f"source.root={own_source}", f"sink.root={tmp_path}", "recipe.target=14")
    assert said.returncode == 1
    assert "ruins falls short by 14: it has no usable sample." in said.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["crowd", "few"]


def test_a_source_with_nothing_sound_ends_without_a_fault(tmp_path: Path, augflow: Augflow) -> None:
    for label in ("a", "b"):
        (tmp_path / "source" / label).mkdir(parents=True)
        (tmp_path / "source" / label / "0.jpg").write_bytes(b"")
    said = augflow("run", f"source.root={tmp_path / 'source'}", f"sink.root={tmp_path / 'out'}", "recipe.target=3")
    assert said.returncode == 1, said.stderr
    assert "Set aside: 2 (2 empty)" in said.stdout


def test_the_largest_class_sets_the_target_without_what_is_broken(
    own_source: Path, make: Make, counts: Callable[[Path], dict[str, int]], tmp_path: Path
) -> None:
    for number in range(5):
        (own_source / "crowd" / f"broken-{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    make(f"source.root={own_source}", f"sink.root={tmp_path}")
    assert counts(tmp_path) == {"crowd": 12, "few": 12}


PLUGIN = """
import os
from dataclasses import dataclass

calls = 0


@dataclass(frozen=True)
class Trap:
    \"\"\"Goes wrong on photographs of one size: at once, or when many a copy of it is written.\"\"\"

    how: str = "die"

    def draw(self, rng, size):
        return {"trap": tuple(size) == (40, 56)}

    def apply(self, image, trap):
        global calls
        calls += trap
        if trap and self.how == "die":
            os._exit(1)
        if trap and calls > 12 and self.how == "die later":
            os.kill(os.getpid(), 9)
        if trap and calls > 12:
            raise ValueError("it snapped shut")
        return image.copy()
"""


@pytest.fixture
def trapped(own_source: Path) -> Path:
    """A source with one sound sample of another size than all others."""
    Image.fromarray(np.zeros((40, 56, 3), np.uint8)).save(own_source / "few" / "trap.jpg")
    return own_source


@pytest.mark.parametrize("originals", ["augment", "keep"])
@pytest.mark.parametrize("how", ["die", "die later", "raise"])
def test_a_sample_that_a_transform_cannot_bear_is_set_aside_alone(
    how: str, originals: str, trapped: Path, small_source: Path, make: Make, tree: Tree, tmp_path: Path
) -> None:
    (tmp_path / "trap.py").write_text(PLUGIN)
    words = [
        f"plugins=[{tmp_path / 'trap.py'}]",
        f"+recipe.chains.gentle.trap={{how: {how}}}",
        f"recipe.originals={originals}",
        "recipe.target=100",
        "recipe.max_copies=50",
    ]
    outcome = make(*words, f"source.root={trapped}", f"sink.root={tmp_path / 'trapped'}")
    make(*words, f"source.root={small_source}", f"sink.root={tmp_path / 'sound'}")
    ((key, kind, detail),) = outcome.aside
    assert key == "few/trap.jpg"
    assert kind == ("chain failed" if how == "raise" else "worker died")
    assert detail
    assert how != "raise" or "it snapped shut" in detail
    assert outcome.exit_code == 1
    trapped_tree, sound_tree = tree(tmp_path / "trapped"), tree(tmp_path / "sound")
    assert trapped_tree.keys() - sound_tree.keys() == set(), "files without a record"
    assert trapped_tree == sound_tree
