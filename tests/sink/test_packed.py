"""Sinks that hand outputs on in files of their own: equal bytes, only what changed is written, nothing else touched."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.errors import ImageError, SinkError
from augflow.ledger.dataset import Dataset, read_output
from augflow.ledger.stock import foresee
from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.replay import replay
from augflow.runner import Outcome, Watch, run
from augflow.sink import open_sink
from augflow.sink.rows import count_for, number_of
from augflow.sink.shards import ShardSink, _fit
from augflow.source import open_source
from augflow.verify import verify

RECIPE = {"version": 1, "target": 12, "max_copies": 50, "chain": "c", "chains": {"c": {"flip": {}, "rotate": {}}}}
SHARDED = ["webdataset", "parquet"]
PACKED = ["imagefolder", *SHARDED]
SIZE = 4


class Made(NamedTuple):
    """A data set that a test may harm, and how to run again."""

    root: Path
    source: Path
    settings: dict[str, Any]

    def run(self, recipe: dict[str, Any] = RECIPE, force: bool = False, workers: int = 1, **more: Any) -> Outcome:
        return run(
            read_recipe(recipe, Registry()),
            {"kind": "folder", "root": str(self.source)},
            self.settings | more,
            {"kind": "local", "workers": workers},
            force=force,
        )

    def shards(self) -> list[Path]:
        return sorted((self.root / "data").iterdir())

    def faults(self, **more: Any) -> set[tuple[str, str]]:
        found = verify({"kind": "folder", "root": str(self.root)}, executor={"kind": "local", "workers": 1}, **more)
        return {(fault.kind, fault.file) for fault in found.faults}


def settings(kind: str, root: Path) -> dict[str, Any]:
    return {"kind": kind, "root": str(root)} | ({"shard_size": SIZE} if kind in SHARDED else {})


def tree(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def rows(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(root / "ledger.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def made_once(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A data set of twenty-four outputs in every sink, only to be read; `run.json` names its source."""
    folder = tmp_path_factory.mktemp("packed")
    source = Path(shutil.copytree(small_source, folder / "source"))
    for kind in ("folder", *PACKED):
        Made(folder / kind, source, settings(kind, folder / kind)).run()
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def own(made_once: dict[str, Path], tmp_path: Path) -> Callable[[str], Made]:
    """A copy of one of them and of its source."""

    def call(kind: str) -> Made:
        root = Path(shutil.copytree(made_once[kind], tmp_path / kind))
        source = Path(shutil.copytree(made_once["source"], tmp_path / "source"))
        made = Made(root, source, settings(kind, root))
        assert made.run().kept == 24
        return made

    return call


@pytest.mark.parametrize("kind", PACKED)
def test_the_same_outputs_as_in_folders(kind: str, made_once: dict[str, Path]) -> None:
    expected = rows(made_once["folder"])
    assert rows(made_once[kind]) == expected
    sink = open_sink(settings(kind, made_once[kind]))
    assert {path for path, _ in sink.sizes()} == {row["path"] for row in expected}
    for row in expected:
        data = read_output(sink, row["path"], row["size"])
        assert data == (made_once["folder"] / row["path"]).read_bytes()
    with pytest.raises(ImageError, match="missing"), sink.opened("few/00-001-0123456789abcdef.jpg"):
        pass
    extra = {"imagefolder": {"crowd", "few", "metadata.jsonl"}}.get(kind, {"data"})
    ours = {"ledger.parquet", "run.json", "recipe.lock.yaml"}
    assert {path.name for path in made_once[kind].iterdir()} == ours | extra


@pytest.mark.parametrize("kind", PACKED)
def test_bytes_do_not_depend_on_workers_nor_on_what_was_there_before(
    kind: str, made_once: dict[str, Path], tmp_path: Path
) -> None:
    other = Made(tmp_path / "other", made_once["source"], settings(kind, tmp_path / "other"))
    other.run(RECIPE | {"target": 30})
    other.run(RECIPE | {"target": 5, "surplus": "drop"}, workers=2)
    other.run(workers=2)
    assert tree(other.root) == tree(made_once[kind])


@pytest.mark.parametrize("kind", PACKED)
def test_proved_and_made_again(kind: str, made_once: dict[str, Path]) -> None:
    root = {"kind": "folder", "root": str(made_once[kind])}  # run.json tells the kind.
    assert verify(root, executor={"kind": "local", "workers": 1}).faults == []
    assert verify(root, fast=True).faults == []
    assert replay("all", root, executor={"kind": "local", "workers": 1}).counts == Counter(equal=24)
    assert Dataset(root).settings["kind"] == kind


