"""Processes make what one thread makes, image for image, and leave nothing behind."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from augflow.errors import SourceError, SurroundingsError
from augflow.executor import Work
from augflow.executor.pool import pool_of, processes_of
from augflow.online import processes
from augflow.online.opening import stream
from augflow.online.rendering import SetAsideWarning
from augflow.online.stream import Stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

RECIPE: dict[str, Any] = {
    "target": 20,
    "max_copies": 10,
    "originals": "augment",
    "chains": {"some": {"flip": {}, "rotate": {"limit": 25}, "grain": {"use": "poisson_noise", "p": 0.5}}},
    "render": {"size": 24, "format": "png"},
}


def opened(source: Path, recipe: Mapping[str, Any] = RECIPE, **options: Any) -> Stream:
    settings = {"kind": "folder", "root": str(source)}
    return stream(read_recipe(recipe, Registry()), settings, **{"workers": 2, "processes": True, **options})


def in_order(items: Any) -> list[tuple[bytes, tuple[int, ...], int, dict[str, Any]]]:
    return [(item.image.tobytes(), item.image.shape, item.label, item.record) for item in items]


RECIPES = {
    "bytes": {},
    "floats, channels first": {"output": {"dtype": "float32", "layout": "chw", "normalise": "sample"}},
    "sizes of their own": {"originals": "keep"},
}


@pytest.mark.parametrize("options", [{}, {"through_codec": True}, {"shuffle": False}, {"augment": False}], ids=str)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_images_are_those_of_one_thread(recipe: dict[str, Any], options: dict[str, Any], mixed_source: Path) -> None:
    plain = opened(mixed_source, RECIPE | recipe, workers=0, **options)
    found = opened(mixed_source, RECIPE | recipe, **options)
    for _ in range(2):
        assert in_order(found) == in_order(plain)
    assert found.state_dict() == plain.state_dict()


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_are_those_of_one_thread(workers: int, mixed_source: Path) -> None:
    plain, found = opened(mixed_source, workers=0), opened(mixed_source, workers=workers)
    for drop_last in (False, True):
        for mine, theirs in itertools.zip_longest(found.batches(12, drop_last), plain.batches(12, drop_last)):
            assert np.array_equal(mine.images, theirs.images)
            assert mine.labels.tolist() == theirs.labels.tolist()
            assert mine.labels.dtype == theirs.labels.dtype
            assert mine.records == theirs.records


def test_an_image_stays_as_it_was_handed_over(mixed_source: Path) -> None:
    found = opened(mixed_source)
    before = [(batch.images, batch.images.copy()) for batch in itertools.islice(found.batches(4), 8)]
    list(found)
    assert all(np.array_equal(images, copy) for images, copy in before)


def test_it_goes_on_in_the_middle_and_in_shares(mixed_source: Path) -> None:
    whole = in_order(opened(mixed_source, workers=0, epoch=1))
    first = opened(mixed_source, epoch=1)
    taken = in_order(itertools.islice(first, 13))
    state = json.loads(json.dumps(first.state_dict()))
    assert (state["epoch"], state["index"]) == (1, 13)
    second = opened(mixed_source)
    second.load_state_dict(state)
    assert taken + in_order(second) == whole
    for rank in range(3):
        assert in_order(opened(mixed_source, epoch=1).shard(rank, 3)) == whole[rank::3]


def test_two_passes_at_once(mixed_source: Path) -> None:
    plain = in_order(opened(mixed_source, workers=0))
    found, other = opened(mixed_source), opened(mixed_source)
    assert in_order(item for pair in zip(found, other, strict=True) for item in pair)[::2] == plain


@pytest.mark.parametrize("room", [0, 10_000, 100_000])
@pytest.mark.parametrize("originals", ["augment", "keep"])
def test_little_room_changes_nothing(
    room: int, originals: str, small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no memory can be shared images come through a pipe; where little can, samples are decoded more often."""
    recipe = RECIPE | {"target": 500, "max_copies": 1000, "originals": originals}
    plain = in_order(opened(small_source, recipe, workers=0))
    if room:
        monkeypatch.setattr(processes, "MOST_BYTES", room)
    else:
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=0, f_frsize=4096))
    assert in_order(opened(small_source, recipe)) == plain


