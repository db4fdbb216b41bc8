"""A table that lists images with their labels, and their splits, groups and weights where it has such columns."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augflow.errors import SourceError, nearest
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Sample, name_some
from augflow.source.files import grouping, is_text, read_file, read_splits, unfit
from augflow.source.listed import Listed, is_weight, why_no_weight
from augflow.source.rows import Torn, columns, rows
from augflow.store import is_url


class _Survey(NamedTuple):
    """What a first passage through the table finds."""

    labels: dict[str, set[str]]
    """Split → its classes."""
    twice: frozenset[int]
    """Hashes of the keys that more than one row has."""


class TableSource:
    """Images listed in a CSV, TSV, JSON lines or Parquet file: one row for each, with its path and its label.

    The table is read twice as a stream, and never held. A path listed twice counts once; one that is listed with two
    labels, groups or weights, is set aside. Where there is a split column, one split alone is augmented.

    Args:
        table: the file; its ending says what it is.
        root: the folder that paths are relative to; the table's own unless said.
        path_column, label_column: columns that must be there.
        split_column, group_column: columns that need not be there, unless they are called otherwise.
        weight_column: likewise; a sample of twice the weight is copied twice as often, one of weight 0 never, and where
            nothing is said the weight is 1. None for no weights.
        split: the split to augment; train unless said.
        others: what becomes of the other splits: `omit` leaves them out, `pass` puts them into the sink as they are.
        group_by: a column; or a regular expression with one group over the key. Samples of one group may not lie in
            two splits. A sample whose group column is empty is a group of its own.
        outside: whether paths may lead out of the root. Links below it are followed in any case.
        max_pixels: larger images are set aside before they are decoded.
        decode_timeout: an image that takes more seconds of processor time to decode is set aside.

    Raises:
        SourceError: there is no such table, root or column.
    """

    def __init__(
        self,
        table: str,
        root: str | None = None,
        path_column: str = "path",
        label_column: str = "label",
        split_column: str = "split",
        group_column: str = "group",
        weight_column: str | None = "weight",
        split: str | None = None,
        others: str = "omit",
        group_by: str | None = None,
        outside: bool = False,
        max_pixels: int = MOST_PIXELS,
        decode_timeout: float = DECODE_TIMEOUT,
    ) -> None:
        if is_url(table) or is_url(root):
            raise SourceError("source.table: a table and what it lists are read from this disk alone.")
        self.table = Path(table)
        if not self.table.is_file():
            raise SourceError(f"source.table: there is no file {self.table.absolute()}.")
        self._root = self.table.parent if root is None else Path(root)
        if not self._root.is_dir():
            raise SourceError(f"source.root: there is no folder {self._root.absolute()}.")
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        if not isinstance(outside, bool):
            raise SourceError(f"source.outside: {outside!r} is neither true nor false.")
        self.splits = read_splits("train" if split is None else split, others)
        self._asked_for_split = split is not None or others != "omit"
        self._names = {"path": path_column, "label": label_column, "split": split_column, "group": group_column}
        if weight_column is not None:
            self._names["weight"] = weight_column
        self._group_by = group_by
        self.outside = outside
        self._fit: set[tuple[str, str]] = set()
        self._prefix = os.path.join(self._root, "")
        self._tops = tuple({os.path.join(find(self._root), "") for find in (os.path.abspath, os.path.realpath)})

    def labels(self) -> list[str]:
        return sorted(self._survey.labels.get(self.splits.chosen if self._columns["split"] else "", ()))

    def read(self, key: str) -> bytes:
        return read_file(self._root / key, self.max_pixels)

    @cached_property
    def _columns(self) -> dict[str, str]:
        """What each of the columns is called; nothing where there is none."""
        there = columns(self.table)
        names = dict(self._names)
        if self._group_by in there:
            names["group"] = self._group_by
        for what, name in names.items():
            if name in there:
                continue
            if what in ("path", "label") or name != what or (what == "split" and self._asked_for_split):
                raise SourceError(
                    f"source.{what}_column: {self.table.absolute()} has no column '{name}'.{nearest(name, there)} "
                    f"It has {', '.join(repr(column) for column in there)}."
                )
            names[what] = ""
        return names

    @cached_property
    def _group(self) -> Callable[[str], str | None] | None:
        by = self._group_by
        if by is None or by == self._columns["group"]:
            return None
        if "(" not in by:
            there = columns(self.table)
            raise SourceError(
                f"source.group_by: {self.table.absolute()} has no column '{by}'.{nearest(by, there)} "
                "It names a column, or is a regular expression with one group over the key."
            )
        return grouping(by)

    @cached_property
    def _survey(self) -> _Survey:
        labels: dict[str, set[str]] = {}
        hashes = array("q")
        for item in self._rows():
            if not isinstance(item, Aside):
                key, listed = item
                labels.setdefault(listed.split, set()).add(listed.label)
                hashes.append(hash(key))
        if self._columns["split"] and labels and self.splits.chosen not in labels:
            raise SourceError(
                f"source.split: {self.table.absolute()} has no split '{self.splits.chosen}'."
                f"{nearest(self.splits.chosen, labels)} There are {', '.join(sorted(labels))}."
            )
        in_order = np.sort(np.asarray(hashes, dtype=np.int64))
        return _Survey(labels, frozenset(in_order[1:][in_order[1:] == in_order[:-1]].tolist()))

    def scan(self) -> Iterator[Sample | Aside]:
        twice = self._survey.twice
        again: dict[str, list[Listed]] = {}
        for item in self._rows():
            if isinstance(item, Aside):
                yield item
            elif twice and hash(item[0]) in twice:
                again.setdefault(item[0], []).append(item[1])
            else:
                yield self._sample(*item)
        yield from self._settle(again)

    def _settle(self, again: dict[str, list[Listed]]) -> Iterator[Sample | Aside]:
        """Say what becomes of the paths that are listed more than once."""
        straddling = [key for key, listed in again.items() if len({one.split for one in listed}) > 1]
        if straddling:
            splits = {key: sorted({one.split for one in again[key]}) for key in straddling}
            raise SourceError(f"source.table: the same image stands in several splits: {name_some(splits)}.")
        for key, listed in again.items():
            for what in ("label", "group", "weight"):
                found = sorted({getattr(one, what) for one in listed})
                if len(found) > 1:
                    if not self._is_left_out(listed[0]):
                        yield Aside(key, f"two {what}s", f"it is listed with {', '.join(map(repr, found))}")
                    break
            else:
                yield self._sample(key, listed[0])
                if len(listed) > 1 and not self._is_left_out(listed[0]):
                    yield Aside(key, "duplicate row", f"it is listed {len(listed)} times, and counted once")

    def _is_left_out(self, listed: Listed) -> bool:
        split = listed.split
        return bool(split) and split != self.splits.chosen and not self.splits.passes(split)

    def _sample(self, key: str, listed: Listed) -> Sample | Aside:
        group = self._group(key) if self._group else listed.group or None
        if not self._is_left_out(listed):
            try:
                if not stat.S_ISREG(os.stat(self._prefix + key if key[0] != "/" else key).st_mode):
                    return Aside(key, "not a file", "neither a regular file nor a folder")
            except FileNotFoundError:
                return Aside(key, "missing", "there is no such file")
            except OSError as error:
                return Aside(key, "unreadable", error.strerror or str(error))
            if self._group and group is None:
                return Aside(key, "no group", "source.group_by finds no group in its key")
        return Sample(listed.label, key, listed.split or None, group, float(listed.weight or 1))

    def _rows(self) -> Iterator[tuple[str, Listed] | Aside]:
        """Every row as key and what it says, or why it is of no use."""
        wanted = [name for name in self._columns.values() if name]
        places = {what: wanted.index(name) for what, name in self._columns.items() if name}
        split, group, weight = places.get("split"), places.get("group"), places.get("weight")
        for number, values in rows(self.table, wanted):
            if isinstance(values, Torn):
                yield Aside(self._row(number), "damaged row", values.why)
                continue
            path, label = values[places["path"]], values[places["label"]]
            if not path:
                yield Aside(self._row(number), "no path", f"its column '{self._names['path']}' is empty")
                continue
            key = self._key(path)
            listed = Listed(
                label,
                "" if split is None else values[split],
                "" if group is None else values[group],
                "" if weight is None else values[weight],
            )
            fault = self._fault(key, listed)
            if not fault:
                yield key, listed
            elif not self._is_left_out(listed):
                yield Aside(key if fault[0] != "unfit path" else self._row(number), *fault)

    def _row(self, number: int) -> str:
        return f"{self.table.name}:{number}"

    def _key(self, path: str) -> str:
        """A path as seen from the root; one that leads out of it begins with `/` or `../`."""
        if os.path.isabs(path):
            path = os.path.normpath(path)
            return next((path[len(top) :] for top in self._tops if path.startswith(top)), path)
        return os.path.normpath(path) if path[0] == "." or "/." in path or "//" in path or path[-1] == "/" else path

    def _fault(self, key: str, listed: Listed) -> tuple[str, str] | None:
        if "\0" in key or not is_text(key):
            return "unfit path", "no file can be called so"
        if key[0] in "./" and not self.outside and (key[0] == "/" or key == ".." or key[:3] == "../"):
            return "outside the root", "source.outside=true allows it"
        if listed.weight and not is_weight(listed.weight):
            return "unfit weight", why_no_weight(listed.weight)
        if (listed.label, listed.split) in self._fit:
            return None
        for what, value in (("label", listed.label), ("split", listed.split)):
            column = self._columns[what]
            if column and not value:
                return f"no {what}", f"its column '{column}' is empty"
            if why := unfit(value):
                return f"unfit {what}", f"{value!r} {why}, and it names a folder"
        self._fit.add((listed.label, listed.split))
        return None
