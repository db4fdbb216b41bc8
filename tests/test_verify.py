"""A data set as it was made is proved; whatever is done to it is found, named by kind and file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augflow import cli
from augflow.errors import SinkError, SourceError
from augflow.ledger import ledger
from augflow.replay import replay
from augflow.verify import KINDS, Verification, verify

WORKERS = {"kind": "local", "workers": 2}
FIRST, SECOND, LAST = 0, 1, -1

MakeSet = Callable[..., Any]
EditLedger = Callable[..., None]
Rows = list[dict[str, Any]]


class Own(NamedTuple):
    """A data set that a test may harm, its source, and the paths of its outputs."""

    root: Path
    source: Path
    paths: list[str]

    def file(self, number: int) -> Path:
        return self.root / self.paths[number]


def check(root: Path, **more: Any) -> Verification:
    source = {"kind": "folder", "root": str(more.pop("source"))} if "source" in more else None
    return verify({"kind": "folder", "root": str(root)}, source, WORKERS, **more)


def found(done: Verification) -> set[tuple[str, str]]:
    return {(fault.kind, fault.file) for fault in done.faults}


@pytest.fixture(scope="module")
def made(mixed_source: Path, make_set: MakeSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of twenty outputs in two classes, only to be read."""
    root = tmp_path_factory.mktemp("made") / "set"
    chains = {"c": {"flip": {}, "light": {"use": "gamma"}}}
    make_set({"version": 1, "target": 10, "max_copies": 50, "chain": "c", "chains": chains}, mixed_source, root)
    return root


@pytest.fixture
def own(made: Path, mixed_source: Path, tmp_path: Path) -> Own:
    """A copy of the data set and of its source, which its run.json names."""
    root = Path(shutil.copytree(made, tmp_path / "set"))
    source = Path(shutil.copytree(mixed_source, tmp_path / "source"))
    edit_account(root, lambda account: account["source"].update(root=str(source)))
    return Own(root, source, pq.read_table(root / "ledger.parquet")["path"].to_pylist())


