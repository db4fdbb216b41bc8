"""Exact counts, even turns, and edits that leave alone what they do not concern."""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from augflow.engine.render import Render
from augflow.errors import RecipeError
from augflow.plan import target
from augflow.plan.census import Census, Keys
from augflow.plan.plan import ORIGINAL, Namer, Plan, Unit
from augflow.recipe.recipe import Originals, Recipe, Rule, Surplus

SOME = settings(max_examples=120, deadline=None)
ORIGINALS: tuple[Originals, ...] = ("keep", "render", "augment", "omit")
CHAINS = {"gentle": "aa", "strong": "bb"}
Classes = Mapping[str, int | list[str]]
Task = tuple[str, str, int]

counts = st.dictionaries(st.sampled_from(["hat", "shoe", "no", "0012"]), st.integers(0, 12), min_size=1)
targets = st.one_of(
    st.integers(0, 60),
    st.sampled_from(["max", "median", "mean", "min", "sqrt", "keep", "auto", "minority", "not minority"]),
    st.integers(0, 40).map(lambda tenths: f"{tenths / 10}x"),
    st.integers(0, 20).map(lambda tenths: f"{tenths / 10}max"),
)


def recipe(
    aim: object = "max",
    max_copies: int = 20,
    surplus: Surplus = "keep",
    originals: Originals = "augment",
    seed: int = 0,
    weights: Mapping[str, float] | None = None,
    **classes: Rule,
) -> Recipe:
    rule = Rule(target.parse(aim), tuple((weights or {"gentle": 1.0}).items()), surplus, max_copies)
    return Recipe(seed, originals, rule, classes, {}, Render(), {})


recipes = st.builds(
    recipe,
    aim=targets,
    max_copies=st.integers(0, 6),
    surplus=st.sampled_from(["keep", "drop"]),
    originals=st.sampled_from(ORIGINALS),
    seed=st.integers(0, 5),
)


def census(classes: Classes) -> Census:
    found = Census({label: Keys() for label in classes})
    for label, samples in classes.items():
        names = [f"{number}.jpg" for number in range(samples)] if isinstance(samples, int) else samples
        for name in names:
            found.classes[label].append(f"{label}/{name}")
    return found


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


# Names.


def namer(**options: Any) -> Namer:
    return Namer(recipe(**options), CHAINS)


names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=80)
bytes_names = st.binary(min_size=1, max_size=250).map(
    lambda raw: raw.replace(b"\0", b"_").replace(b"/", b"_").decode("utf-8", "surrogateescape")
)
PATH = re.compile(r"hat/[^/\x00-\x1f\x7f\\:*?\"<>|]+\Z")


@given(
    st.one_of(names, bytes_names),
    st.sampled_from([".jpg", ".jpeg", ".PNG", "", ".tar.gz", ".x" * 40, ".", ". ", ".j\ng", ".b:c"]),
)
@SOME
def test_names_are_safe_for_any_file_system(stem: str, suffix: str) -> None:
    for originals in ("augment", "keep"):
        for copy in (0, 1, 12_345):
            key, path = namer(originals=originals).name(Unit("hat", f"hat/deep/{stem}{suffix}", 0, 9), copy, "gentle")
            assert re.fullmatch("[0-9a-f]{16}", key)
            assert PATH.match(path), path
            name = path.removeprefix("hat/")
            assert key in name
            assert name[0] not in ".-_"
            assert len(name.encode("utf-8")) <= 255  # raises for what is no UTF-8
            assert not name.endswith((".", " "))


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("hat/1.jpg", "1"),
        ("hat/a/b/photo.one.jpeg", "photo.one"),
        ("hat/-rf.jpg", "rf"),
        ("hat/.hidden.jpg", "hidden"),
        ("hat/two\nlines.jpg", "two_lines"),
        ("hat/a\\b.jpg", "a_b"),
        ('hat/"<?>".jpg', "image"),
        ("hat/été.jpg", "été"),
        ("hat/caf\udce9.jpg", "caf_"),
        ("hat/" + "x" * 240 + ".jpg", "x" * 120),
        ("hat/" + "é" * 120 + ".jpg", "é" * 60),
    ],
)
def test_names_are_their_sample_s_as_far_as_that_goes(key: str, stem: str) -> None:
    made, path = namer().name(Unit("hat", key, 0, 2), 1, "gentle")
    assert path == f"hat/{stem}-001-{made}.jpg"


