"""What was planted across splits, classes or folders is found; different photographs are let alone."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow.audit.audit import audit
from augflow.audit.near import RADIUS, candidates
from augflow.audit.result import Audit, Item

MakeSet = Callable[..., Any]
WORKERS = {"kind": "local", "workers": 2}
PLAIN = {"version": 1, "target": "keep", "chain": "c", "chains": {"c": {"flip": {}}}, "render": {"size": 32}}
EACH = 50


def leakage(root: Path, **more: Any) -> Item:
    return item(audit({"kind": "folder", "root": str(root)}, executor=WORKERS, **more), "leakage")


def item(found: Audit, name: str) -> Item:
    return next(item for item in found.items if item.name == name)


def pairs(found: Item, kind: str) -> set[frozenset[str]]:
    return {frozenset(finding.about) for finding in found.findings if finding.kind == kind}


def draw(file: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)).resize((96, 80), Image.Resampling.BICUBIC)
    file.parent.mkdir(parents=True, exist_ok=True)
    coarse.save(file, quality=92)


def resized(image: Image.Image, rng: random.Random) -> Image.Image:
    share = rng.uniform(0.3, 0.9)
    return image.resize((round(image.width * share), round(image.height * share)))


def encoded(image: Image.Image, rng: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(30, 70))
    return Image.open(buffer)


def cropped(image: Image.Image, rng: random.Random) -> Image.Image:
    """Cut off up to a twentieth of each side."""
    left, top, right, bottom = (rng.uniform(0, 0.05) for _ in range(4))
    box = (left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height)
    return image.crop(tuple(round(side) for side in box))  # type: ignore[arg-type]


WAYS: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "resized": resized,
    "encoded": encoded,
    "cropped": cropped,
}


def test_planted_leaks_are_found_and_others_let_alone(photographs: Path, make_set: MakeSet, tmp_path: Path) -> None:
    files = [file for label in sorted(photographs.iterdir()) for file in sorted(label.iterdir())[:40]]
    for file in files:
        (tmp_path / "source" / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / "source" / file.parent.name)
    make_set(PLAIN, tmp_path / "source", tmp_path / "sink")
    rng = random.Random(1)
    other = tmp_path / "other"
    other.mkdir()
    planted: dict[str, set[frozenset[str]]] = {}
    for way in ("copied", *WAYS):
        planted[way] = set()
        for number, file in enumerate(rng.sample(files, EACH)):
            name = f"{way}-{number}.jpg"
            if way == "copied":
                shutil.copy(file, other / name)
            else:
                WAYS[way](Image.open(file).convert("RGB"), rng).save(other / name, quality=88)
            planted[way].add(frozenset((f"{file.parent.name}/{file.name}", name)))
    found = pairs(leakage(tmp_path / "sink", against=str(other)), "in the other folder")
    for way, leaks in planted.items():
        assert len(leaks & found) >= 0.95 * EACH, way
    assert found <= set().union(*planted.values())


def test_the_same_image_in_two_classes_or_twice_in_one_is_told(make_set: MakeSet, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(12):
        draw(source / f"{'ab'[number % 2]}/{number}.png", number)
    shutil.copy(source / "a/0.png", source / "b/again.png")
    Image.open(source / "b/1.png").resize((60, 50)).save(source / "b/smaller.png")
    make_set(PLAIN, source, tmp_path / "sink")
    found = leakage(tmp_path / "sink")
    assert found.verdict == "warning"
    assert pairs(found, "in two classes") == {frozenset(("a/0.png", "b/again.png"))}
    assert pairs(found, "twice in a class") == {frozenset(("b/1.png", "b/smaller.png"))}


@pytest.mark.parametrize("others", ["omit", "pass"])
def test_an_image_in_two_splits_is_bad(others: str, make_set: MakeSet, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(12):
        draw(source / f"{('train', 'val')[number % 2]}/a/{number}.png", number)
    Image.open(source / "train/a/0.png").save(source / "val/a/leak.jpg", quality=60)
    make_set(PLAIN, source, tmp_path / "sink", others=others)
    found = leakage(tmp_path / "sink")
    assert found.verdict == "bad"
    assert pairs(found, "in two splits") == {frozenset(("train/a/0.png", "val/a/leak.jpg"))}
    assert "training split" in found.advice


def test_without_its_source_the_bytes_still_tell(make_set: MakeSet, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(6):
        draw(source / f"{'ab'[number % 2]}/{number}.png", number)
    shutil.copy(source / "a/0.png", source / "b/again.png")
    make_set(PLAIN, source, tmp_path / "sink")
    shutil.rmtree(source)
    found = audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor=WORKERS)
    assert pairs(item(found, "leakage"), "in two classes") == {frozenset(("a/0.png", "b/again.png"))}
    assert any("source" in note for note in found.notes)


def test_candidates_are_all_that_lie_within_the_radius() -> None:
    rng = np.random.default_rng(3)
    whole = rng.integers(0, 2**64, 300, dtype=np.uint64)
    for number in range(200, 300):  # a hundred near others, by 0 to 14 bits
        bits = rng.choice(64, number % 15, replace=False).astype(np.uint64)
        whole[number] = whole[number - 200] ^ np.bitwise_or.reduce(np.uint64(1) << bits, initial=0)
    hashes = np.column_stack([whole, rng.integers(0, 2**64, 300, dtype=np.uint64)])
    apart = np.minimum(*(np.bitwise_count(hashes[:, 0][:, None] ^ hashes[:, window]) for window in (0, 1)))
    apart = np.minimum(apart, apart.T)
    expected = np.argwhere(np.triu(apart <= RADIUS, 1))
    found, crowded = candidates(hashes)
    assert found.tolist() == expected.tolist()
    assert len(found) >= 75
    assert crowded == 0


def test_images_that_are_like_all_others_do_not_make_it_quadratic() -> None:
    found, crowded = candidates(np.zeros((1000, 2), dtype=np.uint64))
    assert crowded == 1000
    assert len(found) <= 1000 * 100
