"""The members of a tar file, found by their headers alone: nothing is unpacked, and what one claims is not believed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from augflow.source import Aside
from augflow.source.shelf import Shelf, ShelfFile
from augflow.store import Listed, Store

HIDDEN = "hidden"
"""The kind of what is no fault and is passed over."""
_BLOCK = 512
_LARGEST_HEADER = 1 << 20
_AT_ONCE, _AT_ONCE_FAR = 1 << 16, 1 << 23
"""Bytes that are asked for together, on this disk and in a store, where every request costs a round."""


class Member(NamedTuple):
    """A regular file in a tar: its name without `./`, and where its bytes lie."""

    name: str
    start: int
    size: int


class Tar:
    """Reads a tar on a shelf in parts."""

    def __init__(self, shelf: Shelf, listed: Listed) -> None:
        self.key = listed.key
        self.size = listed.size
        self._shelf, self._listed = shelf, listed
        self._step = _AT_ONCE_FAR if isinstance(shelf, Store) else _AT_ONCE
        self._at, self._held = 0, b""

    def bytes_at(self, start: int, size: int) -> bytes:
        """Bytes of it, read ahead; fewer at its end."""
        if not self._at <= start <= start + size <= self._at + len(self._held):
            self._at, self._held = start, self._shelf.read(self.key, start, max(size, self._step))
        return self._held[start - self._at : start - self._at + size]

    def members(self) -> Iterator[Member | Aside]:
        """Every regular file in it, in order; and what else lies there or is wrong with it."""
        if not self.size:
            yield Aside(self.key, "empty", "the file has no bytes")
            return
        try:
            with tarfile.open(fileobj=_Headers(self, self._shelf, self._listed), mode="r:") as archive:
                before = -1
                while (found := archive.next()) is not None:
                    archive.members.clear()  # type: ignore[attr-defined]
                    end = found.offset_data + found.size
                    if found.size < 0 or found.offset <= before or archive.offset <= found.offset:
                        raise tarfile.ReadError("a member claims a size that cannot be")
                    before = found.offset
                    if end > self.size:
                        yield Aside(self._named(found.name), "damaged", "the shard ends within it")
                        return
                    yield from self._tell(found)
                end = archive.offset
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
            yield Aside(self.key, "damaged", f"it cannot be read to its end as a tar: {error}")
            return
        if self.bytes_at(end, _BLOCK) != bytes(_BLOCK):
            why = "it has no end, as if it were cut short" if end >= self.size else f"from byte {end} on it is no tar"
            yield Aside(self.key, "damaged", why)

    def _named(self, name: str) -> str:
        return f"{self.key}/{name.removeprefix('./')}"

    def _tell(self, found: tarfile.TarInfo) -> Iterator[Member | Aside]:
        name = found.name.removeprefix("./")
        if found.isdir():
            return
        if not name or "\0" in name or {"", ".", ".."} & {*name.split("/")}:
            yield Aside(self._named(found.name.replace("\0", "\\0")), "unfit path", "it leads out of its shard")
        elif found.issym() or found.islnk():
            yield Aside(self._named(name), "link", "a link in a shard is not followed")
        elif not found.isreg() or found.issparse():
            yield Aside(self._named(name), "not a file", "no regular file with all its bytes")
        elif _is_hidden(name):
            yield Aside(self._named(name), HIDDEN, "")
        else:
            yield Member(name, found.offset_data, found.size)

    def demand_header(self, start: int, size: int, header: bytes) -> None:
        """Check that a member of that size still begins there.

        Raises:
            ValueError: the shard was written since it was indexed.
        """
        try:
            found = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ValueError(str(error)) from None
        if found.size != size and size < 8**11:
            raise ValueError("another size")


class _Headers(ShelfFile):
    """A tar as `tarfile` reads its headers; it asks for nothing else, and gets nothing larger."""

    def __init__(self, tar: Tar, shelf: Shelf, listed: Listed) -> None:
        super().__init__(shelf, listed)
        self._tar = tar

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError("a header that is larger than any")
        found = self._tar.bytes_at(self._place, size) if self._place < self._tar.size else b""
        self._place += len(found)
        return found


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
