"""A contact sheet shows what a run would make, pixel for pixel."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augflow.preview import contact as module
from augflow.preview.contact import contact, name
from augflow.preview.sheet import SIDE, Sheet
from augflow.report import draws, picture

Begin = Callable[..., Any]


def tiles_of(sheet: Sheet) -> dict[str, tuple[str, ...]]:
    return {row.heading: tuple(tile.heading for tile in row.tiles) for group in sheet.groups for row in group.rows}


def test_outputs_are_those_of_a_run(begin: Begin, made: Path) -> None:
    records = {row["path"]: row for row in pq.read_table(made / "ledger.parquet").to_pylist()}
    with begin() as (plan, bench):
        seen = 0
        for unit in plan.units():
            outputs, kind, _ = bench.make(unit, range(unit.first, unit.end))
            assert not kind
            for output in outputs:
                seen += 1
                path = output.record["path"]
                assert output.data == (made / path).read_bytes()
                assert output.record["steps"] == records[path]["steps"]
        assert seen == len(records) == 40


def test_each_tile_shows_its_output_with_chain_and_draws(begin: Begin, made: Path) -> None:
    with begin() as (plan, bench):
        sheet = contact(plan, bench)
    records = pq.read_table(made / "ledger.parquet").to_pylist()
    assert [group.heading for group in sheet.groups] == ["few", "many"]
    for group in sheet.groups:
        assert len(group.rows) == module.SAMPLES
        for row in group.rows:
            source, *outputs = row.tiles
            assert source.original
            of_sample = {name(r): r for r in records if r["parents"][0]["key"] == row.heading}
            for tile in outputs:
                record = of_sample[tile.heading]
                expected = picture.read((made / record["path"]).read_bytes(), SIDE, 10**6)
                assert tile.picture == expected
                fired = [entry for entry in record["steps"] if entry["fired"] and entry["arguments"]]
                assert [line.partition(":")[0] for line in tile.lines[: len(fired)]] == [e["step"] for e in fired]
                for entry in fired:
                    for drawn, value in json.loads(entry["draw"]).items():
                        if drawn != "seed":
                            assert any(f"{drawn} {draws.value(value)}" in line for line in tile.lines)


def test_samples_have_as_many_copies_as_planned(begin: Begin) -> None:
    with begin({"target": 8, "surplus": "keep"}) as (plan, bench):
        tiles = tiles_of(contact(plan, bench))
    assert {len(headings) for key, headings in tiles.items() if key.startswith("few/")} == {3}
    assert {len(headings) for key, headings in tiles.items() if key.startswith("many/")} == {2}


def test_originals_that_are_kept_stand_for_themselves(begin: Begin) -> None:
    with begin({"originals": "keep"}) as (plan, bench):
        tiles = tiles_of(contact(plan, bench))
    assert all(headings[0] == "original" for headings in tiles.values())
    with begin({"originals": "omit"}) as (plan, bench):
        tiles = tiles_of(contact(plan, bench))
    assert all(headings[0] == "source" and "original" not in str(headings[1:]) for headings in tiles.values())


def test_a_sample_that_cannot_be_used_is_named_and_another_stands_in(begin: Begin, own_mixed: Path) -> None:
    with begin(root=own_mixed) as (plan, _):
        first = next(plan.units_of("many")).key
    (own_mixed / first).write_bytes(b"\xff\xd8\xff nothing")
    with begin(root=own_mixed) as (plan, bench):
        sheet = contact(plan, bench)
    assert [item.key for item in sheet.aside] == [first]
    many = next(group for group in sheet.groups if group.heading == "many")
    assert len(many.rows) == module.SAMPLES
    assert first not in [row.heading for row in many.rows]


def test_a_class_of_which_nothing_can_be_used_is_there_without_rows(begin: Begin, own_mixed: Path) -> None:
    for file in (own_mixed / "few").iterdir():
        file.write_bytes(b"")
    with begin(root=own_mixed) as (plan, bench):
        sheet = contact(plan, bench)
    assert len(sheet.aside) == 4
    assert [len(group.rows) for group in sheet.groups] == [0, module.SAMPLES]


def test_of_many_classes_those_with_most_copies(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLASSES", 1)
    with begin() as (plan, bench):
        sheet = contact(plan, bench)
    assert [group.heading for group in sheet.groups] == ["few"]
    assert any("1 of 2 classes" in note for note in sheet.notes)


def test_nothing_is_left_behind(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with begin() as (plan, bench):
        contact(plan, bench)
        assert not [*tmp_path.iterdir()]
    assert not [*tmp_path.iterdir()]
