"""Files in which a sink hands outputs on, and how it knows them again for its own.

`run.json` tells each with its sha256. Between two of those, what is written is told in `packed.jsonl` in the workshop
just before it takes its name, so that a run that was killed knows its files as well.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

from augflow.errors import ImageError
from augflow.sink.folder import RUN, is_inside, opened_file, read_account
from augflow.sink.whole import write_all, written

Told: TypeAlias = dict[str, Any]
"""A file as `run.json` tells it: its `size` and `sha256`, how many `outputs` it holds, a digest of these `members`."""

DOUBTFUL = "doubtful"
JOURNAL = "packed.jsonl"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class StrangeFileError(Exception):
    """A file is not as augflow wrote it; `kind` is a stable word."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


def raise_if_surroundings(error: ImageError) -> None:
    """Raise the system's own error, where that is why a file cannot be read: nobody edited it."""
    if isinstance(error.__cause__, OSError):
        raise error.__cause__ from None


class OwnFiles:
    """Files below a root that augflow wrote, as they are known when this is made.

    Args:
        root, workshop: of the sink.
    """

    def __init__(self, root: Path, workshop: Path) -> None:
        self.root, self.workshop = root, workshop
        packed = read_account(root).get("packed")
        files = packed.get("files") if isinstance(packed, dict) else None
        told = files.items() if isinstance(files, dict) else ()
        self.told: dict[str, Told] = {name: entry for name, entry in told if is_inside(name) and is_told(entry)}
        """What `run.json` tells."""
        self._since = list(self._journal())
        self._time = os.stat(root / RUN).st_mtime if self.told else 0.0

    def _journal(self) -> list[tuple[str, Told]]:
        try:
            lines = (self.workshop / JOURNAL).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                name, entry = json.loads(line)
            except (ValueError, TypeError):
                continue  # Torn.
            if isinstance(name, str) and is_inside(name) and is_told(entry):
                found.append((name, entry))
        return found

    @property
    def names(self) -> set[str]:
        """Everything that is known to have been written, there or not."""
        return {*self.told, *(name for name, _ in self._since)}

    def there(self, name: str, thorough: bool = False) -> Told | None:
        """What is known of the file that lies there; None where none does.

        Args:
            thorough: hash it, even if size and time speak for it.

        Raises:
            StrangeFileError: augflow did not write it, or it was edited since.
        """
        try:
            status = os.lstat(self.root / name)
        except FileNotFoundError:
            return None
        before = self.told.get(name)
        known = [entry for other, entry in self._since if other == name] + ([before] if before else [])
        if not known:
            raise StrangeFileError("foreign file", "augflow did not make it")
        plain = stat.S_ISREG(status.st_mode) and status.st_size == known[-1]["size"]
        if before and DOUBTFUL not in before and plain and status.st_mtime <= self._time and not thorough:
            return before
        try:
            with opened_file(self.root / name) as (file, _):
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except ImageError as error:
            raise_if_surroundings(error)
            raise StrangeFileError("edited file", str(error)) from None
        for entry in known:
            if entry["sha256"] == digest:
                return {name: value for name, value in entry.items() if name != DOUBTFUL}
        raise StrangeFileError("edited file", "its bytes are not those that run.json tells of")

    def doubted(self, name: str) -> dict[str, Told]:
        """What `run.json` shall tell of a file that was left alone: what it told, and that time speaks not for it."""
        return {name: self.told[name] | {DOUBTFUL: True}} if name in self.told else {}

    def bring(
        self,
        name: str,
        members: str,
        outputs: int,
        fill: Callable[[IO[bytes]], None],
        force: bool,
        doubtful: bool = False,
    ) -> Told:
        """Write a file, whole or not at all, unless it is there with those members; return what is to be told of it.

        Args:
            fill: writes its bytes.
            force: hash what is there, and write over it whatever it is.
            doubtful: hash what is there.

        Raises:
            StrangeFileError: it is there, and not as augflow wrote it.
        """
        try:
            there = self.there(name, force or doubtful)
            if there is not None and there["members"] == members:
                return there
            self.there(name, thorough=True)
        except StrangeFileError:
            if not force:
                raise
        return self._write(name, members, outputs, fill)

    def _write(self, name: str, members: str, outputs: int, fill: Callable[[IO[bytes]], None]) -> Told:
        half = self.workshop / "half" / name.replace("/", "-")
        with written(self.root / name, half) as file:
            hashing = _Hashing(file)
            fill(hashing)  # type: ignore[arg-type]
            told = {"size": hashing.size, "sha256": hashing.sha256.hexdigest(), "outputs": outputs, "members": members}
            self._note(name, told)
        return told

    def _note(self, name: str, told: Told) -> None:
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.workshop / JOURNAL, how, 0o666)
        try:
            write_all(descriptor, b"\n%b\n" % json.dumps([name, told]).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._since.append((name, told))


class _Hashing(io.RawIOBase):
    """Counts and hashes what is written to a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self._file.write(data)
        size = memoryview(data).nbytes
        self.size += size
        return size


def is_told(entry: Any) -> bool:
    """Whether this tells of a file as augflow does; `run.json` may be another's."""
    return (
        isinstance(entry, dict)
        and all(type(entry.get(name)) is int for name in ("size", "outputs"))
        and all(isinstance(entry.get(name), str) and _DIGEST.fullmatch(entry[name]) for name in ("sha256", "members"))
    )
