"""What a run writes down while it is on: outputs that it begins, and the record of each that it made."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from augflow.sink.folder import is_inside
from augflow.sink.whole import write_all


class Entry(NamedTuple):
    """What a record says of its file, and of what that was made."""

    size: int
    sha256: bytes
    parents: tuple[tuple[str, str], ...]
    """Key and sha256 of each."""


class Journal:
    """Appends records while a run is on, and tells before an output is written that it will be.

    Each line is written at once and so outlives its process; it is not brought to disk one by one: after a power cut
    lines may be torn or lost, and count for nothing. `begun.jsonl` beside it names outputs that were begun, each
    after so many bytes of records: no earlier record holds for them any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = path.with_name("begun.jsonl")
        self._descriptors: dict[Path, int] = {}
        self._size = 0

    def begin(self, paths: Sequence[str]) -> None:
        """Tell that these outputs are about to be written."""
        self.open()
        self._write(self._begun, json.dumps([self._size, *paths]).encode() + b"\n")

    def append(self, records: Iterable[str]) -> None:
        self.open()
        data = b"".join(record.encode() + b"\n" for record in records)
        self._write(self.path, data)
        self._size += len(data)

    def open(self) -> None:
        """Create it where it is not there, and mend it."""
        if not self._descriptors:
            self._mend()
            for path in (self.path, self._begun):
                self._descriptors[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            self._size = os.fstat(self._descriptors[self.path]).st_size
            self._write(self._begun, b"\n")  # Ends a line that was torn.

    def _write(self, path: Path, data: bytes) -> None:
        write_all(self._descriptors[path], data)

    def _mend(self) -> None:
        """Cut off a torn last line, lest the next record be joined to it, and blank what is no record."""
        if not self.path.exists():
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            whole = 0
            with open(descriptor, "rb", closefd=False) as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        os.ftruncate(descriptor, whole)
                    elif line.strip() and _entry(line) is None:
                        os.pwrite(descriptor, b" " * (len(line) - 1), whole)
                    whole += len(line)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def lines(self) -> Iterator[bytes]:
        """Yield every record's line; what is torn or blank is passed over."""
        yield from (line for _, line in self.placed_lines())

    def placed_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every record's line with the place in the file where it begins."""
        if self.path.exists():
            place = 0
            with open(self.path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n") and line.strip():
                        yield place, line
                    place += len(line)

    def entries(self) -> Iterator[tuple[str, Entry | None]]:
        """Yield the path of every output begun, with None; then every record that holds, later ones after earlier."""
        begun: dict[str, int] = {}
        if self._begun.exists():
            for line in self._begun.read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    place, *paths = json.loads(line)
                    begun |= dict.fromkeys(filter(is_inside, paths), int(place))
        yield from ((path, None) for path in begun)
        for place, line in self.placed_lines():
            found = _entry(line)
            if found and place >= begun.get(found[0], 0):
                yield found

    def outputs(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of every output recorded."""
        yield from ((path, entry.size) for path, entry in self.entries() if entry)


def _entry(line: bytes) -> tuple[str, Entry] | None:
    try:
        record = json.loads(line)
        parents = tuple((parent["key"], parent["sha256"]) for parent in record["parents"])
        if not is_inside(record["path"]):
            return None
        return record["path"], Entry(int(record["size"]), bytes.fromhex(record["sha256"]), parents)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
