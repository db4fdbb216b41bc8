"""Redundancy, damage and balance: what was made to be at fault is told, what was not is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow import cli
from augflow.audit import descriptors
from augflow.audit.audit import Row, audit, choose, pairs_of
from augflow.audit.balance import Count, balance
from augflow.audit.features import file_traces, traces
from augflow.audit.result import Audit, Figure, Item
from augflow.errors import RecipeError, SourceError

MakeSet = Callable[..., Any]
Draw = Callable[[Path, Mapping[str, int]], Path]
Find = Callable[[Audit, str], Item]
Audited = Callable[[Mapping[str, Any]], Audit]

WORKERS = {"kind": "local", "workers": 2}
LIGHT = {"use": "brightness_contrast", "brightness": 0.1, "contrast": 0.1}
WIDE = {"flip": {}, "rotate": {"limit": 30, "border": "reflect"}, "light": LIGHT}


@pytest.fixture(scope="session")
def few(draw_source: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 60 and 30, only to be read."""
    return draw_source(tmp_path_factory.mktemp("few") / "source", {"crowd": 60, "rare": 30})


@pytest.fixture
def audited(few: Path, make_set: MakeSet, tmp_path: Path) -> Audited:
    """Audit a set made of these steps."""

    def call(steps: Mapping[str, Any]) -> Audit:
        chains = {"chain": "c", "chains": {"c": dict(steps)}}
        make_set({"version": 1, "originals": "keep", "target": 120, **chains}, few, tmp_path / "sink")
        return audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor=WORKERS)

    return call


def figure(item: Item, name: str) -> Figure:
    return next(figure for figure in item.figures if figure.name == name)


def test_the_same_image_again_is_redundant(audited: Audited, item: Find) -> None:
    found = item(audited({"flip": {"p": 0}}), "redundancy")
    assert found.verdict == "bad"
    assert figure(found, "share of copies that are the same image again").value > 0.35
    assert "max_copies" in found.advice


def test_a_wide_chain_is_not(audited: Audited, item: Find) -> None:
    found = audited(WIDE)
    assert item(found, "redundancy").verdict == "ok"
    assert item(found, "damage").verdict == "ok"
    curve = [each.value for each in item(found, "redundancy").figures if each.name.startswith("newness")]
    assert curve == sorted(curve, reverse=True)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ({"light": {"use": "brightness_contrast", "brightness": [0.6, 0.7], "contrast": 0}}, "saturated"),
        ({"light": {"use": "brightness_contrast", "brightness": 0, "contrast": [-0.99, -0.97]}}, "nearly uniform"),
        ({"shift": {"x": [0.6, 0.7], "y": 0, "border": "constant"}}, "mostly border"),
    ],
)
def test_damage_is_named_by_its_kind(steps: Mapping[str, Any], kind: str, audited: Audited, item: Find) -> None:
    found = item(audited(steps), "damage")
    assert found.verdict == "bad"
    assert kind in {finding.kind for finding in found.findings}
    assert figure(found, f"copies {kind}").value > 10


def test_a_photograph_of_one_tone_is_no_damage(make_set: MakeSet, item: Find, tmp_path: Path) -> None:
    for label, count in (("a", 6), ("b", 3)):
        (tmp_path / "source" / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (64, 64), (250 + number, 255, 255)).save(tmp_path / "source" / label / f"{number}.png")
    recipe = {"version": 1, "originals": "keep", "chain": "c", "chains": {"c": {"flip": {}}}}
    make_set(recipe, tmp_path / "source", tmp_path / "sink")
    found = audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor=WORKERS)
    assert item(found, "damage").verdict == "ok"


COUNTS = {"few": Count(100, 50, 50), "many": Count(400, 400, 400)}


@pytest.mark.parametrize(
    ("sampler", "weights", "ratio", "verdict"),
    [
        ("shuffle", "none", 4, "warning"),
        ("balanced", "none", 1, "ok"),
        ("shuffle", "inverse", 1, "ok"),
        ("balanced", "inverse", 4, "warning"),
        ("balanced", "source", 8, "bad"),
    ],
)
def test_the_prior_is_what_sampler_and_weights_make_of_it(
    sampler: str, weights: str, ratio: float, verdict: str
) -> None:
    found = balance(COUNTS, sampler, weights)
    assert found.figures[0].value == pytest.approx(ratio)
    assert found.verdict == verdict