def test_a_broken_file_is_told_here_and_others_stand_in(mixed_source: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(mixed_source, tmp_path / "spoilt"))
    (root / "few" / "0.jpg").write_bytes((root / "few" / "0.jpg").read_bytes()[:400])
    found = opened(root, check=False)
    with pytest.warns(SetAsideWarning, match=r"few/0\.jpg") as caught:
        items = in_order(found)
    assert len(caught) == 1
    assert [item.key for item in found.aside] == ["few/0.jpg"]
    with pytest.warns(SetAsideWarning):
        assert items == in_order(opened(root, check=False, workers=0))
    with pytest.raises(SourceError, match=r"few/0\.jpg.*check=True"), pytest.warns(SetAsideWarning):
        list(opened(root, augment=False, check=False))


@pytest.fixture
def shelves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all memory that is shared from here on."""
    names: list[str] = []

    def kept(*args: Any, **options: Any) -> SharedMemory:
        memory = SharedMemory(*args, **options)
        names.append(memory.name)
        return memory

    monkeypatch.setattr(processes, "SharedMemory", kept)
    return names


def gone(name: str) -> bool:
    try:
        SharedMemory(name).close()
    except FileNotFoundError:
        return True
    return False


def test_a_pass_that_is_left_leaves_nothing(mixed_source: Path, shelves: list[str]) -> None:
    made = opened(mixed_source).batches(4)
    next(made)
    (name,) = shelves
    assert not gone(name)
    del made
    assert gone(name)


@pytest.mark.parametrize("pause", [0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("shared", [True, False])
def test_a_process_that_dies_is_told_of(
    shared: bool, pause: float, mixed_source: Path, shelves: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one killed while it tells what it made half a message is left, for which nobody may wait."""
    pools: list[ProcessPoolExecutor] = []

    def kept(work: Work, workers: int) -> ProcessPoolExecutor:
        pools.append(pool_of(work, workers))
        return pools[-1]

    monkeypatch.setattr(processes, "pool_of", kept)
    if not shared:
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=0, f_frsize=4096))
    recipe = RECIPE | {"target": 4000, "max_copies": 1000, "render": {"size": 24 if shared else 600}}
    made = iter(opened(mixed_source, recipe))
    next(made)
    time.sleep(pause)
    for process in processes_of(pools[0]):
        process.kill()
    with pytest.raises(SurroundingsError, match="died"):
        list(made)
    assert all(map(gone, shelves))
    assert len(shelves) == shared


def test_a_loaders_worker_uses_threads(mixed_source: Path) -> None:
    """Python lets it have no processes of its own."""
    found = opened(mixed_source)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(in_order, (found,)) == in_order(opened(mixed_source, workers=0))


def test_a_script_runs_once(mixed_source: Path, tmp_path: Path) -> None:
    """No process of a stream's runs it again, guarded or not, from a file or not."""
    script = (
        "print('here')\n"
        "from augflow import Registry, read_recipe, stream\n"
        f"source = {{'kind': 'folder', 'root': {str(mixed_source)!r}}}\n"
        "recipe = read_recipe({'chains': {'some': {'flip': {}}}, 'render': {'size': 24}}, Registry())\n"
        "print(sum(1 for _ in stream(recipe, source, workers=2, processes=True)))\n"
    )
    (tmp_path / "train.py").write_text(script)
    for words, given in (([str(tmp_path / "train.py")], ""), (["-c", script], ""), (["-"], script)):
        done = subprocess.run(
            [sys.executable, *words], input=given, capture_output=True, text=True, timeout=100, check=True
        )
        assert done.stdout.split() == ["here", "20"]


def test_too_many_processes_are_refused() -> None:
    with pytest.raises(SurroundingsError, match="workers: 100000 workers need"):
        pool_of(Work(processes.WORKER, {}), 100_000)
