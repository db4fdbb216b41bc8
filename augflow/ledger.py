"""Records: a journal of JSON lines while a run is on, sealed at its end into one Parquet file.

A record holds all that made one output. Equal runs leave equal ledgers, byte for byte: rows are sorted by path, and
nothing tells when or where.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "1"
_ROWS = 65_536


class Journal:
    """Appends records while a run is on; each line is complete or, torn by a kill, ignored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def append(self, records: Iterable[str]) -> None:
        if self._file is None:
            self._mend()
            self._file = self.path.open("ab", buffering=1 << 16)
        for record in records:
            self._file.write(record.encode() + b"\n")
        self._file.flush()

    def _mend(self) -> None:
        """Cut off a torn last line, lest the next record be joined to it."""
        if not self.path.exists():
            return
        whole = 0
        with open(self.path, "rb+") as file:
            for line in file:
                whole += len(line) if line.endswith(b"\n") else 0
            file.truncate(whole)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def lines(self) -> Iterator[bytes]:
        if self.path.exists():
            with open(self.path, "rb") as file:
                yield from (line for line in file if line.endswith(b"\n"))

    def outputs(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of every output recorded."""
        for line in self.lines():
            record = json.loads(line)
            yield record["path"], record["size"]


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


def outputs(path: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size of every output in a sealed ledger; nothing where there is none."""
    if not path.exists():
        return
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(columns=["path", "size"]):
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


def read(path: Path) -> pa.Table:
    """Read a sealed ledger."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def seal(path: Path, journal: Journal, wanted: set[str] | None, recipe_digest: str, plan_digest: str) -> None:
    """Write the ledger, whole or not at all, from the records of the journal and of the ledger before it.

    Args:
        wanted: paths of the outputs that the data set holds; None for all in the journal.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    columns = schema()
    tables = []
    latest = {record_path(line): line for line in journal.lines()}
    if wanted is not None:
        latest = {key: line for key, line in latest.items() if key in wanted}
    if latest:
        options = pj.ParseOptions(explicit_schema=columns, unexpected_field_behavior="error")
        block = pj.ReadOptions(block_size=1 << 24)
        lines = io.BytesIO(b"".join(latest.values()))
        tables.append(pj.read_json(lines, read_options=block, parse_options=options).select(columns.names))
    if path.exists() and wanted is not None:
        earlier = read(path)
        kept = pa.array(sorted(wanted - latest.keys()), pa.string())
        # Parquet calls the items of a list otherwise than Arrow, and would write that down.
        tables.append(earlier.filter(pc.is_in(earlier["path"], kept)).select(columns.names).cast(columns))
    table = pa.concat_tables(tables).sort_by("path") if tables else columns.empty_table()
    for name, value in (("recipe_digest", recipe_digest), ("plan_digest", plan_digest)):
        table = table.set_column(table.schema.get_field_index(name), name, _constant(value, len(table)))
    table = table.replace_schema_metadata({"augflow.ledger": FORMAT})
    half = path.with_name(f".{path.name}.half")
    pq.write_table(table, half, compression="zstd", row_group_size=_ROWS)
    os.replace(half, path)


def _constant(value: str, rows: int) -> pa.Array:
    """A column of one text, made of buffers: whatever looks at Python objects would import pandas, where there is one."""
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


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(half, path)