def edit_account(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    account = json.loads((root / "run.json").read_bytes())
    change(account)
    ledger.write_json(root / "run.json", account)


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x10
    file.write_bytes(data)


def test_what_was_made_is_proved(own: Own) -> None:
    done = check(own.root)
    assert (done.faults, done.notes, done.exit_code) == ([], [], 0)
    assert (done.outputs, done.classes) == (20, {"few": 10, "many": 10})
    assert done.sources == len({path.rpartition("-")[0].rpartition("-")[0] for path in own.paths}) == 14
    fast = check(own.root, fast=True)
    assert (fast.faults, fast.sources, fast.outputs) == ([], None, 20)
    assert "sources were not looked at" in fast.notes[0]


def test_time_and_permission_are_nobodys_concern(own: Own) -> None:
    os.utime(own.file(FIRST), (1, 1))
    own.file(SECOND).chmod(0o600)
    assert check(own.root).faults == []


@pytest.mark.parametrize("place", [0, 300, -1])
def test_a_flipped_byte(own: Own, place: int) -> None:
    flip(own.file(FIRST), place)
    done = check(own.root)
    assert found(done) == {("changed", own.paths[FIRST])}
    assert done.exit_code == 1
    assert found(check(own.root, fast=True)) == found(done)
    os.utime(own.file(FIRST), (1, 1))
    assert found(check(own.root, fast=True)) == set()


@pytest.mark.parametrize("fast", [False, True])
def test_a_truncated_an_extended_and_an_empty_file(own: Own, fast: bool) -> None:
    data = own.file(FIRST).read_bytes()
    own.file(FIRST).write_bytes(data[:-1])
    own.file(SECOND).write_bytes(own.file(SECOND).read_bytes() + b"\0")
    own.file(LAST).write_bytes(b"")
    done = check(own.root, fast=fast)
    assert found(done) == {("changed", own.paths[place]) for place in (FIRST, SECOND, LAST)}
    detail = next(fault.detail for fault in done.faults if fault.file == own.paths[FIRST])
    assert detail == f"{len(data) - 1} bytes, and its record says {len(data)}"


@pytest.mark.parametrize("fast", [False, True])
def test_a_deleted_and_an_added_file(own: Own, fast: bool) -> None:
    own.file(FIRST).unlink()
    for name in ("mine.jpg", ".DS_Store", "ünïcode\n.jpg"):
        (own.file(LAST).parent / name).write_bytes(b"x")
    (own.root / "notes.txt").write_text("x")
    (own.root / ".ledger.parquet.half").write_text("x")
    assert found(check(own.root, fast=fast)) == {
        ("missing", own.paths[FIRST]),
        ("foreign file", "many/mine.jpg"),
        ("foreign file", "many/.DS_Store"),
        ("foreign file", "many/ünïcode\n.jpg"),
        ("foreign file", "notes.txt"),
        ("foreign file", ".ledger.parquet.half"),
    }


def test_two_swapped_files_name_each_other(own: Own) -> None:
    first, last = own.file(FIRST), own.file(LAST)
    first.rename(own.root / "aside")
    last.rename(first)
    (own.root / "aside").rename(last)
    done = check(own.root)
    assert found(done) == {("changed", own.paths[FIRST]), ("changed", own.paths[LAST])}
    assert done.faults[0].detail.endswith(f"they are those of {own.paths[LAST]}")
    assert done.faults[1].detail.endswith(f"they are those of {own.paths[FIRST]}")


def test_a_renamed_file_is_known_again(own: Own) -> None:
    own.file(FIRST).rename(own.root / "many" / "other.jpg")
    (own.root / "many" / "mine.jpg").write_bytes(b"x")
    done = check(own.root)
    assert found(done) == {
        ("missing", own.paths[FIRST]),
        ("foreign file", "many/other.jpg"),
        ("foreign file", "many/mine.jpg"),
    }
    told = {fault.file: fault.detail for fault in done.faults}
    assert told["many/other.jpg"] == f"no record; its bytes are those of {own.paths[FIRST]}"
    assert told["many/mine.jpg"] == "no record"


@pytest.mark.parametrize("fast", [False, True])
def test_what_is_no_regular_file(own: Own, tmp_path: Path, fast: bool) -> None:
    """Nor is a link to the very bytes; and a pipe that nobody writes to holds nothing up."""
    own.file(FIRST).rename(tmp_path / "elsewhere.jpg")
    own.file(FIRST).symlink_to(tmp_path / "elsewhere.jpg")
    own.file(SECOND).unlink()
    os.mkfifo(own.file(SECOND))
    own.file(LAST).unlink()
    own.file(LAST).mkdir()
    os.mkfifo(own.root / "many" / "pipe")
    (own.root / "many" / "loop").symlink_to(own.root)
    assert found(check(own.root, fast=fast)) == {
        ("not a file", own.paths[FIRST]),
        ("not a file", own.paths[SECOND]),
        ("missing", own.paths[LAST]),
        ("foreign folder", own.paths[LAST]),
        ("foreign file", "many/pipe"),
        ("foreign file", "many/loop"),
    }


def test_folders_that_no_output_lies_in(own: Own, tmp_path: Path) -> None:
    (own.root / "empty").mkdir()
    (own.root / "few" / "deeper").mkdir()
    (own.root / "few" / "deeper" / "x.jpg").write_bytes(b"x")
    (own.root / "many").rename(tmp_path / "moved")
    (own.root / "many").symlink_to(tmp_path / "moved")
    missing = {("missing", path) for path in own.paths if path.startswith("many/")}
    folders = {("foreign folder", "empty"), ("foreign folder", "few/deeper"), ("foreign file", "many")}
    assert found(check(own.root)) == missing | folders


def test_an_unfinished_run(own: Own) -> None:
    (own.root / ".augflow" / "half").mkdir(parents=True)
    done = check(own.root)
    assert found(done) == {("unfinished run", ".augflow")}
    (own.root / "ledger.parquet").unlink()
    done = check(own.root)
    assert found(done) == {("unfinished run", ".augflow"), ("no ledger", "ledger.parquet")}
    assert done.faults[1].detail == "it is missing: the run is unfinished, and the same command goes on"


def test_a_flipped_byte_anywhere_in_the_ledger(own: Own) -> None:
    file = own.root / "ledger.parquet"
    whole = file.read_bytes()
    for place in [*range(0, len(whole), len(whole) // 50), *range(len(whole) - 12, len(whole))]:
        flip(file, place)
        kinds = {fault.kind for fault in check(own.root, fast=True).faults}
        assert kinds & {"edited ledger", "unreadable ledger", "newer ledger"}, place
        file.write_bytes(whole)
    assert check(own.root).faults == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (None, "no ledger"),
        (b"", "unreadable ledger"),
        (b"PAR1 and no more", "unreadable ledger"),
        (b'{"path": "x"}\n' * 99, "unreadable ledger"),
    ],
)
def test_a_ledger_that_is_gone_or_none(own: Own, data: bytes | None, kind: str) -> None:
    file = own.root / "ledger.parquet"
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    done = check(own.root)
    assert found(done) == {(kind, "ledger.parquet")}
    assert "there is no ledger to compare them with" in done.notes[-1]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda table: table.replace_schema_metadata({"augflow.ledger": "2"}), "newer ledger"),
        (lambda table: table.replace_schema_metadata({"augflow.ledger": "?"}), "unreadable ledger"),
        (lambda table: table.replace_schema_metadata(None), "unreadable ledger"),
        (lambda table: table.drop_columns(["group"]), "edited ledger"),
        (lambda table: table.append_column("more", pa.array([0] * len(table))), "edited ledger"),
        (lambda table: table.set_column(7, "size", table["size"].cast(pa.int32())), "edited ledger"),
    ],
)
def test_a_ledger_of_another_kind(own: Own, change: Callable[[pa.Table], pa.Table], kind: str) -> None:
    file = own.root / "ledger.parquet"
    pq.write_table(change(pq.read_table(file)), file)
    edit_account(own.root, lambda account: account.update(ledger_sha256=ledger.sha256(file)))
    assert found(check(own.root)) == {(kind, "ledger.parquet")}


