"""A folder with a folder of images for each class, or with such a folder for each split."""

from __future__ import annotations

import errno
import heapq
import os
from collections.abc import Iterator
from pathlib import Path

from augflow.errors import SourceError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample
from augflow.source.files import grouping, read_file
from augflow.source.layout import lay_out, noted, sample_at

_Place = tuple[int, int]


class FolderSource:
    """`root/<class>/**/<image>`; files in folders below a class belong to it. Hidden files are passed over.

    Where every folder at the root is called train, val, valid, validation, dev or test, and holds folders, these are
    splits and the classes lie in them: `root/<split>/<class>/**/<image>`.

    Args:
        root: the folder; read only.
        max_pixels: larger images are set aside before they are decoded.
        decode_timeout: an image that takes more seconds of processor time to decode is set aside.
        split: the split to augment; train unless said.
        others: what becomes of the other splits: `omit` leaves them out, `pass` puts them into the sink as they are.
        group_by: a regular expression with one group over the key. Samples of one group may not lie in two splits.

    Raises:
        SourceError: `root` is no folder, holds no folder, or not the splits that are asked for.
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
        self.root = Path(root)
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._group = None if group_by is None else grouping(group_by)
        if not self.root.is_dir():
            raise SourceError(f"source.root: there is no folder {self.root.absolute()}.")
        self._layout = lay_out(self.root.absolute(), self._folders, split, others)
        self.splits = self._layout.splits

    def _folders(self, below: str) -> list[str]:
        try:
            entries = list(os.scandir(self.root / below))
        except OSError as error:
            raise SourceError(f"source.root: {error.strerror}: {(self.root / below).absolute()}.") from None
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry))

    def labels(self) -> list[str]:
        return self._layout.labels

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        yield from self._beside("")
        for split, labels in self._layout.classes.items():
            left_out = self._layout.leaves_out(split)
            top = "" if split is None else f"{split}/"
            if top and not left_out:
                yield from self._beside(top)
            for label in labels:
                for item in self._scan(label, f"{top}{label}", split):
                    if not left_out or isinstance(item, Sample):
                        yield item

    def _beside(self, top: str) -> Iterator[Aside | Noted]:
        for entry in os.scandir(self.root / top):
            key = f"{top}{entry.name}"
            if what := noted(entry.name):
                yield Noted(key, what)
            elif not _is_folder(entry):
                yield _fault(entry, key) or Aside(key, "outside a class", "it lies beside the class folders")

    def _scan(self, label: str, folder: str, split: str | None) -> Iterator[Sample | Aside | Noted]:
        for item in self._walk(folder):
            if isinstance(item, Aside | Noted):
                yield item
                continue
            key, entry = item
            if fault := _fault(entry, key):
                yield fault
            else:
                yield sample_at(key, label, split, self._group)

    def _walk(self, top: str) -> Iterator[tuple[str, os.DirEntry[str]] | Aside | Noted]:
        """Every file below a class folder. Links to folders come last, by name, so that the disk's order has no say."""
        root = os.stat(self.root)
        seen: set[_Place] = set()
        pending: list[tuple[str, tuple[_Place, ...]]] = [(top, ((root.st_dev, root.st_ino),))]
        links: list[tuple[str, tuple[_Place, ...]]] = []
        while pending or links:
            folder, above = pending.pop() if pending else heapq.heappop(links)
            try:
                status = os.stat(self.root / folder)
                entries = list(os.scandir(self.root / folder))
            except OSError as error:
                yield Aside(folder, "unreadable", error.strerror or str(error))
                continue
            here = (status.st_dev, status.st_ino)
            if here in above:
                yield Aside(folder, "loop", "a link leads back to a folder above it")
                continue
            if here in seen:
                yield Aside(folder, "linked twice", "the class holds this folder already")
                continue
            seen.add(here)
            for entry in entries:
                key = f"{folder}/{entry.name}"
                if what := noted(entry.name):
                    yield Noted(key, what)
                elif not _is_folder(entry):
                    yield key, entry
                elif entry.is_symlink():
                    heapq.heappush(links, (key, (*above, here)))
                else:
                    yield Noted(key, "nested folder")
                    pending.append((key, (*above, here)))

    def read(self, key: str) -> bytes:
        return read_file(f"{self.root}/{key}", self.max_pixels)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads to itself.
        return False


def _fault(entry: os.DirEntry[str], key: str) -> Aside | None:
    """Why what is no folder cannot be read either."""
    try:
        if entry.is_file():
            return None
        if entry.is_symlink():
            os.stat(entry.path)
    except FileNotFoundError:
        return Aside(key, "dangling link", "it leads to nothing")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Aside(key, "loop", "a link leads to itself")
        return Aside(key, "unreadable", error.strerror or str(error))
    return Aside(key, "not a file", "neither a regular file nor a folder")