def test_correcting_a_balanced_set_is_bad() -> None:
    found = balance({"few": Count(400, 50, 50), "many": Count(400, 400, 400)}, "shuffle", "source")
    assert found.verdict == "bad"
    assert found.figures[0].value == pytest.approx(8)
    assert "corrected twice" in found.says


def rows(families: Mapping[str, int], label: str) -> list[Row]:
    return [
        Row(f"{label}/{key}-{copy}.jpg", 9, label, None, copy, "c", f"{label}/{key}", "")
        for key, copies in families.items()
        for copy in range(copies)
    ]


def test_a_large_set_is_looked_at_by_whole_families_of_every_class() -> None:
    every = rows({f"{number}": 10 for number in range(200)}, "large") + rows({"0": 3, "1": 2}, "small")
    chosen = choose(reversed(every), 200)
    assert 195 <= sum(map(len, chosen)) <= 215
    assert sum(len(family) for family in chosen if family[0].label == "small") == 5
    for family in chosen:
        assert [row.copy for row in family] == list(range(len(family)))
        assert len(family) == (10 if family[0].label == "large" else len(family))
    assert choose(every, 200) == chosen


def test_pairs_are_of_one_family_and_classes_take_turns() -> None:
    families = choose(rows({f"{n}": 4 for n in range(9)}, "a") + rows({f"{n}": 2 for n in range(3)}, "b"), 1000)
    pairs = pairs_of(families, 6)
    assert [original.label for original, _ in pairs].count("b") == 3
    assert all(one.sample == two.sample and one.copy == 0 < two.copy for one, two in pairs)


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (9, 9), (500, 7), (64, 64)])
@pytest.mark.parametrize("channels", [0, 3, 4])
def test_every_image_has_equally_many_finite_figures(size: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels) if channels else size, dtype=np.uint8)
    found = traces(pixels)
    assert found.shape == (56,)
    assert np.isfinite(found).all()
    assert file_traces(b"no image", *size).shape == (16,)
    reduced = descriptors.small(pixels)
    assert np.isfinite(descriptors.shape(descriptors.thumbnail(reduced))).all()
    assert descriptors.colour(reduced).shape == (64,)
    assert 0 <= descriptors.tones(pixels, True).filled <= 1


def test_the_command_tells_verdicts_and_ends_by_them(
    few: Path, make_set: MakeSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = f"sink.root={tmp_path / 'sink'}"
    recipe = {"version": 1, "originals": "augment", "target": 120, "chain": "c", "chains": {"c": WIDE}}
    make_set(recipe, few, tmp_path / "sink")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert cli.main(["audit", sink, "executor.workers=2"]) == 0
    told = capsys.readouterr().out
    for name in ("hint", "leakage: ok", "redundancy: ok", "damage: ok", "balance: ok"):
        assert name in told
    assert cli.main(["audit", sink, "executor.workers=2", "--format", "json", "--weights", "source"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in found["items"]] == ["hint", "leakage", "redundancy", "damage", "balance"]
    assert found["outputs"] == found["looked_at"] == 240
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_asked_wrongly_is_said(few: Path, make_set: MakeSet, tmp_path: Path) -> None:
    make_set({"version": 1, "target": "keep", "chain": "c", "chains": {"c": WIDE}}, few, tmp_path / "sink")
    sink = {"kind": "folder", "root": str(tmp_path / "sink")}
    with pytest.raises(RecipeError, match=r"--weights inverted: .*Did you mean 'inverse'"):
        audit(sink, weights="inverted")
    with pytest.raises(SourceError, match="--against nowhere: there is no such folder"):
        audit(sink, against="nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no image lies in this folder"):
        audit(sink, against=str(tmp_path / "empty"))
    assert cli.main(["audit", f"sink.root={tmp_path / 'nothing'}"]) == 2


def test_outputs_that_cannot_be_read_are_told(few: Path, make_set: MakeSet, tmp_path: Path) -> None:
    make_set({"version": 1, "target": 70, "chain": "c", "chains": {"c": WIDE}}, few, tmp_path / "sink")
    next((tmp_path / "sink" / "crowd").iterdir()).unlink()
    found = audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor=WORKERS)
    assert found.looked_at == found.outputs - 1
    assert not any("interrupted" in note for note in found.notes)
    (tmp_path / "sink" / ".augflow").mkdir()
    interrupted = audit({"kind": "folder", "root": str(tmp_path / "sink")}, executor=WORKERS)
    assert any("interrupted" in note for note in interrupted.notes)
    assert any(note.startswith("Images that could not be looked at: 1, ") for note in found.notes)
