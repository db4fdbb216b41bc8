"""The main job: from unequal folders to equal ones, exactly, with a record for every image."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augflow.runner import Outcome

CLOTHES = {
    "dress": 241,
    "hat": 123,
    "longsleeve": 455,
    "outwear": 184,
    "pants": 468,
    "shirt": 290,
    "shoes": 198,
    "shorts": 202,
    "skirt": 112,
    "t-shirt": 795,
}
FILES = {"ledger.parquet", "run.json", "recipe.lock.yaml"}


@pytest.mark.photographs
def test_every_class_is_brought_to_the_largest(
    balanced: Any, photographs: Path, counts: Callable[[Path], dict[str, int]]
) -> None:
    assert balanced.said.returncode == 0, balanced.said.stderr
    assert counts(photographs) == CLOTHES
    assert counts(balanced.root) == dict.fromkeys(CLOTHES, 795)
    assert sum(counts(balanced.root).values()) == 7950
    assert "7950 images" in balanced.said.stdout


@pytest.mark.photographs
def test_every_image_has_a_record_and_every_record_an_image(
    balanced: Any, photographs: Path, rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    records = rows(balanced.root)
    files = {path.relative_to(balanced.root).as_posix(): path for path in balanced.root.glob("*/*")}
    assert sorted(record["path"] for record in records) == sorted(files)
    assert {path.name for path in balanced.root.iterdir() if path.is_file()} <= FILES
    for record in records:
        data = files[record["path"]].read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (record["size"], record["sha256"])
    for record in records[::40]:
        with Image.open(files[record["path"]]) as image:
            image.load()
            assert (image.height, image.width) == (record["height"], record["width"])
        (parent,) = record["parents"]
        assert parent["sha256"] == hashlib.sha256((photographs / parent["key"]).read_bytes()).hexdigest()
        assert parent["key"].startswith(f"{record['label']}/")


@pytest.mark.photographs
def test_samples_are_used_evenly(balanced: Any, rows: Callable[[Path], list[dict[str, Any]]]) -> None:
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for record in rows(balanced.root):
        used[record["label"]][record["parents"][0]["key"]] += 1
    for label, samples in used.items():
        assert len(samples) == CLOTHES[label]
        assert set(samples.values()) <= {795 // CLOTHES[label], -(-795 // CLOTHES[label])}


@pytest.mark.photographs
def test_a_number_with_drop_is_that_number_and_one_class_may_differ(
    five_hundred: Any,
    photographs: Path,
    augflow: Callable[..., subprocess.CompletedProcess[str]],
    counts: Callable[[Path], dict[str, int]],
    tree: Callable[[Path], dict[str, str]],
    tmp_path: Path,
) -> None:
    assert five_hundred.said.returncode == 0, five_hundred.said.stderr
    assert counts(five_hundred.root) == dict.fromkeys(CLOTHES, 500)
    root = tmp_path / "copy"
    shutil.copytree(five_hundred.root, root)
    words = ["recipe.target=500", "recipe.surplus=drop", "recipe.render.size=32", "+recipe.classes.hat.target=800"]
    said = augflow("run", "--format", "json", f"source.root={photographs}", f"sink.root={root}", *words)
    assert said.returncode == 0, said.stderr
    assert counts(root) == dict.fromkeys(CLOTHES, 500) | {"hat": 800}
    assert json.loads(said.stdout)["made"] == 300
    images = {name: digest for name, digest in tree(five_hundred.root).items() if "/" in name}
    assert len(images) == 5000
    assert images.items() <= tree(root).items()


def test_the_source_is_only_read(
    make: Callable[..., Outcome], small_source: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]]
) -> None:
    def seen() -> Any:
        return tree(small_source), {path: path.stat().st_mtime_ns for path in small_source.rglob("*")}

    before = seen()
    assert make(f"source.root={small_source}", f"sink.root={tmp_path / 'out'}").made == 24
    assert seen() == before


def test_the_demo_is_balanced(
    augflow: Callable[..., subprocess.CompletedProcess[str]],
    counts: Callable[[Path], dict[str, int]],
    tmp_path: Path,
) -> None:
    said = augflow("run", "source=demo", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    classes = ("leaf", "pebble", "shell", "feather", "acorn", "key")
    assert counts(tmp_path / "balanced") == dict.fromkeys(classes, 120)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["balanced"]


@pytest.mark.parametrize("originals", ["keep", "render", "augment", "omit"])
def test_what_becomes_of_the_originals(
    originals: str,
    make: Callable[..., Outcome],
    small_source: Path,
    rows: Callable[[Path], list[dict[str, Any]]],
    counts: Callable[[Path], dict[str, int]],
    tmp_path: Path,
) -> None:
    make(f"source.root={small_source}", f"sink.root={tmp_path}", f"recipe.originals={originals}")
    records = rows(tmp_path)
    assert counts(tmp_path) == {"crowd": 12, "few": 12}
    first = {record["parents"][0]["key"]: record for record in records if record["copy"] == 0}
    assert len(first) == (0 if originals == "omit" else 16)
    for key, record in first.items():
        same = (tmp_path / record["path"]).read_bytes() == (small_source / key).read_bytes()
        assert same == (originals == "keep")
        assert (record["chain"] == "gentle") == (originals == "augment")
        assert bool(record["steps"]) == (originals == "augment")


def test_a_class_that_cannot_reach_its_target_is_told(
    augflow: Callable[..., subprocess.CompletedProcess[str]], small_source: Path, tmp_path: Path
) -> None:
    words = [f"source.root={small_source}", f"sink.root={tmp_path}", "recipe.target=30", "recipe.max_copies=2"]
    said = augflow("run", *words)
    assert said.returncode == 1
    assert "few falls short by 18: max_copies=2 for each of 4 samples." in said.stdout
    assert "crowd falls short" not in said.stdout


def test_steps_fire_as_often_as_their_p_says_and_apart(
    make: Callable[..., Outcome],
    small_source: Path,
    rows: Callable[[Path], list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    p = {"rotate": 0.0, "flip": 0.5, "light": 0.5, "grain": 0.2, "shift": 1.0}
    chosen = [f"++recipe.chains.gentle.{name}.p={value}" for name, value in p.items()]
    words = [f"source.root={small_source}", "recipe.target=450", "recipe.max_copies=200", "recipe.render.size=8"]
    make(*words, f"sink.root={tmp_path}", *chosen)
    fired = [{step["step"]: step["fired"] for step in record["steps"]} for record in rows(tmp_path)]
    assert len(fired) == 900
    for name, share in p.items():
        low, high = within(len(fired), share)
        assert low <= sum(steps[name] for steps in fired) <= high, name
    assert not any(steps["rotate"] for steps in fired)
    for one, other in (("flip", "light"), ("flip", "grain"), ("light", "grain")):
        low, high = within(len(fired), p[one] * p[other])
        assert low <= sum(steps[one] and steps[other] for steps in fired) <= high, (one, other)


def within(n: int, p: float) -> tuple[int, int]:
    """The interval that a binomial falls into in 99.9 % of cases, half of the rest on either side."""
    tail = 0.0005
    below = 0.0
    low = high = 0
    for k in range(n + 1):
        mass = math.comb(n, k) * p**k * (1 - p) ** (n - k)
        if below + mass <= tail:
            low = k + 1
        below += mass
        high = k
        if below >= 1 - tail:
            break
    return low, high
