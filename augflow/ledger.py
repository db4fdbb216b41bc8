"""Records: a journal of JSON lines while a run is on, sealed at its end into one Parquet file.

A record holds all that made one output. Equal runs leave equal ledgers, byte for byte: rows are sorted by path, and
nothing tells when or where.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow.errors import SinkError
from augflow.sink.whole import write_all, written

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "1"
_ROWS = 65_536


class Entry(NamedTuple):
    """What a record says of its file, and of what that was made."""

    size: int
    sha256: bytes
    parents: tuple[tuple[str, str], ...]
    """Key and sha256 of each."""


class Journal:
    """Appends records while a run is on, and tells before an output is written that it will be.

    Each line is written at once and so outlives its process; it is not brought to disk one by one: after a power cut
    lines may be torn or lost, and count for nothing. `begun.jsonl` beside it names outputs that were begun, each
    after so many bytes of records: no earlier record holds for them any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = path.with_name("begun.jsonl")
        self._descriptors: dict[Path, int] = {}
        self._size = 0

    def begin(self, paths: Sequence[str]) -> None:
        """Tell that these outputs are about to be written."""
        self.open()
        self._write(self._begun, json.dumps([self._size, *paths]).encode() + b"\n")

    def append(self, records: Iterable[str]) -> None:
        self.open()
        data = b"".join(record.encode() + b"\n" for record in records)
        self._write(self.path, data)
        self._size += len(data)

    def open(self) -> None:
        """Create it where it is not there, and mend it."""
        if not self._descriptors:
            self._mend()
            for path in (self.path, self._begun):
                self._descriptors[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            self._size = os.fstat(self._descriptors[self.path]).st_size
            self._write(self._begun, b"\n")  # Ends a line that was torn.

    def _write(self, path: Path, data: bytes) -> None:
        write_all(self._descriptors[path], data)

    def _mend(self) -> None:
        """Cut off a torn last line, lest the next record be joined to it, and blank what is no record."""
        if not self.path.exists():
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            whole = 0
            with open(descriptor, "rb", closefd=False) as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        os.ftruncate(descriptor, whole)
                    elif line.strip() and _entry(line) is None:
                        os.pwrite(descriptor, b" " * (len(line) - 1), whole)
                    whole += len(line)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def lines(self) -> Iterator[bytes]:
        """Yield every record's line; what is torn or blank is passed over."""
        yield from (line for _, line in self._lines())

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self.path.exists():
            place = 0
            with open(self.path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n") and line.strip():
                        yield place, line
                    place += len(line)

    def entries(self) -> Iterator[tuple[str, Entry | None]]:
        """Yield the path of every output begun, with None; then every record that holds, later ones after earlier."""
        begun: dict[str, int] = {}
        if self._begun.exists():
            for line in self._begun.read_bytes().splitlines():
                with contextlib.suppress(ValueError):
                    place, *paths = json.loads(line)
                    begun |= dict.fromkeys(paths, place)
        yield from ((path, None) for path in begun)
        for place, line in self._lines():
            found = _entry(line)
            if found and place >= begun.get(found[0], 0):
                yield found

    def outputs(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of every output recorded."""
        yield from ((path, entry.size) for path, entry in self.entries() if entry)


def _entry(line: bytes) -> tuple[str, Entry] | None:
    try:
        record = json.loads(line)
        parents = tuple((parent["key"], parent["sha256"]) for parent in record["parents"])
        return record["path"], Entry(int(record["size"]), bytes.fromhex(record["sha256"]), parents)
    except (ValueError, TypeError, KeyError):
        return None


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

    again = "`augflow run --force` takes nothing from it and makes every output again."
    try:
        found = (pq.ParquetFile(path).schema_arrow.metadata or {}).get(b"augflow.ledger", b"").decode()
    except (OSError, ValueError) as error:
        raise SinkError(f"{path.absolute()} cannot be read ({str(error).splitlines()[0]}). {again}") from None
    if found.isdecimal() and int(found) > int(FORMAT):
        raise NewerLedgerError(
            f"{path.absolute()} has format {found}, and this version of augflow knows formats up to {FORMAT}: "
            "upgrade augflow."
        )
    if not found.isdecimal():
        raise SinkError(f"{path.absolute()} is no ledger of augflow's. {again}")
    if digest is not None and sha256(path) != digest:
        raise SinkError(f"{path.absolute()} is not as the last run left it, so nothing in it is sure. {again}")


class NewerLedgerError(SinkError):
    """A later version of augflow wrote the ledger."""


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
            yield name, Entry(size, bytes.fromhex(digest), known.setdefault(parents, parents))


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
    with written(path, _half(path, journal.path.parent)) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=_ROWS)


def _constant(value: str, rows: int) -> pa.Array:
    """A column of one text, made of buffers: whatever looks at Python objects imports pandas, where there is one."""
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
