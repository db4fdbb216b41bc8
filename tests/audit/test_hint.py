"""A planted hint is found, and one that is not there is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.audit.audit import audit
from augflow.audit.hint import Share, hint
from augflow.audit.probe import auc, fit, scores
from augflow.audit.result import Audit, Item

MakeSet = Callable[..., Any]
Draw = Callable[[Path, Mapping[str, int]], Path]
Find = Callable[[Audit, str], Item]

GENTLE = {
    "flip": {},
    "rotate": {"limit": 25, "border": "reflect"},
    "light": {"use": "brightness_contrast", "brightness": 0.2, "contrast": 0.2},
}
CORNERS = {"rotate": {"limit": [12, 40], "border": "constant"}}


def recipe(originals: str, steps: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    return {"version": 1, "seed": seed, "originals": originals, "chain": "c", "chains": {"c": dict(steps)}}


@pytest.fixture
def hint_of(make_set: MakeSet, item: Find, tmp_path: Path) -> Callable[[Mapping[str, Any], Path], Item]:
    def call(said: Mapping[str, Any], source: Path) -> Item:
        make_set(said, source, tmp_path / "sink")
        found = audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor={"kind": "local", "workers": 2})
        return item(found, "hint")

    return call


@pytest.mark.parametrize(
    ("originals", "steps", "figure"), [("keep", GENTLE, 0), ("render", GENTLE, 1), ("render", CORNERS, 1)]
)
def test_a_planted_hint_is_found(
    originals: str, steps: Mapping[str, Any], figure: int, drawn: Path, hint_of: Callable[..., Item]
) -> None:
    found = hint_of(recipe(originals, steps), drawn)
    assert found.figures[figure].value >= 0.95
    assert found.verdict == "bad"
    assert "originals: augment" in found.advice
    assert found.findings[0].about == ("crowd",)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_all_are_treated_alike_there_is_none(seed: int, drawn: Path, hint_of: Callable[..., Item]) -> None:
    found = hint_of(recipe("augment", GENTLE, seed), drawn)
    assert 0.45 <= found.figures[0].value <= 0.55
    assert 0.45 <= found.figures[1].value <= 0.55
    assert found.verdict == "ok"
    assert not found.findings


def test_a_small_set_gets_no_false_verdict(draw_source: Draw, hint_of: Callable[..., Item], tmp_path: Path) -> None:
    source = draw_source(tmp_path / "source", {"many": 30, "few": 10})
    found = hint_of(recipe("augment", GENTLE), source)
    assert found.verdict == "unknown"
    assert found.says.startswith("Too few to tell")


def test_copies_alone_cannot_be_told_from_originals(drawn: Path, hint_of: Callable[..., Item]) -> None:
    found = hint_of(recipe("omit", GENTLE), drawn)
    assert (found.verdict, found.figures) == ("ok", ())


def planted(rng: np.random.Generator, pairs: int, apart: float) -> tuple[Any, Any]:
    """Figures of pairs; copies are `apart` standard deviations off in one of thirty."""
    subject = rng.normal(size=(pairs, 60))
    originals, copies = (subject + rng.normal(size=subject.shape) for _ in range(2))
    copies[:, 7] += apart
    return originals, copies


def test_a_class_is_told_by_its_share_of_copies() -> None:
    """The closed form against scores drawn for two classes."""
    rng = np.random.default_rng(0)
    found = hint(*planted(rng, 900, 1.5), {"few": Share(1000, 800, {}), "many": Share(1000, 100, {})})
    original, copy = rng.normal(0, 1, 40_000), rng.normal(0, 1, 40_000)
    told = found.figures[0].value
    shift = 2**0.5 * _quantile(told)
    few = np.where(rng.random(40_000) < 0.8, copy + shift, original)
    many = np.where(rng.random(40_000) < 0.1, rng.permutation(copy) + shift, rng.permutation(original))
    expected = float((few > many).mean())
    assert found.figures[2].value == pytest.approx(expected, abs=0.01)


def _quantile(chance: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(chance)


def test_what_tells_no_class_is_no_fault() -> None:
    pairs = planted(np.random.default_rng(0), 400, 4.0)
    found = hint(*pairs, {"a": Share(400, 200, {}), "b": Share(300, 150, {})})
    assert found.figures[0].value > 0.95
    assert found.verdict == "ok"


def test_a_slight_hint_in_a_small_set_is_left_open() -> None:
    found = hint(*planted(np.random.default_rng(0), 24, 0.6), {"a": Share(90, 80, {}), "b": Share(90, 0, {})})
    assert found.verdict == "unknown"


def test_a_chain_of_one_class_alone_is_named() -> None:
    pairs = planted(np.random.default_rng(0), 400, 0)
    shares = {"a": Share(400, 0, {"c": 400}), "b": Share(400, 300, {"c": 400}), "x": Share(400, 300, {"strong": 400})}
    found = hint(*pairs, shares)
    assert found.verdict == "warning"
    assert {finding.about for finding in found.findings if finding.kind == "other chains"} >= {("x",)}


def test_chains_that_chance_shares_out_unevenly_are_not() -> None:
    pairs = planted(np.random.default_rng(0), 400, 0)
    shares = {"a": Share(400, 0, {"c": 200, "d": 200}), "x": Share(30, 20, {"c": 19, "d": 11})}
    assert hint(*pairs, shares).verdict == "ok"


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(2)
    positives, negatives = rng.integers(0, 9, 60).astype(float), rng.integers(0, 7, 60).astype(float)
    every = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    assert auc(positives, negatives).value == pytest.approx(every.mean())


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_the_interval_holds_as_often_as_it_says(apart: float) -> None:
    truth = None
    held = []
    for seed in range(60):
        originals, copies = planted(np.random.default_rng(seed), 150, apart)
        rows = np.stack([originals, copies], axis=1).reshape(300, -1)
        found = scores(rows, np.arange(300) % 2 == 1, np.arange(300) // 2)
        value = auc(found[1::2], found[::2])
        held.append(value)
    truth = 0.5 if apart == 0 else float(np.mean([value.value for value in held]))
    assert np.mean([value.low <= truth <= value.high for value in held]) >= 0.88


def test_weights_are_where_the_slope_is_none() -> None:
    rng = np.random.default_rng(4)
    rows = np.column_stack([rng.normal(size=(200, 5)), np.ones(200)])
    positive = rng.random(200) < 1 / (1 + np.exp(-rows[:, 0]))
    weights = fit(rows, positive)
    slope = rows.T @ (positive - 1 / (1 + np.exp(-rows @ weights)))
    assert np.allclose(slope[:-1], 3 * weights[:-1], atol=1e-4)
    assert abs(slope[-1]) < 1e-4


def test_what_separates_completely_still_has_finite_weights() -> None:
    rows = np.column_stack([np.linspace(-1, 1, 50), np.ones(50)])
    assert np.isfinite(fit(rows, np.arange(50) >= 25)).all()
