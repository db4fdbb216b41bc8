"""What is written down while a run is on: each worker tells what it begins, and the records of what it made."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from augflow.sink.folder import is_inside
from augflow.sink.notes import told_by
from augflow.sink.whole import NEW

_READ = 1 << 18
"""Bytes that are read at a time."""


class Entry(NamedTuple):
    """What a record says of its file, and of what that was made."""

    size: int
    sha256: bytes
    parents: tuple[tuple[str, str], ...]
    """Key and sha256 of each."""


class Journal:
    """The journal in a workshop: of the run that is on, and of those before it that were killed.

    Runs are numbered, and every file is of one run: `begun.<run>.jsonl`, empty, tells that there was one; what workers
    write has their names besides (see `sink.notes`), `begun.<run>.<writer>.jsonl` of outputs that the run was about to
    make, so that no record of an earlier run holds for them any more, `records.<run>.<writer>.jsonl` of what it made.
    Lines outlive their process; they are not brought to disk one by one: after a power cut some may be torn or lost,
    and count for nothing.

    Args:
        folder: the workshop.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = 0
        """The number of the run that is on; 0 until the journal is opened."""

    def exists(self) -> bool:
        """Whether a run is on here, or was killed."""
        return bool(self._files("begun"))

    def open(self) -> None:
        """Begin a run: number it, and mend what those before it left."""
        if not self.run:
            for _, path in self._files("records"):
                _mend(path)
            last = max((run for run, _ in self._files("begun") + self._files("records")), default=0)
            os.close(os.open(self.folder / f"begun.{last + 1}.jsonl", NEW, 0o666))
            self.run = last + 1

    def _files(self, kind: str) -> list[tuple[int, Path]]:
        """Files of a kind, each with the number of its run, in order."""
        if not self.folder.is_dir():
            return []
        found = ((told_by(name), self.folder / name) for name in os.listdir(self.folder))
        return sorted((told.run, path) for told, path in found if told and told.kind == kind)

    def record_files(self) -> list[Path]:
        """Files with records, later runs' after earlier."""
        return [path for _, path in self._files("records")]

    def entries(self) -> Iterator[tuple[str, Entry | None]]:
        """Yield the path of every output begun, with None; then every record that holds."""
        begun: dict[str, int] = {}
        for run, path in self._files("begun"):
            for line in path.read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    begun |= dict.fromkeys(filter(is_inside, json.loads(line)), run)
        yield from ((path, None) for path in begun)
        for run, path in self._files("records"):
            for _, line in record_lines(path):
                found = _entry(line)
                if found and run >= begun.get(found[0], 0):
                    yield found

    def made(self) -> set[str]:
        """Paths of all outputs that were recorded in the run that is on."""
        files = (path for run, path in self._files("records") if run == self.run)
        found = (_entry(line) for path in files for _, line in record_lines(path))
        return {entry[0] for entry in found if entry}


def record_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every record of a file with the place at which it begins; what is torn or blank is passed over."""
    place = 0
    with open(path, "rb", _READ) as opened:
        for line in opened:
            if line.endswith(b"\n") and not line.isspace():
                yield place, line
            place += len(line)


def _mend(path: Path) -> None:
    """Blank what is no record; a torn last line is passed over anyway."""
    place = 0
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        with open(descriptor, "rb", closefd=False) as file:
            for line in file:
                if line.endswith(b"\n") and line.strip() and _entry(line) is None:
                    os.pwrite(descriptor, b" " * (len(line) - 1), place)
                place += len(line)
    finally:
        os.close(descriptor)


def _entry(line: bytes) -> tuple[str, Entry] | None:
    try:
        record = json.loads(line)
        parents = tuple((parent["key"], parent["sha256"]) for parent in record["parents"])
        if not is_inside(record["path"]):
            return None
        return record["path"], Entry(int(record["size"]), bytes.fromhex(record["sha256"]), parents)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
