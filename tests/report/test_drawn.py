"""What was drawn is counted from the records, and compared with what the transforms draw by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augflow.ledger.dataset import Dataset
from augflow.registry import Registry
from augflow.report import drawn as module
from augflow.report.declared import Declared, declared
from augflow.report.drawn import ChainFigures, StepFigures, drawn


def chains(root: Path) -> dict[str, ChainFigures]:
    return {chain.name: chain for chain in drawn(Dataset({"kind": "folder", "root": str(root)}))}


def steps(root: Path, chain: str) -> dict[str, StepFigures]:
    return {step.declared.path: step for step in chains(root)[chain].steps}


def of(use: str, **arguments: Any) -> Declared:
    (found,) = declared([{"name": "it", "p": 1, "use": use, "arguments": arguments}], Registry())
    return found


def test_how_often_steps_fired(made: Path) -> None:
    rows = [row for row in pq.read_table(made / "ledger.parquet").to_pylist() if row["chain"] == "wild"]
    entries = [entry for row in rows for entry in row["steps"]]
    found = steps(made, "wild")
    assert set(found) == {
        "mild", "mild/flip", "mild/turn", "mild/light", "detail", "detail/blur", "detail/sharpen", "cut", "grain",
    }  # fmt: skip
    for path, step in found.items():
        of_step = [entry for entry in entries if entry["step"] == path]
        assert (step.times, step.fired) == (len(of_step), sum(entry["fired"] for entry in of_step))
    assert found["grain"].declared.p == 0.6
    assert sum(chain.outputs for chain in chains(made).values()) == 14


def test_values_and_where_they_lie(made: Path) -> None:
    (spread,) = steps(made, "mild")["turn"].spreads
    rows = [row for row in pq.read_table(made / "ledger.parquet").to_pylist() if row["chain"] == "mild"]
    angles = [json.loads(entry["draw"])["angle"] for row in rows for entry in row["steps"] if entry["step"] == "turn"]
    assert spread.count == len(angles)
    assert (spread.low, spread.high) == (min(angles), max(angles))
    assert spread.mean == pytest.approx(sum(angles) / len(angles))
    assert (spread.ends, spread.outside) == ((-25, 25), 0)
    assert spread.declared_mean == pytest.approx(0, abs=0.5)
    assert max(*spread.bars, *spread.trace) == 1


def test_an_angle_beyond_the_limit_is_told(own: Path, edit_ledger: Callable[..., None]) -> None:
    def turn(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["chain"] == "mild")
        next(entry for entry in row["steps"] if entry["step"] == "turn")["draw"] = '{"angle": 90}'

    edit_ledger(own, turn)
    (spread,) = steps(own, "mild")["turn"].spreads
    assert (spread.outside, spread.high) == (1, 90)


def test_one_of_is_counted_by_option(made: Path) -> None:
    (spread,) = steps(made, "wild")["detail"].spreads
    shares = {share.value: share.declared for share in spread.shares}
    assert shares == {"blur": 0.75, "sharpen": 0.25}
    assert sum(share.drawn for share in spread.shares) == pytest.approx(1)


def test_what_depends_on_the_photograph_is_not_compared(made: Path) -> None:
    found = {spread.name: spread for spread in steps(made, "wild")["cut"].spreads}
    assert set(found) == {"top", "left", "height", "width"}
    assert all("size" in spread.note and not spread.trace and spread.ends is None for spread in found.values())


def test_what_transforms_declare() -> None:
    assert of("rotate", limit=10).ends == {"angle": (-10, 10)}
    assert not of("rotate", limit=10).by_size
    assert of("crop").by_size == {"top", "left", "height", "width"}
    assert "seed" not in of("gaussian_noise").values
    assert of("albumentations.Blur").values == {}
    assert set(of("flip", axis="any").values["axis"]) == {"horizontal", "vertical", "both"}


def test_a_transform_that_is_not_there_is_told(made: Path) -> None:
    assert "No transform is called 'fog'" in of("fog").unknown


PLUGIN = """
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Waver:
    '''Draws a number that no field bounds.'''

    def draw(self, rng, size):
        return {"phase": float(rng.uniform(0, 6)), "many": rng.integers(0, 9, int(rng.integers(1, 4))).tolist()}

    def table(self, phase, many):
        return np.arange(256, dtype=np.uint8)
"""


def test_a_number_that_no_field_bounds_has_no_declared_ends(tmp_path: Path) -> None:
    file = tmp_path / "waver.py"
    file.write_text(PLUGIN)
    (found,) = declared([{"name": "it", "p": 1, "use": "waver", "arguments": {}}], Registry([file]))
    assert found.values["phase"]
    assert found.ends == {}
    spread = module._spread("many", [[1], [1, 2], [1, 2, 3]], found.values["many"], None, False)
    assert spread is not None
    assert spread.name == "many, how many"
    assert {share.value for share in spread.shares} == {"1", "2", "3"}


def test_whole_numbers_are_counted_in_bins_of_equal_width() -> None:
    values = [*range(10, 50)] * 5
    spread = module._spread("quality", values, values, (10, 49), False)
    assert spread is not None
    assert spread.bars == spread.trace == [1] * 20


def test_of_very_many_records_a_part_is_looked_at(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 14)
    found = chains(made).values()
    assert 0 < sum(chain.looked_at for chain in found) < sum(chain.outputs for chain in found) == 14
