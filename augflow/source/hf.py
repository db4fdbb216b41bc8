"""A data set as Hugging Face's `datasets` saves it on a disk (`save_to_disk`), read through that library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from augflow.errors import ImageError, SourceError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample
from augflow.source.features import Columns, choose, endings, image_bytes, tell
from augflow.source.listed import Listed, Rules, class_names
from augflow.source.rows import Torn
from augflow.store import is_url

_ROWS = 1024
_DICT, _STATE = "dataset_dict.json", "state.json"


class HuggingFaceSource:
    """The images of a `Dataset` or `DatasetDict`, memory-mapped. A key is a row, below its split where there are any.

    Args:
        root: the folder that `save_to_disk` wrote; read only.
        image_column, label_column: found where one column is plainly meant: by the features' types, or its name.
        split_column, group_column, weight_column: columns that need not be there, unless they are called otherwise.
        classes: names of the classes that numbers count, where the features do not tell.
        split, others, max_pixels, decode_timeout: as of `FolderSource`.
        group_by: a regular expression with one group over the key.

    Raises:
        SourceError: there is no such data set or column, or `datasets` is not installed.
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
        if is_url(root):
            raise SourceError("source.root: a data set that `save_to_disk` wrote is read from this disk alone.")
        self.root = Path(root)
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._rules = Rules(split, others, group_by)
        self.splits = self._rules.splits
        names = {"image": image_column, "label": label_column, "split": split_column, "group": group_column}
        self._parts = self._load()
        self._classes = class_names(classes)
        self._columns = {
            part: choose(table.schema, {**names, "weight": weight_column}, self._classes, str(self.root / part))
            for part, table in self._parts.items()
        }

    def _load(self) -> dict[str, Any]:
        """Split → its table; of a single data set, the split `""`."""
        where = self.root.absolute()
        if not self.root.is_dir():
            raise SourceError(f"source.root: there is no folder {where}.")
        parts = _demand_inside(self.root)
        try:
            import datasets
        except ImportError:
            raise SourceError("source: hf needs `datasets`: pip install 'augflow[datasets]'.") from None
        try:
            return {part: datasets.load_from_disk(str(self.root / part)).data.table for part in parts}
        except Exception as error:
            raise SourceError(f"source.root: `datasets` cannot load {where}: {error}") from None

    def labels(self) -> list[str]:
        found: dict[str, set[str]] = {}
        for part, columns in self._columns.items():
            if columns.classes and not columns.split:
                found.setdefault(part, set()).update(self._rules.fit(columns.classes))
                continue
            for item in self._rows(part):
                if not isinstance(item, Aside) and not self._rules.fault(item[1]):
                    found.setdefault(item[1].split, set()).add(item[1].label)
        return self._rules.labels(found, str(self.root.absolute()), "a DatasetDict, or a column 'split',")

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        for part in self._parts:
            for item in self._rows(part):
                if isinstance(item, Aside):
                    if not self._rules.leaves_out(part):
                        yield item
                elif told := self._rules.tell(*item):
                    yield told
        yield from (Noted(name, "soft column") for name in sorted({*self._soft}))

    @cached_property
    def _soft(self) -> list[str]:
        return [name for columns in self._columns.values() for name in columns.soft]

    def _rows(self, part: str) -> Iterator[tuple[str, Listed] | Aside]:
        columns: Columns = self._columns[part]
        number = 0
        for batch in self._parts[part].select([columns.image, *columns.said]).to_batches(_ROWS):
            try:
                batch.validate(full=True)
            except ValueError as error:  # pyarrow's own is one.
                last = number + len(batch) - 1
                key = f"{part}{part and '/'}{number:06}"
                yield Aside(key, "damaged", f"the rows to {last} cannot be read: {str(error).partition(chr(10))[0]}")
                number += len(batch)
                continue
            for ending, listed in zip(endings(batch.column(0)), tell(batch, columns), strict=True):
                key = f"{part}{part and '/'}{number:06}{ending}"
                number += 1
                if isinstance(listed, Torn):
                    yield Aside(key, "damaged row", listed.why)
                else:
                    yield key, listed._replace(split=part) if part else listed

    def read(self, key: str) -> bytes:
        part, _, name = key.rpartition("/")
        number = name.partition(".")[0]
        table = self._parts.get(part)
        if table is None or not (number.isascii() and number.isdecimal()) or int(number) >= len(table):
            raise ImageError("unreadable", "there is no such row in the data set")
        one = table.column(self._columns[part].image).slice(int(number), 1)
        try:
            one.validate(full=True)
            value = one[0].as_py()
        except ValueError as error:
            raise ImageError("damaged", str(error)) from error
        except MemoryError as error:
            raise ImageError("too little memory", "reading it takes more than there is") from error
        return image_bytes(value, self.max_pixels)


def _demand_inside(root: Path) -> list[str]:
    """The folders of a data set's splits; `""` where it has none.

    Raises:
        SourceError: it is no such data set, or it names files that lie outside of it.
    """
    names = [""]
    if (root / _DICT).is_file():
        names = _read(root / _DICT, "splits")
    files = [
        one.get("filename") for name in names if _is_name(name) for one in _read(root / name / _STATE, "_data_files")
    ]
    if not all(map(_is_name, (*names, *files))):
        raise SourceError(f"source.root: {root.absolute()} names files that lie outside of it.")
    return names


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and "/" not in name and "\0" not in name and not name.startswith(".")


def _read(file: Path, name: str) -> list[Any]:
    try:
        found = json.loads(file.read_bytes())[name]
        if isinstance(found, list) and all(isinstance(one, dict if name == "_data_files" else str) for one in found):
            return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise SourceError(
        f"source.root: {file.parent.absolute()} is no data set that `save_to_disk` of `datasets` wrote: there is no "
        f"{file.name} in it, or it makes no sense."
    )
