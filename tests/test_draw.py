"""Streams follow from their key alone: not from order, not from one another."""

from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from augflow.draw import Streams, digest, digest_of
from augflow.transform import span, uniform, within

FEW = settings(max_examples=50, deadline=None)
keys = st.tuples(
    st.integers(0, 2**63 - 1),
    st.text(max_size=12) | st.sampled_from(["hat/a\udce9.jpg", "hat/1.jpg", "a b", "a\nb"]),
    st.integers(0, 1000),
    st.text(min_size=1, max_size=8),
).filter(lambda key: not any("\ud800" <= c <= "\udc7f" for text in (key[1], key[3]) for c in text))
Key = tuple[int, str, int, str]


def numbers(key: Key, count: int = 6) -> list[int]:
    rng = Streams(*key[:3]).at(key[3])
    return [int(number) for number in rng.integers(2**63, size=count)]


@given(keys, keys)
@FEW
def test_a_stream_repeats_and_is_like_no_other(one: Key, other: Key) -> None:
    first = numbers(one)
    if other != one:
        assert not set(numbers(other)) & set(first)
    assert numbers(one) == first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, "a", 2, "x"), (2, "a", 2, "x")),
        ((1, "a", 2, "x"), (1, "b", 2, "x")),
        ((1, "a", 2, "x"), (1, "a", 3, "x")),
        ((1, "a", 2, "x"), (1, "a", 2, "y")),
        ((1, "a", 2, "x"), (1, "a", 2, "x/x")),
        ((1, "ab", 2, "c"), (1, "a", 2, "bc")),
        ((1, "2 a", 3, "x"), (1, "a", 23, "x")),
        ((12, "a", 3, "x"), (1, "a", 23, "x")),
        ((1, "2", 3, "x"), (3, "2", 1, "x")),
        ((0, "a\udce9", 0, "x"), (0, "aé", 0, "x")),
    ],
)
def test_no_two_keys_share_a_stream(one: Key, other: Key) -> None:
    assert not set(numbers(one)) & set(numbers(other))
    assert Streams(*one[:3]).chance(one[3]) != Streams(*other[:3]).chance(other[3])


def test_what_was_drawn_before_does_not_matter() -> None:
    paths = ["flip", "rotate", "a/b", "a/b/c"]
    wanted = {path: numbers((7, "hat/1.jpg", 3, path)) for path in paths}
    streams, others = Streams(7, "hat/1.jpg", 3), Streams(8, "hat/2.jpg", 1)
    for order in (paths, paths[::-1], [*paths, *paths]):
        for path in order:
            others.at("rotate").random(3)
            rng = streams.at(path)
            assert [int(number) for number in rng.integers(2**63, size=6)] == wanted[path]
            rng.normal(size=5)  # leave the generator in the middle of things
            rng.integers(2, size=3, dtype=np.uint32)


def test_a_stream_half_used_leaves_nothing_behind() -> None:
    streams = Streams(0, "a", 0)
    fresh = streams.at("x").integers(2**16, size=4, dtype=np.uint16).tolist()
    streams.at("y").integers(2**16, size=3, dtype=np.uint16)
    assert streams.at("x").integers(2**16, size=4, dtype=np.uint16).tolist() == fresh


def test_chance_and_generator_of_a_path_are_apart() -> None:
    chances, first = [], []
    for copy in range(2000):
        streams = Streams(0, "hat/1.jpg", copy)
        chances.append(streams.chance("flip"))
        first.append(streams.generator().random())
        assert streams.at("flip").random() == first[-1]
        assert streams.chance("flip") == chances[-1]
    assert all(0 <= chance < 1 for chance in chances)
    assert abs(stats.spearmanr(chances, first).statistic) < 0.08


@pytest.mark.parametrize("axis", ["seed", "sample", "copy", "path"])
def test_chance_is_uniform_along_every_part_of_the_key(axis: str) -> None:
    def key(number: int) -> Key:
        parts = {"seed": 0, "sample": "hat/a.jpg", "copy": 0, "path": "flip"}
        parts[axis] = number if axis in ("seed", "copy") else f"hat/{number}"
        return parts["seed"], parts["sample"], parts["copy"], parts["path"]  # type: ignore[return-value]

    chances = [Streams(*key(number)[:3]).chance(key(number)[3]) for number in range(4000)]
    draws = [Streams(*key(number)[:3]).at(key(number)[3]).random() for number in range(4000)]
    for values in (chances, draws):
        assert stats.kstest(values, "uniform").pvalue > 0.001
        assert abs(stats.spearmanr(values[:-1], values[1:]).statistic) < 0.06


def test_streams_are_the_same_in_every_process(checkout: Path) -> None:
    code = (
        "from augflow.draw import Streams; print(Streams(5, 'hat/é.jpg', 2).at('a/b').integers(2**63, size=4).tolist())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=checkout,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert made == {str(numbers((5, "hat/é.jpg", 2, "a/b"), 4))}


def test_global_generators_are_left_alone() -> None:
    state = repr(np.random.get_state(legacy=False))  # noqa: NPY002 - the state that must not change
    Streams(0, "a", 0).at("x").random(10)
    assert repr(np.random.get_state(legacy=False)) == state  # noqa: NPY002


parts = st.lists(st.integers() | st.text(alphabet="ab1\0 /", max_size=4), max_size=4)


@given(parts, parts)
@FEW
def test_digests_are_equal_only_for_equal_parts(one: list[int | str], other: list[int | str]) -> None:
    assert (digest(*one) == digest(*other)) == (list(map(str, one)) == list(map(str, other)))
    assert len(digest(*one)) == 16
    assert len(digest(*one, size=8)) == 8


def test_a_digest_of_many_parts_is_that_of_each_with_its_length() -> None:
    parts = [*range(3001), "é", "a\udce9", ""]
    told = [str(part).encode("utf-8", "surrogateescape") for part in parts]
    whole = b"".join(len(part).to_bytes(4, "little") + part for part in told)
    assert digest_of(iter(parts)) == digest(*parts) == blake2b(whole, digest_size=16).digest()


@pytest.mark.parametrize("limit", [0, 0.3, 7, (0.1, 0.2), (-3, 5)])
def test_a_number_within_a_limit_is_uniform_over_its_span(limit: float | tuple[float, float]) -> None:
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    drawn = [within(one, limit) for _ in range(100)]
    assert drawn == [uniform(other, *span(limit)) for _ in range(100)]
    assert span(limit)[0] <= min(drawn) <= max(drawn) <= span(limit)[1]
