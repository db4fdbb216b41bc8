"""Whole runs from sources that are no folder on this disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]

WORDS = ("recipe.render.size=32", "executor.workers=2", "recipe.target=12")


def upload(bucket: Any, root: Path, below: str) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), f"{below}/{path.relative_to(root).as_posix()}")


def lacking(account: dict[str, Any]) -> dict[str, Any]:
    """An account but for what may tell where and when."""
    return {name: value for name, value in account.items() if name not in ("source", "command", "written")}


def test_photographs_in_a_store_give_what_they_give_on_a_disk(
    object_store: Any, mixed_source: Path, augflow: Run, tree: Run, tmp_path: Path
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
    for name, root in (("here", tmp_path / "disk"), ("there", url)):
        said = augflow("run", f"source.root={root}", f"sink.root={tmp_path / name}", *WORDS)
        assert said.returncode == 1, said.stderr
        assert "bad.jpg" in said.stdout
    assert tree(tmp_path / "here") == tree(tmp_path / "there")
    here, there = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("here", "there"))
    assert lacking(here) == lacking(there)
    assert there["source"]["root"] == url
    every = b"".join(path.read_bytes() for path in (tmp_path / "there").rglob("*") if path.is_file())
    assert b"told-nowhere" not in every
    assert b"AKIATESTONLY" not in every

    again = augflow("run", f"source.root={url}", f"sink.root={tmp_path / 'there'}", *WORDS)
    assert "Made 0 " in again.stdout, again.stderr
    said = augflow("verify", f"sink.root={tmp_path / 'there'}")
    assert "names a source in a store, s3://photos/train set" in said.stdout, said.stdout + said.stderr
    assert said.returncode == 0
    said = augflow("replay", "all", f"sink.root={tmp_path / 'there'}")
    assert (said.returncode, "If you trust that, say so" in said.stderr) == (2, True)
    for verb in (("verify",), ("replay", "all")):
        said = augflow(*verb, f"sink.root={tmp_path / 'there'}", f"source.root={url}", *WORDS)
        assert said.returncode == 0, said.stdout + said.stderr


def test_what_is_wrong_with_a_url_is_told_without_a_traceback(object_store: Any, augflow: Run) -> None:
    for root, says in (("S3://nobody/x", "no such bucket: s3://nobody/x"), ("s3://key:secret@b/x", "name or password")):
        said = augflow("plan", f'source.root="{root}"')
        assert (said.returncode, says in said.stderr, "Traceback" in said.stderr) == (2, True, False), said.stderr
        assert "secret" not in said.stdout + said.stderr
