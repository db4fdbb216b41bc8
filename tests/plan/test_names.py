"""Names are safe, and follow what decides the pixels alone."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from augflow.engine.render import Render
from augflow.plan.names import Namer
from augflow.plan.plan import ORIGINAL, Plan, Unit
from augflow.recipe.recipe import Originals
from tests.plan.small_plans import ORIGINALS, census, counts, recipe

SOME = settings(max_examples=120, deadline=None)
CHAINS = {"gentle": "aa", "strong": "bb"}


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
            key, path = (
                namer(originals=originals).of(Unit("hat", f"hat/deep/{stem}{suffix}", 0, 9)).name(copy, "gentle")
            )
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
    made, path = namer().of(Unit("hat", key, 0, 2)).name(1, "gentle")
    assert path == f"hat/{stem}-001-{made}.jpg"


def test_what_is_kept_as_it_was_keeps_its_ending() -> None:
    unit = Unit("hat", "hat/1.PNG", 0, 2)
    assert namer(originals="keep").of(unit).name(ORIGINAL, None)[1].endswith(".PNG")
    assert namer(originals="keep").of(unit).name(1, "gentle")[1].endswith(".jpg")
    assert namer(originals="render").of(unit).name(ORIGINAL, None)[1].endswith(".jpg")


@given(counts.filter(lambda classes: any(classes.values())), st.sampled_from(ORIGINALS), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_every_output_has_a_name_of_its_own(classes: dict[str, int], originals: Originals, seed: int) -> None:
    made = recipe(40, originals=originals, seed=seed, weights={"gentle": 1, "strong": 2})
    plan, given_names = Plan(made, census(classes)), Namer(made, CHAINS)
    found = []
    for unit in plan.units():
        for copy in range(unit.first, unit.end):
            found.append(given_names.of(unit).name(copy, given_names.of(unit).chain(copy)))
    assert len({key for key, _ in found}) == len({path.casefold() for _, path in found}) == len(found)
    again = Namer(made, dict(CHAINS))
    unit = next(plan.units())
    copy = unit.first
    assert again.of(unit).name(copy, again.of(unit).chain(copy)) == given_names.of(unit).name(
        copy, given_names.of(unit).chain(copy)
    )


def test_keys_follow_what_decides_the_pixels_and_nothing_else() -> None:
    unit = Unit("hat", "hat/1.jpg", 0, 9)
    key = namer().of(unit).name(1, "gentle")[0]
    assert namer(aim=500, max_copies=3, surplus="drop").of(unit._replace(end=2)).name(1, "gentle")[0] == key
    assert namer(weights={"gentle": 1, "strong": 1}).of(unit).name(1, "gentle")[0] == key
    sharper = dataclasses.replace(recipe(), render=Render(quality=91))
    others = [
        namer().of(unit).name(2, "gentle")[0],
        namer().of(unit).name(1, "strong")[0],
        namer(seed=1).of(unit).name(1, "gentle")[0],
        namer().of(unit._replace(key="hat/2.jpg")).name(1, "gentle")[0],
        namer().of(unit._replace(label="shoe")).name(1, "gentle")[0],
        Namer(recipe(), {**CHAINS, "gentle": "cc"}).of(unit).name(1, "gentle")[0],
        Namer(sharper, CHAINS).of(unit).name(1, "gentle")[0],
        namer(originals="keep").of(unit).name(0, None)[0],
        namer(originals="render").of(unit).name(0, None)[0],
        namer().of(unit).name(0, "gentle")[0],
    ]
    assert len({key, *others}) == len(others) + 1


def test_chains_are_drawn_by_their_weights() -> None:
    weights = {"gentle": 3, "strong": 1, "other": 0.5}
    made = recipe(weights=weights)
    given_names = Namer(made, {**CHAINS, "other": "cc"})
    drawn = Counter(given_names.of(Unit("hat", f"hat/{n // 4}.jpg", 0, 9)).chain(n % 4) for n in range(4000))
    for name, weight in weights.items():
        low, high = stats.binom.interval(0.999, 4000, weight / 4.5)
        assert low <= drawn[name] <= high, drawn
    assert namer().of(Unit("hat", "hat/1.jpg", 0, 9)).chain(3) == "gentle"


@pytest.mark.parametrize("originals", ORIGINALS)
def test_originals_go_through_a_chain_only_when_they_are_augmented(
    originals: Literal["keep", "render", "augment", "omit"],
) -> None:
    given_names, unit = namer(originals=originals), Unit("hat", "hat/1.jpg", 0, 9)
    assert given_names.of(unit).chain(ORIGINAL) == ("gentle" if originals == "augment" else None)
    assert given_names.of(unit).chain(1) == "gentle"
