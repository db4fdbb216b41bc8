"""A folder with a folder of images for each class."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from augflow.errors import ImageError, SourceError
from augflow.source import Aside, Sample

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif .mpo".split())
_DEBRIS = frozenset({"Thumbs.db", "desktop.ini", "ehthumbs.db"})


class FolderSource:
    """`root/<class>/**/<image>`; files in folders below a class belong to it. Hidden files are passed over.

    Args:
        root: the folder; read only.
        max_pixels: larger images are set aside before they are decoded.

    Raises:
        SourceError: `root` is no folder, or holds no folder.
    """

    def __init__(self, root: str, max_pixels: int = 100_000_000) -> None:
        self.root = Path(root)
        self.max_pixels = max_pixels
        if not self.root.is_dir():
            raise SourceError(f"source.root: there is no folder {self.root.absolute()}.")
        self._labels = sorted(
            entry.name for entry in os.scandir(self.root) if not entry.name.startswith(".") and _is_folder(entry)
        )
        if not self._labels:
            raise SourceError(
                f"source.root: {self.root.absolute()} holds no folders. Each class is a folder of images below it."
            )

    def labels(self) -> list[str]:
        return list(self._labels)

    def scan(self) -> Iterator[Sample | Aside]:
        for entry in os.scandir(self.root):
            if not entry.name.startswith(".") and entry.name not in _DEBRIS and not _is_folder(entry):
                yield Aside(entry.name, "outside a class", "it lies beside the class folders")
        root = os.stat(self.root)
        for label in self._labels:
            yield from self._scan(label, label, ((root.st_dev, root.st_ino),))

    def _scan(self, label: str, folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[Sample | Aside]:
        try:
            seen = os.stat(self.root / folder)
            entries = list(os.scandir(self.root / folder))
        except OSError as error:
            yield Aside(folder, "unreadable", error.strerror or str(error))
            return
        if (seen.st_dev, seen.st_ino) in above:
            yield Aside(folder, "loop", "a link leads back to a folder above it")
            return
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _DEBRIS:
                continue
            key = f"{folder}/{entry.name}"
            if _is_folder(entry):
                yield from self._scan(label, key, (*above, (seen.st_dev, seen.st_ino)))
            elif entry.is_symlink() and not os.path.exists(entry.path):
                yield Aside(key, "unreadable", "a link that leads nowhere")
            elif not entry.is_file():
                yield Aside(key, "not a file", "neither a regular file nor a folder")
            elif os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
                yield Aside(key, "not an image", "its ending is none of an image's")
            else:
                yield Sample(label, key)

    def read(self, key: str) -> bytes:
        try:
            with open(self.root / key, "rb", opener=_open_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ImageError("not a file", "neither a regular file nor a folder")
                if status.st_size > self.max_pixels * 8 + 1_000_000:
                    raise ImageError("too large", f"{status.st_size} bytes")
                return file.read()
        except OSError as error:
            raise ImageError("unreadable", error.strerror or str(error)) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads to itself.
        return False


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
