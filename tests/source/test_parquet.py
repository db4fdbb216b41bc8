"""Tables that hold images: what `datasets` writes is read as it is, and what is wrong is told by kind."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.errors import ImageError, SourceError
from augflow.source import Aside, Noted, Sample, Source, open_source

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(number: int, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4 + number, 5), (number, 2 * number, 3 * number)).save(buffer, form)
    return buffer.getvalue()


def found(source: Source) -> tuple[dict[str, str], dict[str, str]]:
    """Key → label of the samples, key → kind of what was set aside."""
    items = [item for item in source.scan() if not isinstance(item, Noted)]
    samples = {item.key: item.label for item in items if isinstance(item, Sample)}
    aside = {item.key: item.kind for item in items if isinstance(item, Aside)}
    assert len(samples) + len(aside) == len(items)
    return samples, aside


def of(root: object, kind: str = "parquet", **settings: Any) -> Source:
    return open_source({"kind": kind, "root": str(root), **settings})


def write(path: Path, labels: list[Any], images: list[Any] | None = None, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    given = images or [{"bytes": picture(n), "path": f"{n}.png"} for n in range(len(labels))]
    pq.write_table(pa.table({"label": labels, "image": pa.array(given, IMAGE), **columns}), path, row_group_size=2)
    return path


@pytest.fixture(params=["parquet", "hf"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Source, Path]:
    """Six images that the real library wrote, as Parquet and as it saves them on a disk."""
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    kind = datasets.ClassLabel(names=["cat", "dög", "void"])
    features = datasets.Features({"pixels": datasets.Image(), "kind": kind, "group": datasets.Value("string")})
    rows = {
        "pixels": [{"bytes": picture(number), "path": f"in-{number}.png"} for number in range(6)],
        "kind": [number % 2 for number in range(6)],
        "group": [f"g{number // 2}" for number in range(6)],
    }
    made = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features)})
    made["test"] = made["train"].select(range(2))
    root = tmp_path / "saved"
    if request.param == "hf":
        made.save_to_disk(str(root), num_shards={"train": 2, "test": 1})
    else:
        for split in made:
            made[split].to_parquet(str(root / "data" / f"{split}-00000-of-00001.parquet"), batch_size=2)
    return of(root, request.param), root


def test_what_datasets_writes_is_read(saved: tuple[Source, Path]) -> None:
    source, _ = saved
    assert source.labels() == ["cat", "dög", "void"]
    samples = [item for item in source.scan() if isinstance(item, Sample)]
    assert len(samples) == 8
    train = sorted(item for item in samples if item.split == "train")
    assert [(item.label, item.group) for item in train] == [
        *[("cat", f"g{number}") for number in range(3)],
        *[("dög", f"g{number}") for number in range(3)],
    ]
    assert {source.read(item.key) for item in train} == {picture(number) for number in range(6)}
    assert all(item.key.endswith(".png") for item in samples)
    for key in ("", "x", "train/000009.png", "train/-1.png", "../train/000000.png", f"{train[0].key[:-10]}9999.png"):
        with pytest.raises(ImageError, match="unreadable"):
            source.read(key)


def test_splits_are_asked_for_by_name(saved: tuple[Source, Path]) -> None:
    source, root = saved
    kind = "hf" if "Hugging" in type(source).__name__ else "parquet"
    assert of(root, kind, split="test").labels() == ["cat", "dög", "void"]
    with pytest.raises(SourceError, match=r"has no split 'trian'\. Did you mean 'train'"):
        of(root, kind, split="trian").labels()
    with pytest.raises(SourceError, match=r"label_column: .* no column 'knd'\. Did you mean 'kind'"):
        of(root, kind, label_column="knd").labels()
    with pytest.raises(SourceError, match="neither bytes nor a struct"):
        of(root, kind, image_column="group").labels()


def test_columns_of_any_table_serve(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ["cat", "dog", None, "../x", "cat"], weight=[1.0, 2.5, 1, 1, -3])
    samples, aside = found(of(tmp_path))
    assert samples == {"a.parquet/000000.png": "cat", "a.parquet/000001.png": "dog"}
    assert aside == {
        "a.parquet/000002.png": "no label",
        "a.parquet/000003.png": "unfit label",
        "a.parquet/000004.png": "unfit weight",
    }
    pictures = [picture(number, form) for number, form in enumerate(("JPEG", "WEBP", "GIF", "BMP"))]
    bare = pa.table({"class": [0, 1, 2, -1], "img": pictures})
    pq.write_table(bare, tmp_path / "b.pq")
    source = of(tmp_path / "b.pq", classes=["cat", "dog"])
    assert found(source) == (
        {"b.pq/000000.jpg": "cat", "b.pq/000001.webp": "dog"},
        {"b.pq/000002.gif": "no label", "b.pq/000003.bmp": "no label"},
    )
    assert source.read("b.pq/000001.webp") == picture(1, "WEBP")
    pq.write_table(pa.table({"one": ["x"], "two": [b"y"]}), tmp_path / "c.parquet")
    with pytest.raises(SourceError, match=r"no column that is plainly the image\. It has 'one', 'two'"):
        found(of(tmp_path / "c.parquet"))


def test_soft_labels_are_passed_over_with_a_note(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ["cat", "dog"], soft=[[0.5, 0.5], [0.0, 1.0]])
    assert [item for item in of(tmp_path).scan() if isinstance(item, Noted)] == [Noted("soft", "soft column")]


def test_a_path_in_place_of_bytes_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(1))
    write(tmp_path / "a.parquet", ["cat"], [{"bytes": None, "path": str(secret)}])
    source = of(tmp_path)
    ((key, _),) = found(source)[0].items()
    with pytest.raises(ImageError, match="empty"):
        source.read(key)


def test_what_is_damaged_is_set_aside_and_the_rest_is_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.parquet", ["cat"] * 6).read_bytes()
    torn = bytearray(whole)
    torn[20:120] = bytes(100)
    for name, data in {"cut": whole[:500], "text": b"no table", "empty": b"", "torn": bytes(torn)}.items():
        (tmp_path / f"{name}.parquet").write_bytes(data)
    source = of(tmp_path)
    assert source.labels() == ["cat"]
    samples, aside = found(source)
    assert len([key for key in samples if key.startswith("whole")]) == 6
    assert {key: kind for key, kind in aside.items() if key.count("/") == 0} == {
        "cut.parquet": "damaged",
        "text.parquet": "damaged",
        "empty.parquet": "empty",
        "torn.parquet": "damaged",
    }
    for key in ("cut.parquet/000000.png", "text.parquet/000000.png"):
        with pytest.raises(ImageError, match="unreadable"):
            source.read(key)


def test_a_table_that_claims_more_than_it_can_hold_is_set_aside(tmp_path: Path) -> None:
    rows = 3_000_000
    labels = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), ["cat"])
    images = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), pa.array([picture(0) * 500], pa.binary()))
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"label": labels, "image": images.cast(pa.binary()) if rows < 9 else images}), path)
    assert path.stat().st_size < rows
    schema = pa.schema([("label", pa.string()), ("image", pa.binary())])
    assert pq.read_schema(path).names == schema.names
    (aside,) = of(tmp_path).scan()
    assert isinstance(aside, Aside)
    assert aside[:2] == ("bomb.parquet", "damaged")
    assert "claims more" in aside.detail


def test_an_image_that_is_too_large_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ["cat"], [{"bytes": bytes(1_000_100), "path": "1.png"}])
    with pytest.raises(ImageError, match="too large"):
        of(tmp_path, max_pixels=10).read("a.parquet/000000.png")


def test_rows_of_a_group_are_read_together(tmp_path: Path, object_store: Any) -> None:
    path = write(tmp_path / "train-0.parquet", [f"c{n % 3}" for n in range(40)])
    object_store.bucket("tables").upload_file(str(path), "x/train-0.parquet")
    here, there = of(tmp_path), of("s3://tables/x")
    assert found(here) == found(there)
    assert here.labels() == there.labels() == ["c0", "c1", "c2"]
    there.read("train-0.parquet/000038.png")
    object_store.asked.clear()
    assert there.read("train-0.parquet/000039.png") == picture(39)
    assert object_store.asked == []
    assert there.read("train-0.parquet/000000.png") == picture(0)
    assert [method for method, _, _ in object_store.asked] == ["GET"] * len(object_store.asked)


def test_a_saved_data_set_names_no_file_outside(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    root = tmp_path / "x"
    datasets.Dataset.from_dict({"label": ["cat"], "image": [picture(1)]}).save_to_disk(str(root))
    assert found(of(root, "hf"))[0] == {"000000.png": "cat"}
    assert of(root, "hf").labels() == ["cat"]
    state = json.loads((root / "state.json").read_text())
    for hostile in ("/etc/passwd", "../../secret.arrow", ["x"]):
        (root / "state.json").write_text(json.dumps(state | {"_data_files": [{"filename": hostile}]}))
        with pytest.raises(SourceError, match="names files that lie outside"):
            of(root, "hf")
    (root / "state.json").write_text(json.dumps(state))
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["../y"]}))
    with pytest.raises(SourceError, match="lie outside"):
        of(root, "hf")
    for text in ("{", "[]", '{"splits": 3}'):
        (root / "dataset_dict.json").write_text(text)
        with pytest.raises(SourceError, match="makes no sense"):
            of(root, "hf")
    with pytest.raises(SourceError, match="no data set that `save_to_disk`"):
        of(tmp_path, "hf")
    with pytest.raises(SourceError, match="no folder"):
        of(tmp_path / "none", "hf")


def test_a_damaged_arrow_file_is_told(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    root = tmp_path / "x"
    datasets.Dataset.from_dict({"label": ["cat"] * 50, "image": [picture(1)] * 50}).save_to_disk(str(root))
    (file,) = root.glob("*.arrow")
    whole = file.read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"no arrow at all"):
        file.write_bytes(data)
        with pytest.raises(SourceError, match="cannot load"):
            of(root, "hf")


def test_rows_of_an_arrow_file_that_make_no_sense_are_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    monkeypatch.setattr("augflow.source.hf._ROWS", 10)
    root = tmp_path / "x"
    labels = [f"label {number:02}" for number in range(50)]
    datasets.Dataset.from_dict({"label": labels, "image": [picture(1)] * 50}).save_to_disk(str(root))
    (file,) = root.glob("*.arrow")
    whole = file.read_bytes()
    offsets = b"".join((8 * number).to_bytes(4, "little") for number in range(24, 28))
    assert whole.count(offsets) == 1
    file.write_bytes(whole.replace(offsets, offsets[:4] + b"\xff\xff\xff\x7f" + offsets[8:]))
    source = of(root, "hf")
    assert len(source.labels()) == 40
    samples, aside = found(source)
    assert len(samples) == 40
    assert aside == {"000020": "damaged"}


def test_files_that_outgrow_memory_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augflow.source.parquet._HELD", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write(tmp_path / "x" / "a.parquet", ["cat"] * 30)
    source = of(path)
    assert Noted(str(tmp_path / "cache" / "augflow"), "cached") in list(source.scan())
    assert [source.read(f"a.parquet/{n:06}.png") for n in (*range(30), 0)] == [picture(n) for n in (*range(30), 0)]
    assert len(list((tmp_path / "cache" / "augflow").iterdir())) == 15
    whole = path.read_bytes()
    torn = bytearray(whole)
    torn[10:1500] = bytes(1490)
    status = path.stat()
    path.write_bytes(torn)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert of(path).read("a.parquet/000003.png") == picture(3)
    write(path, ["cat"] * 29)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ImageError, match="no such row"):
        of(path).read("a.parquet/000029.png")
