"""Parquet files that hold the images themselves, as Hugging Face's `datasets` writes them."""

from __future__ import annotations

import bisect
import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow.errors import ImageError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample, cache
from augflow.source.features import Columns, choose, endings, image_bytes, tell
from augflow.source.layout import split_named
from augflow.source.listed import Listed, Rules, class_names
from augflow.source.rows import Torn
from augflow.source.shelf import Disk, ShelfFile, find_files, open_shelf
from augflow.store import Listed as File

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ENDINGS = (".parquet", ".pq")
_LEAST_OF_A_ROW = 16
_MOST_UNFOLDED = 100
_ANYWAY = 1 << 26
_LARGEST_GROUP = 1 << 30
_HELD = 1 << 28
"""Bytes of row groups that a process keeps."""
_ROWS, _FEW = 8192, 64


class _Opened(NamedTuple):
    """A file with its columns; `ends` counts the rows to the end of each row group."""

    file: pq.ParquetFile
    columns: Columns
    listed: File
    ends: list[int]


class ParquetSource:
    """Images in a column of Parquet files: a struct of `bytes` and `path`, or bytes alone. A key is a file and a row.

    Row groups are read whole and kept: in memory, or where the files outgrow that, in the user's cache. Files called
    `train-…`, `test-…`, or in folders called so, are of that split, if all are.

    Args:
        root: a folder, a file, a pattern or a list in braces, on this disk or in a store; read only.
        image_column, label_column: found where one column is plainly meant: by `datasets`' own account, or its name.
        split_column, group_column, weight_column: columns that need not be there, unless they are called otherwise.
        classes: names of the classes that numbers count, where the file does not tell: a list, or a text file with a
            name on each line.
        split, others, max_pixels, decode_timeout: as of `FolderSource`.
        group_by: a regular expression with one group over the key.

    Raises:
        SourceError: there is no such file or column.
    """

    def __init__(
        self,
        root: str,
        image_column: str | None = None,
        label_column: str | None = None,
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
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._shelf, self._asked = open_shelf(root, _ENDINGS)
        if isinstance(self._shelf, Disk):
            self.root = self._shelf.root
        self._rules = Rules(split, others, group_by)
        self.splits = self._rules.splits
        self._names = {"image": image_column, "label": label_column, "split": split_column, "group": group_column}
        self._names["weight"] = weight_column
        self._classes = class_names(classes)
        self._open: dict[str, _Opened] = {}
        self._groups: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._reading = threading.Lock()

    @cached_property
    def _files(self) -> dict[str, File]:
        return {file.key: file for file in find_files(self._shelf, self._asked)}

    @cached_property
    def _split_of(self) -> dict[str, str]:
        """The split of each file, where all tell one by their names."""
        found = {key: split_named(key) for key in self._files}
        return found if all(found.values()) else {}

    def labels(self) -> list[str]:
        found: dict[str, set[str]] = {}
        for key in self._files:
            known = self._opened(key)
            if isinstance(known, Aside):
                continue
            # A class that the file names is one, whether or not it has images.
            split = self._split_of.get(key, "")
            if known.columns.classes and not known.columns.split:
                found.setdefault(split, set()).update(self._rules.fit(known.columns.classes))
                continue
            for item in self._rows(key, named=False):
                if not isinstance(item, Aside) and not self._rules.fault(item[1]):
                    found.setdefault(item[1].split, set()).add(item[1].label)
        return self._rules.labels(found, self._shelf.url, "files called train-… and test-…, or a column 'split',")

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        soft: set[str] = set()
        for key in self._files:
            left_out = self._rules.leaves_out(self._split_of.get(key, ""))
            known = self._opened(key)
            if isinstance(known, Aside):
                if not left_out:
                    yield known
                continue
            soft.update(known.columns.soft)
            for item in self._rows(key):
                if isinstance(item, Aside):
                    if not left_out:
                        yield item
                elif told := self._rules.tell(*item):
                    yield told
        yield from (Noted(name, "soft column") for name in sorted(soft))
        if self._outgrows:
            yield Noted(str(cache.folder()), "cached")

    def read(self, key: str) -> bytes:
        file, row = self._place(key)
        try:
            with self._reading:
                value = self._row(file, row)
        except (OSError, ValueError, LookupError) as error:  # pyarrow's own are among them.
            raise ImageError("unreadable", str(error).partition("\n")[0]) from error
        except MemoryError as error:
            raise ImageError("too little memory", "reading it takes more than there is") from error
        return image_bytes(value, self.max_pixels)

    def _place(self, key: str) -> tuple[str, int]:
        file, _, name = key.rpartition("/")
        number = name.partition(".")[0]
        if file not in self._files or not (number.isascii() and number.isdecimal()):
            raise ImageError("unreadable", "there is no such row in the files")
        return file, int(number)

    def _row(self, file: str, row: int) -> Any:
        known = self._opened(file)
        if isinstance(known, Aside):
            raise ValueError(known.detail)
        group = bisect.bisect_right(known.ends, row)
        if group == len(known.ends):
            raise LookupError("there is no such row")
        return self._group(known, group)[row - (known.ends[group - 1] if group else 0)].as_py()

    def _group(self, known: _Opened, group: int) -> Any:
        """The images of a row group, kept for the next: in memory, or where the files outgrow it in the cache."""
        place = known.listed.key, group
        if place in self._groups:
            self._groups.move_to_end(place)
            return self._groups[place]
        if known.file.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
            raise ValueError("its row group is too large: write the file with smaller ones")
        about = ["rows", self._shelf.url, *known.listed, known.columns.image, group]
        kept = cache.recall(about) if self._outgrows and known.listed.stamp else None
        if kept is None:
            kept = self._fetched(known, group)
            if self._outgrows and known.listed.stamp:
                cache.keep(about, kept)
                mapped = cache.recall(about)
                kept = kept if mapped is None else mapped
        column = kept.column(0).combine_chunks() if kept.column(0).num_chunks != 1 else kept.column(0).chunk(0)
        self._groups[place] = column
        while len(self._groups) > 1 and not self._outgrows and sum(one.nbytes for one in self._groups.values()) > _HELD:
            self._groups.popitem(last=False)
        return column

    def _fetched(self, known: _Opened, group: int) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = known.file.read_row_group(group, columns=[known.columns.image]).column(0)
        found.validate(full=True)
        column = pc.struct_field(found, "bytes") if pa.types.is_struct(found.type) else found
        return pa.table({"bytes": column.combine_chunks()})

    @cached_property
    def _outgrows(self) -> bool:
        """Whether the files are larger than what a process keeps of them in memory."""
        return sum(file.size for file in self._files.values()) > _HELD

    def _opened(self, key: str) -> _Opened | Aside:
        """A file with its columns; or why it is of no use."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if key not in self._open:
            listed = self._files[key]
            if not listed.size:
                return Aside(key, "empty", "the file has no bytes")
            try:
                opened = pq.ParquetFile(pa.PythonFile(ShelfFile(self._shelf, listed), "r"))
            except (OSError, ValueError, pa.ArrowException) as error:
                return Aside(key, "damaged", f"it cannot be read as Parquet: {str(error).partition(chr(10))[0]}")
            unfolded = sum(opened.metadata.row_group(group).total_byte_size for group in range(opened.num_row_groups))
            most = max(_MOST_UNFOLDED * listed.size, _ANYWAY)
            if opened.metadata.num_rows * _LEAST_OF_A_ROW > listed.size or unfolded > most:
                return Aside(key, "damaged", "it claims more rows or bytes than it can hold")
            columns = choose(opened.schema_arrow, self._names, self._classes, f"{self._shelf.url}/{key}")
            rows = (opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups))
            self._open[key] = _Opened(opened, columns, listed, list(itertools.accumulate(rows)))
        return self._open[key]

    def _rows(self, key: str, named: bool = True) -> Iterator[tuple[str, Listed] | Aside]:
        """Every row as its key and what it says; with `named` off, without the ending of its image."""
        import pyarrow as pa

        known = self._opened(key)
        assert not isinstance(known, Aside)
        opened, columns = known.file, known.columns
        split, number = self._split_of.get(key, ""), 0
        try:
            for group in range(opened.num_row_groups):
                found = iter(self._endings(opened, group, columns.image) if named else ())
                for batch in opened.iter_batches(_ROWS, [group], columns.said):
                    batch.validate(full=True)
                    for listed in tell(batch, columns):
                        name = f"{key}/{number:06}{next(found, '')}"
                        number += 1
                        if isinstance(listed, Torn):
                            yield Aside(name, "damaged row", listed.why)
                        else:
                            yield name, listed._replace(split=split) if split else listed
        except (OSError, ValueError, pa.ArrowException) as error:
            yield Aside(key, "damaged", f"from row {number} on it cannot be read: {str(error).partition(chr(10))[0]}")

    def _endings(self, opened: pq.ParquetFile, group: int, image: str) -> Iterator[str]:
        """The endings of a row group's images, by their names where all have one; else their bytes must be read."""
        import pyarrow as pa

        kind = opened.schema_arrow.field(image).type
        if pa.types.is_struct(kind) and "path" in {part.name for part in kind}:
            found: list[str] = []
            for batch in opened.iter_batches(_ROWS, [group], [f"{image}.path"]):
                found += endings(batch.column(0))
            if all(found):
                yield from found
                return
        for batch in opened.iter_batches(_FEW, [group], [image]):
            yield from endings(batch.column(0))