@pytest.mark.parametrize("kind", PACKED)
def test_a_run_that_has_nothing_to_do_touches_nothing(kind: str, own: Callable[[str], Made]) -> None:
    made = own(kind)
    before = stamps(made.root)
    assert made.run().exit_code == 0
    assert stamps(made.root) == before


def test_packing_tells_how_it_goes(made_once: dict[str, Path], tmp_path: Path) -> None:
    class Counting(Watch):
        def __init__(self) -> None:
            self.seen: list[int] = []

        def packed(self, outputs: int) -> None:
            self.seen.append(outputs)

    watch = Counting()
    source = {"kind": "folder", "root": str(made_once["source"])}
    run(read_recipe(RECIPE, Registry()), source, settings("webdataset", tmp_path / "out"), watch=watch)
    assert len(watch.seen) == 8
    assert sum(watch.seen) == 24


@pytest.mark.parametrize("kind", PACKED)
def test_an_account_of_others_removes_nothing_outside(kind: str, own: Callable[[str], Made], tmp_path: Path) -> None:
    """Not even a file whose sha256 it knows."""
    made = own(kind)
    victims = [tmp_path / "victim.txt", tmp_path / "metadata.jsonl", made.root / "crowd" / "mine" / "metadata.jsonl"]
    account = json.loads((made.root / "run.json").read_bytes())
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.write_text("mine")
        told = {"size": 4, "outputs": 1, "sha256": hashlib.sha256(b"mine").hexdigest(), "members": "0" * 64}
        account["packed"]["files"][os.path.relpath(victim, made.root)] = told
    (made.root / "run.json").write_text(json.dumps(account))
    for force in (False, True):
        made.run(RECIPE | {"target": 13}, force=force)
        assert [victim.read_text() for victim in victims] == ["mine"] * 3


@pytest.mark.parametrize("kind", SHARDED)
def test_one_more_photograph_touches_only_the_shards_that_hold_its_outputs(
    kind: str, own: Callable[[str], Made]
) -> None:
    made = own(kind)
    before, records = stamps(made.root / "data"), rows(made.root)
    Image.linear_gradient("L").convert("RGB").save(made.source / "crowd" / "new.jpg")
    recipe = RECIPE | {"target": 13}
    assert made.run(recipe).exit_code == 0
    gone = {row["path"] for row in records} ^ {row["path"] for row in rows(made.root)}
    keys = {path.rpartition("-")[2][:16] for path in gone}
    count = len(made.shards())
    assert count == len(before) == 8
    touched = {name for name, stamp in stamps(made.root / "data").items() if stamp != before[name]}
    suffix = made.shards()[0].suffix
    assert touched == {f"train-{number_of(key, count):05}-of-{count:05}{suffix}" for key in keys}
    assert 0 < len(touched) < count
    assert made.faults() == set()


@pytest.mark.parametrize("kind", SHARDED)
def test_more_outputs_lie_in_more_shards(kind: str, own: Callable[[str], Made]) -> None:
    made = own(kind)
    made.run(RECIPE | {"target": 60})
    assert len(made.shards()) == count_for(120, SIZE) == 32
    assert made.faults() == set()
    made.run(shard_size=1000)
    assert [path.stem for path in made.shards()] == ["train-00000-of-00001"]
    assert made.faults() == set()


