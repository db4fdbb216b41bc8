"""What workers write down while a run is on: every process into files of its own."""

from __future__ import annotations

import itertools
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic_core import to_json

from augflow.sink.whole import write_all

_FILE = re.compile(r"(begun|records)\.([0-9]{1,9})\.(.*\.)?jsonl", re.DOTALL)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def writer() -> str:
    """What tells this process from every other that may write to the same folder, from other machines too."""
    host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:48]
    return f"{host}-{os.getpid()}"


def line_of(paths: Sequence[str]) -> bytes:
    """What a journal has of outputs that are about to be put."""
    return b"%b\n" % to_json(paths)


def lines_of(records: Sequence[bytes]) -> bytes:
    """What a journal has of outputs that were put."""
    return b"".join(b"%b\n" % record for record in records)


class Told(NamedTuple):
    """What the name of a journal's file says."""

    kind: str
    """`begun` or `records`."""
    run: int
    by_worker: bool
    """Else it only tells that there was the run."""


def told_by(name: str) -> Told | None:
    """What a file of a workshop is in its journal; None of what belongs to no journal."""
    match = _FILE.fullmatch(name)
    return Told(match[1], int(match[2]), bool(match[3])) if match else None


def turn_to_go(path: str) -> tuple[int, int, str]:
    """By what the files of a workshop are sorted to be removed once a ledger has all that they tell.

    Of each run first what was begun, then the records: where this is cut short, nothing is there as begun whose record
    is gone. Then what tells that there was a run, and the lock last.
    """
    name = path.rpartition("/")[2]
    told = told_by(name)
    if told and told.by_worker:
        return 0, told.run, told.kind
    return 2 if name == "lock" else 1, 0, ""


class Notes:
    """Appends to `begun.<run>.<writer>.jsonl` and `records.<run>.<writer>.jsonl`; that outlives this process.

    Args:
        folder: the workshop.
        run: the number of the run; records of a later one hold before those of an earlier.
    """

    def __init__(self, folder: Path, run: int) -> None:
        self._folder, self._run = folder, run
        self._descriptors: dict[str, int] = {}

    def begin(self, paths: Sequence[str]) -> None:
        self._write("begun", line_of(paths))

    def append(self, records: Sequence[bytes]) -> None:
        self._write("records", lines_of(records))

    def _write(self, kind: str, data: bytes) -> None:
        if kind not in self._descriptors:
            self._descriptors[kind] = self._open(kind)
        write_all(self._descriptors[kind], data)

    def _open(self, kind: str) -> int:
        for number in itertools.count():  # A process of that number may have been here before.
            try:
                return os.open(self._folder / f"{kind}.{self._run}.{writer()}-{number}.jsonl", _NEW, 0o666)
            except FileExistsError:
                continue
        raise AssertionError

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
