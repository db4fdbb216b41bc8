"""An edit changes what it is about, and nothing else: draws of other steps, outputs that were there, other samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rows = Callable[[Path], list[dict[str, Any]]]
Make = Callable[..., Any]
Draws = dict[tuple[str, int], dict[str, tuple[bool, Any]]]

BASE = ["recipe.render.size=16", "recipe.target=60"]
STEPS = {"flip", "rotate", "shift", "light", "grain"}


def draws(records: list[dict[str, Any]]) -> Draws:
    """(sample, copy) → step → whether it fired, and its draw."""
    return {
        (record["parents"][0]["key"], record["copy"]): {
            step["step"]: (step["fired"], step["draw"] and json.loads(step["draw"])) for step in record["steps"]
        }
        for record in records
    }


@pytest.fixture(scope="module")
def before(make: Make, small_source: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Draws:
    root = tmp_path_factory.mktemp("before")
    make(*BASE, f"source.root={small_source}", f"sink.root={root}")
    found = draws(rows(root))
    assert len(found) == 120
    assert all(steps.keys() == STEPS for steps in found.values())
    return found


@pytest.mark.parametrize(
    ("override", "touched"),
    [
        ("recipe.chains.gentle.rotate.limit=10", {"rotate"}),
        ("recipe.chains.gentle.rotate.border=wrap", set()),
        ("+recipe.chains.gentle.flip.p=0.9", {"flip"}),
        ("recipe.chains.gentle.grain.p=0.9", {"grain"}),
        ("recipe.chains.gentle.light.use=gamma", {"light"}),
        ("~recipe.chains.gentle.shift", {"shift"}),
        ("~recipe.chains.gentle.flip", {"flip"}),
        ("+recipe.chains.gentle.speckle_noise={}", {"speckle_noise"}),
        ("recipe.render.size=24", set()),
        ("recipe.render.quality=50", set()),
        ("recipe.originals=render", set()),
        ("+recipe.classes.crowd.target=70", set()),
    ],
)
def test_the_draws_of_every_other_step_stay(
    override: str, touched: set[str], before: Draws, make: Make, small_source: Path, rows: Rows, tmp_path: Path
) -> None:
    words = [word for word in BASE if word.partition("=")[0] != override.partition("=")[0]]
    if override.endswith("use=gamma"):
        words += ["~recipe.chains.gentle.light.brightness", "~recipe.chains.gentle.light.contrast"]
    make(*words, override, f"source.root={small_source}", f"sink.root={tmp_path}")
    after = draws(rows(tmp_path))
    assert after.keys() >= before.keys()
    changed = dict.fromkeys(STEPS | touched, 0)
    for output, steps in before.items():
        if output[1] == 0 and override == "recipe.originals=render":
            continue
        for step in STEPS | touched:
            changed[step] += steps.get(step) != after[output].get(step)
    assert {step for step, count in changed.items() if count} == touched
    for step in touched:
        assert changed[step] > 20, "the edit was felt"


def test_a_nested_step_draws_apart_from_its_neighbours(
    make: Make, small_source: Path, rows: Rows, tmp_path: Path
) -> None:
    words = [*BASE, "recipe=strong", f"source.root={small_source}"]
    make(*words, f"sink.root={tmp_path / 'a'}")
    make(*words, f"sink.root={tmp_path / 'b'}", "recipe.chains.strong.detail.one_of.blur.sigma=[1.0, 1.1]")
    one, other = draws(rows(tmp_path / "a")), draws(rows(tmp_path / "b"))
    assert one.keys() == other.keys()
    changed = {step for output, steps in one.items() for step in steps if steps[step] != other[output][step]}
    assert changed == {"detail/blur"}


@pytest.mark.photographs
def test_a_raised_target_keeps_every_photograph_that_was_there(
    five_hundred: Any, photographs: Path, augflow: Callable[..., Any], counts: Any, tree: Any, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(five_hundred.root, root)
    before = {name: digest for name, digest in tree(root).items() if "/" in name}
    times = {path: path.stat().st_mtime_ns for path in root.glob("*/*")}
    words = ["recipe.target=600", "recipe.surplus=drop", "recipe.render.size=32"]
    said = augflow("run", "--format=json", f"source.root={photographs}", f"sink.root={root}", *words)
    assert said.returncode == 0, said.stderr
    assert set(counts(root).values()) == {600}
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(before) == 5000
    assert before.items() <= tree(root).items()
    told = json.loads(said.stdout)
    assert (told["made"], told["kept"], told["removed"]) == (1000, 5000, 0)


def test_a_raised_target_holds_the_lower_one_in_a_fresh_sink_too(
    make: Make, small_source: Path, tree: Any, tmp_path: Path
) -> None:
    found = []
    words = [f"source.root={small_source}", "recipe.surplus=drop", "recipe.render.size=16"]
    for target in (9, 14, 40):
        root = tmp_path / str(target)
        make(*words, f"recipe.target={target}", f"sink.root={root}")
        found.append({name: digest for name, digest in tree(root).items() if "/" in name})
    assert [len(one) for one in found] == [18, 28, 80]
    assert found[0].items() <= found[1].items() <= found[2].items()


def test_a_new_sample_disturbs_few(make: Make, own_source: Path, tree: Any, tmp_path: Path) -> None:
    words = [f"source.root={own_source}", "recipe.target=30"]
    make(*words, f"sink.root={tmp_path / 'before'}")
    shutil.copy(own_source / "few" / "00.jpg", own_source / "few" / "new.jpg")
    make(*words, f"sink.root={tmp_path / 'after'}")
    one, other = tree(tmp_path / "before"), tree(tmp_path / "after")
    crowd = {name for name in one if name.startswith("crowd/")}
    assert {name: one[name] for name in crowd} == {name: other[name] for name in crowd}
    few = {name for name in one if name.startswith("few/")}
    assert len(few) == 30
    # 30 among 4 samples are 7 or 8 each, among 5 they are 6 each: the new one's 6 take the place of 6.
    assert len(few & other.keys()) == 24


def test_a_sample_that_leaves_takes_only_its_own(make: Make, own_source: Path, tree: Any, tmp_path: Path) -> None:
    words = [f"source.root={own_source}", "recipe.target=30"]
    make(*words, f"sink.root={tmp_path / 'before'}")
    (own_source / "few" / "02.jpg").unlink()
    make(*words, f"sink.root={tmp_path / 'after'}")
    one, other = tree(tmp_path / "before"), tree(tmp_path / "after")
    lost = {name for name in one.keys() - other.keys() if not name.startswith("crowd/")}
    assert lost
    assert all(name.startswith("few/02-") for name in lost)
