"""Records: the journal of a run, sealed at its end into one Parquet file.

A record holds all that made one output. Equal runs leave equal ledgers, byte for byte: rows are sorted by path, and
nothing tells when or where.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augflow.errors import SinkError
from augflow.ledger.journal import Entry, Journal
from augflow.sink.whole import written

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMAT = "1"
_ROWS = 32_768
_PLACE = 40
"""Bits of a place that tell where in its file a line begins; those above tell the file."""
_LEAST_OF_A_ROW = 32
"""Bytes of a record however well it is packed: its sha256 is like no other's."""
_MOST_UNFOLDED = 100
_ANYWAY = 1 << 26
_AGAIN = "`augflow run --force` takes nothing from it and makes every output again."


def schema() -> pa.Schema:
    """Columns of the ledger."""
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    step = pa.struct(
        [
            ("step", text),
            ("transform", text),
            ("version", pa.int32()),
            ("arguments", text),
            ("fired", pa.bool_()),
            ("draw", text),
        ]
    )
    parent = pa.struct([("key", text), ("sha256", text), ("role", text)])
    return pa.schema(
        [
            ("path", text),
            ("key", text),
            ("label", text),
            ("split", text),
            ("group", text),
            ("copy", pa.int32()),
            ("sha256", text),
            ("size", whole),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("parents", pa.list_(parent)),
            ("chain", text),
            ("steps", pa.list_(step)),
            ("render", text),
            ("converted", pa.list_(text)),
            ("recipe_digest", text),
            ("plan_digest", text),
        ]
    )


def demand_sound(path: Path, digest: str | None = None) -> None:
    """Check that a ledger, where there is one, can be read, and is the one of that digest.

    Raises:
        SinkError: it is damaged, was edited, or a later version of augflow wrote it.
    """
    if not path.exists():
        return
    import pyarrow.parquet as pq

    again = _AGAIN
    try:
        file = pq.ParquetFile(path)
        found = (file.schema_arrow.metadata or {}).get(b"augflow.ledger", b"").decode()
    except (OSError, ValueError) as error:
        raise SinkError(f"{path.absolute()} cannot be read ({str(error).splitlines()[0]}). {again}") from None
    if found.isdecimal() and int(found) > int(FORMAT):
        raise NewerLedgerError(
            f"{path.absolute()} has format {found}, and this version of augflow knows formats up to {FORMAT}: "
            "upgrade augflow."
        )
    if not found.isdecimal():
        raise SinkError(f"{path.absolute()} is no ledger of augflow's. {again}")
    if not can_hold(file.metadata, path.stat().st_size):
        raise SinkError(f"{path.absolute()} claims more records than its bytes can hold. {again}")
    if not _paths_stay_inside(path):
        raise SinkError(f"{path.absolute()} names outputs that lie outside the sink: augflow did not write it. {again}")
    if digest is not None and sha256(path) != digest:
        raise SinkError(f"{path.absolute()} is not as the last run left it, so nothing in it is sure. {again}")


