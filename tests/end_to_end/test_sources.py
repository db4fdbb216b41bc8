"""Whole runs from sources that are no folder on this disk."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from augflow.config.compose import compose
from augflow.errors import SourceError
from augflow.ledger.dataset import Dataset
from augflow.plan.census import take_census
from augflow.source import BUILT_IN, open_source

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


WORDS = ("recipe.render.size=32", "executor.workers=2", "recipe.target=12")


def upload(bucket: Any, root: Path, below: str) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), f"{below}/{path.relative_to(root).as_posix()}")


def lacking(account: dict[str, Any]) -> dict[str, Any]:
    """An account but for what may tell where and when."""
    return {name: value for name, value in account.items() if name not in ("source", "command", "written")}


def test_photographs_in_a_store_give_what_they_give_on_a_disk(
    object_store: Any, mixed_source: Path, augflow: Run, make: Run, tree: Run, tmp_path: Path
) -> None:
    upload(object_store.bucket("photos"), mixed_source, "train set")
    object_store.bucket("photos").put_object(Key="train set/many/bad.jpg", Body=b"no image")
    (tmp_path / "disk").mkdir()
    for path in mixed_source.iterdir():
        (tmp_path / "disk" / path.name).mkdir()
        for file in path.iterdir():
            (tmp_path / "disk" / path.name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "disk" / "many" / "bad.jpg").write_bytes(b"no image")
    url = "s3://photos/train set"
    make(f"source.root={tmp_path / 'disk'}", f"sink.root={tmp_path / 'here'}", *WORDS)
    said = augflow("run", "--no-audit", f"source.root={url}", f"sink.root={tmp_path / 'there'}", *WORDS)
    assert (said.returncode, "bad.jpg" in said.stdout) == (1, True), said.stderr
    assert tree(tmp_path / "here") == tree(tmp_path / "there")
    here, there = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("here", "there"))
    assert lacking(here) == lacking(there)
    assert there["source"]["root"] == url
    every = b"".join(path.read_bytes() for path in (tmp_path / "there").rglob("*") if path.is_file())
    assert b"told-nowhere" not in every
    assert b"AKIATESTONLY" not in every

    with pytest.raises(SourceError, match=r"names a source in a store, s3://photos/train set\. If you trust that"):
        _ = Dataset({"kind": "folder", "root": str(tmp_path / "there")}).source
    for verb in (("verify",), ("replay", "all")):
        said = augflow(*verb, f"sink.root={tmp_path / 'there'}", f"source.root={url}", *WORDS)
        assert said.returncode == 0, said.stdout + said.stderr


def test_what_is_wrong_with_a_url_is_told_without_a_traceback(object_store: Any, augflow: Run) -> None:
    said = augflow("plan", 'source.root="s3://key:secret@bucket/x"')
    assert (said.returncode, "name or password" in said.stderr) == (2, True), said.stderr
    assert "Traceback" not in said.stderr
    assert "secret" not in said.stdout + said.stderr


def as_webdataset(source: Path, root: Path, prefix: str = "") -> dict[str, Any]:
    wds = pytest.importorskip("webdataset", reason="it writes shards")
    root.mkdir(parents=True)
    with wds.ShardWriter(f"{root}/{prefix}%03d.tar", maxcount=4, verbose=0) as writer:
        for number, path in enumerate(sorted(source.rglob("*.*"))):
            sample = {"__key__": f"{number:04}", path.suffix[1:]: path.read_bytes()}
            writer.write(sample | {"cls": path.parent.name, "json": {"was": str(path.name)}})
    return {"kind": "webdataset", "root": str(root)}


def _dataset(source: Path) -> Any:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets`")
    paths = sorted(source.rglob("*.*"))
    labels = datasets.ClassLabel(names=sorted({path.parent.name for path in paths}))
    rows = {
        "image": [{"bytes": path.read_bytes(), "path": path.name} for path in paths],
        "label": [path.parent.name for path in paths],
    }
    return datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image(), "label": labels}))


def as_parquet(source: Path, root: Path) -> dict[str, Any]:
    _dataset(source).to_parquet(str(root / "part.parquet"), batch_size=4)
    return {"kind": "parquet", "root": str(root)}


def as_hf(source: Path, root: Path) -> dict[str, Any]:
    _dataset(source).save_to_disk(str(root))
    return {"kind": "hf", "root": str(root)}


def as_imagefolder(source: Path, root: Path) -> dict[str, Any]:
    root.mkdir()
    with open(root / "metadata.jsonl", "w") as table:
        for number, path in enumerate(sorted(source.rglob("*.*"))):
            (root / f"{number}{path.suffix}").write_bytes(path.read_bytes())
            print(json.dumps({"file_name": f"{number}{path.suffix}", "label": path.parent.name}), file=table)
    return {"kind": "imagefolder", "root": str(root)}


RECIPE: dict[str, Any] = {"version": 1, "target": 12, "chains": {"c": {"flip": {}}}, "chain": "c", "originals": "keep"}


@pytest.mark.parametrize("write", [as_webdataset, as_parquet, as_hf, as_imagefolder])
def test_every_kind_gives_the_classes_of_the_same_photographs_on_a_disk(
    write: Callable[[Path, Path], dict[str, Any]], mixed_source: Path, make_set: Run, rows: Run, tmp_path: Path
) -> None:
    from augflow.replay import replay
    from augflow.verify import verify

    settings = write(mixed_source, tmp_path / "given")
    where = Path(settings.pop("root"))
    made = make_set(RECIPE, where, tmp_path / "made", **settings)
    plain = make_set(RECIPE, mixed_source, tmp_path / "plain")
    assert {label: done.result for label, done in made.plan.classes.items()} == {"few": 12, "many": 12}
    assert made.converted == plain.converted

    def originals(root: Path) -> list[tuple[str, str, str]]:
        """Label, hash and ending of what is the photographs' own bytes."""
        return sorted((row["label"], row["sha256"], row["path"][-4:]) for row in rows(root) if not row["copy"])

    assert originals(tmp_path / "made") == originals(tmp_path / "plain")
    sink = {"kind": "folder", "root": str(tmp_path / "made")}
    assert replay("all", sink, executor={"kind": "local", "workers": 2}).counts == {"equal": 24}
    found = verify(sink, executor={"kind": "local", "workers": 2})
    assert (found.faults, found.notes) == ([], [])
    assert make_set(RECIPE, where, tmp_path / "made", **settings).made == 0


