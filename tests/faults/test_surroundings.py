"""Where the machine gives out, a run stops with one clear message and exit code 3, and goes on later."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def command(checkout: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command as a person types it, with limits on what its processes may have."""

    def call(*words: object, stdin: str | None = None, **limits: int) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name), (value, value))

        return subprocess.run(
            [sys.executable, "-m", "augflow", "run", *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            preexec_fn=limit,
        )

    return call


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def whole(bench: Any) -> dict[str, str]:
    """What an undisturbed run leaves, but for the recipe as it was typed."""
    assert bench.run(bench.folder / "undisturbed").code == 0
    return outputs(bench, bench.folder / "undisturbed")


def outputs(bench: Any, root: Path) -> dict[str, str]:
    found: dict[str, str] = bench.tree(root)
    return {name: digest for name, digest in found.items() if name != "recipe.lock.yaml"}


def told_well(said: subprocess.CompletedProcess[str]) -> None:
    """One message for a person, no traceback."""
    assert said.returncode == 3, said.stderr
    assert "Traceback" not in said.stderr
    assert [line for line in said.stderr.splitlines() if line.startswith("augflow: ")], said.stderr
    assert len(said.stderr.strip().splitlines()) <= 2, said.stderr


@pytest.mark.parametrize("files", [12, 24, 30, 64])
def test_too_few_files(files: int, bench: Any, whole: dict[str, str], command: Command, tmp_path: Path) -> None:
    root = tmp_path / "out"
    words = [f"source.root={bench.source}", f"sink.root={root}", *bench.words, "executor.workers=2"]
    said = command(*words, RLIMIT_NOFILE=files)
    if files == 64 or said.returncode == 0:
        assert said.returncode == 0, said.stderr
        assert outputs(bench, root) == whole
    else:
        told_well(said)
        assert command(*words).returncode == 0
        assert outputs(bench, root) == whole


def test_no_room_for_a_longer_file(bench: Any, whole: dict[str, str], command: Command, tmp_path: Path) -> None:
    """The journal outgrows what is allowed, as on a full disk."""
    root = tmp_path / "out"
    words = [f"source.root={bench.source}", f"sink.root={root}", *bench.words]
    told_well(command(*words, RLIMIT_FSIZE=3000))
    assert command(*words).returncode == 0
    assert outputs(bench, root) == whole


def test_a_sink_that_vanishes(bench: Any, whole: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "out"
    process = bench.start(root, FAULTS_LOG=str(tmp_path))  # Its log tells when the first output is about to be written.
    while not (tmp_path / "worker").exists():
        assert process.poll() is None
    while process.poll() is None:
        with contextlib.suppress(OSError):
            shutil.rmtree(root)
    said = process.communicate()[0]
    assert process.returncode == 3, said
    assert "Traceback" not in said
    shutil.rmtree(root, ignore_errors=True)
    assert bench.run(root).code == 0
    assert outputs(bench, root) == whole


def test_a_sink_that_is_only_to_be_read(bench: Any, tmp_path: Path) -> None:
    """Said by the system at the first touch that writes: the root of a container is not kept from it by rights."""
    root = tmp_path / "out"
    faults = {"FAULTS_ROLE": "driver", "FAULTS_AT": "1", "FAULTS_HOW": f"{errno.EROFS}+", "FAULTS_LOG": str(tmp_path)}
    ended = bench.run(root, **faults)
    assert (ended.code, ended.said) == (3, f"augflow: sink.root: {root}: Read-only file system.\n")
    assert not root.exists()