def _paths_stay_inside(path: Path) -> bool:
    """Whether every output of a ledger, which may be another's, lies below its folder."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(columns=["path"]):
            paths = batch.column(0)
            outside = pc.match_substring_regex(paths, r"(?s)^$|\x00|(^|/)\.{0,2}(/|$)")
            if paths.null_count or pc.any(outside).as_py():
                return False
    except (OSError, ValueError, LookupError) as error:
        raise SinkError(f"{path.absolute()} cannot be read ({str(error).splitlines()[0]}).") from None
    return True


class NewerLedgerError(SinkError):
    """A later version of augflow wrote the ledger."""


def can_hold(metadata: pq.FileMetaData, size: int) -> bool:
    """Whether so many bytes can hold what a ledger claims: a few kilobytes may unfold to more than all memory."""
    unfolded = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return bool(metadata.num_rows * _LEAST_OF_A_ROW <= size and unfolded <= max(_MOST_UNFOLDED * size, _ANYWAY))


def entries(path: Path) -> Iterator[tuple[str, Entry]]:
    """Yield path and entry of every output in a sealed ledger; nothing where there is none."""
    if not path.exists():
        return
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    known: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    for batch in pq.ParquetFile(path).iter_batches(columns=["path", "size", "sha256", "parents"]):
        lists = batch.column("parents")
        keys, digests = (pc.struct_field(lists.flatten(), name).to_pylist() for name in ("key", "sha256"))
        place = 0
        rows = zip(*(batch.column(name).to_pylist() for name in ("path", "size", "sha256")), strict=True)
        for (name, size, digest), count in zip(rows, lists.value_lengths().to_pylist(), strict=True):
            count = count or 0
            parents = tuple(zip(keys[place : place + count], digests[place : place + count], strict=True))
            place += count
            try:
                yield name, Entry(int(size), bytes.fromhex(digest), known.setdefault(parents, parents))
            except (TypeError, ValueError):
                raise SinkError(f"{path.absolute()}: the record of {name!r} has no size or no hash. {_AGAIN}") from None


def read(path: Path) -> pa.Table:
    """Read a sealed ledger."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def seal(path: Path, journal: Journal, wanted: set[str] | None, recipe_digest: str, plan_digest: str) -> None:
    """Write the ledger, whole or not at all, from the records of the journal and of the ledger before it.

    What is held at a time is the path of every output, and the records of one row group.

    Args:
        wanted: paths of the outputs that the data set holds; None for all in the journal.
    """
    import pyarrow.parquet as pq

    columns = schema().with_metadata({"augflow.ledger": FORMAT})
    digests = (("recipe_digest", recipe_digest), ("plan_digest", plan_digest))
    with (
        _Records(path, journal, wanted) as records,
        written(path, _half(path, journal.folder)) as file,
        pq.ParquetWriter(file, columns, compression="zstd") as writer,
    ):
        for table in records.in_order():
            for name, value in digests:
                table = table.set_column(table.schema.get_field_index(name), name, _constant(value, len(table)))
            writer.write_table(table.replace_schema_metadata(columns.metadata).combine_chunks(), _ROWS)