def test_an_edited_draw_in_the_ledger(own: Own, edit_ledger: EditLedger) -> None:
    edit_ledger(own.root, lambda rows: rows[3]["steps"][1].update(draw='{"gamma": 1.0}'), seal=False)
    done = check(own.root)
    assert found(done) == {("edited ledger", "ledger.parquet")}
    assert done.faults[0].detail == "its bytes are not those that run.json tells of"


def test_rows_taken_out_put_in_or_moved_though_the_ledger_is_sealed_again(own: Own, edit_ledger: EditLedger) -> None:
    """As one who knows run.json would do it."""
    keep = shutil.copytree(own.root, own.root.with_name("keep"))

    def told(change: Callable[[Rows], object]) -> set[tuple[str, str]]:
        shutil.rmtree(own.root)
        shutil.copytree(keep, own.root)
        edit_ledger(own.root, change)
        return found(check(own.root))

    edited = ("edited ledger", "ledger.parquet")
    label = own.paths[FIRST].partition("/")[0]
    assert told(lambda rows: rows.pop(0)) == {("foreign file", own.paths[FIRST]), ("count", label)}
    assert told(lambda rows: rows.insert(0, rows[0])) == {edited, ("count", label)}
    assert told(lambda rows: rows.reverse()) == {edited}
    assert told(lambda rows: rows[0].update(sha256="0" * 64)) == {("changed", own.paths[FIRST])}
    assert told(lambda rows: rows[0].update(size=1)) == {("changed", own.paths[FIRST])}
    unfit = {edited, ("count", label), ("foreign file", own.paths[FIRST])}
    assert told(lambda rows: rows[0].update(key="0" * 16)) == unfit
    assert told(lambda rows: rows[0].update(sha256=None)) == unfit
    assert told(lambda rows: rows[0].update(path=f"../{rows[0]['key']}")) == unfit
    assert told(lambda rows: rows[0].update(label="many")) == {("count", "few"), ("count", "many")}
    assert told(lambda rows: rows[0].update(recipe_digest="0")) == {edited}
    assert told(lambda rows: rows[0]["parents"][0].update(key="../few/0.jpg")) == {("source missing", "../few/0.jpg")}
    assert told(lambda rows: rows[0].update(copy=0 if rows[0]["copy"] else 1)) == {("count", label)}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda account: account["recipe"].update(seed=5), ("edited run.json", "run.json")),
        (lambda account: account.update(recipe={}), ("edited run.json", "run.json")),
        (lambda account: account.update(plan_digest="x"), ("edited ledger", "ledger.parquet")),
        (lambda account: account["classes"]["few"].update(copies=9), ("count", "few")),
        (lambda account: account["classes"].update(more=account["classes"]["few"]), ("count", "more")),
        (lambda account: account["classes"].pop("few"), ("count", "few")),
        (lambda account: account.update(classes=[]), ("edited run.json", "run.json")),
        (lambda account: account.update(format="9"), ("newer run.json", "run.json")),
        (lambda account: account.pop("source"), ("unreadable run.json", "run.json")),
    ],
)
def test_an_edited_account(own: Own, change: Callable[[dict[str, Any]], object], expected: tuple[str, str]) -> None:
    edit_account(own.root, change)
    assert found(check(own.root)) == {expected}


