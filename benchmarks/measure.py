"""Run one command and measure it from outside: wall clock, CPU of all its processes, and what it left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".png"}
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)


class CommandError(Exception):
    """A command that ended with something else than 0; the message holds the end of what it said."""


@dataclass(frozen=True)
class Run:
    """What one run took and left: seconds from start to exit, CPU seconds, seconds from first to last file, bytes."""

    wall: float
    cpu: float
    writing: float
    pictures: dict[str, int]
    bytes: int


def adopt_orphans() -> None:
    """Make processes that outlive their parent ours, so that their CPU time is counted when they end (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


def run(command: Sequence[str], sink: Path, environment: Mapping[str, str], log: Path) -> Run:
    """Run `command`, wait for it and for every process it started, and look into `sink`.

    Raises:
        CommandError: its exit code is not 0.
    """
    before = _children_cpu()
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
        )
        code = process.wait()
        wall = time.perf_counter() - start
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    cpu = _children_cpu() - before
    if code:
        said = log.read_text(errors="replace").strip().splitlines()
        raise CommandError(f"exit code {code}\n" + "\n".join(said[-3:]))
    pictures: dict[str, int] = {}
    written, size = [], 0
    for folder in sorted(path for path in sink.iterdir() if path.is_dir()):
        for entry in os.scandir(folder):
            if os.path.splitext(entry.name)[1].lower() in PICTURES:
                status = entry.stat()
                pictures[folder.name] = pictures.get(folder.name, 0) + 1
                written.append(status.st_mtime)
                size += status.st_size
    return Run(wall, cpu, max(written, default=0.0) - min(written, default=0.0), pictures, size)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
