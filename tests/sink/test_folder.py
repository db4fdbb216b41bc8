"""A file in the sink is whole or absent, and what is not augflow's is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from augflow.errors import SinkError, SurroundingsError
from augflow.sink import open_sink
from augflow.sink.folder import FolderSink


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def hold(root: Path) -> None:
    with FolderSink(str(root)).held():
        pass


def test_a_file_lands_at_its_path_and_nowhere_else(tmp_path: Path) -> None:
    sink = FolderSink(str(tmp_path / "made" / "here"))
    with sink.held():
        sink.put("hat/a.jpg", b"one")
        sink.put("t-shirt/b.jpg", b"two" * 100_000)
        sink.put("hat/a.jpg", b"three")
        assert (sink.root / "hat" / "a.jpg").read_bytes() == b"three"
        assert (sink.root / "t-shirt" / "b.jpg").read_bytes() == b"two" * 100_000
        assert dict(sink.sizes()) == {"hat/a.jpg": 5, "t-shirt/b.jpg": 300_000}
        sink.end()
    assert names(sink.root) == {"hat", "hat/a.jpg", "t-shirt", "t-shirt/b.jpg"}


def test_settings_alone_make_the_same_sink(tmp_path: Path) -> None:
    opened = open_sink({"kind": "folder", "root": str(tmp_path)})
    assert isinstance(opened, FolderSink)
    assert opened.root == tmp_path
    with pytest.raises(SinkError, match=r"there is no sink 'foldr'. Did you mean 'folder'\?"):
        open_sink({"kind": "foldr"})
    with pytest.raises(SinkError, match=r"sink\.roof.*root"):
        open_sink({"kind": "folder", "root": str(tmp_path), "roof": "red"})


def test_opening_touches_nothing(tmp_path: Path) -> None:
    sink = FolderSink(str(tmp_path / "later"))
    assert list(sink.sizes()) == []
    assert not (tmp_path / "later").exists()


@pytest.mark.parametrize("stranger", ["photo.jpg", ".hidden", "run.json", "recipe.lock.yaml"])
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(stranger: str, tmp_path: Path) -> None:
    (tmp_path / stranger).write_text("mine")
    with pytest.raises(SinkError, match=f"holds '{stranger}'"):
        hold(tmp_path)
    assert names(tmp_path) == {stranger}
    assert (tmp_path / stranger).read_text() == "mine"


def test_a_folder_with_folders_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    with pytest.raises(SinkError, match="holds 'hat'"):
        hold(tmp_path)
    assert names(tmp_path) == {"hat"}


def test_a_file_is_no_sink(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SinkError, match="is a file"):
        hold(tmp_path / "file")
    with pytest.raises(SurroundingsError):
        hold(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(SurroundingsError, match="Permission denied"):
        hold(tmp_path / "sink")


@pytest.mark.parametrize("known_by", [".augflow", "ledger.parquet"])
def test_what_augflow_made_is_gone_on_with(known_by: str, tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "a.jpg").write_text("made before")
    if known_by == ".augflow":
        (tmp_path / ".augflow").mkdir()
    else:
        (tmp_path / known_by).write_bytes(b"")
    hold(tmp_path)
    assert (tmp_path / "hat" / "a.jpg").exists()


def test_half_written_files_of_a_killed_run_are_cleared_away(tmp_path: Path) -> None:
    """Killed between two writes, a worker leaves a part of a file; no later sink shows it."""
    code = (
        "import os, sys, threading\n"
        "from augflow.sink.folder import FolderSink\n"
        "sink = FolderSink(sys.argv[1]); held = sink.held(); held.__enter__()\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), 9)).start()\n"
        "while True:\n"
        "    sink.put('hat/a.jpg', b'x' * 3_000_000)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "sink")], check=False, env=environment)
    assert killed.returncode == -9
    sink = FolderSink(str(tmp_path / "sink"))
    assert all(size == 3_000_000 for _, size in sink.sizes())
    with sink.held():
        sink.put("hat/b.jpg", b"whole")
        sink.end()
    assert names(sink.root) - {"hat/a.jpg"} == {"hat", "hat/b.jpg"}


def test_a_full_disk_leaves_no_stump_in_a_class(tmp_path: Path) -> None:
    """A limit on the size of files fails the write midway, as a full disk does."""
    code = (
        "import resource, signal, sys\n"
        "from augflow.sink.folder import FolderSink\n"
        "sink = FolderSink(sys.argv[1]); held = sink.held(); held.__enter__()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sink.put('hat/small.jpg', b'x' * 100_000)\n"
        "try:\n"
        "    sink.put('hat/large.jpg', b'x' * 150_000)\n"
        "except OSError as error:\n"
        "    print(type(error).__name__)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, str(tmp_path / "sink")]
    said = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert said.stdout == "OSError\n"
    assert dict(FolderSink(str(tmp_path / "sink")).sizes()) == {"hat/small.jpg": 100_000}


def test_removing_takes_files_and_the_folders_that_are_left_empty(tmp_path: Path) -> None:
    sink = FolderSink(str(tmp_path))
    with sink.held():
        for path in ("a/1", "a/2", "b/1"):
            sink.put(path, b"x")
        sink.remove(["a/1", "b/1", "b/never-there"])
    assert dict(sink.sizes()) == {"a/2": 1}
    assert not (tmp_path / "b").exists()


def test_one_run_alone_holds_a_sink(tmp_path: Path) -> None:
    """Another is refused, and leaves alone what the first is just writing."""
    first, second = FolderSink(str(tmp_path)), FolderSink(str(tmp_path))
    with first.held():
        (tmp_path / ".augflow" / "half" / "4711").write_text("being written")
        with pytest.raises(SurroundingsError, match=f"process {os.getpid()}"), second.held():
            pass
        assert (tmp_path / ".augflow" / "half" / "4711").read_text() == "being written"
    with second.held():
        assert not (tmp_path / ".augflow" / "half" / "4711").exists()
        second.end()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from augflow.sink.folder import FolderSink\n"
        "held = FolderSink(sys.argv[1]).held(); held.__enter__()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=environment)
    assert killed.returncode == -9
    assert (tmp_path / ".augflow" / "lock").exists()
    hold(tmp_path)
