"""A folder of class folders in an object store: what `FolderSource` is to a disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from augflow.errors import ImageError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample
from augflow.source.files import grouping, most_bytes, unfit
from augflow.source.layout import lay_out, noted, sample_at
from augflow.store import Store


class StoredFolderSource:
    """`root/<class>/**/<image>` or `root/<split>/<class>/**/<image>` below a URL; otherwise as `FolderSource`.

    A scan lists the store once, some objects at a time. An object is read whole in one request, and never seen half
    written.

    Args:
        root: `s3://bucket/folder`, or another URL that `augflow.store` knows; read only.
        max_pixels, decode_timeout, split, others, group_by: as of `FolderSource`.

    Raises:
        SourceError: there is no such place, it holds no folder, or not the splits that are asked for.
        SurroundingsError: the store is not to be reached.
    """

    def __init__(
        self,
        root: str,
        max_pixels: int = MOST_PIXELS,
        decode_timeout: float = DECODE_TIMEOUT,
        split: str | None = None,
        others: str = "omit",
        group_by: str | None = None,
    ) -> None:
        self.store = Store(root)
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._group = None if group_by is None else grouping(group_by)
        self._layout = lay_out(self.store.url, self._folders, split, others)
        self.splits = self._layout.splits

    def _folders(self, below: str) -> list[str]:
        return [name for name in self.store.folders(below) if not noted(name)]

    def labels(self) -> list[str]:
        return [label for label in self._layout.labels if not unfit(label)]

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        before: list[str] = []
        for page in self.store.pages():
            for key, *_ in page:
                parts = key.split("/")
                split = parts[0] if self.splits and len(parts) > 1 else None
                left_out = split in self._layout.classes and self._layout.leaves_out(split)
                for item in self._tell(key, parts, split, before):
                    if not left_out or isinstance(item, Sample):
                        yield item
                before = parts

    def _tell(
        self, key: str, parts: list[str], split: str | None, before: list[str]
    ) -> Iterator[Sample | Aside | Noted]:
        """What an object is, and what the folders are that it is the first of.

        Args:
            before: the parts of the key before: all objects of a folder come together.
        """
        within = 1 if self.splits is None else 2
        for end, part in enumerate(parts, start=1):
            folder = end < len(parts)
            first = not folder or parts[:end] != before[:end]
            if part and (what := noted(part)):
                if first:
                    yield Noted("/".join(parts[:end]), what)
                return
            if folder and end > within and first:
                yield Noted("/".join(parts[:end]), "nested folder")
        if "" in parts or "?versionId=" in key:
            yield Aside(key, "unfit path", "augflow reads no object that is called so")
            return
        label = parts[within - 1] if len(parts) > within else ""
        if label not in self._layout.classes.get(split, ()):
            yield Aside(key, "outside a class", "it lies beside the class folders")
        elif why := unfit(label):
            yield Aside(key, "unfit label", f"{label!r} {why}, and it names a folder")
        else:
            yield sample_at(key, label, split, self._group)

    def read(self, key: str) -> bytes:
        return read_object(self.store, key, self.max_pixels)


def read_object(store: Store, key: str, max_pixels: int) -> bytes:
    """Read an object that may hold an image of so many pixels.

    Raises:
        ImageError: `too large`, `unreadable` or `too little memory`.
    """
    if {"", ".", ".."} & {*key.split("/")}:
        raise ImageError("unreadable", "its key leads out of the source")
    most = most_bytes(max_pixels)
    try:
        data = store.read(key, 0, most + 1)
        if len(data) > most:
            raise ImageError("too large", f"{store.size(key)} bytes")
        return data
    except FileNotFoundError as error:
        raise ImageError("unreadable", os.strerror(errno.ENOENT)) from error
    except OSError as error:
        raise ImageError("unreadable", error.strerror or str(error)) from error
    except MemoryError as error:
        raise ImageError("too little memory", "reading it takes more than there is") from error
