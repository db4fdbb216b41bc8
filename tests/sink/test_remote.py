"""A sink in an object store, by the store's real protocol: the same objects as files in a folder, and all that a run,
verify and replay promise of these."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import SinkError, SurroundingsError
from augflow.sink import open_sink, remote
from augflow.store import Store

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
WORDS = ["recipe.target=12", "executor.workers=2"]


def augflow(*words: str, code: int = 0) -> str:
    """Run a command in a process of its own, whose workers then know the store; return what it said."""
    done = subprocess.run([sys.executable, "-m", "augflow", *words], capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def objects(bucket: Any, below: str = "out/") -> dict[str, bytes]:
    """Every object of a data set but `run.json`, which tells where and when."""
    found = {one.key.removeprefix(below): one.get()["Body"].read() for one in bucket.objects.filter(Prefix=below)}
    return {key: data for key, data in found.items() if key != "run.json"}


def files(root: Path) -> dict[str, bytes]:
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return {key: data for key, data in found.items() if key != "run.json"}


@pytest.fixture
def bucket(object_store: Any, request: pytest.FixtureRequest) -> Any:
    return object_store.bucket(f"b{abs(hash(request.node.name)) % 10**12}")


@pytest.fixture
def url(bucket: Any) -> str:
    return f"s3://{bucket.name}/out"


@pytest.fixture(scope="module")
def local(small_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the same run leaves in a folder."""
    root = tmp_path_factory.mktemp("local") / "out"
    augflow("run", f"source.root={small_source}", f"sink.root={root}", *WORDS)
    return files(root)


