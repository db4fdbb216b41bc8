"""A folder of images with `metadata.csv` or `metadata.jsonl`, as Hugging Face's `imagefolder` reads it."""

from __future__ import annotations

import itertools
import json
import os
import stat
from array import array
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augflow.errors import ImageError, SourceError, nearest
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample, name_some
from augflow.source.files import is_text, read_file
from augflow.source.layout import SPLITS, SUFFIXES, noted
from augflow.source.listed import Listed, Rules, class_names, named
from augflow.source.rows import Torn, columns, rows
from augflow.store import is_url

_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


class _Table(NamedTuple):
    """A metadata file: its path, the folder it lies in below the root, and what its columns are called."""

    file: Path
    folder: str
    columns: dict[str, str]

    def row(self, number: int) -> str:
        return f"{self.folder}{self.file.name}:{number}"


class ImageFolderSource:
    """Images that metadata files list by `file_name`, seen from the folder that the file lies in, with their labels.

    Where images lie in folders called train, val, valid, validation, dev or test at the root, these are splits.

    Args:
        root: the folder; metadata files may lie in any folder below. Read only.
        label_column: the column of the class.
        split_column, group_column, weight_column: columns that need not be there, unless they are called otherwise.
        classes: names of the classes that numbers count: a list, or a text file with a name on each line.
        split, others, max_pixels, decode_timeout: as of `FolderSource`.
        group_by: a regular expression with one group over the key.

    Raises:
        SourceError: there is no such folder, metadata file or column.
    """

    def __init__(
        self,
        root: str,
        label_column: str = "label",
        split_column: str = "split",
        group_column: str = "group",
        weight_column: str | None = "weight",
        classes: list[str] | str | None = None,
        split: str | None = None,
        others: str = "omit",
        group_by: str | None = None,
        max_pixels: int = MOST_PIXELS,
        decode_timeout: float = DECODE_TIMEOUT,
    ) -> None:
        if is_url(root):
            raise SourceError("source.root: an imagefolder is read from this disk alone.")
        self.root = Path(root)
        if not self.root.is_dir():
            raise SourceError(f"source.root: there is no folder {self.root.absolute()}.")
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._rules = Rules(split, others, group_by)
        self.splits = self._rules.splits
        self._names = {"path": "file_name", "label": label_column, "split": split_column, "group": group_column}
        self._names["weight"] = weight_column or ""
        self._classes = class_names(classes)

    @cached_property
    def _tables(self) -> list[_Table]:
        found = []
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(name for name in names if not noted(name))
            here = [name for name in _FILES if name in files]
            if len(here) > 1:
                raise SourceError(f"source.root: {folder} has {' and '.join(here)}: which of them holds?")
            within = os.path.relpath(folder, self.root)
            found += [self._table(Path(folder, name), "" if within == "." else f"{within}/") for name in here]
        if not found:
            raise SourceError(f"source.root: {self.root.absolute()} holds none of {', '.join(_FILES)}.")
        return found

    def _table(self, file: Path, folder: str) -> _Table:
        there, names = columns(file), {}
        for what, name in self._names.items():
            if name and name not in there and (what in ("path", "label") or name != what):
                raise SourceError(
                    f"source.{what}_column: {file.absolute()} has no column '{name}'.{nearest(name, there)} "
                    f"It has {', '.join(map(repr, there))}."
                )
            names[what] = name if name in there else ""
        return _Table(file, folder, names)

    @cached_property
    def _survey(self) -> tuple[dict[str, set[str]], np.ndarray[tuple[int], np.dtype[np.int64]], frozenset[int]]:
        """Split → classes; hashes of all keys, in order; those that more than one row has."""
        labels: dict[str, set[str]] = {}
        hashes = array("q")
        for item in self._rows():
            if not isinstance(item, Aside):
                hashes.append(hash(item[0]))
                if not self._rules.fault(item[1]):
                    labels.setdefault(item[1].split, set()).add(item[1].label)
        every = np.sort(np.asarray(hashes, dtype=np.int64))
        return labels, every, frozenset(every[1:][every[1:] == every[:-1]].tolist())

    def labels(self) -> list[str]:
        example = "folders called train and test, or a column 'split',"
        return self._rules.labels(self._survey[0], str(self.root.absolute()), example)

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        twice = self._survey[2]
        again: dict[str, list[Listed]] = {}
        for item in self._rows():
            if isinstance(item, Aside):
                yield item
            elif twice and hash(item[0]) in twice:
                again.setdefault(item[0], []).append(item[1])
            else:
                yield from self._sample(*item)
        yield from self._settle(again)
        yield from self._unlisted()
        yield from (Noted(name, "soft column") for name in sorted({*self._soft()}))

    def _sample(self, key: str, listed: Listed) -> Iterator[Sample | Aside]:
        told = self._rules.tell(key, listed)
        if isinstance(told, Sample) and not self._rules.leaves_out(listed.split):
            try:
                if not stat.S_ISREG(os.stat(self.root / key).st_mode):
                    told = Aside(key, "not a file", "neither a regular file nor a folder")
            except FileNotFoundError:
                told = Aside(key, "missing", "there is no such file")
            except OSError as error:
                told = Aside(key, "unreadable", error.strerror or str(error))
        if told:
            yield told

    def _settle(self, again: dict[str, list[Listed]]) -> Iterator[Sample | Aside]:
        """Say what becomes of the images that are listed more than once."""
        straddling = {key: sorted({one.split for one in listed}) for key, listed in again.items()}
        straddling = {key: splits for key, splits in straddling.items() if len(splits) > 1}
        if straddling:
            raise SourceError(f"source.root: the same image stands in several splits: {name_some(straddling)}.")
        for key, listed in again.items():
            if len({*listed}) > 1:
                yield Aside(key, "two labels", "it is listed twice, with another label, group or weight")
            else:
                yield from self._sample(key, listed[0])
                if not self._rules.leaves_out(listed[0].split):
                    yield Aside(key, "duplicate row", f"it is listed {len(listed)} times, and counted once")

    def _unlisted(self) -> Iterator[Aside]:
        """Images that no metadata file lists."""
        every = self._survey[1]
        for folder, names, files in os.walk(self.root):
            names[:] = [name for name in names if not noted(name)]
            for name in files:
                if noted(name) or os.path.splitext(name)[1].lower() not in SUFFIXES:
                    continue
                key = os.path.relpath(os.path.join(folder, name), self.root)
                place = int(np.searchsorted(every, hash(key)))
                if (place == len(every) or every[place] != hash(key)) and not self._rules.leaves_out(_split(key)):
                    yield Aside(key, "no metadata", "no metadata file lists it")

    def _rows(self) -> Iterator[tuple[str, Listed] | Aside]:
        """Every row as key and what it says, or why it is of no use."""
        for table in self._tables:
            wanted = [name for name in table.columns.values() if name]
            for number, values in rows(table.file, wanted):
                if isinstance(values, Torn):
                    yield Aside(table.row(number), "damaged row", values.why)
                    continue
                said = dict(zip(wanted, values, strict=True))
                path, label, *rest = (said.get(name, "") for name in table.columns.values())
                if not path:
                    yield Aside(table.row(number), "no path", "its column 'file_name' is empty")
                    continue
                if "\0" in path or not is_text(path):
                    yield Aside(table.row(number), "unfit path", "no file can be called so")
                    continue
                key = os.path.normpath(f"{table.folder}{path}")
                if os.path.isabs(path) or key.startswith("..") or key == ".":
                    yield Aside(f"{table.folder}{path}", "outside the root", "it leads out of the folder")
                    continue
                listed = Listed(named(label, self._classes), *rest)
                yield key, listed if listed.split else listed._replace(split=_split(key))

    def _soft(self) -> Iterator[str]:
        """Columns of JSON lines that hold lists of numbers."""
        for table in self._tables:
            if table.file.suffix == ".jsonl":
                with open(table.file, encoding="utf-8", errors="replace") as lines:
                    for line in itertools.islice(lines, 1):
                        try:
                            found = json.loads(line)
                        except (ValueError, RecursionError):
                            continue
                        pairs = found.items() if isinstance(found, dict) else ()
                        yield from (name for name, value in pairs if isinstance(value, list))

    def read(self, key: str) -> bytes:
        if os.path.isabs(key) or ".." in key.split("/"):
            raise ImageError("unreadable", "its key leads out of the source")
        return read_file(f"{self.root}/{key}", self.max_pixels)


def _split(key: str) -> str:
    """The split whose folder at the root an image lies in."""
    top, slash, _ = key.partition("/")
    return top if slash and top.lower() in SPLITS else ""