def test_an_account_that_is_gone_or_none(own: Own) -> None:
    (own.root / "run.json").unlink()
    flip(own.file(FIRST), 99)
    assert found(check(own.root)) == {("no run.json", "run.json"), ("changed", own.paths[FIRST])}
    (own.root / "run.json").write_bytes(b"\xff{")
    assert found(check(own.root)) == {("unreadable run.json", "run.json"), ("changed", own.paths[FIRST])}


def test_a_data_set_from_before_ledgers_were_hashed(own: Own) -> None:
    edit_account(own.root, lambda account: account.pop("ledger_sha256"))
    done = check(own.root)
    assert done.faults == []
    assert "The ledger was not hashed" in done.notes[0]


def test_sources_that_changed(own: Own) -> None:
    (own.source / "few/0.jpg").write_bytes((own.source / "many/0.jpg").read_bytes())
    (own.source / "few/1.jpg").unlink()
    (own.source / "few/2.png").rename(own.source / "few/new.png")
    flip(own.source / "many/3.jpg", -1)
    os.utime(own.source / "many/4.jpg", (1, 1))
    expected = {
        ("source changed", "few/0.jpg"),
        ("source missing", "few/1.jpg"),
        ("source missing", "few/2.png"),
        ("source changed", "many/3.jpg"),
    }
    assert found(check(own.root)) == expected
    assert found(check(own.root, fast=True)) == found(check(own.root, sources=False)) == set()


def test_a_source_that_is_gone_is_noted_and_may_be_named(own: Own, tmp_path: Path) -> None:
    own.source.rename(tmp_path / "moved")
    done = check(own.root)
    assert (done.faults, done.sources) == ([], None)
    assert done.notes[0].startswith("Sources were not looked at: source.root: there is no folder")
    moved = check(own.root, source=tmp_path / "moved")
    assert (moved.faults, moved.sources, moved.notes) == ([], 14, [])
    with pytest.raises(SourceError, match="there is no folder"):
        check(own.root, source=own.source)


def test_families_and_groups_that_straddle_splits(own: Own, edit_ledger: EditLedger) -> None:
    def apart(rows: Rows) -> None:
        for row in rows:
            row["split"], row["group"] = "train", row["parents"][0]["key"][-5]
        several = [row for row in rows if row["label"] == "few"]
        several[0]["split"] = "val"

    edit_ledger(own.root, apart)
    done = check(own.root)
    assert {fault.kind for fault in done.faults} == {"straddling family"}
    family, group = sorted((fault.file for fault in done.faults), key=len, reverse=True)
    assert family.startswith("few/")
    assert group == family[-5]
    assert {fault.detail for fault in done.faults} == {
        "outputs of this sample lie in train, val",
        "outputs of this group lie in train, val",
    }


