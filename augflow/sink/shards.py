"""Outputs in shards: some large files, each whole, which hold many outputs beside what is told of them.

While a run is on, outputs lie as files in the workshop. Once the ledger is sealed they are packed: the leading bits of
an output's key choose its shard, so that a changed output touches that shard alone, and within one outputs lie in the
order of their keys, which is a random one of classes. A shard is written only where its members are others than those
that lie there; what stays the same is read from the shards before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from pydantic_core import to_json

from augflow.errors import ImageError, SinkError
from augflow.sink import Found
from augflow.sink.folder import LEDGER, OURS, RUN, FolderSink, is_inside, opened_file, remove_empty
from augflow.sink.own import OwnFiles, StrangeFileError, Told, raise_if_surroundings
from augflow.sink.rows import Row, key_of, keys_of, labels_of, number_of, shards

DATA = "data"
OUTPUTS = "outputs"
_MOST_INDEXED = 128
"""Shards whose members are kept in mind."""


class DamagedShardError(Exception):
    """A shard that cannot be read on; says what is wrong with it."""


class Member(NamedTuple):
    """Something in a shard: an output by its path, or by its name what is none."""

    path: str
    size: int
    place: int
    """Where the form finds it again."""
    strange: str = ""
    """Why it is no output."""


class Form(Protocol):
    """How outputs lie in a shard."""

    suffix: str

    def write(self, file: IO[bytes], members: Iterable[tuple[Row, bytes]], labels: Sequence[str]) -> None:
        """Write a shard; the same members give the same bytes."""
        ...

    def members(self, shard: Path) -> Iterator[Member]:
        """Yield what lies in a shard, which may be anybody's, without reading images.

        Raises:
            DamagedShardError: there, it cannot be read on.
            ImageError: it is `missing`, `not a file` or `unreadable`.
        """
        ...

    def opened(self, shard: Path, member: Member) -> AbstractContextManager[tuple[BufferedIOBase, int]]:
        """Open a member for reading; give it with its size.

        Raises:
            ImageError: it is `unreadable`.
        """
        ...


class ShardSink(FolderSink):
    """Shards `data/<split>-<number>-of-<count>` below `root`, `train` where there are no splits.

    Args:
        form: how outputs lie in one.
        root: created when the first run begins; refused when it holds something that augflow did not make.
        shard_size: outputs that a shard holds at most on average; their number is a power of two.
    """

    rooms = frozenset({"half", OUTPUTS})

    def __init__(self, form: Form, root: str, shard_size: int) -> None:
        super().__init__(root)
        if shard_size < 1:
            raise SinkError(f"sink.shard_size: {shard_size} outputs to a shard cannot be. Say how many, from 1.")
        self.form, self.shard_size = form, shard_size
        self.outputs = self.workshop / OUTPUTS
        self._prefix = os.path.join(self.outputs, "")
        self._name = re.compile(rf"{DATA}/(\w+)-([0-9]{{5}})-of-([0-9]{{5}}){re.escape(form.suffix)}")
        self._counts: set[tuple[str, int]] | None = None
        self._indexes: OrderedDict[str, Mapping[str, Member]] = OrderedDict()
        self._indexing = threading.Lock()
        self._unreadable: set[str] = set()

    def demand_room(self, source: str | None, folders: Iterable[str]) -> None:
        super().demand_room(source, [DATA])

    def sizes(self) -> Iterator[tuple[str, int]]:
        told = keys_of(self.root / LEDGER)  # What no record tells of any more goes when its shard is packed.
        for name in self._shards():
            for member in self._members(name):
                if not member.strange and key_of(member.path) in told:
                    yield member.path, member.size
        yield from super().sizes()

    def walk(self, folders: Collection[str]) -> Iterator[Found]:
        for found in self._walk({DATA}, ""):
            yield found
            if self._name.fullmatch(found.path) and not found.kind:
                yield from self._walk_shard(found)
        if self.outputs.is_dir():
            yield from (Found(path, size, 0) for path, size in super().sizes())

    def _walk_shard(self, shard: Found) -> Iterator[Found]:
        try:
            for member in self.form.members(self.root / shard.path):
                path = f"{shard.path}/{member.path}" if member.strange else member.path
                yield Found(path, member.size, shard.time)
        except (DamagedShardError, ImageError) as error:
            yield Found(shard.path, -1, 0, "unreadable", str(error))

    def opened(self, path: str) -> AbstractContextManager[tuple[BufferedIOBase, int]]:
        if path in OURS or self._name.fullmatch(path):
            return opened_file(self.root / path)
        if is_inside(path) and os.path.lexists(f"{self._prefix}{path}"):
            return opened_file(self.outputs / path)
        shard, member = self._find(path)
        if member is None:
            raise ImageError("missing", "it has a record and lies in no shard")
        return self.form.opened(self.root / shard, member)

    def sealed(self) -> float:
        return os.stat(self.root / (RUN if (self.root / RUN).exists() else LEDGER)).st_mtime

    def remove(self, paths: Iterable[str]) -> int:
        """Remove outputs that lie in the workshop; those in shards go when these are packed."""
        paths = sorted(paths, key=key_of)
        packed = sum(not os.path.lexists(f"{self._prefix}{path}") and self._find(path)[1] is not None for path in paths)
        return super().remove(paths) + packed

    def end(self) -> None:
        for folder, _, names in os.walk(self.outputs, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)
        super().end()

    def pack(
        self, force: bool = False, seen: Callable[[int], None] = lambda outputs: None
    ) -> tuple[dict[str, Any], list[Found]]:
        own, ledger = OwnFiles(self.root, self.workshop), self.root / LEDGER
        labels = labels_of(ledger)
        files: dict[str, Told] = {}
        left: list[Found] = []
        asked: set[str] = set()
        for split, number, count, rows in shards(ledger, self.shard_size):
            name = f"{DATA}/{_fit(split)}-{number:05}-of-{count:05}{self.form.suffix}"
            asked.add(name)
            try:
                files[name] = self._pack(own, name, rows, labels, force)
            except StrangeFileError as error:
                left.append(Found(name, -1, 0, error.kind, error.detail))
            seen(len(rows))
        left += self._clear(own, asked, files if left else None, force)
        files |= {name: told for found in left for name, told in own.doubted(found.path).items()}
        self._counts = None
        return {"kind": self.kind, "labels": labels, "files": files}, left

    def _pack(self, own: OwnFiles, name: str, rows: list[Row], labels: list[str], force: bool) -> Told:
        digest = hashlib.sha256(to_json(labels))
        for row in rows:
            digest.update(to_json(row))

        def fill(file: IO[bytes]) -> None:
            self.form.write(file, ((row, self._read(row)) for row in rows), labels)

        (self.root / DATA).mkdir(exist_ok=True)
        told = own.bring(name, digest.hexdigest(), len(rows), fill, force, name in self._unreadable)
        self._indexes.pop(name, None)
        for row in rows:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._prefix}{row['path']}")
        return told

    def _read(self, row: Row) -> bytes:
        """An output's bytes, which are those of its record."""
        try:
            with self.opened(row["path"]) as (file, size):
                data = file.read() if size == row["size"] else b""
        except ImageError as error:
            raise_if_surroundings(error)
            raise StrangeFileError("not packed", f"{row['path']}: {error}") from None
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise StrangeFileError("not packed", f"{row['path']}: its bytes are not those that its record tells of")
        return data

    def _clear(self, own: OwnFiles, asked: set[str], kept: dict[str, Told] | None, force: bool) -> list[Found]:
        """Remove shards that nothing asks for any more; tell what else lies beside.

        Args:
            kept: where not all could be packed: shards stay, since they may hold the rest, and are told here.
        """
        left: list[Found] = []
        if not (self.root / DATA).is_dir():
            return left
        for name in sorted(f"{DATA}/{entry}" for entry in os.listdir(self.root / DATA)):
            if name not in asked:
                try:
                    told = own.there(name, thorough=True)
                    if told and kept is not None:
                        kept[name] = told
                        continue
                except StrangeFileError as error:
                    if not force or name not in own.told:
                        left.append(Found(name, -1, 0, error.kind, error.detail))
                        continue
                os.unlink(self.root / name)
                self._indexes.pop(name, None)
        remove_empty(self.root / DATA)
        return left

    def _shards(self) -> list[str]:
        """Files that may be shards, by their names alone."""
        try:
            names = os.listdir(self.root / DATA)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in (f"{DATA}/{name}" for name in names) if self._name.fullmatch(name))

    def _find(self, path: str) -> tuple[str, Member | None]:
        """The shard that an output lies in, and where."""
        if self._counts is None:
            matches = (self._name.fullmatch(name) for name in self._shards())
            self._counts = {(match[1], int(match[3])) for match in matches if match}
        key = key_of(path)
        for split, count in sorted(self._counts) if key else ():
            name = f"{DATA}/{split}-{number_of(key, count):05}-of-{count:05}{self.form.suffix}"
            member = self._index(name).get(path)
            if member is not None:
                return name, member
        return "", None

    def _index(self, name: str) -> Mapping[str, Member]:
        with self._indexing:
            if name not in self._indexes:
                self._indexes[name] = {member.path: member for member in self._members(name) if not member.strange}
                if len(self._indexes) > _MOST_INDEXED:
                    self._indexes.popitem(last=False)
            self._indexes.move_to_end(name)
            return self._indexes[name]

    def _members(self, name: str) -> Iterator[Member]:
        """Members of a shard, as far as it can be read."""
        try:
            yield from self.form.members(self.root / name)
        except DamagedShardError:
            self._unreadable.add(name)
        except ImageError as error:
            raise_if_surroundings(error)
            self._unreadable.add(name)


def _fit(split: str) -> str:
    """A split's name as readers take it."""
    fit = re.sub(r"\W", "_", split)[:64]
    return fit if fit == split else f"{fit}_{hashlib.sha256(split.encode()).hexdigest()[:8]}"
