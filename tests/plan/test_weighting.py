"""Shares by weight: exact, in proportion, and taking from nobody when there is more to share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.errors import SourceError
from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.plan.weighting import share
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source import Aside, open_source

weights = st.lists(
    st.sampled_from([0, 0.1, 0.3, 1, 1, 2, 3, 1e-9, 1e9]) | st.floats(0.01, 100), min_size=1, max_size=30
)


def by_definition(copies: int, weighed: list[float], most: int) -> list[int]:
    """Every copy that could be made, in the order in which they come; the first `copies` of them."""
    coming = [((k + 0.5) / w, place) for place, w in enumerate(weighed) if w for k in range(most)]
    made = Counter(place for _, place in sorted(coming)[:copies])
    return [made[place] for place in range(len(weighed))]


@given(weights, st.integers(0, 12), st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_shares_are_those_of_the_definition(weighed: list[float], most: int, part: float) -> None:
    copies = round(part * most * sum(weight > 0 for weight in weighed))
    made = share(copies, np.asarray(weighed, float), most).tolist()
    assert sum(made) == copies
    assert made == by_definition(copies, weighed, most)


@given(weights, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_one_more_takes_from_nobody(weighed: list[float], most: int) -> None:
    before = np.zeros(len(weighed), int)
    for copies in range(most * sum(weight > 0 for weight in weighed) + 1):
        made = share(copies, np.asarray(weighed, float), most)
        assert (made >= before).all()
        assert made.sum() == copies
        before = made


def test_it_is_in_proportion() -> None:
    assert share(700, np.array([1.0, 2, 4]), 1000).tolist() == [100, 200, 400]
    assert share(7, np.array([5.0, 5, 5]), 9).tolist() == [3, 2, 2]


def test_a_million_samples_are_shared_out_quickly() -> None:
    weighed = np.random.default_rng(0).choice([1.0, 2.0, 3.0, 0.5], 1_000_000)
    made = share(3_333_333, weighed, 20)
    assert made.sum() == 3_333_333
    assert np.ptp(made[weighed == 2]) <= 1


def table(root: Path, *rows: str) -> dict[str, object]:
    for row in rows:
        file = root / row.split(",")[0]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"bytes")
    (root / "t.csv").write_text("\n".join(["path,label,weight", *rows]))
    return {"kind": "table", "table": str(root / "t.csv")}


def plan(source: dict[str, object], target: int, most: int = 20, originals: str = "augment") -> Plan:
    plain = {"version": 1, "target": target, "chain": "c", "chains": {"c": {"flip": {}}}}
    recipe = read_recipe(plain | {"max_copies": most, "originals": originals}, Registry())
    return Plan(recipe, take_census(open_source(source)))


def copies(found: Plan) -> dict[str, int]:
    return {unit.key: unit.end - max(unit.first, 1) for unit in found.units()}


def test_a_sample_of_twice_the_weight_is_copied_twice_as_often(tmp_path: Path) -> None:
    source = table(tmp_path, "a/1.jpg,a,1", "a/2.jpg,a,2", "a/3.jpg,a,", "a/4.jpg,a,0", "b/1.jpg,b,1", "b/2.jpg,b,1")
    found = plan(source, 12)
    assert copies(found) == {"a/1.jpg": 2, "a/2.jpg": 4, "a/3.jpg": 2, "a/4.jpg": 0, "b/1.jpg": 5, "b/2.jpg": 5}
    assert found.outputs == 24
    assert found.classes["a"].per_sample == (0, 4)
    assert take_census(open_source(source)).notes == ["Samples are copied by their weights, in 1 of 2 classes."]
    unweighted = copies(plan(source | {"weight_column": None}, 12))
    assert set(unweighted.values()) == {2, 5}
    assert sum(unweighted.values()) == 18
    assert plan(source, 12).digest != plan(source | {"weight_column": None}, 12).digest


def test_a_class_that_falls_short_for_its_weights_says_so(tmp_path: Path) -> None:
    source = table(tmp_path, "a/1.jpg,a,0", "a/2.jpg,a,0", "b/1.jpg,b,3", "b/2.jpg,b,0")
    found = plan(source, 9, most=4)
    assert (found.classes["a"].result, found.classes["a"].why) == (2, "all of its 2 samples have the weight 0")
    assert (found.classes["b"].result, found.classes["b"].why) == (6, "max_copies=4 for each of 1 samples")
    assert {unit.key for unit in plan(source, 4, originals="omit").units()} == {"b/1.jpg"}


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "heavy", "1e-12", "1e99"])
def test_what_is_no_weight_is_set_aside(weight: str, tmp_path: Path) -> None:
    source = open_source(table(tmp_path, f"a/1.jpg,a,{weight}", "a/2.jpg,a,1"))
    assert [item.kind for item in source.scan() if isinstance(item, Aside)] == ["unfit weight"]


def test_two_weights_for_one_path_and_a_column_that_is_not_there(tmp_path: Path) -> None:
    source = table(tmp_path, "a/1.jpg,a,1", "a/1.jpg,a,2", "a/2.jpg,a,1")
    assert [item.kind for item in open_source(source).scan() if isinstance(item, Aside)] == ["two weights"]
    with pytest.raises(SourceError, match="no column 'importance'"):
        take_census(open_source(source | {"weight_column": "importance"}))
