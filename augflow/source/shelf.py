"""Where files of many images lie, in a folder of this disk or in a store: found by name or pattern, read in parts."""

from __future__ import annotations

import fnmatch
import io
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from augflow.errors import SourceError
from augflow.store import Listed, Store, is_url

_MOST = 1_000_000
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_PATTERN = re.compile(r"[*?[]")


class Shelf(Protocol):
    """A folder, here or in a store; `url` is what messages call it."""

    url: str

    def pages(self, below: str = "") -> Iterator[list[Listed]]: ...

    def find(self, key: str) -> Listed | None: ...

    def read(self, key: str, start: int = 0, most: int | None = None) -> bytes: ...


class Disk:
    """A folder of this disk. Links to folders are not followed."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.url = str(self.root.absolute())

    def pages(self, below: str = "") -> Iterator[list[Listed]]:
        for folder, names, files in os.walk(self.root / below):
            names.sort()
            within = Path(folder).relative_to(self.root).as_posix()
            keys = (name if within == "." else f"{within}/{name}" for name in sorted(files))
            yield [found for key in keys if (found := self.find(key))]

    def find(self, key: str) -> Listed | None:
        path = self.root / key
        if not path.is_file():
            return None
        status = path.stat()
        return Listed(key, status.st_size, str(status.st_mtime_ns))

    def read(self, key: str, start: int = 0, most: int | None = None) -> bytes:
        with open(self.root / key, "rb") as file:
            file.seek(start)
            return file.read(-1 if most is None else most)


class ShelfFile(io.RawIOBase):
    """A file on a shelf, as libraries read it that seek."""

    def __init__(self, shelf: Shelf, listed: Listed) -> None:
        self._shelf, self._listed = shelf, listed
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset if whence == 0 else offset + (self._place if whence == 1 else self._listed.size)
        return self._place

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._listed.size - self._place)
        size = rest if size < 0 else min(size, rest)
        found = self._shelf.read(self._listed.key, self._place, size) if size else b""
        self._place += len(found)
        return found


def open_shelf(root: str, endings: tuple[str, ...]) -> tuple[Shelf, list[str]]:
    """Open what `root` names: a folder, a file, a pattern (`train-*.tar`) or a list in braces (`train-{000..099}.tar`).

    Args:
        endings: of the files that are meant where it is a folder, such as `.tar`.

    Returns:
        The folder, and the names or patterns below it that are asked for.

    Raises:
        SourceError: the braces make no sense, or the store cannot be.
    """
    names = list(itertools.islice(expand_braces(root), _MOST + 1))
    if len(names) > _MOST:
        raise SourceError(f"source.root: {root} names more than {_MOST:,} files.")
    if len(names) == 1 and not _PATTERN.search(root) and not root.lower().endswith(endings):
        base, asked = root.rstrip("/") or "/", [f"**{ending}" for ending in endings]
    else:
        fixed = [_PATTERN.split(name)[0].rpartition("/")[0] for name in names]
        base = _common([name.split("/") for name in fixed]) or ("/" if root.startswith("/") else "")
        asked = [name[len(base) :].lstrip("/") for name in names]
    if is_url(root):
        return Store(base), asked
    if not Path(base or ".").is_dir():
        raise SourceError(f"source.root: there is no folder {Path(base).absolute()}.")
    return Disk(base or "."), asked


def find_files(shelf: Shelf, asked: list[str]) -> list[Listed]:
    """Find the files that are asked for, in the order of their keys.

    Raises:
        SourceError: one that is named is not there, or there is none that fits.
    """
    patterns = [name for name in asked if _PATTERN.search(name)]
    found = {key: shelf.find(key) for key in asked if key not in patterns}
    missing = [key for key, listed in found.items() if listed is None]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SourceError(f"source.root: there is no file {missing[0]}{more} in {shelf.url}.")
    if patterns:
        fits = [(re.compile(fnmatch.translate(name), re.IGNORECASE).match, name) for name in patterns]
        for page in shelf.pages():
            found.update(
                (one.key, one)
                for one in page
                if not _is_hidden(one.key) and any(fit(one.key) and _as_deep(one.key, name) for fit, name in fits)
            )
    if not found:
        fitting = " or ".join(name.removeprefix("**") for name in asked)
        raise SourceError(f"source.root: there is no file {fitting} in {shelf.url}.")
    return sorted(one for one in found.values() if one)


def expand_braces(text: str) -> Iterator[str]:
    """`a-{0..2}` → `a-0`, `a-1`, `a-2`; `{a,b}` → `a`, `b`. A range keeps the leading zeros of its first number."""
    head, opened, rest = text.partition("{")
    inner, closed, tail = rest.partition("}")
    if not opened or not closed:
        yield text
        return
    if "{" in inner:
        raise SourceError(f"source.root: braces within braces are not taken: {text}.")
    span = _RANGE.fullmatch(inner)
    if span and int(span[2]) - int(span[1]) > _MOST:
        raise SourceError(f"source.root: {text} names more than {_MOST:,} files.")
    middles = inner.split(",")
    if span:
        middles = [str(number).zfill(len(span[1])) for number in range(int(span[1]), int(span[2]) + 1)]
    for middle in middles:
        for end in expand_braces(tail):
            yield f"{head}{middle}{end}"


def _common(paths: list[list[str]]) -> str:
    parts = [some[0] for some in itertools.takewhile(lambda some: len(set(some)) == 1, zip(*paths, strict=False))]
    return "/".join(parts)


def _as_deep(key: str, pattern: str) -> bool:
    return pattern.startswith("**") or key.count("/") == pattern.count("/")


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))
