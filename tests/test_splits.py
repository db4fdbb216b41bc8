"""What a plan makes of splits and groups, and what a census notes though nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from augflow.errors import SourceError
from augflow.plan.census import Census, take_census
from augflow.plan.names import Namer
from augflow.plan.plan import Plan, Unit
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.source import Aside, Noted, Sample, Splits

ITEMS = [
    *(Sample("hat", f"train/hat/{number}.jpg", "train", f"p{number // 2}") for number in range(6)),
    Sample("cap", "train/cap/0.jpg", "train"),
    Sample("hat", "val/hat/7.jpg", "val", "p9"),
    Sample("hat", "val/hat/8.jpg", "val", None),
    Sample("gown", "test/gown/9.jpg", "test", "p8"),
]


class Listed:
    """A source that lists what it is told to."""

    max_pixels = 100

    def __init__(self, items: list[Sample | Aside | Noted], others: str = "omit") -> None:
        self.items = items
        self.splits = Splits("train", others)

    def labels(self) -> list[str]:
        chosen = {item.label for item in self.items if isinstance(item, Sample) and item.split in ("train", None)}
        return sorted(chosen)

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        yield from self.items

    def read(self, key: str) -> bytes:
        raise AssertionError("a plan reads nothing")


def census_of(others: str = "omit", without: frozenset[str] = frozenset(), drop: str = "") -> Census:
    return take_census(Listed([item for item in ITEMS if item.key != drop], others), without)


def recipe_of(**given: object) -> Recipe:
    return read_recipe(
        {"version": 1, "target": "max", "chain": "c", "chains": {"c": {"flip": {}}}, **given}, Registry()
    )


def names_of(plan: Plan, others: str) -> dict[tuple[str, int], str]:
    namer = Namer(plan.recipe, {"c": "digest"}, Splits("train", others))
    return {
        (unit.key, copy): namer.of(unit).name(copy, namer.of(unit).chain(copy))[1]
        for unit in plan.units()
        for copy in range(unit.first, unit.end)
    }


@pytest.mark.parametrize("others", ["omit", "pass"])
def test_targets_are_of_the_chosen_split_alone(others: str) -> None:
    plan = Plan(recipe_of(), census_of(others))
    assert {label: done.result for label, done in plan.classes.items()} == {"cap": 6, "hat": 6}
    passed = {"test": {"gown": 1}, "val": {"hat": 2}}
    assert (plan.passed, plan.left_out) == ((passed, {}) if others == "pass" else ({}, passed))
    assert plan.outputs == 12 + 3 * (others == "pass") == len(names_of(plan, others))


def test_every_unit_tells_its_split_and_group() -> None:
    units = {unit.key: unit for unit in Plan(recipe_of(), census_of("pass")).units()}
    assert len(units) == 10
    for item in ITEMS:
        assert units[item.key][4:] == (item.split, item.group)
    assert units["val/hat/7.jpg"][:4] == ("hat", "val/hat/7.jpg", 0, 1)


def test_those_that_pass_are_verbatim_whatever_becomes_of_originals() -> None:
    for originals in ("keep", "render", "augment", "omit"):
        plan = Plan(recipe_of(originals=originals), census_of("pass"))
        namer = Namer(plan.recipe, {"c": "digest"}, Splits("train", "pass"))
        passed = [unit for unit in plan.units() if unit.split != "train"]
        assert len(passed) == 3
        assert all(namer.of(unit).verbatim(0) and namer.of(unit).chain(0) is None for unit in passed)
        assert namer.of(Unit("hat", "train/hat/0.jpg", 0, 1, "train")).verbatim(0) == (originals == "keep")


def test_each_split_is_a_folder_where_several_are_there() -> None:
    folders = {path.rpartition("/")[0] for path in names_of(Plan(recipe_of(), census_of("pass")), "pass").values()}
    assert folders == {"train/hat", "train/cap", "val/hat", "test/gown"}
    folders = {path.rpartition("/")[0] for path in names_of(Plan(recipe_of(), census_of()), "omit").values()}
    assert folders == {"hat", "cap"}


def test_what_is_set_aside_does_not_pass() -> None:
    plan = Plan(recipe_of(), census_of("pass", without=frozenset({"val/hat/7.jpg"})))
    assert plan.passed == {"test": {"gown": 1}, "val": {"hat": 1}}
    assert [unit[1:] for unit in plan.units() if unit.split == "val"] == [("val/hat/8.jpg", 0, 1, "val", None)]


def test_another_split_or_group_is_another_output_and_another_plan() -> None:
    """Records tell split and group, so that an output whose sample has another one is made again."""
    namer = Namer(recipe_of(), {"c": "digest"}, Splits("train"))
    told = {
        namer.of(Unit("hat", "1.jpg", 0, 1, *of)).name(0, "c") for of in ((), ("train",), ("train", "p"), (None, "p"))
    }
    assert len(told) == 4
    digests = {Plan(recipe_of(), census_of(others)).digest for others in ("omit", "pass")}
    assert len(digests | {Plan(recipe_of(), census_of("pass", drop="val/hat/7.jpg")).digest}) == 3


def test_without_splits_and_groups_nothing_is_held_for_them() -> None:
    census = take_census(Listed([Sample("hat", f"hat/{number}.jpg") for number in range(9)]))
    assert (census.split, census.groups, census.others, census.left_out) == (None, {}, {}, {})
    assert {unit[4:] for unit in Plan(recipe_of(), census).units()} == {(None, None)}


def test_groups_may_begin_late() -> None:
    samples = [Sample("hat", "1"), Sample("cap", "2"), Sample("hat", "3", None, "g"), Sample("hat", "4")]
    census = take_census(Listed([*samples]))
    assert [census.groups["hat"][place] for place in range(3)] == [None, "g", None]
    assert "cap" not in census.groups


def test_groups_that_straddle_are_named() -> None:
    with pytest.raises(SourceError, match=r"2 groups lie in several splits: p1 \(test, train\), p8 \(test, val\)"):
        take_census(Listed([*ITEMS, Sample("hat", "x", "test", "p1"), Sample("hat", "y", "val", "p8")]))
    many = [
        Sample("hat", f"{split}{number}", split, f"g{number:02}") for number in range(12) for split in ("train", "val")
    ]
    with pytest.raises(SourceError, match=r"12 groups .* g09 \(train, val\) and 2 more"):
        take_census(Listed([*many]))


def test_a_split_without_samples_is_refused() -> None:
    with pytest.raises(SourceError, match="no image of the split 'train'"):
        take_census(Listed([item for item in ITEMS if item.split == "val"]))


def test_notes_are_no_faults() -> None:
    noted = [Noted("a/.x", "hidden"), Noted("a/.y", "hidden"), Noted("a/b", "nested folder"), Noted("t", "system file")]
    samples = [Sample(label, label) for label in ("Hat", "hat", "caf\u00e9", "cafe\u0301", "cap")]
    census = take_census(Listed([*samples, *noted]))
    assert not census.aside
    assert len(census.notes) == 5
    assert "2 hidden" in census.notes[0]
    assert census.notes[-1] == "Class names that differ only in case or accents: 'Hat', 'hat'."


def test_classes_that_would_share_a_folder_are_refused() -> None:
    with pytest.raises(SourceError, match=r"both told as '\\xe9'"):
        take_census(Listed([Sample("\udce9", "1"), Sample(r"\xe9", "2")]))


def test_a_class_whose_name_grows_too_long_is_a_folder_still() -> None:
    namer = Namer(recipe_of(), {"c": "digest"})
    folders = {namer.folder("\udce9" * length, None) for length in (1, 63, 64, 254, 255)}
    assert len(folders) == 5
    assert max(len(folder) for folder in folders) <= 255
    assert namer.folder("é" * 127, None) == "é" * 127