def test_the_store_holds_what_a_folder_would(
    bucket: Any, url: str, small_source: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    source = f"source.root={small_source}"
    said = augflow("run", source, f"sink.root={url}", *WORDS)
    assert f"24 images in {url}" in said
    assert objects(bucket) == local
    account = bucket.Object("out/run.json").get()["Body"].read()
    assert b"told-nowhere" not in account
    assert b"AKIATESTONLY" not in account
    assert "24 outputs in 2 classes" in augflow("verify", f"sink.root={url}")
    augflow("verify", f"sink.root={url}", "--fast")
    assert "24 equal" in augflow("replay", "all", f"sink.root={url}")
    assert "0" in augflow("plan", source, f"sink.root={url}", *WORDS)
    augflow("report", f"sink.root={url}", "--to", str(tmp_path / "report.html"))
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_second_run_makes_what_is_new(
    bucket: Any, url: str, small_source: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    words = ["run", f"source.root={small_source}", "executor.workers=2"]
    augflow(*words, f"sink.root={url}", "recipe.target=9", "recipe.surplus=drop")
    times = {one.key: one.last_modified for one in bucket.objects.all() if "/few/" in one.key}
    augflow(*words, f"sink.root={url}", "recipe.target=12")
    assert objects(bucket) == local
    assert {key: bucket.Object(key).last_modified for key in times} == times
    assert "made" not in augflow(*words, f"sink.root={url}", "recipe.target=12").split("kept")[0][-1:]
    augflow(*words, f"sink.root={url}", "recipe.target=9", "recipe.surplus=drop")
    augflow(*words, f"sink.root={tmp_path / 'out'}", "recipe.target=9", "recipe.surplus=drop")
    assert objects(bucket) == files(tmp_path / "out")


def test_killed_it_goes_on(bucket: Any, url: str, small_source: Path, local: dict[str, bytes]) -> None:
    words = [sys.executable, "-m", "augflow", "run", f"source.root={small_source}", f"sink.root={url}", *WORDS]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while len([*bucket.objects.filter(Prefix="out/few/")]) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert any(one.key.startswith("out/.augflow/begun.1.") for one in bucket.objects.all())
    assert "unfinished run" in augflow("verify", f"sink.root={url}", code=1)
    augflow(*words[3:])
    assert objects(bucket) == local


def test_as_the_journal_goes_nothing_is_left_as_begun_whose_record_is_gone(
    bucket: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, delete, seen = open_sink({"root": url}), Store.delete, []

    def slowly(store: Store, keys: Collection[str]) -> None:
        delete(store, keys)
        seen.append({one.key.rpartition("/")[2] for one in bucket.objects.filter(Prefix="out/.augflow/")} - {"lock"})

    with sink.held():
        for run in (1, 2):
            bucket.Object(f"out/.augflow/begun.{run}.jsonl").put(Body=b"")
            sink.notes(run).begin(["few/1.jpg"])
            sink.notes(run).append([b"{}"])
        monkeypatch.setattr(Store, "delete", slowly)
        sink.end()
    runs = [sorted(".".join(name.split(".")[:2]) for name in names) for names in seen]
    assert runs[:5] == [
        ["begun.1", "begun.2", "begun.2", "records.1", "records.2"],
        ["begun.1", "begun.2", "begun.2", "records.2"],
        ["begun.1", "begun.2", "records.2"],
        ["begun.1", "begun.2"],
        [],
    ]


def test_what_is_not_ours_is_left_alone(bucket: Any, url: str, small_source: Path) -> None:
    words = ["run", f"source.root={small_source}", f"sink.root={url}", *WORDS]
    bucket.Object("out/notes/mine.txt").put(Body=b"mine")
    assert "holds 'notes/mine.txt', and neither a ledger" in augflow(*words, code=2)
    assert [one.key for one in bucket.objects.all()] == ["out/notes/mine.txt"]
    bucket.Object("out/notes/mine.txt").delete()
    augflow(*words)
    edited = next(one.key for one in bucket.objects.filter(Prefix="out/few/"))
    bucket.Object(edited).put(Body=b"edited")
    bucket.Object("out/few/foreign.jpg").put(Body=b"mine")
    said = augflow(*words, code=1)
    assert edited.removeprefix("out/") in said
    assert "few/foreign.jpg" in said
    assert bucket.Object(edited).get()["Body"].read() == b"edited"
    said = augflow("verify", f"sink.root={url}", code=1)
    assert "foreign file: few/foreign.jpg" in said
    assert f"changed: {edited.removeprefix('out/')}: 6 bytes" in said
    augflow(*words, "--force", code=1)
    assert bucket.Object(edited).get()["Body"].read() != b"edited"


def test_a_sink_in_the_source_is_refused(bucket: Any, url: str) -> None:
    with pytest.raises(SinkError, match="lies in the source"):
        open_sink({"root": f"{url}/below"}).demand_room(url, [])
    open_sink({"root": f"{url}side"}).demand_room(url, [])


def hold(bucket: Any, **changes: Any) -> None:
    told = {"host": "elsewhere", "process": 7, "token": "theirs", "beat": 1, **changes}
    bucket.Object("out/.augflow/lock").put(Body=json.dumps(told).encode())


def test_of_two_runs_one_is_refused(bucket: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BEAT", 0.05)
    monkeypatch.setattr(remote, "_SILENCE", 3.0)
    first, second = open_sink({"root": url}), open_sink({"root": url})
    with (
        first.held(),
        pytest.raises(SurroundingsError, match=rf"another run \(process {os.getpid()} on"),
        second.held(),
    ):
        pass
    with second.held():
        pass
    assert not [*bucket.objects.all()]


def test_another_machines_run_is_told_by_its_signs_of_life(
    bucket: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_BEAT", 0.05)
    monkeypatch.setattr(remote, "_SILENCE", 2.0)
    mine = remote._Hold(open_sink({"root": url}).store)  # type: ignore[attr-defined]
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    with pytest.raises(SurroundingsError, match="another run"), open_sink({"root": url}).held():
        pass
    mine.release()
    hold(bucket, host="a third")
    with open_sink({"root": url}).held():
        pass


def test_a_dead_process_of_this_machine_is_not_waited_for(bucket: Any, url: str) -> None:
    import socket

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    hold(bucket, host=socket.gethostname(), process=ended.pid)
    began = time.monotonic()
    with open_sink({"root": url}).held():
        assert time.monotonic() - began < 5


def test_a_run_that_lost_its_hold_stops(bucket: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BEAT", 0.05)
    sink = open_sink({"root": url})
    with sink.held():
        sink.demand_held()
        for _ in range(40):
            hold(bucket)
            time.sleep(0.5)
            if "theirs" in bucket.Object("out/.augflow/lock").get()["Body"].read().decode():
                break  # Else a beat looked before and wrote after, as whoever takes a hold finds at its own next.
        time.sleep(2)
        with pytest.raises(SurroundingsError, match="another run took"):
            sink.demand_held()
    assert "theirs" in bucket.Object("out/.augflow/lock").get()["Body"].read().decode()
