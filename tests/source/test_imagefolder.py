"""Folders with metadata files: read as Hugging Face's `imagefolder` reads them, and what is wrong is told by kind."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augflow.errors import ImageError, SourceError
from augflow.source import Aside, Noted, Sample, open_source


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (len(path), 2, 3)).save(root / path)


def table(root: Path, name: str, rows: list[dict[str, Any]]) -> None:
    text = "\n".join(map(json.dumps, rows))
    if name.endswith(".csv"):
        text = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)])
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def found(root: Path, **settings: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Key → label of the samples, key → kind of what was set aside."""
    source = open_source({"kind": "imagefolder", "root": str(root), **settings})
    items = [item for item in source.scan() if not isinstance(item, Noted)]
    samples = {item.key: item.label for item in items if isinstance(item, Sample)}
    aside = {item.key: item.kind for item in items if isinstance(item, Aside)}
    return samples, aside


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_it_is_what_datasets_loads(name: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    root = tmp_path / "photos"
    put(root, *(f"train/{label}/{n}.png" for label in ("a", "b") for n in range(3)), "test/x.png", "test/y.png")
    rows = [{"file_name": f"{label}/{n}.png", "label": label.upper()} for label in ("a", "b") for n in range(3)]
    table(root / "train", name, rows)
    table(root / "test", name, [{"file_name": "x.png", "label": "A"}, {"file_name": "y.png", "label": "B"}])
    source = open_source({"kind": "imagefolder", "root": str(root), "others": "pass"})
    ours = sorted(
        (str(item.split), item.label, source.read(item.key)) for item in source.scan() if isinstance(item, Sample)
    )
    loaded = datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(tmp_path / "cache"))
    theirs = []
    for split, rows_of in loaded.items():
        for row in rows_of:
            buffer = io.BytesIO()
            row["image"].save(buffer, "PNG")
            theirs.append((split, row["label"], buffer.getvalue()))
    assert len(ours) == 8
    assert ours == sorted(theirs)
    assert source.labels() == ["A", "B"]


def test_each_fault_is_told(tmp_path: Path) -> None:
    put(tmp_path, "ok.png", "twice.png", "torn.png", "none.png", "stray.png", "deep/1.png", ".hidden.png", "slash.png")
    (tmp_path / "folder.png").mkdir()
    rows: list[dict[str, Any]] = [
        {"file_name": name, "label": label}
        for name, label in (
            *(("ok.png", "cat"), ("twice.png", "cat"), ("./twice.png", "cat"), ("torn.png", "a"), ("torn.png", "b")),
            *(("none.png", ""), ("gone.png", "cat"), ("folder.png", "cat"), ("slash.png", "../x"), ("", "cat")),
            *(("../out.png", "cat"), ("/etc/passwd", "cat"), ("deep/../../out.png", "cat"), ("n\0.png", "cat")),
        )
    ]
    table(tmp_path, "metadata.jsonl", rows)
    table(tmp_path, "deep/metadata.csv", [{"file_name": "1.png", "label": 1}])
    samples, aside = found(tmp_path)
    assert samples == {"ok.png": "cat", "twice.png": "cat", "deep/1.png": "1"}
    assert aside == {
        "twice.png": "duplicate row",
        "torn.png": "two labels",
        "none.png": "no label",
        "gone.png": "missing",
        "folder.png": "not a file",
        "slash.png": "unfit label",
        "metadata.jsonl:10": "no path",
        "../out.png": "outside the root",
        "/etc/passwd": "outside the root",
        "deep/../../out.png": "outside the root",
        "metadata.jsonl:14": "unfit path",
        "stray.png": "no metadata",
    }
    source = open_source({"kind": "imagefolder", "root": str(tmp_path)})
    for key in ("../out.png", "/etc/passwd"):
        with pytest.raises(ImageError, match="leads out"):
            source.read(key)


def test_splits_groups_weights_and_soft_columns(tmp_path: Path) -> None:
    put(tmp_path, "train/1.png", "train/2.png", "val/3.png", "val/stray.png")
    more = {"group": "g", "weight": 2, "soft": [0.5, 0.5]}
    rows = [{"file_name": name, "label": 0, **more} for name in ("train/1.png", "train/2.png")]
    table(tmp_path, "metadata.jsonl", [*rows, {"file_name": "val/3.png", "label": 1}])
    source = open_source({"kind": "imagefolder", "root": str(tmp_path), "classes": ["cat", "dog"]})
    assert source.labels() == ["cat"]
    assert sorted(source.scan(), key=repr) == [
        Noted("soft", "soft column"),
        Sample("cat", "train/1.png", "train", "g", 2.0),
        Sample("cat", "train/2.png", "train", "g", 2.0),
        Sample("dog", "val/3.png", "val"),
    ]
    with pytest.raises(SourceError, match="no split 'test'"):
        open_source({"kind": "imagefolder", "root": str(tmp_path), "split": "test"}).labels()


def test_what_cannot_be_one_is_told(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    for make, says in (
        ([], "holds none of metadata.csv"),
        (["metadata.csv"], r"no column 'label'\. Did you mean 'lable'"),
        (["metadata.csv", "metadata.jsonl"], "which of them holds"),
    ):
        for name in make:
            table(tmp_path, name, [{"file_name": "1.png", "lable": "cat"}])
        with pytest.raises(SourceError, match=says):
            found(tmp_path)
    with pytest.raises(SourceError, match="no folder"):
        found(tmp_path / "none")
    with pytest.raises(SourceError, match="this disk alone"):
        open_source({"kind": "imagefolder", "root": "s3://bucket/x"})
