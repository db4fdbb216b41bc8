"""Step by step ends with the output that a run writes; extremes lie at the bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from augflow.preview.extremes import extremes
from augflow.preview.sheet import SIDE
from augflow.preview.steps import step_by_step
from augflow.report import picture

Begin = Callable[..., Any]


def test_the_last_step_is_the_output(begin: Begin, made: Path) -> None:
    records = {row["path"]: row for row in pq.read_table(made / "ledger.parquet").to_pylist()}
    with begin() as (plan, bench):
        sheet = step_by_step(plan, bench)
    assert [group.heading for group in sheet.groups] == ["mild", "wild"]
    for group in sheet.groups:
        (row,) = group.rows
        record = records[row.note]
        assert record["chain"] == group.heading
        shown = [tile.picture for tile in row.tiles if tile.picture]
        assert shown[-1] == picture.read((made / row.note).read_bytes(), SIDE, 10**6)
        assert row.tiles[0].original
        fired = [entry["step"] for entry in record["steps"] if entry["fired"] and entry["arguments"]]
        assert [tile.heading for tile in row.tiles[2:] if tile.picture] == fired
        still = [f"{entry['step']} · not fired" for entry in record["steps"] if not entry["fired"]]
        assert [tile.heading for tile in row.tiles if not tile.picture] == still
        assert len({p.jpeg for p in shown}) > 2


def test_a_chain_that_no_class_uses_is_left_out(begin: Begin) -> None:
    with begin({"weights": {"mild": 1}}) as (plan, bench):
        assert [group.heading for group in step_by_step(plan, bench).groups] == ["mild"]
        assert [group.heading for group in extremes(plan, bench).groups] == ["mild"]


def test_an_unreadable_sample_is_named_and_another_taken(begin: Begin, own_mixed: Path) -> None:
    with begin(root=own_mixed) as (plan, bench):
        (taken,) = (row.heading for row in step_by_step(plan, bench).groups[0].rows)
    (own_mixed / taken.partition(",")[0]).write_bytes(b"nothing")
    with begin(root=own_mixed) as (plan, bench):
        for sheet in (step_by_step(plan, bench), extremes(plan, bench)):
            assert taken.partition(",")[0] in {item.key for item in sheet.aside}
            assert all(row.heading != taken for group in sheet.groups for row in group.rows)


def test_extremes_show_every_step_that_can_fire_at_its_bounds(begin: Begin) -> None:
    with begin() as (plan, bench):
        sheet = extremes(plan, bench)
    wild = next(group for group in sheet.groups if group.heading == "wild")
    headings = [row.heading for row in wild.rows]
    assert headings == [
        "as they are", "mild/flip", "mild/turn · limit −20", "mild/turn · limit 20",
        "detail/blur · sigma 0.5", "detail/blur · sigma 1.5", "detail/sharpen · amount 0.2",
        "detail/sharpen · amount 0.8", "grain · sigma 2", "grain · sigma 10",
    ]  # fmt: skip
    for row in wild.rows:
        assert [tile.heading for tile in row.tiles] == ["few", "many"]
        assert all(tile.picture for tile in row.tiles)
    assert wild.rows[2].tiles[0].lines == ("rotate: angle −20",)
    assert wild.rows[2].tiles[0].picture != wild.rows[3].tiles[0].picture


def test_a_step_that_fails_says_so(begin: Begin) -> None:
    chains = {"mild": {"cut": {"use": "albumentations.RandomCrop", "height": 500, "width": 500}}}
    with begin({"chains": chains, "weights": {"mild": 1}}) as (plan, bench):
        (group,) = extremes(plan, bench).groups
    assert all("failed" in tile.lines[0] and not tile.picture for tile in group.rows[1].tiles)
