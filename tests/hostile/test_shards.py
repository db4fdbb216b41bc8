"""Shards and tables with bytes changed at random: each is read to an end, and what it says is a sample or set aside."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augflow.errors import ImageError
from augflow.source import Aside, Sample, open_source


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for number in range(6):
            for ending, data in (("jpg", b"x" * 700), ("json", b'{"label": "cat", "weight": 2}'), ("cls", b"1")):
                info = tarfile.TarInfo(f"{'n' * 120 if number == 2 else number}é.{ending}")
                info.size = len(data)
                made.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def parquet() -> bytes:
    images = [{"bytes": bytes([number]) * 300, "path": f"{number}.jpg"} for number in range(40)]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"label": ["cat", "dog"] * 20, "image": images}), buffer, row_group_size=7)
    return buffer.getvalue()


def changed(whole: bytes, rng: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(data))
        change = rng.choice(("byte", "ones", "zeros", "cut"))
        if change == "byte":
            data[place] = rng.randrange(256)
        elif change == "cut":
            del data[place : place + rng.randrange(1, 300)]
        else:
            data[place : place + 8] = (b"\xff" if change == "ones" else b"\0") * 8
    return bytes(data)


@pytest.mark.parametrize(("kind", "write"), [("webdataset", tar), ("parquet", parquet)])
def test_changed_bytes_raise_nothing(
    kind: str, write: Callable[[], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole, rng = write(), random.Random(7)
    file = tmp_path / {"webdataset": "a.tar", "parquet": "a.parquet"}[kind]
    told: set[str] = set()
    for _ in range(120):
        file.write_bytes(changed(whole, rng))
        source = open_source({"kind": kind, "root": str(file)})
        source.labels()
        for item in source.scan():
            if isinstance(item, Sample):
                try:
                    assert len(source.read(item.key)) <= 1000
                    told.add("read")
                except ImageError as error:
                    told.add(error.kind)
            elif isinstance(item, Aside):
                assert item.detail
                told.add(item.kind)
    assert {"read", "damaged"} <= told
