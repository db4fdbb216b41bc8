"""Exact counts, even turns, and edits that leave alone what they do not concern."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from augflow.errors import RecipeError
from augflow.plan import target
from augflow.plan.plan import ORIGINAL, Plan
from augflow.recipe.recipe import Recipe, Rule
from tests.plan.small_plans import ORIGINALS, census, counts, recipe

SOME = settings(max_examples=120, deadline=None)
Task = tuple[str, str, int]

targets = st.one_of(
    st.integers(0, 60),
    st.sampled_from(["max", "median", "mean", "min", "sqrt", "keep", "auto", "minority", "not minority"]),
    st.integers(0, 40).map(lambda tenths: f"{tenths / 10}x"),
    st.integers(0, 20).map(lambda tenths: f"{tenths / 10}max"),
)


recipes = st.builds(
    recipe,
    aim=targets,
    max_copies=st.integers(0, 6),
    surplus=st.sampled_from(["keep", "drop"]),
    originals=st.sampled_from(ORIGINALS),
    seed=st.integers(0, 5),
)


def tasks(plan: Plan) -> list[Task]:
    return [(unit.label, unit.key, copy) for unit in plan.units() for copy in range(unit.first, unit.end)]


@given(recipes, counts)
@SOME
def test_counts_are_exact_or_the_shortfall_is_told(made: Recipe, classes: dict[str, int]) -> None:
    plan = Plan(made, census(classes))
    found = Counter(label for label, _, _ in tasks(plan))
    aims = {label: count for label, count in classes.items() if count}
    assert list(plan.classes) == sorted(classes)
    assert plan.outputs == found.total() == sum(part.result for part in plan.classes.values())
    for label, part in plan.classes.items():
        aim = made.rule.target.resolve(label, aims) if aims else 0
        assert (part.has, part.target) == (classes[label], aim)
        assert part.result == found[label] == part.originals + part.copies
        most = part.has * (made.rule.max_copies + (made.originals != "omit"))
        if found[label] > aim:
            assert (made.rule.surplus, part.why) == ("keep", "surplus=keep")
            assert found[label] == part.has
            assert made.originals != "omit"
        elif found[label] < aim:
            assert found[label] == most
            assert part.shortfall == aim - found[label]
            assert part.why
        else:
            assert part.why == ""
        assert part.shortfall == max(0, aim - found[label])
    assert plan.falls_short == any(part.shortfall for part in plan.classes.values())


@given(recipes, counts)
@SOME
def test_samples_take_turns(made: Recipe, classes: dict[str, int]) -> None:
    plan = Plan(made, census(classes))
    all_tasks = tasks(plan)
    assert len(set(all_tasks)) == len(all_tasks)
    for label, count in classes.items():
        copies = Counter({f"{label}/{number}.jpg": 0 for number in range(count)})
        originals = 0
        for own, key, copy in all_tasks:
            if own == label:
                assert key in copies
                originals += copy == ORIGINAL
                copies[key] += copy > ORIGINAL
        numbers = {key: sorted(n for own, k, n in all_tasks if (own, k) == (label, key) and n) for key in copies}
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
        part = plan.classes[label]
        assert originals == part.originals
        if count:
            assert max(copies.values()) - min(copies.values()) <= 1
            assert (min(copies.values()), max(copies.values())) == part.per_sample
            assert max(copies.values()) <= made.rule.max_copies


@given(recipes, counts, st.integers(0, 60), st.integers(0, 60))
@SOME
def test_a_raised_target_keeps_every_task(made: Recipe, classes: dict[str, int], one: int, other: int) -> None:
    low, high = (
        set(tasks(Plan(dataclasses.replace(made, rule=_aimed(made.rule, aim)), census(classes))))
        for aim in sorted((one, other))
    )
    assert low <= high


def _aimed(rule: Rule, aim: object) -> Rule:
    return dataclasses.replace(rule, target=target.parse(aim))


@given(recipes, counts, st.integers(0, 60), st.data())
@SOME
def test_who_leaves_takes_only_his_own_tasks(
    made: Recipe, classes: dict[str, int], aim: int, data: st.DataObject
) -> None:
    made = dataclasses.replace(made, rule=_aimed(made.rule, aim))
    whole = census(classes)
    bad = data.draw(st.sets(st.sampled_from([sample.key for sample in whole.samples()] or [""])))
    fewer = census({
        label: [key.partition("/")[2] for key in keys if key not in bad] for label, keys in whole.classes.items()
    })  # fmt: skip
    before, after = set(tasks(Plan(made, whole))), set(tasks(Plan(made, fewer)))
    assert {task for task in before if task[1] not in bad} <= after


@given(recipes, counts, st.integers(0, 60), st.sampled_from(["hat", "shoe", "no", "0012"]))
@SOME
def test_who_joins_changes_no_other_class(made: Recipe, classes: dict[str, int], aim: int, label: str) -> None:
    assume(label in classes)
    made = dataclasses.replace(made, rule=_aimed(made.rule, aim))
    before = tasks(Plan(made, census(classes)))
    after = tasks(Plan(made, census({**classes, label: classes[label] + 1})))
    assert [task for task in before if task[0] != label] == [task for task in after if task[0] != label]
    newcomer = f"{label}/{classes[label]}.jpg"
    old, new = ({task for task in all_tasks if task[0] == label} for all_tasks in (before, after))
    # The others are given nothing new, and give up no more than the newcomer takes.
    assert len(old - new) <= sum(key == newcomer for _, key, _ in new)
    assert all(key == newcomer for _, key, _ in new - old)


@given(recipes, counts, st.randoms(use_true_random=False))
@SOME
def test_the_order_of_listing_does_not_matter(made: Recipe, classes: dict[str, int], shuffler: random.Random) -> None:
    listed = {label: [f"{number}.jpg" for number in range(count)] for label, count in classes.items()}
    shuffled = {label: shuffler.sample(names, len(names)) for label, names in listed.items()}
    order = shuffler.sample(sorted(shuffled), len(shuffled))
    one, other = Plan(made, census(listed)), Plan(made, census({label: shuffled[label] for label in order}))
    assert list(one.units()) == list(other.units())
    assert one.digest == other.digest


def test_units_come_class_by_class_and_twice_the_same() -> None:
    plan = Plan(recipe(30), census({"shoe": 5, "hat": 3}))
    units = list(plan.units())
    assert [unit.label for unit in units] == ["hat"] * 3 + ["shoe"] * 5
    assert list(plan.units()) == units
    assert all(unit.first == ORIGINAL for unit in units)


@SOME
@given(recipes, counts, st.integers(1, 7))
def test_slices_are_the_plan(made: Recipe, classes: dict[str, int], of: int) -> None:
    plan = Plan(made, census(classes))
    slices = [[*plan.units(rank, of)] for rank in range(of)]
    assert sorted(itertools.chain(*slices)) == sorted(plan.units())
    if made.originals != "omit" and made.rule.surplus == "keep":  # Then every sample has something made of it.
        whole = [*plan.units()]
        assert slices == [whole[rank::of] for rank in range(of)]


def test_a_slice_of_no_such_rank() -> None:
    with pytest.raises(ValueError, match="rank 2 is none of 2"):
        [*Plan(recipe(), census({"hat": 3})).units(2, 2)]


def test_the_seed_says_who_begins() -> None:
    first = {next(Plan(recipe(seed=seed), census({"hat": 30})).units()).key for seed in range(40)}
    assert len(first) > 15


@pytest.mark.parametrize(
    ("aim", "options", "has", "result", "originals", "why"),
    [
        (10, {}, 4, 10, 4, ""),
        (10, {"max_copies": 1}, 4, 8, 4, "max_copies=1 for each of 4 samples"),
        (10, {"max_copies": 0}, 4, 4, 4, "max_copies=0 for each of 4 samples"),
        (3, {}, 4, 4, 4, "surplus=keep"),
        (3, {"surplus": "drop"}, 4, 3, 3, ""),
        (0, {"surplus": "drop"}, 4, 0, 0, ""),
        (10, {"originals": "omit"}, 4, 10, 0, ""),
        (3, {"originals": "omit"}, 4, 3, 0, ""),
        (10, {"originals": "omit", "max_copies": 2}, 4, 8, 0, "max_copies=2 for each of 4 samples"),
        (10, {}, 0, 0, 0, "it has no usable sample"),
        (0, {}, 0, 0, 0, ""),
    ],
)
def test_examples(aim: int, options: dict[str, Any], has: int, result: int, originals: int, why: str) -> None:
    part = Plan(recipe(aim, **options), census({"hat": has, "shoe": 1})).classes["hat"]
    assert (part.result, part.originals, part.why) == (result, originals, why)


def test_a_class_has_its_own_rule() -> None:
    own = Rule(target.parse(3), (("strong", 1.0),), "drop", 1)
    plan = Plan(recipe("max", shoe=own), census({"hat": 2, "shoe": 9}))
    assert {label: part.result for label, part in plan.classes.items()} == {"hat": 9, "shoe": 3}


def test_a_class_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError) as refused:
        Plan(recipe(shoo=recipe().rule), census({"hat": 1, "shoe": 1}))
    assert "recipe.classes.shoo: the source has no class 'shoo'. Did you mean 'shoe'?" in str(refused.value)
    assert "Classes: hat, shoe." in str(refused.value)


def test_digests_tell_plans_apart() -> None:
    base = census({"hat": 4, "shoe": 2})
    digests = [
        Plan(made, found).digest
        for made, found in [
            (recipe(9), base),
            (recipe(8), base),
            (recipe(9, seed=1), base),
            (recipe(9, originals="keep"), base),
            (recipe(9, max_copies=1), base),
            (recipe(9), census({"hat": 4, "shoe": 3})),
            (recipe(9), census({"hat": ["0.jpg", "1.jpg", "2.jpg", "x.jpg"], "shoe": 2})),
            (recipe(9), census({"hat": 4, "shoe": 2, "bag": 0})),
        ]
    ]
    assert len(set(digests)) == len(digests)
    assert Plan(recipe(9), census({"hat": 4, "shoe": 2})).digest == digests[0]
