"""What every form of a target comes to, and what is said of those that are none."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.errors import RecipeError
from augflow.plan.target import FORMS, LARGEST, WORDS, parse

Counts = dict[str, int]
LABELS = ("hat", "shoe", "no", "0012")
FEW = settings(max_examples=50, deadline=None)
counts_of_classes = st.dictionaries(st.sampled_from(LABELS), st.integers(1, 10_000_000), min_size=1)


def resolve(value: object, label: str, counts: Counts) -> int:
    return parse(value).resolve(label, counts)


def half_up(value: float | Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@given(st.integers(0, LARGEST), counts_of_classes)
@FEW
def test_a_number_stands_for_itself(number: int, counts: Counts) -> None:
    for label in LABELS:
        assert resolve(number, label, counts) == number
        assert resolve(str(number), label, counts) == number
        assert resolve(f" {number} ", label, counts) == number


EXACT: dict[str, Callable[[int, list[int]], int]] = {
    "max": lambda own, counts: max(counts),
    "min": lambda own, counts: min(counts),
    "median": lambda own, counts: half_up(Fraction(statistics.median(map(Fraction, counts)))),
    "mean": lambda own, counts: half_up(Fraction(sum(counts), len(counts))),
    "keep": lambda own, counts: own,
    "minority": lambda own, counts: max(counts) if own == min(counts) else own,
    "not minority": lambda own, counts: own if own == min(counts) else max(counts),
    "not majority": lambda own, counts: max(counts),
    "all": lambda own, counts: max(counts),
    "auto": lambda own, counts: max(counts),
}


@pytest.mark.parametrize("word", EXACT)
@given(counts=counts_of_classes)
@FEW
def test_words_resolve_exactly(word: str, counts: Counts) -> None:
    for label, own in counts.items():
        wanted = EXACT[word](own, list(counts.values()))
        assert resolve(word, label, counts) == wanted
        assert resolve(f"  {word.upper()} ", label, counts) == wanted


@given(counts_of_classes)
@FEW
def test_sqrt_is_the_geometric_mean_of_a_class_and_the_largest(counts: Counts) -> None:
    largest = max(counts.values())
    for label, own in counts.items():
        resolved = resolve("sqrt", label, counts)
        assert own <= resolved <= largest
        assert abs(resolved - math.sqrt(own * largest)) <= 0.5 + 1e-6
        assert resolve("sqrt", max(counts, key=counts.__getitem__), counts) == largest


@given(st.integers(0, 9999), st.integers(0, 99), counts_of_classes)
@FEW
def test_shares_are_exact_to_the_nearest_image(whole: int, hundredths: int, counts: Counts) -> None:
    factor = Fraction(whole * 100 + hundredths, 100)
    largest = max(counts.values())
    for label, own in counts.items():
        for text in (f"{whole}.{hundredths:02}", f"{whole}.{hundredths:02} "):
            assert abs(resolve(f"{text}x", label, counts) - factor * own) <= Fraction(50_001, 100_000)
            assert abs(resolve(f"{text}max", label, counts) - factor * largest) <= Fraction(50_001, 100_000)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("1.5x", 15),
        ("2x", 20),
        (".5x", 5),
        ("1.25x", 13),  # half an image counts as one
        ("0.8max", 80),
        ("0.8 max", 80),
        ("2min", 20),
        ("0.5median", 20),
        ("0.5mean", 25),
        ("1x", 10),
        ("0x", 0),
        ("sqrt", 32),
        ("0", 0),
        (0, 0),
        ("007", 7),
    ],
)
def test_examples(target: object, wanted: int) -> None:
    assert resolve(target, "hat", {"hat": 10, "shoe": 100, "bag": 40}) == wanted


@given(
    st.one_of(
        st.sampled_from([*WORDS, "1.5x", "0.8max", "0.1median", "0x", ".3min", "100000000x"]),
        st.integers(0, LARGEST),
    ),
    counts_of_classes,
)
@FEW
def test_no_class_is_to_hold_less_than_nothing(target: str | int, counts: Counts) -> None:
    for label in LABELS:
        resolved = resolve(target, label, counts)
        assert type(resolved) is int
        assert resolved >= 0


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("max", 9), ("min", 4), ("mean", 7), ("keep", 0), ("2x", 0), ("sqrt", 0), ("minority", 0), ("auto", 9), (5, 5)],
)
def test_a_class_without_samples(word: object, wanted: int) -> None:
    assert resolve(word, "empty", {"hat": 4, "shoe": 9}) == wanted


@given(st.sampled_from(WORDS), counts_of_classes)
@FEW
def test_the_order_of_classes_does_not_matter(word: str, counts: Counts) -> None:
    for label in LABELS:
        assert resolve(word, label, counts) == resolve(word, label, dict(reversed(counts.items())))


BAD: list[object] = [
    -1,
    1.5,
    500.0,
    True,
    False,
    None,
    [],
    {},
    b"max",
    LARGEST + 1,
    "",
    "x",
    "-1",
    "+5",
    "1e3",
    "1_000",
    "1,5x",
    "1.5",
    "1.x",
    "-1x",
    "1.5xx",
    "1.5x 2",
    "nan",
    "inf",
    "infx",
    "biggest",
    "0.8sqrt",
    "2keep",
    "max max",
    "not",
    "500 images",
    "²",
    "9" * 5000,
    "9" * 400 + "x",
    "100000001x",
    str(LARGEST + 1),
    "max\0",
]


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value)[:20])
def test_what_is_no_target_is_told_with_every_form_there_is(value: object) -> None:
    with pytest.raises(RecipeError) as refused:
        parse(value)
    message = str(refused.value)
    assert FORMS in message
    assert repr(value)[:50] in message
    assert len(message) < 500
    for word in WORDS:
        assert word in FORMS


@pytest.mark.parametrize(("given", "meant"), [("medain", "median"), ("maxx", "max"), ("majority", "not majority")])
def test_the_nearest_word_is_offered(given: str, meant: str) -> None:
    with pytest.raises(RecipeError, match=f"Did you mean '{meant}'"):
        parse(given)


@given(st.text(max_size=60))
@FEW
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse(text)
    except RecipeError:
        return
    assert target.resolve("hat", {"hat": 3, "shoe": 7}) >= 0
