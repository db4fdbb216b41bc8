"""A data set in Croissant's terms: the format's own library finds no fault and reads what is there."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from augflow import cli
from augflow.ledger import ledger

RECIPE = {"target": 14, "render": {"size": 24}, "chain": "a", "chains": {"a": {"flip": {}}}}


@pytest.fixture
def made(tmp_path: Path, small_source: Path, make_set: Any) -> Path:
    make_set(RECIPE, small_source, tmp_path / "made")
    return tmp_path / "made"


def export(*words: object, to: str = "croissant") -> int:
    return cli.main(["export", *map(str, words), "--to", to])


def loaded(root: Path, caplog: pytest.LogCaptureFixture) -> Any:
    """The data set as mlcroissant reads it, having told nothing but what only its owner knows."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=str(root / "croissant.json"))
    told = {line.strip() for record in caplog.records for line in record.getMessage().splitlines()[1:]}
    needed = ("citeAs", "datePublished", "license", "version")
    assert all(any(f'{name}" is recommended' in line for name in needed) for line in told), told
    return dataset


def texts(records: Any, *names: str) -> Counter[Any]:
    return Counter(
        tuple(value.decode() if isinstance(value := record[name], bytes) else value for name in names)
        for record in records
    )


def test_mlcroissant_reads_every_image_with_its_label(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert export(f"sink.root={made}") == 0
    dataset = loaded(made, caplog)
    assert texts(dataset.records("labels"), "labels/name") == {("crowd",): 1, ("few",): 1}
    images = list(dataset.records("images"))
    assert texts(images, "images/label") == {("crowd",): 14, ("few",): 14}
    assert {image["images/image"].size for image in images} == {(24, 24)}
    for image in images:
        path, key = image["images/path"].decode(), image["images/key"].decode()
        assert path.startswith(image["images/label"].decode())
        assert key in path
    caplog.clear()


def test_its_records_are_those_of_the_ledger(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert export(f"sink.root={made}") == 0
    columns = ("path", "label", "copy", "chain", "size", "sha256", "key")
    found = texts(loaded(made, caplog).records("records"), *(f"records/{name}" for name in columns))
    rows = ledger.read(made / "ledger.parquet").to_pylist()
    assert found == Counter(tuple(row[name] for name in columns) for row in rows)
    family = {
        record["records/path"].decode(): [one.decode() for one in record["records/family"]]
        for record in loaded(made, caplog).records("records")
    }
    assert family == {row["path"]: [parent["key"] for parent in row["parents"]] for row in rows}


def test_splits_and_odd_names(tmp_path: Path, small_source: Path, make_set: Any, caplog: Any) -> None:
    source = tmp_path / "source"
    for split, names in (("train", range(6)), ("val", range(6, 8))):
        for label in ("odd [*] name", "no"):
            (source / split / label).mkdir(parents=True)
            for number in names:
                data = (small_source / "crowd" / f"{number:02}.jpg").read_bytes()
                (source / split / label / f"{number}.jpg").write_bytes(data)
    make_set({**RECIPE, "target": 8}, source, tmp_path / "made", others="pass")
    assert export(f"sink.root={tmp_path / 'made'}") == 0
    dataset = loaded(tmp_path / "made", caplog)
    assert texts(dataset.records("splits"), "splits/name") == {("train",): 1, ("val",): 1}
    assert texts(dataset.records("images"), "images/label", "images/split") == {
        ("odd [*] name", "train"): 8,
        ("no", "train"): 8,
        ("odd [*] name", "val"): 2,
        ("no", "val"): 2,
    }


@pytest.mark.parametrize("kind", ["imagefolder", "webdataset", "parquet"])
def test_other_sinks_name_the_files_that_hold_their_images(
    kind: str, small_source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = [f"source.root={small_source}", f"sink={kind}", f"sink.root={tmp_path / 'made'}", "recipe.target=13"]
    assert cli.main(["run", *words, "recipe.render.size=24", "--no-audit"]) == 0
    assert export(f"sink.root={tmp_path / 'made'}") == 0
    told = json.loads((tmp_path / "made" / "croissant.json").read_text())
    files = {item["contentUrl"]: item["sha256"] for item in told["distribution"] if item["@type"] == "cr:FileObject"}
    assert files == {name: hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() for name in files}
    packed = {path.relative_to(tmp_path / "made").as_posix() for path in tmp_path.glob("made/data/*")}
    assert {*files} == (packed or {"metadata.jsonl"}) | {"ledger.parquet"}
    dataset = loaded(tmp_path / "made", caplog)
    assert texts(dataset.records("records"), "records/label") == {("crowd",): 13, ("few",): 13}
    if kind == "imagefolder":
        assert texts(dataset.records("images"), "images/label") == {("crowd",): 13, ("few",): 13}
    else:
        assert [item["@id"] for item in told["recordSet"]] == ["labels", "records"]


def test_a_ledger_of_another_run_is_noticed(made: Path, small_source: Path, make_set: Any, caplog: Any) -> None:
    assert export(f"sink.root={made}") == 0
    make_set({**RECIPE, "target": 13}, small_source, made)
    dataset = loaded(made, caplog)
    with pytest.raises(Exception, match=r"Download\(ledger.parquet\)"):
        list(dataset.records("records"))


def test_equal_runs_give_equal_files_that_are_no_strangers(
    tmp_path: Path, small_source: Path, make_set: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("one", "two"):
        make_set(RECIPE, small_source, tmp_path / place / "made")
        for to in ("croissant", "prov"):
            assert export(tmp_path / place / "made", to=to) == 0
    for name in ("croissant.json", "prov.json"):
        assert (tmp_path / "one" / "made" / name).read_bytes() == (tmp_path / "two" / "made" / name).read_bytes()
    told = json.loads((tmp_path / "one" / "made" / "croissant.json").read_text())
    assert str(tmp_path) not in json.dumps(told)
    assert cli.main(["verify", f"sink.root={tmp_path / 'one' / 'made'}"]) == 0
    assert sorted(path.name for path in (tmp_path / "one" / "made").iterdir() if path.name.startswith(".")) == []
    capsys.readouterr()


def test_the_file_may_go_elsewhere_or_to_what_comes_next(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(f"sink.root={made}", "--file", tmp_path / "told.json") == 0
    assert not (made / "croissant.json").exists()
    assert export(f"sink.root={made}", "--file", "-") == 0
    out = capsys.readouterr().out
    assert out.endswith((tmp_path / "told.json").read_text())
    assert export(f"sink.root={made}", "--file", made / "other.json") == 2
    assert "in the data set it is called croissant.json" in capsys.readouterr().err
    assert export(f"sink.root={made}", "--file", tmp_path / "nowhere" / "told.json") == 3
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name a data set"),
        (["source=demo"], "Name a data set"),
        (["balance"], "Name a data set"),
        (["sink.root=nothing"], "is no folder"),
        (["sink.rot=x"], "rot"),
        (["sink.root=x", "--chain", "a"], "--chain is about chains"),
        (["sink.root=x", "--format", "yaml"], "--format is about chains"),
    ],
)
def test_what_cannot_be_described_is_said(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(*words) == 2
    assert said in capsys.readouterr().err


def test_only_a_finished_data_set_is_described(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made / ".augflow").mkdir()
    assert export(made) == 2
    assert "is not finished" in capsys.readouterr().err
    (made / ".augflow").rmdir()
    account, file = json.loads((made / "run.json").read_text()), made / "ledger.parquet"
    (made / "run.json").write_text(json.dumps({**account, "ledger_sha256": "0" * 64}))
    assert export(made) == 2
    assert "edited ledger" in capsys.readouterr().err
    file.unlink()
    assert export(made) == 2
    assert "no ledger" in capsys.readouterr().err
    assert not (made / "croissant.json").exists()