def test_shards_in_a_store_give_what_they_give_on_a_disk(
    object_store: Any, mixed_source: Path, augflow: Run, make: Run, tree: Run, tmp_path: Path
) -> None:
    as_webdataset(mixed_source, tmp_path / "shards" / "x", "train-")
    upload(object_store.bucket("shards-e2e"), tmp_path / "shards", "all")
    here = tmp_path / "shards/x/train-{000..003}.tar"
    make("source=webdataset", f'source.root="{here}"', f"sink.root={tmp_path / 'here'}", *WORDS)
    words = ["source=webdataset", "source.root=s3://shards-e2e/all/x", f"sink.root={tmp_path / 'there'}", *WORDS]
    said = augflow("run", "--no-audit", *words)
    assert said.returncode == 0, said.stderr
    assert tree(tmp_path / "here") == tree(tmp_path / "there")


def test_the_documentations_commands_find_the_photographs(
    object_store: Any, mixed_source: Path, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(mixed_source, "photos/train")
    shutil.copytree(mixed_source, "photos/val")
    paths = [path.relative_to(mixed_source).as_posix() for path in mixed_source.rglob("*.*")]
    rows = [f"photos/train/{path},{path.split('/')[0]}" for path in paths]
    Path("photos.csv").write_text("\n".join(["path,label", *rows]))
    as_imagefolder(mixed_source, Path("listed"))
    as_webdataset(mixed_source, Path("shards"), "photos-")
    as_parquet(mixed_source, Path("tables"))
    as_hf(mixed_source, Path("saved"))
    bucket = object_store.bucket("bucket")
    for folder in ("photos/train", "shards", "tables"):
        upload(bucket, Path(folder), folder)
    text = (checkout / "docs" / "sources.md").read_text(encoding="utf-8")
    commands = re.findall(r"^augflow plan (.*)$", text, re.MULTILINE)
    assert len(commands) == 11
    for command in commands:
        settings = compose(shlex.split(command, comments=True))
        census = take_census(open_source(settings.source))
        assert (census.counts, census.aside) == ({"few": 4, "many": 10}, []), command


def test_every_kind_is_documented_and_has_its_settings(checkout: Path) -> None:
    text = (checkout / "docs" / "sources.md").read_text(encoding="utf-8")
    for kind, place in BUILT_IN.items():
        module, _, name = place.partition(":")
        settings = yaml.safe_load((checkout / "conf" / "source" / f"{kind}.yaml").read_text(encoding="utf-8"))
        taken = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        assert settings.pop("kind") == kind
        assert set(settings) == set(taken)
        for key, value in settings.items():
            assert value in (taken[key].default, "???"), f"{kind}.{key}"
        assert f"`{kind}`" in text
