"""What others read of shards: images, counts and classes as the ledger has them, each by its real library."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
EVERY = 20


@pytest.fixture(scope="session")
def few_photographs(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twentieth of the photographs."""
    root = tmp_path_factory.mktemp("few")
    for folder in photographs.iterdir():
        (root / folder.name).mkdir()
        for file in sorted(folder.iterdir())[::EVERY]:
            shutil.copy(file, root / folder.name)
    return root


@pytest.fixture(scope="session")
def packed(few_photographs: Path, augflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The photographs in a sink of some kind, made by the command."""
    folder = tmp_path_factory.mktemp("packed")

    def call(kind: str) -> Path:
        root = folder / kind
        if not root.exists():
            words = ["recipe.target=50", "recipe.render.size=96", f"sink={kind}", "--no-audit"]
            words += [] if kind == "imagefolder" else ["sink.shard_size=40"]
            said = augflow("run", f"source.root={few_photographs}", f"sink.root={root}", *words)
            assert said.returncode == 0, said.stderr
        return root

    return call


@pytest.fixture
def expected(rows: Any) -> Any:
    """Class and sha256 of every output, by key."""
    return lambda root: {row["key"]: (row["label"], row["sha256"]) for row in rows(root)}


@pytest.mark.parametrize("kind", ["webdataset", "parquet"])
def test_report_and_audit_take_it(kind: str, packed: Any, augflow: Any, tmp_path: Path) -> None:
    root = packed(kind)
    for words in (["report", "--to", str(tmp_path / "page.html")], ["audit"]):
        said = augflow(*words, f"sink.root={root}")
        assert said.returncode == 0, said.stdout + said.stderr
        assert "500 outputs" in said.stdout
    assert (tmp_path / "page.html").read_text().count("data:image") > 100


def test_datasets_reads_folders_with_metadata(packed: Any, expected: Any, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    root = packed("imagefolder")
    found = datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(tmp_path), split="train")
    assert dict(zip(found["key"], zip(found["label"], found["sha256"], strict=True), strict=True)) == expected(root)
    assert Counter(Counter(found["label"]).values()) == {50: 10}
    assert found[0]["image"].size == (96, 96)
    assert found.class_encode_column("label").features["label"].names == sorted({*found["label"]})


@pytest.mark.parametrize("how", ["parquet", "its folder"])
def test_datasets_reads_parquet(how: str, packed: Any, expected: Any, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    root = packed("parquet")
    named = {"path": "parquet", "data_dir": str(root)} if how == "parquet" else {"path": str(root)}
    found = datasets.load_dataset(**named, cache_dir=str(tmp_path), split="train")
    names = found.features["label"].names
    columns = (found[name] for name in ("key", "label", "sha256"))
    told = {key: (names[label], sha256) for key, label, sha256 in zip(*columns, strict=True)}
    assert told == expected(root)
    assert Counter(Counter(found["label"]).values()) == {50: 10}
    assert {image.size for image in found["image"]} == {(96, 96)}


def test_datasets_reads_tars(packed: Any, expected: Any, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    root = packed("webdataset")
    found = datasets.load_dataset("webdataset", data_dir=str(root), cache_dir=str(tmp_path), split="train")
    told = {key: (about["label"], about["sha256"]) for key, about in zip(found["__key__"], found["json"], strict=True)}
    assert told == expected(root)
    assert {image.size for image in found["jpg"]} == {(96, 96)}


def test_webdataset_reads_tars(packed: Any, expected: Any) -> None:
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    root = packed("webdataset")
    url = f"{root}/data/train-{{00000..00015}}-of-00016.tar"
    told, numbers = {}, set()
    for sample in wds.WebDataset(url, shardshuffle=False).decode("pil"):
        told[sample["__key__"]] = sample["json"]["label"], sample["json"]["sha256"]
        numbers.add((sample["cls"], sample["json"]["label"]))
        assert sample["jpg"].size == (96, 96)
    assert told == expected(root)
    assert sorted(numbers) == list(enumerate(sorted({label for label, _ in told.values()})))
