"""The gallery holds some of every class and chain, and says of each image what is wrong with it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.ledger.dataset import Dataset
from augflow.report.gallery import Gallery, choose, gallery
from augflow.report.picture import read, shrunk
from augflow.source import open_source


def dataset(root: Path) -> Dataset:
    return Dataset({"kind": "folder", "root": str(root)})


def look(root: Path, source: Path | None, most: int = 240) -> Gallery:
    return gallery(dataset(root), open_source({"kind": "folder", "root": str(source)}) if source else None, most)


def test_everything_where_there_is_room(made: Path, mixed_source: Path) -> None:
    found = look(made, mixed_source)
    assert {one.record["path"] for one in found.shown} == {
        f.relative_to(made).as_posix() for f in made.glob("*/*") if f.is_file()
    }
    assert len(found.parents) == 14
    assert not found.faults
    for one in found.shown:
        assert one.parents[0] is not None


def test_pictures_are_those_of_the_files(made: Path, mixed_source: Path) -> None:
    for one in look(made, mixed_source).shown[:6]:
        with Image.open(made / one.record["path"]) as file, Image.open(io.BytesIO(one.picture.jpeg)) as shown:  # type: ignore[union-attr]
            assert shown.size == file.size
            apart = np.abs(np.asarray(file.convert("L"), int) - np.asarray(shown.convert("L"), int)).mean()
        assert apart < 6


def test_classes_share_the_room_and_every_chain_is_there(made: Path) -> None:
    chosen = choose(dataset(made), 10)
    assert Counter(path.partition("/")[0] for path in chosen) == {"many": 5, "few": 5}
    assert chosen == choose(dataset(made), 10)
    rows = {row["path"]: row for row in pq.read_table(made / "ledger.parquet").to_pylist()}
    for label in ("many", "few"):
        there = {row["chain"] for row in rows.values() if row["label"] == label}
        assert {rows[path]["chain"] for path in chosen if rows[path]["label"] == label} == there
    assert len(choose(dataset(made), 1)) == 1


def test_a_file_that_changed_or_went_is_told(own: Path, mixed_source: Path) -> None:
    files = sorted(own.glob("few/*"))
    files[0].unlink()
    data = bytearray(files[1].read_bytes())
    data[-10] ^= 1
    files[1].write_bytes(data)
    files[2].write_bytes(b"\xff\xd8\xff short")
    kinds = {path: fault.partition(":")[0] for path, fault in look(own, mixed_source).faults}
    names = [file.relative_to(own).as_posix() for file in files[:3]]
    assert kinds == {names[0]: "missing", names[1]: "changed", names[2]: "changed"}


def test_a_path_that_leads_out_is_not_read(own: Path, edit_ledger: Callable[..., None]) -> None:
    def lead_out(rows: list[dict[str, Any]]) -> None:
        rows[0]["path"] = "../../etc/passwd"
        rows[1]["parents"][0]["key"] = "../../etc/passwd"

    edit_ledger(own, lead_out)
    found = look(own, None)
    assert [fault for _, fault in found.faults] == ["failed: its path leads out of the data set"]


def test_parents_that_are_gone_or_changed_are_not_shown(made: Path, tmp_path: Path, mixed_source: Path) -> None:
    assert not look(made, None).parents
    import shutil

    moved = Path(shutil.copytree(mixed_source, tmp_path / "moved"))
    some = sorted((moved / "few").iterdir())
    some[0].unlink()
    some[1].write_bytes(some[1].read_bytes() + b" ")
    assert len(look(made, moved).parents) == 12


@pytest.mark.parametrize("shape", [(300, 500), (300, 500, 3), (300, 500, 4), (20, 10, 3), (1, 900)])
def test_pictures_are_small_and_keep_their_shape(shape: tuple[int, ...]) -> None:
    found = shrunk(np.full(shape, 120, np.uint8), 100)
    assert (found.of_height, found.of_width) == shape[:2]
    with Image.open(io.BytesIO(found.jpeg)) as image:
        assert image.size == (found.width, found.height)
        assert max(image.size) == min(100, max(shape[:2]))
    assert read(found.jpeg, 50, 10**6).of_width == found.width
    assert found.uri.startswith("data:image/jpeg;base64,")
