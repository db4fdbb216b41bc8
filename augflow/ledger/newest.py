"""The newest record of every output, merged from the journal and the ledger before it, in memory that does not grow.

It goes by paths and places: a place is where in which file of the journal a record's line begins; or, below 0, its row
in the ledger. Of these no more are held than are sorted at a time; sorted ones wait in the workshop.
"""

from __future__ import annotations

import heapq
import itertools
import json
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.errors import SinkError
from augflow.ledger.journal import Journal, record_lines

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "`augflow run --force` takes nothing from it and makes every output again."

_SORTED = 1 << 20
"""Places that are sorted at a time."""
_FEW = 1 << 17
"""Places of which fewer are sorted without Arrow, which would import half of itself for that."""
_AT_ONCE = 32_768
_BLOCK = 1 << 21
"""Bytes that one thread parses at a time, unless a record is longer."""
_FILE = 40
"""Bits of a place that tell where in its file a line begins; those above tell the file."""
_WITHIN = (1 << _FILE) - 1
_Place: TypeAlias = tuple[str, int, int]
"""A path, the place of its record, and how long that is."""


class Newest:
    """The newest record of every output, in the order of paths, whether the journal has it or the ledger before it.

    Args:
        path: the ledger before; there may be none.
        wanted: paths of the outputs that the data set holds; None for all in the journal.
        columns: those of a ledger.
        rows: how many records are given at a time.
    """

    def __init__(self, path: Path, journal: Journal, wanted: set[str] | None, columns: pa.Schema, rows: int) -> None:
        import pyarrow.parquet as pq

        self._ledger = pq.ParquetFile(path) if path.exists() and wanted is not None else None
        self._journal = journal
        self._files = journal.record_files()
        self._wanted = wanted
        self._columns, self._rows = columns, rows
        self._path = path
        self._waiting: list[Path] = []
        self._buffer = bytearray()
        """Holds the records that are parsed, in the same memory each time."""

    def __enter__(self) -> Newest:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ledger is not None:
            self._ledger.close()
        for file in self._waiting:
            file.unlink(missing_ok=True)

    def in_order(self) -> Iterator[pa.Table]:
        """Yield them as tables of so many rows, the last of fewer."""
        import pyarrow as pa

        newest = self._newest()
        while some := list(itertools.islice(newest, self._rows)):
            _, *numbers = zip(*some, strict=True)
            places, sizes = np.array(numbers, np.int64)
            fresh = places >= 0
            tables = []
            if fresh.any():
                tables.append(self._from_journal(places[fresh], sizes[fresh]))
            if not fresh.all():
                tables.append(self._from_ledger(-1 - places[~fresh]))
            table = pa.concat_tables(tables)
            if len(tables) > 1:
                turns = np.argsort(np.concatenate([np.flatnonzero(fresh), np.flatnonzero(~fresh)]))
                table = table.take(_numbers(turns))
            yield table

    def _newest(self) -> Iterator[_Place]:
        """The last of the places of each path."""
        last: _Place | None = None
        for entry in heapq.merge(self._sealed(), *self._sorted()):
            if last is not None and last[0] != entry[0]:
                yield last
            last = entry
        if last is not None:
            yield last

    def _sealed(self) -> Iterator[_Place]:
        """Places in the ledger before, whose rows are in order."""
        row, last = 0, ""
        for batch in self._ledger.iter_batches(columns=["path"]) if self._ledger is not None else ():
            for path in batch.column(0).to_pylist():
                if row and path <= last:
                    raise SinkError(f"{self._path.absolute()}: its rows are not in the order of their paths. {AGAIN}")
                row, last = row + 1, path
                if self._wanted is None or path in self._wanted:
                    yield path, -row, 0

    def _sorted(self) -> list[Iterator[_Place]]:
        """Places in the journal, as many as are sorted at a time in each iterator."""
        told = self._told()
        few = list(itertools.islice(told, _FEW))
        if len(few) < _FEW:
            return [iter(sorted(few))]
        told = itertools.chain(few, told)
        found: list[Iterator[_Place]] = []
        while table := self._places(told):
            found.append(self._wait(table) if found or len(table) == _SORTED else _each(table.to_batches(_AT_ONCE)))
        return found

    def _told(self) -> Iterator[_Place]:
        """Places in the journal of the records that are wanted."""
        for number, file in enumerate(self._files):
            for place, line in record_lines(file):
                path = record_path(line)
                if self._wanted is None or path in self._wanted:
                    yield path, number << _FILE | place, len(line)

    def _places(self, told: Iterator[_Place]) -> pa.Table:
        """The next places, sorted; none where there are no more."""
        import pyarrow as pa

        parts, count = [_table([])], 0
        while some := list(itertools.islice(told, min(_AT_ONCE, _SORTED - count))):
            parts.append(_table(some))
            count += len(some)
        return pa.concat_tables(parts).sort_by([("path", "ascending"), ("place", "ascending")])

    def _wait(self, table: pa.Table) -> Iterator[_Place]:
        """Put places into the workshop, and give them from there."""
        import pyarrow as pa

        file = self._journal.folder / f"places.{len(self._waiting)}.arrow"
        self._waiting.append(file)
        with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table, _AT_ONCE)
        return _each(pa.ipc.open_stream(pa.OSFile(str(file))))

    def _from_journal(self, places: NDArray[np.int64], sizes: NDArray[np.int64]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.json as pj

        columns = self._columns
        parse = pj.ParseOptions(explicit_schema=columns, unexpected_field_behavior="error")
        read = pj.ReadOptions(block_size=max(_BLOCK, 2 * int(sizes.max())))
        return pj.read_json(pa.BufferReader(self._lines(places, sizes)), read, parse).select(columns.names)

    def _lines(self, places: NDArray[np.int64], sizes: NDArray[np.int64]) -> memoryview:
        """Records as they stand in the journal, until the next are read.

        Those that follow one another there too are read together.
        """
        ends = np.cumsum(sizes)
        if len(self._buffer) < ends[-1]:
            self._buffer = bytearray(int(ends[-1]))
        lines = memoryview(self._buffer)[: ends[-1]]
        firsts = np.flatnonzero(np.diff(places, prepend=-1) != np.append(0, sizes[:-1]))
        starts, lengths = places[firsts], np.add.reduceat(sizes, firsts)
        order = np.argsort(starts)
        where = [starts >> _FILE, starts & _WITHIN, ends[firsts] - sizes[firsts], lengths]
        stretches = zip(*(part[order].tolist() for part in where), strict=True)
        for file, some in itertools.groupby(stretches, operator.itemgetter(0)):
            with open(self._files[file], "rb") as opened:
                for _, start, into, length in some:
                    opened.seek(start)
                    if opened.readinto(lines[into : into + length]) != length:
                        raise SinkError(f"{self._files[file].absolute()} was cut short while it was being read.")
        return lines

    def _from_ledger(self, rows: NDArray[np.int64]) -> pa.Table:
        assert self._ledger is not None
        columns, about = self._columns, self._ledger.metadata
        ends = np.cumsum([about.row_group(number).num_rows for number in range(about.num_row_groups)])
        groups = np.searchsorted(ends, rows, "right")
        needed = np.unique(groups)
        lengths = np.diff(ends, prepend=0)[needed]
        before = (np.cumsum(lengths) - lengths)[np.searchsorted(needed, groups)]
        # Parquet calls the items of a list otherwise than Arrow, and would write that down.
        table = self._ledger.read_row_groups(needed.tolist()).select(columns.names).cast(columns)
        return table.take(_numbers(rows - (ends - np.diff(ends, prepend=0))[groups] + before))


def _each(batches: Iterable[pa.RecordBatch]) -> Iterator[_Place]:
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in ("path", "place", "size")), strict=True)


def _table(entries: list[tuple[str, int, int]]) -> pa.Table:
    """A table of paths with places and sizes.

    Made of buffers: whatever looks at Python objects imports pandas, where there is one.
    """
    import pyarrow as pa

    texts = [path.encode() for path, _, _ in entries]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    paths = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    numbers = np.array([entry[1:] for entry in entries], np.int64).reshape(-1, 2)
    return pa.table([paths, _numbers(numbers[:, 0]), _numbers(numbers[:, 1])], ["path", "place", "size"])


def _numbers(values: NDArray[np.int64]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values, np.int64))])


def record_path(line: bytes) -> str:
    """The path of a record as it stands in the journal, without reading the rest."""
    end = line.index(b'"', _PATH)
    if line.find(b"\\", _PATH, end) < 0:
        return line[_PATH:end].decode()
    found: str = _DECODER.raw_decode(line[:2048].decode("utf-8", "replace"), _PATH - 1)[0]
    return found


_PATH = len(b'{"path":"')
_DECODER = json.JSONDecoder()
