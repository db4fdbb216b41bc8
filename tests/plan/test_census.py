"""What a scan found is held compactly, and its order does not hang on the order of listing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.errors import SourceError
from augflow.plan.census import Census, Keys, take_census
from augflow.source import Aside, Sample

FEW = settings(max_examples=60, deadline=None)
# Names as a file system gives them: any text, and bytes that are no UTF-8 as lone surrogates.
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from("\udc80\udce9\udcff/ "),
    max_size=20,
).filter(lambda name: name == name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"))


def keys_of(texts: list[str]) -> Keys:
    keys = Keys()
    for text in texts:
        keys.append(text)
    return keys


@given(st.lists(names))
@FEW
def test_keys_are_a_sequence_of_what_was_appended(texts: list[str]) -> None:
    keys = keys_of(texts)
    assert len(keys) == len(texts)
    assert list(keys) == texts
    assert keys[:] == texts
    assert keys[1::2] == texts[1::2]
    assert keys[-2:] == texts[-2:]
    for index in range(-len(texts), len(texts)):
        assert keys[index] == texts[index]
        assert keys.encoded(index % len(texts)).decode("utf-8", "surrogateescape") == texts[index]
    for beyond in (len(texts), -len(texts) - 1):
        with pytest.raises(IndexError):
            keys[beyond]


@given(st.lists(names, unique=True), st.randoms(use_true_random=False), st.integers(0, 2**63 - 1))
@FEW
def test_turns_do_not_hang_on_the_order_of_listing(texts: list[str], random: object, seed: int) -> None:
    shuffled = texts.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = keys_of(texts), keys_of(shuffled)
    turns = [one[int(index)] for index in one.ranked(seed)]
    assert turns == [other[int(index)] for index in other.ranked(seed)]
    assert sorted(turns) == sorted(texts)


@given(st.lists(names, unique=True, min_size=1), st.integers(0, 100), st.data())
@FEW
def test_who_joins_or_leaves_does_not_move_the_others(texts: list[str], seed: int, data: st.DataObject) -> None:
    left = data.draw(st.sets(st.sampled_from(texts)))
    keys, fewer = keys_of(texts), keys_of([text for text in texts if text not in left])
    turns = [keys[int(index)] for index in keys.ranked(seed)]
    assert [fewer[int(index)] for index in fewer.ranked(seed)] == [key for key in turns if key not in left]


def test_turns_are_drawn_by_the_seed_and_favour_nobody() -> None:
    keys = keys_of([f"hat/{number:04}.jpg" for number in range(200)])
    first = Counter(int(keys.ranked(seed)[0]) for seed in range(300))
    assert len(first) > 120
    places = np.array([np.argsort(keys.ranked(seed)) for seed in range(300)])
    assert abs(places.mean(axis=0) - 99.5).max() < 15
    assert abs(np.corrcoef(places[0], places[1])[0, 1]) < 0.25


def test_no_keys_have_no_turns() -> None:
    assert Keys().ranked(0).tolist() == []


def test_a_million_keys_are_small() -> None:
    keys = Keys()
    for number in range(1_000_000):
        keys.append(f"longsleeve/{number:09}.jpg")
    assert len(keys[0]) == 24
    held = sum(sys.getsizeof(part) for part in vars(keys).values())
    assert held < 60_000_000
    assert not any(isinstance(part, list | dict | set) for part in vars(keys).values())
    assert keys[999_999] == "longsleeve/000999999.jpg"


class Listed:
    """A source that lists what it is told to."""

    max_pixels = 100

    def __init__(self, classes: list[str], items: list[Sample | Aside]) -> None:
        self.classes = classes
        self.items = items

    def labels(self) -> list[str]:
        return self.classes

    def scan(self) -> Iterator[Sample | Aside]:
        yield from self.items

    def read(self, key: str) -> bytes:
        raise AssertionError("a census reads nothing")


LISTED = Listed(
    ["hat", "empty", "shoe"],
    [
        Sample("shoe", "shoe/2.jpg"),
        Aside("shoe/z.txt", "not an image", "its ending"),
        Sample("hat", "hat/1.jpg"),
        Sample("shoe", "shoe/1.jpg"),
        Aside("a", "unreadable", "why"),
    ],
)


def test_a_census_counts_and_sets_aside() -> None:
    census = take_census(LISTED)
    assert census.counts == {"hat": 1, "empty": 0, "shoe": 2}
    assert [aside.key for aside in census.aside] == ["a", "shoe/z.txt"]
    assert sorted(sample[:2] for sample in census.samples()) == [
        ("hat", "hat/1.jpg"),
        ("shoe", "shoe/1.jpg"),
        ("shoe", "shoe/2.jpg"),
    ]


def test_samples_found_bad_are_left_out() -> None:
    census = take_census(LISTED, without=frozenset({"shoe/1.jpg", "hat/1.jpg"}))
    assert census.counts == {"hat": 0, "empty": 0, "shoe": 1}


def test_a_source_without_samples_is_refused() -> None:
    with pytest.raises(SourceError, match="no image"):
        take_census(Listed(["hat"], [Aside("hat/x", "unreadable", "")]))


def test_a_source_whose_samples_are_all_bad_is_still_a_source() -> None:
    assert take_census(LISTED, without=frozenset({"shoe/1.jpg", "shoe/2.jpg", "hat/1.jpg"})).counts["hat"] == 0


def test_progress_is_told_now_and_then() -> None:
    told: list[int] = []
    source = Listed(["hat"], [Sample("hat", f"hat/{number}") for number in range(2500)])
    take_census(source, seen=told.append)
    assert told == [1000, 2000]


def test_an_empty_census_has_no_samples() -> None:
    assert list(Census().samples()) == []
    assert Census().counts == {}
