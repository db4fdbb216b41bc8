"""Parquet files that hold the images themselves, as Hugging Face's `datasets` writes them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from augflow.errors import ImageError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample
from augflow.source.features import Columns, choose, endings, image_bytes, tell
from augflow.source.layout import split_named
from augflow.source.listed import Listed, Rules, class_names
from augflow.source.rows import Torn
from augflow.source.shelf import Disk, ShelfFile, find_files, open_shelf
from augflow.store import Listed as File

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ENDINGS = (".parquet", ".pq")
_LEAST_OF_A_ROW = 16
_MOST_UNFOLDED = 100
_ANYWAY = 1 << 26
_LARGEST_GROUP = 1 << 30
_HELD = 1 << 28
"""Bytes of row groups that a process keeps."""
_ROWS, _FEW = 8192, 64


class ParquetSource:
    """Images in a column of Parquet files: a struct of `bytes` and `path`, or bytes alone. A key is a file and a row.

    Row groups are read whole and some of them kept; where images are asked for in no order, small ones serve best
    (`datasets` writes a hundred rows each). Files called `train-…`, `test-…`, or in folders called so, are of that
    split, if all are.

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
        self._open: dict[str, tuple[pq.ParquetFile, Columns]] = {}
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
            if known[1].classes and not known[1].split:
                found.setdefault(split, set()).update(self._rules.fit(known[1].classes))
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
            soft.update(known[1].soft)
            for item in self._rows(key):
                if isinstance(item, Aside):
                    if not left_out:
                        yield item
                elif told := self._rules.tell(*item):
                    yield told
        yield from (Noted(name, "soft column") for name in sorted(soft))

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
        opened, columns = known
        for group in range(opened.num_row_groups):
            held = opened.metadata.row_group(group).num_rows
            if row < held:
                return self._group(file, group, opened, columns)[row].as_py()
            row -= held
        raise LookupError("there is no such row")

    def _group(self, file: str, group: int, opened: pq.ParquetFile, columns: Columns) -> Any:
        """The images of a row group, kept for the next."""
        if (file, group) not in self._groups:
            if opened.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
                raise ValueError("its row group is too large: write the file with smaller ones")
            column = opened.read_row_group(group, columns=[columns.image]).column(columns.image)
            column.validate(full=True)
            self._groups[file, group] = column
            while len(self._groups) > 1 and sum(one.nbytes for one in self._groups.values()) > _HELD:
                self._groups.popitem(last=False)
        self._groups.move_to_end((file, group))
        return self._groups[file, group]

    def _opened(self, key: str) -> tuple[pq.ParquetFile, Columns] | Aside:
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
            self._open[key] = opened, columns
        return self._open[key]

    def _rows(self, key: str, named: bool = True) -> Iterator[tuple[str, Listed] | Aside]:
        """Every row as its key and what it says; with `named` off, without the ending of its image."""
        import pyarrow as pa

        known = self._opened(key)
        assert not isinstance(known, Aside)
        opened, columns = known
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