class _Records:
    """The newest record of every output, in the order of paths, whether the journal has it or the ledger before it.

    It holds paths and places: `place` is where in which file of the journal a record's line begins, `size` how long it
    is; or, below 0, its row in the ledger.
    """

    def __init__(self, path: Path, journal: Journal, wanted: set[str] | None) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        self._ledger = pq.ParquetFile(path) if path.exists() and wanted is not None else None
        self._files = journal.record_files()
        parts = [_places([])]
        lines = journal.lines()
        while some := list(itertools.islice(lines, _ROWS)):
            told = ((record_path(line.text), line.file << _PLACE | line.place, len(line.text)) for line in some)
            parts.append(_places([entry for entry in told if wanted is None or entry[0] in wanted]))
        order = pa.concat_tables(parts).sort_by([("path", "ascending"), ("place", "ascending")]).combine_chunks()
        if len(order) > 1:
            paths = order["path"]
            differs = _values(pc.not_equal(paths.slice(0, len(paths) - 1), paths.slice(1)))
            order = order.take(_numbers(np.flatnonzero(np.append(differs, 1))))
        if self._ledger is not None and wanted is not None:
            paths = self._ledger.read(columns=["path"])["path"].cast(pa.large_string())
            fit = pc.is_in(paths, _places([(path, 0, 0) for path in wanted])["path"])
            rows = np.flatnonzero(_values(pc.and_not(fit, pc.is_in(paths, order["path"]))))
            kept = [paths.take(_numbers(rows)), _numbers(-1 - rows), _numbers(np.zeros(len(rows), np.int64))]
            order = pa.concat_tables([order, pa.table(kept, order.column_names)]).sort_by("path")
        self._order = order

    def __enter__(self) -> _Records:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ledger is not None:
            self._ledger.close()

    def in_order(self) -> Iterator[pa.Table]:
        """Yield them as tables of `_ROWS` rows, the last of fewer."""
        import pyarrow as pa

        for start in range(0, len(self._order), _ROWS):
            part = self._order.slice(start, _ROWS)
            places, sizes = _values(part["place"]), _values(part["size"])
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

    def _from_journal(self, places: NDArray[np.int64], sizes: NDArray[np.int64]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.json as pj

        lines = [b""] * len(places)
        order = np.argsort(places)
        files = (places[order] >> _PLACE).tolist()
        for file, turns in itertools.groupby(zip(files, order.tolist(), strict=True), operator.itemgetter(0)):
            with open(self._files[file], "rb", buffering=0) as opened:
                for _, turn in turns:
                    place = int(places[turn]) & ((1 << _PLACE) - 1)
                    lines[turn] = os.pread(opened.fileno(), int(sizes[turn]), place)
        columns = schema()
        parse = pj.ParseOptions(explicit_schema=columns, unexpected_field_behavior="error")
        read = pj.ReadOptions(block_size=1 << 24)
        return pj.read_json(pa.BufferReader(b"".join(lines)), read, parse).select(columns.names)

    def _from_ledger(self, rows: NDArray[np.int64]) -> pa.Table:
        assert self._ledger is not None
        columns, about = schema(), self._ledger.metadata
        ends = np.cumsum([about.row_group(number).num_rows for number in range(about.num_row_groups)])
        groups = np.searchsorted(ends, rows, "right")
        needed = np.unique(groups)
        lengths = np.diff(ends, prepend=0)[needed]
        before = (np.cumsum(lengths) - lengths)[np.searchsorted(needed, groups)]
        # Parquet calls the items of a list otherwise than Arrow, and would write that down.
        table = self._ledger.read_row_groups(needed.tolist()).select(columns.names).cast(columns)
        return table.take(_numbers(rows - (ends - np.diff(ends, prepend=0))[groups] + before))


def _places(entries: list[tuple[str, int, int]]) -> pa.Table:
    """A table of paths with places and sizes.

    Made of buffers: whatever looks at Python objects imports pandas, where there is one.
    """
    import pyarrow as pa

    texts = [path.encode() for path, _, _ in entries]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    paths = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    numbers = np.array([entry[1:] for entry in entries], np.int64).reshape(-1, 2)
    return pa.table([paths, _numbers(numbers[:, 0]), _numbers(numbers[:, 1])], ["path", "place", "size"])


def _values(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Numbers, or truths as 0 and 1, of a column."""
    import pyarrow as pa

    whole = column.combine_chunks().cast(pa.int64())
    if not len(whole):
        return np.empty(0, np.int64)
    return np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole)]


def _numbers(values: NDArray[np.int64]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values, np.int64))])


def _constant(value: str, rows: int) -> pa.Array:
    """A column of one text, made of buffers as `_places` is."""
    import pyarrow as pa

    text = value.encode()
    ends = pa.py_buffer((0).to_bytes(4, sys.byteorder) + len(text).to_bytes(4, sys.byteorder))
    once = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(text)])
    places = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))])
    return pa.DictionaryArray.from_arrays(places, once).dictionary_decode()


def sha256(path: Path) -> str:
    """Digest a sealed ledger; `run.json` tells it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_path(line: bytes) -> str:
    """The path of a record as it stands in the journal, without reading the rest."""
    found: str = json.JSONDecoder().raw_decode(line[:2048].decode("utf-8", "replace"), len(b'{"path":'))[0]
    return found


def write_json(path: Path, value: Any, workshop: Path | None = None) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", workshop)


def write_text(path: Path, text: str, workshop: Path | None = None) -> None:
    """Write a text file, whole or not at all; until it is whole it lies in `workshop`, else beside."""
    with written(path, _half(path, workshop or path.parent)) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _half(path: Path, folder: Path) -> Path:
    return folder / f".{path.name}.half"