def test_splits_that_pass_are_proved_and_made_again(
    mixed_source: Path, make_set: MakeSet, edit_ledger: EditLedger, tmp_path: Path
) -> None:
    for split, labels in (("train", ("few", "many")), ("val", ("few",))):
        for label in labels:
            shutil.copytree(mixed_source / label, tmp_path / "source" / split / label)
    chains = {"c": {"light": {"use": "gamma"}}}
    recipe = {"version": 1, "target": 10, "max_copies": 50, "chain": "c", "chains": chains}
    root = tmp_path / "set"
    make_set(recipe, tmp_path / "source", root, split="train", others="pass")
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["train", "val"]
    done = check(root)
    assert (done.faults, done.outputs, done.sources) == ([], 24, 18)
    assert replay("all", {"kind": "folder", "root": str(root)}, None, WORKERS).counts == {"equal": 24}
    (root / "val" / "more").mkdir()
    edit_ledger(root, lambda rows: rows.pop(next(place for place, row in enumerate(rows) if row["split"] == "val")))
    kinds = [(fault.kind, fault.file.rpartition("/")[0]) for fault in check(root).faults]
    assert kinds == [("count", "val"), ("foreign file", "val/few"), ("foreign folder", "val")]


def test_faults_come_in_the_order_of_their_kinds(own: Own) -> None:
    (own.root / ".augflow").mkdir()
    own.file(FIRST).unlink()
    flip(own.file(LAST), 40)
    (own.source / "few/1.jpg").unlink()
    edit_account(own.root, lambda account: account["classes"]["few"].update(copies=9))
    kinds = [fault.kind for fault in check(own.root).faults]
    assert kinds == ["unfinished run", "count", "missing", "changed", "source missing"]
    assert kinds == sorted(kinds, key=KINDS.index)


def test_a_folder_that_is_no_data_set(tmp_path: Path) -> None:
    for root, expected in ((tmp_path, "holds no data set"), (tmp_path / "no", "is no folder")):
        with pytest.raises(SinkError, match=expected):
            check(root)


def test_the_verb(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", f"sink.root={own.root}", "executor.workers=2"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.startswith(
        "20 outputs in 2 classes: every file is as recorded, byte for byte; counts as planned; nothing else there; 14 "
        "samples of the source unchanged. In "
    )
    flip(own.file(FIRST), 50)
    (own.root / "x\x1b[31m.jpg").write_bytes(b"x")
    (own.source / "few/1.jpg").unlink()
    assert cli.main(words) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"changed: {own.paths[FIRST]}: its bytes are not those recorded"
    assert lines[1] == r"foreign file: x\x1b[31m.jpg: no record"
    assert lines[2].startswith("source missing: few/1.jpg: unreadable: No such file")
    assert "3 faults (1 × changed, 1 × foreign file, 1 × source missing)" in lines[3]
    assert cli.main([*words, "--format", "json", "--no-sources"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(fault["kind"], fault["file"]) for fault in told["faults"]] == [
        ("changed", own.paths[FIRST]),
        ("foreign file", "x\x1b[31m.jpg"),
    ]
    assert (told["outputs"], told["classes"], told["sources"]) == (20, {"few": 10, "many": 10}, None)
    (own.root / "x\x1b[31m.jpg").unlink()
    os.utime(own.file(FIRST), (1, 1))
    assert cli.main([*words, "--fast"]) == 0
    assert "every file is there and as long as recorded" in capsys.readouterr().out
    assert cli.main(["verify", f"sink.root={own.source}"]) == 2
    assert "holds no data set of augflow's" in capsys.readouterr().err
    assert cli.main([*words, "source.root=nowhere"]) == 2
