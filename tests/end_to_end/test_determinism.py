"""Same recipe, same source, same bytes: whatever the workers, the order, the place, or what came in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from augflow.source import Sample, open_source

Tree = Callable[[Path], dict[str, str]]

# Everything that draws: two chains by weight, one_of, masks, noise, gray and PNG among the samples.
VARIED = [
    "source=demo",
    "+chain@recipe.chains.strong=strong",
    "+chain@recipe.chains.article=article",
    "recipe.chain=null",
    "+recipe.weights={gentle: 2, strong: 3, article: 1}",
    "recipe.render.size=48",
    "recipe.target=30",
    "recipe.surplus=drop",
]

SHUFFLED = """
import random

from augflow.executor import load


class Shuffled:
    def __init__(self, seed, twice=False):
        self.seed, self.twice = seed, twice

    def run(self, work, items):
        items = list(items) * (2 if self.twice else 1)
        random.Random(self.seed).shuffle(items)
        call, told = load(work.entry)(work.spec), set()
        for item in items:
            result = call(item)
            if item not in told:
                told.add(item)
                yield item, result
"""


@pytest.fixture
def shuffled(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with an executor that runs items in this process, in a shuffled order."""
    site = tmp_path_factory.mktemp("site")
    about = site / "shuffled-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shuffled\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[augflow.executors]\nshuffled = shuffled_executor:Shuffled\n")
    (site / "shuffled_executor.py").write_text(SHUFFLED)
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture(scope="module")
def varied(make: Callable[..., Any], tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tree that every other way of making it must equal."""
    root = tmp_path_factory.mktemp("varied")
    assert make(*VARIED, f"sink.root={root}", "executor.workers=2").exit_code == 0
    found = tree(root)
    images = [name for name in found if "/" in name]
    assert len(images) == 6 * 30
    return found


def test_the_number_of_workers_does_not_matter(
    varied: dict[str, str], make: Callable[..., Any], tree: Tree, tmp_path: Path
) -> None:
    make(*VARIED, f"sink.root={tmp_path}", "executor.workers=1")
    assert tree(tmp_path) == varied


@pytest.mark.usefixtures("shuffled")
@pytest.mark.parametrize(("seed", "twice"), [(1, False), (2, True)], ids=["shuffled", "shuffled and done twice"])
def test_the_order_of_tasks_does_not_matter(
    seed: int, twice: bool, varied: dict[str, str], make: Callable[..., Any], tree: Tree, tmp_path: Path
) -> None:
    outcome = make(*VARIED, f"sink.root={tmp_path}", executor={"kind": "shuffled", "seed": seed, "twice": twice})
    assert outcome.exit_code == 0
    assert tree(tmp_path) == varied


def test_neither_place_nor_hash_seed_nor_locale_matters(
    varied: dict[str, str], augflow: Callable[..., Any], tree: Tree, tmp_path: Path
) -> None:
    place = tmp_path / "ein Ort"
    place.mkdir()
    said = augflow("run", *VARIED, "sink.root=here", cwd=place, PYTHONHASHSEED="4711", LC_ALL="C", TZ="Asia/Tokyo")
    assert said.returncode == 0, said.stderr
    assert tree(place / "here") == varied


@pytest.mark.photographs
def test_photographs_give_equal_bytes_whatever_the_workers_and_the_place(
    photographs: Path, augflow: Callable[..., Any], tree: Tree, tmp_path: Path
) -> None:
    found = []
    words = ["recipe.target=30", "recipe.surplus=drop"]
    for number, (workers, cwd) in enumerate(((1, tmp_path), (2, photographs.parent))):
        root = tmp_path / f"{number}"
        source = photographs if number else os.path.relpath(photographs, cwd)
        said = augflow(
            *("run", f"source.root={source}", f"sink.root={root}", f"executor.workers={workers}", *words),
            cwd=cwd,
            PYTHONHASHSEED=str(workers),
        )
        assert said.returncode == 0, said.stderr
        found.append(tree(root))
    assert len([name for name in found[0] if name.endswith(".jpg")]) == 300
    assert found[0] == found[1]


def test_a_second_run_touches_nothing(make: Callable[..., Any], small_source: Path, tree: Tree, tmp_path: Path) -> None:
    words = [f"source.root={small_source}", f"sink.root={tmp_path}", "recipe.render.size=16", "recipe.target=30"]
    make(*words)
    before = tree(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    again = make(*words)
    assert (again.made, again.kept, again.removed, again.exit_code) == (0, len(times), 0, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == times
    assert tree(tmp_path) == before


def test_a_source_gives_the_same_bytes_to_many_threads() -> None:
    source = open_source({"kind": "demo"})
    keys = [item.key for item in source.scan() if isinstance(item, Sample)][::6]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.read, keys)) == [source.read(key) for key in keys]


def test_a_data_set_made_in_steps_equals_one_made_at_once(
    make: Callable[..., Any], small_source: Path, tree: Tree, tmp_path: Path
) -> None:
    words = [f"source.root={small_source}", "recipe.render.size=16", "recipe.surplus=drop"]
    make(*words, f"sink.root={tmp_path / 'steps'}", "recipe.target=20")
    make(*words, f"sink.root={tmp_path / 'steps'}", "recipe.target=70", "+recipe.classes.few.target=10")
    make(*words, f"sink.root={tmp_path / 'steps'}", "recipe.target=40")
    make(*words, f"sink.root={tmp_path / 'once'}", "recipe.target=40")
    assert tree(tmp_path / "steps") == tree(tmp_path / "once")


def test_another_seed_gives_other_images(
    make: Callable[..., Any], small_source: Path, tree: Tree, tmp_path: Path
) -> None:
    words = [f"source.root={small_source}", "recipe.render.size=16", "recipe.target=10", "recipe.surplus=drop"]
    found = []
    for seed in (0, 1):
        make(*words, f"sink.root={tmp_path / str(seed)}", f"recipe.seed={seed}")
        found.append({digest for name, digest in tree(tmp_path / str(seed)).items() if "/" in name})
    assert len(found[0]) == len(found[1]) == 20
    assert not found[0] & found[1]
