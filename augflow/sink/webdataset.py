"""Tar shards as WebDataset reads them: of every output its image, the number of its class, and what is told of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import IO, NamedTuple

from pydantic_core import to_json

from augflow.sink.folder import is_inside, opened_file
from augflow.sink.rows import KEY, Row, key_of
from augflow.sink.shards import DamagedShardError, Member, ShardSink

_BLOCK = 512
_MOST_TOLD = 1 << 20
"""Bytes of what is told of an output."""


class WebDatasetSink(ShardSink):
    """Tar shards below `root`: `<key>.json`, `<key>.cls` and the image, `<key>.jpg`, of every output.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
        shard_size: outputs that a shard holds at most on average; their number is a power of two.
    """

    kind = "webdataset"

    def __init__(self, root: str, shard_size: int = 1000) -> None:
        super().__init__(Tar(), root, shard_size)


class Tar:
    """A tar whose bytes follow from its members alone: no times, no owners.

    What is told of an output stands before its image, so that both are found in one read.
    """

    suffix = ".tar"

    def write(self, file: IO[bytes], members: Iterable[tuple[Row, bytes]], labels: Sequence[str]) -> None:
        numbers = {label: str(number).encode() for number, label in enumerate(labels)}
        for row, data in members:
            for suffix, part in (("json", to_json(row)), ("cls", numbers[row["label"]]), (_suffix(row["path"]), data)):
                about = tarfile.TarInfo(f"{row['key']}.{suffix}")
                about.size = len(part)
                file.write(about.tobuf(tarfile.USTAR_FORMAT))
                file.write(part)
                file.write(bytes(-len(part) % _BLOCK))
        file.write(bytes(2 * _BLOCK))

    def members(self, shard: Path) -> Iterator[Member]:
        with opened_file(shard) as (file, size):
            told = path = ""
            for entry in _entries(file, size):
                key, _, suffix = entry.name.partition(".")
                if entry.plain and suffix == "json" and KEY.fullmatch(key) and entry.size <= _MOST_TOLD:
                    told, path = key, _path(file.read(entry.size), key)
                elif entry.plain and suffix == "cls" and key == told:
                    continue
                elif entry.plain and key == told and path and entry.name == f"{key}.{_suffix(path)}":
                    yield Member(path, entry.size, entry.place)
                    told = ""
                else:
                    yield Member(entry.name, entry.size, entry.place, "no output of augflow's")

    @contextlib.contextmanager
    def opened(self, shard: Path, member: Member) -> Iterator[tuple[BufferedIOBase, int]]:
        with opened_file(shard) as (file, _):
            yield io.BufferedReader(_Part(file, member.place, member.size), 1 << 16), member.size


class _Entry(NamedTuple):
    name: str
    place: int
    size: int
    plain: bool


class _Part(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, file: BufferedIOBase, place: int, size: int) -> None:
        self._file, self._left = file, size
        file.seek(place)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)[: self._left]  # type: ignore[arg-type]
        done = self._file.readinto(view)
        self._left -= done
        return done


def _entries(file: BufferedIOBase, size: int) -> Iterator[_Entry]:
    """Yield what a tar, which may be anybody's, holds; the file stands where each begins."""
    place = 0
    while True:
        file.seek(place)
        header = file.read(_BLOCK)
        if not header.strip(b"\0") and len(header) == _BLOCK:
            return
        try:
            claimed = int(header[124:136].strip(b"\0 "), 8)
            intact = int(header[148:156].strip(b"\0 "), 8) == sum(header) - sum(header[148:156]) + 8 * ord(" ")
        except ValueError:
            intact = False
        if len(header) < _BLOCK or not intact:
            raise DamagedShardError(f"there is no sound header at byte {place}")
        name = header[:100].split(b"\0")[0].decode("ascii", "backslashreplace")
        if not 0 <= claimed <= size - place - _BLOCK:
            raise DamagedShardError(f"{name} claims {claimed} bytes, and {size - place - _BLOCK} are left")
        plain = header[156:157] in (b"0", b"\0") and not header[345:500].strip(b"\0")
        yield _Entry(name, place + _BLOCK, claimed, plain)
        place += _BLOCK + claimed + -claimed % _BLOCK


def _path(told: bytes, key: str) -> str:
    """The path of the output that is told of; empty where it is not one of that key."""
    try:
        path = json.loads(told)["path"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return path if isinstance(path, str) and is_inside(path) and key_of(path) == key else ""


def _suffix(path: str) -> str:
    """What an image is called in a tar; readers know it by that."""
    return os.path.splitext(path)[1][1:].lower() or "img"