def harm(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("kind", PACKED)
def test_what_was_edited_is_named_and_left_alone_until_forced(kind: str, own: Callable[[str], Made]) -> None:
    made = own(kind)
    whole = tree(made.root)
    file = made.root / "metadata.jsonl" if kind == "imagefolder" else made.shards()[3]
    name = file.relative_to(made.root).as_posix()
    harm(file)
    edited = file.read_bytes()
    assert ("changed", name) in made.faults()
    for recipe in (RECIPE, RECIPE | {"target": 5, "surplus": "drop"}, RECIPE):
        done = made.run(recipe)
        assert ("edited file", name) in {(item.kind, item.key) for item in done.left}
        assert (done.exit_code, file.read_bytes()) == (1, edited)
    assert made.run(force=True).exit_code == 0
    assert tree(made.root) == whole
    assert made.faults() == set()


@pytest.mark.parametrize("kind", SHARDED)
def test_what_others_put_there_is_named_and_left_alone(kind: str, own: Callable[[str], Made]) -> None:
    made = own(kind)
    suffix = made.shards()[0].suffix
    strange = [made.root / "data" / "notes.txt", made.root / "data" / f"train-00000-of-00001{suffix}"]
    for file in strange:
        file.write_text("mine")
    names = {file.relative_to(made.root).as_posix() for file in strange}
    done = made.run(shard_size=1000)  # Where the second one lies.
    assert {(item.kind, item.key) for item in done.left} == {("foreign file", name) for name in names}
    assert done.exit_code == 1
    assert [file.read_text() for file in strange] == ["mine", "mine"]
    told = {("foreign file", name) for name in names}
    assert made.faults() - told == {("unreadable", f"data/train-00000-of-00001{suffix}")}  # No output is missing.
    made.run(force=True, shard_size=1000)
    assert made.faults() == {("foreign file", "data/notes.txt")}


@pytest.mark.parametrize("kind", SHARDED)
def test_a_shard_that_is_gone_is_made_again(kind: str, own: Callable[[str], Made]) -> None:
    made = own(kind)
    whole = tree(made.root)
    made.shards()[5].unlink()
    assert {kind for kind, _ in made.faults()} == {"missing"}
    foreseen = plan_changes(made)
    done = made.run()
    assert done.made == foreseen > 0
    assert tree(made.root) == whole


def plan_changes(made: Made) -> int:
    source = open_source({"kind": "folder", "root": str(made.source)})
    census = take_census(source)
    plan = Plan(read_recipe(RECIPE, Registry()), census)
    found = foresee(plan, census, source, open_sink(made.settings))
    assert found is not None
    return sum(change.make for change in found[0].values())


@pytest.fixture(scope="module")
def split_source(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen images to train with, four to validate with."""
    root = tmp_path_factory.mktemp("split")
    for split, label in (("train", "crowd"), ("train", "few"), ("val", "few")):
        shutil.copytree(small_source / label, root / split / label)
    return root


@pytest.mark.parametrize("kind", SHARDED)
def test_splits_have_shards_of_their_own(kind: str, split_source: Path, tmp_path: Path) -> None:
    sink = settings(kind, tmp_path / "out") | {"shard_size": 100}
    run(read_recipe(RECIPE, Registry()), {"kind": "folder", "root": str(split_source), "others": "pass"}, sink)
    told = json.loads((tmp_path / "out" / "run.json").read_bytes())["packed"]
    suffix = "tar" if kind == "webdataset" else "parquet"
    held = {name: about["outputs"] for name, about in told["files"].items()}
    assert held == {f"data/train-00000-of-00001.{suffix}": 24, f"data/val-00000-of-00001.{suffix}": 4}
    assert verify(sink).faults == []


def test_splits_have_metadata_of_their_own(split_source: Path, tmp_path: Path) -> None:
    sink, recipe = settings("imagefolder", tmp_path / "out"), read_recipe(RECIPE, Registry())
    source = {"kind": "folder", "root": str(split_source), "others": "pass"}
    assert run(recipe, source, sink).exit_code == run(recipe, source, sink).exit_code == 0
    for split, count in (("train", 24), ("val", 4)):
        text = (tmp_path / "out" / split / "metadata.jsonl").read_text()
        names = [json.loads(line)["file_name"] for line in text.splitlines()]
        assert len(names) == count
        assert all((tmp_path / "out" / split / name).is_file() for name in names)
    assert verify(sink).faults == []
    run(recipe, {"kind": "folder", "root": str(split_source / "train")}, sink)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"crowd", "few"}
    assert verify(sink).faults == []


def test_a_name_of_a_split_that_readers_refuse(tmp_path: Path) -> None:
    assert re.fullmatch(r"fold_1__[0-9a-f]{8}", _fit("fold 1?"))
    assert _fit("fold 1?") != _fit("fold 1!")
    assert _fit("val") == "val"


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize(
    "packed",
    [
        5,
        {},
        {"files": []},
        {"files": {"data/x": 5}},
        {"files": {"../x": {"size": 1}}},
        {"files": {"x": {"sha256": []}}},
    ],
)
def test_accounts_that_tell_nonsense_of_files(kind: str, packed: Any, own: Callable[[str], Made]) -> None:
    made = own(kind)
    account = json.loads((made.root / "run.json").read_bytes())
    told = packed | {"kind": kind} if isinstance(packed, dict) else packed
    (made.root / "run.json").write_text(json.dumps(account | {"packed": told}))
    found = verify(made.settings, executor={"kind": "local", "workers": 1})
    assert {fault.kind for fault in found.faults} <= {"edited run.json", "foreign file"}
    assert found.exit_code == 1
    before = tree(made.root)
    if isinstance(packed, dict):
        assert {item.kind for item in made.run().left} == {"foreign file"}
        assert made.run(force=True).exit_code == 0
        assert made.faults() == set()
    assert tree(made.root) == before


@pytest.mark.parametrize(
    ("there", "asked"), [("webdataset", "folder"), ("folder", "parquet"), ("parquet", "webdataset")]
)
def test_another_kind_of_sink_is_refused(there: str, asked: str, own: Callable[[str], Made]) -> None:
    made = own(there)
    before = tree(made.root)
    with pytest.raises(SinkError, match=f"a data set of the sink '{there}'.*Say sink={there}"):
        Made(made.root, made.source, settings(asked, made.root)).run()
    assert tree(made.root) == before


def test_no_shard_size_below_one(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"sink\.shard_size: 0"):
        open_sink({"kind": "parquet", "root": str(tmp_path), "shard_size": 0})


def test_the_number_of_shards_is_a_power_of_two() -> None:
    assert [count_for(outputs, 1000) for outputs in (1, 1000, 1001, 4000, 4001)] == [1, 1, 2, 4, 8]
    assert [number_of(key, 4) for key in ("0" * 16, "3f" + "f" * 14, "40" + "0" * 14, "f" * 16)] == [0, 0, 1, 3]


def test_tars_tell_nothing_but_their_members(made_once: dict[str, Path]) -> None:
    told = json.loads((made_once["webdataset"] / "run.json").read_bytes())["packed"]
    records = {row["key"]: row for row in rows(made_once["webdataset"])}
    seen = 0
    for name, about in told["files"].items():
        file = made_once["webdataset"] / name
        assert about["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        with tarfile.open(file) as tar:
            members = tar.getmembers()
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.type) for m in members} <= {(0, 0, 0, "", "", b"0")}
            parts = {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
        keys = [key.partition(".")[0] for key in parts][::3]
        assert keys == sorted(keys)
        assert len(keys) == about["outputs"]
        for key in keys:
            row = json.loads(parts[f"{key}.json"])
            assert hashlib.sha256(parts[f"{key}.jpg"]).hexdigest() == row["sha256"] == records[key]["sha256"]
            assert told["labels"][int(parts[f"{key}.cls"])] == row["label"] == records[key]["label"]
            assert row["family"] == records[key]["parents"][0]["key"]
            seen += 1
    assert seen == 24


def test_metadata_tells_every_image(made_once: dict[str, Path]) -> None:
    lines = [json.loads(line) for line in (made_once["imagefolder"] / "metadata.jsonl").read_text().splitlines()]
    records = rows(made_once["imagefolder"])
    assert [line["file_name"] for line in lines] == [row["path"] for row in records]
    assert [line["label"] for line in lines] == [row["label"] for row in records]
    assert all(value is not None for line in lines for value in line.values())


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    about = tarfile.TarInfo(name)
    about.size, about.type, about.linkname = size, kind, link
    return about.tobuf(tarfile.USTAR_FORMAT)


KEY = "0123456789abcdef"


def sample(path: str, key: str = KEY) -> bytes:
    told = json.dumps({"path": path}).encode()
    parts = [(f"{key}.json", told), (f"{key}.cls", b"0"), (f"{key}.jpg", b"image")]
    return b"".join(header(name, len(data)) + data + bytes(-len(data) % 512) for name, data in parts)


END = bytes(1024)


@pytest.mark.parametrize(
    ("data", "strange", "damaged"),
    [
        (sample(f"hat/a-001-{KEY}.jpg") + END, [], False),
        (sample(f"../hat/a-001-{KEY}.jpg") + END, [f"{KEY}.jpg"], False),
        (sample(f"/etc/a-001-{KEY}.jpg") + END, [f"{KEY}.jpg"], False),
        (sample("hat/a-001-fedcba9876543210.jpg") + END, [f"{KEY}.jpg"], False),
        (header("../../evil", 0) + END, ["../../evil"], False),
        (header("link", 0, tarfile.SYMTYPE, "/etc/passwd") + END, ["link"], False),
        (header("hard", 0, tarfile.LNKTYPE, "/etc/passwd") + END, ["hard"], False),
        (header(f"{KEY}.json", 1 << 32) + END, [], True),
        (b"X" + header(f"{KEY}.jpg", 8)[1:] + END, [], True),
        (sample(f"hat/a-001-{KEY}.jpg")[:-600], [], True),
        (b"\xff" * 2048, [], True),
        (b"", [], True),
    ],
)
def test_hostile_tars(data: bytes, strange: list[str], damaged: bool, tmp_path: Path) -> None:
    name = "data/train-00000-of-00001.tar"
    (tmp_path / "data").mkdir()
    (tmp_path / name).write_bytes(data)
    sink = open_sink(settings("webdataset", tmp_path))
    assert list(sink.sizes()) == []  # There is no ledger that tells of any.
    found = list(sink.walk({"data"}))
    outputs = [item.path for item in found if not item.path.startswith("data/")]
    assert all(not path.startswith(("/", "..")) for path in outputs)
    assert [item.path.removeprefix(f"{name}/") for item in found if item.path.startswith(f"{name}/")] == strange
    assert any(item.kind == "unreadable" for item in found) == damaged
    if not strange and not damaged:
        assert outputs == [f"hat/a-001-{KEY}.jpg"]
        with sink.opened(outputs[0]) as (file, size):
            assert (file.read(), size) == (b"image", 5)


def test_a_link_for_a_shard(own: Callable[[str], Made], tmp_path: Path) -> None:
    made = own("webdataset")
    shard = made.shards()[2]
    shutil.move(shard, tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    name = shard.relative_to(made.root).as_posix()
    assert ("not a file", name) in made.faults()
    done = made.run()
    assert ("edited file", name) in {(item.kind, item.key) for item in done.left}
    assert shard.is_symlink()


def other_shard(change: Callable[[pa.Table], pa.Table], **how: Any) -> Callable[[Path], None]:
    def call(shard: Path) -> None:
        how_else = {"compression": "none", "use_dictionary": False, "write_statistics": False, "row_group_size": 64}
        pq.write_table(change(pq.read_table(shard)), shard, **(how_else | how))

    return call


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (other_shard(lambda table: table, use_dictionary=True), "unfold"),
        (other_shard(lambda table: table, row_group_size=1), "groups of 64"),
        (other_shard(lambda table: table.drop_columns(["size"])), "columns"),
        (lambda shard: shard.write_bytes(b"PAR1 and nothing else PAR1"), ""),
        (lambda shard: os.truncate(shard, 100), ""),
    ],
)
def test_hostile_parquet(edit: Callable[[Path], None], says: str, own: Callable[[str], Made]) -> None:
    made = own("parquet")
    shard = made.shards()[0]
    held = pq.read_table(shard)["image"].combine_chunks().field("path").to_pylist()
    assert len(held) > 1
    edit(shard)
    sink = open_sink(made.settings)
    name = shard.relative_to(made.root).as_posix()
    told = [found.detail for found in sink.walk({"data"}) if found.path == name and found.kind == "unreadable"]
    assert len(told) == 1
    assert says in told[0]
    assert not {*held} & {path for path, _ in sink.sizes()}
    assert {("missing", path) for path in held} | {("changed", name)} <= made.faults()


def test_rows_of_a_parquet_shard_that_are_no_outputs(own: Callable[[str], Made]) -> None:
    made = own("parquet")
    shard = made.shards()[0]

    def change(table: pa.Table) -> pa.Table:
        held = table.to_pylist()
        held[0]["image"]["path"] = "../outside-001-0123456789abcdef.jpg"
        return pa.Table.from_pylist(held, table.schema)

    other_shard(change)(shard)
    name = shard.relative_to(made.root).as_posix()
    found = made.faults()
    assert ("foreign file", f"{name}/row 0") in found
    assert {kind for kind, _ in found} == {"changed", "missing", "foreign file"}


def test_what_was_remade_of_a_lost_ledger(own: Callable[[str], Made]) -> None:
    made = own("webdataset")
    whole = tree(made.root)
    (made.root / "ledger.parquet").unlink()
    with pytest.raises(SinkError, match="run --force"):
        made.run()
    assert made.run(force=True).made == 24
    assert tree(made.root) == whole


def test_many_shards_are_found_by_few(made_once: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept in mind of shards is bounded, and every output is found all the same."""
    monkeypatch.setattr("augflow.sink.shards._MOST_INDEXED", 2)
    sink = open_sink(settings("parquet", made_once["parquet"]))
    assert isinstance(sink, ShardSink)
    for row in reversed(rows(made_once["parquet"])):
        with sink.opened(row["path"]) as (file, size):
            assert (len(file.read()), size) == (row["size"], row["size"])
    assert len(sink._indexes) == 2
    assert isinstance(file, io.BytesIO)
