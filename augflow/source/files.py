"""What sources on disk share: reading a file safely, samples in groups, splits as they are asked for."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from augflow.errors import ImageError, SourceError, nearest
from augflow.source import Splits

OTHERS = ("omit", "pass")


def read_file(path: str | Path, max_pixels: int) -> bytes:
    """Read a regular file that may hold an image of so many pixels.

    Raises:
        ImageError: `not a file`, `too large`, `unreadable`, `too little memory`; or `changed`, where it was written to
            meanwhile.
    """
    try:
        descriptor = os.open(path, _READING)
        try:
            return _read(descriptor, max_pixels)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ImageError("unreadable", error.strerror or str(error)) from error
    except MemoryError as error:
        raise ImageError("too little memory", "reading it takes more than there is") from error


_READING = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)


def _read(descriptor: int, max_pixels: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a file", "neither a regular file nor a folder")
    if status.st_size > most_bytes(max_pixels):
        raise ImageError("too large", f"{status.st_size} bytes")
    data = os.read(descriptor, status.st_size)
    while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
        data += more
    after = os.fstat(descriptor)
    if (after.st_size, after.st_mtime_ns) != (len(data), status.st_mtime_ns):
        raise ImageError("changed", "it was written to while it was read")
    return data


def most_bytes(max_pixels: int) -> int:
    """How many bytes a file may take that holds an image of so many pixels."""
    return max_pixels * 8 + 1_000_000


def read_splits(chosen: Any, others: Any) -> Splits:
    """The settings `split` and `others`, checked.

    Raises:
        SourceError: `others` is neither omit nor pass.
    """
    if others not in OTHERS:
        raise SourceError(f"source.others: '{others}' is neither omit nor pass.{nearest(str(others), OTHERS)}")
    return Splits(str(chosen), others)


def grouping(group_by: str) -> Callable[[str], str | None]:
    """Compile `group_by`, a regular expression with one group over the key; None is said of a key that has none.

    Raises:
        SourceError: it is no such expression.
    """
    try:
        pattern = re.compile(group_by)
    except (re.error, TypeError) as error:
        raise SourceError(f"source.group_by: {group_by!r} is no regular expression: {error}.") from None
    if pattern.groups != 1:
        raise SourceError(
            f"source.group_by: {group_by!r} has {pattern.groups} groups in brackets, not one. It is a regular "
            r"expression over a sample's key, such as '/(patient\d+)_', whose one group names the sample's group."
        )

    def group(key: str) -> str | None:
        found = pattern.search(key)
        return found[1] or None if found else None

    return group


def is_text(name: str) -> bool:
    """Whether a name can be written: as UTF-8, but for bytes that a file's name had otherwise."""
    try:
        return name.isascii() or bool(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


def unfit(name: str) -> str:
    """Why no folder can have this name; empty where one can."""
    if not is_text(name) or "\0" in name:
        return "holds a character that no name can hold"
    if "/" in name:
        return "holds a slash"
    if name.startswith("."):
        return "begins with a dot"
    if len(name.encode("utf-8", "surrogateescape")) > 255:
        return "is longer than 255 bytes"
    return ""