def test_what_is_kept_as_it_was_keeps_its_ending() -> None:
    unit = Unit("hat", "hat/1.PNG", 0, 2)
    assert namer(originals="keep").name(unit, ORIGINAL, None)[1].endswith(".PNG")
    assert namer(originals="keep").name(unit, 1, "gentle")[1].endswith(".jpg")
    assert namer(originals="render").name(unit, ORIGINAL, None)[1].endswith(".jpg")


@given(counts.filter(lambda classes: any(classes.values())), st.sampled_from(ORIGINALS), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_every_output_has_a_name_of_its_own(classes: dict[str, int], originals: Originals, seed: int) -> None:
    made = recipe(40, originals=originals, seed=seed, weights={"gentle": 1, "strong": 2})
    plan, given_names = Plan(made, census(classes)), Namer(made, CHAINS)
    found = []
    for unit in plan.units():
        for copy in range(unit.first, unit.end):
            found.append(given_names.name(unit, copy, given_names.chain(unit, copy)))
    assert len({key for key, _ in found}) == len({path.casefold() for _, path in found}) == len(found)
    again = Namer(made, dict(CHAINS))
    unit = next(plan.units())
    copy = unit.first
    assert again.name(unit, copy, again.chain(unit, copy)) == given_names.name(
        unit, copy, given_names.chain(unit, copy)
    )


def test_keys_follow_what_decides_the_pixels_and_nothing_else() -> None:
    unit = Unit("hat", "hat/1.jpg", 0, 9)
    key = namer().name(unit, 1, "gentle")[0]
    assert namer(aim=500, max_copies=3, surplus="drop").name(unit._replace(end=2), 1, "gentle")[0] == key
    assert namer(weights={"gentle": 1, "strong": 1}).name(unit, 1, "gentle")[0] == key
    sharper = dataclasses.replace(recipe(), render=Render(quality=91))
    others = [
        namer().name(unit, 2, "gentle")[0],
        namer().name(unit, 1, "strong")[0],
        namer(seed=1).name(unit, 1, "gentle")[0],
        namer().name(unit._replace(key="hat/2.jpg"), 1, "gentle")[0],
        namer().name(unit._replace(label="shoe"), 1, "gentle")[0],
        Namer(recipe(), {**CHAINS, "gentle": "cc"}).name(unit, 1, "gentle")[0],
        Namer(sharper, CHAINS).name(unit, 1, "gentle")[0],
        namer(originals="keep").name(unit, 0, None)[0],
        namer(originals="render").name(unit, 0, None)[0],
        namer().name(unit, 0, "gentle")[0],
    ]
    assert len({key, *others}) == len(others) + 1


def test_chains_are_drawn_by_their_weights() -> None:
    weights = {"gentle": 3, "strong": 1, "other": 0.5}
    made = recipe(weights=weights)
    given_names = Namer(made, {**CHAINS, "other": "cc"})
    drawn = Counter(given_names.chain(Unit("hat", f"hat/{n // 4}.jpg", 0, 9), n % 4) for n in range(4000))
    for name, weight in weights.items():
        low, high = stats.binom.interval(0.999, 4000, weight / 4.5)
        assert low <= drawn[name] <= high, drawn
    assert namer().chain(Unit("hat", "hat/1.jpg", 0, 9), 3) == "gentle"


@pytest.mark.parametrize("originals", ORIGINALS)
def test_originals_go_through_a_chain_only_when_they_are_augmented(
    originals: Literal["keep", "render", "augment", "omit"],
) -> None:
    given_names, unit = namer(originals=originals), Unit("hat", "hat/1.jpg", 0, 9)
    assert given_names.chain(unit, ORIGINAL) == ("gentle" if originals == "augment" else None)
    assert given_names.chain(unit, 1) == "gentle"
