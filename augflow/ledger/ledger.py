"""Records: the journal of a run, sealed at its end into one Parquet file.

A record holds all that made one output. Equal runs leave equal ledgers, byte for byte: rows are sorted by path, and
nothing tells when or where.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.errors import SinkError
from augflow.ledger.journal import Entry, Journal
from augflow.ledger.newest import AGAIN, Newest
from augflow.sink.whole import written

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMAT = "1"
_ROWS = 4096
"""Of a row group; one is written while the next is parsed."""
_REPEATING = [
    "label",
    "split",
    "group",
    "copy",
    "height",
    "width",
    "parents.list.element.role",
    "chain",
    *(f"steps.list.element.{name}" for name in ("step", "transform", "version", "arguments")),
    "render",
    "converted.list.element",
    "recipe_digest",
    "plan_digest",
]
"""Columns, by Parquet's names, that are written by dictionary; in the others few values stand more than a few times."""
_LEAST_OF_A_ROW = 32
"""Bytes of a record however well it is packed: its sha256 is like no other's."""
_MOST_UNFOLDED = 100
_ANYWAY = 1 << 26


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

    again = AGAIN
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
                raise SinkError(f"{path.absolute()}: the record of {name!r} has no size or no hash. {AGAIN}") from None


def read(path: Path) -> pa.Table:
    """Read a sealed ledger."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def seal(path: Path, journal: Journal, wanted: set[str] | None, recipe_digest: str, plan_digest: str) -> None:
    """Write the ledger, whole or not at all, from the records of the journal and of the ledger before it.

    What is held at a time does not grow with the outputs: a million places, and the records of one row group.

    Args:
        wanted: paths of the outputs that the data set holds; None for all in the journal.
    """
    import pyarrow.parquet as pq

    columns = schema().with_metadata({"augflow.ledger": FORMAT})
    digests = (("recipe_digest", recipe_digest), ("plan_digest", plan_digest))
    with (
        _plain_memory(),
        Newest(path, journal, wanted, schema(), _ROWS) as records,
        written(path, _half(path, journal.folder)) as file,
        pq.ParquetWriter(file, columns, compression="zstd", use_dictionary=_REPEATING) as writer,
    ):
        for table in _one_ahead(records.in_order()):
            for name, value in digests:
                table = table.set_column(table.schema.get_field_index(name), name, _constant(value, len(table)))
            writer.write_table(table.replace_schema_metadata(columns.metadata).combine_chunks(), _ROWS)


@contextlib.contextmanager
def _plain_memory() -> Iterator[None]:
    """Let Arrow take memory as the system has it: it takes fresh pages else, which cost more than what fills them."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _one_ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Read the next while the last is written, on another core."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = pool.submit(next, tables, None)
            yield table


def _constant(value: str, rows: int) -> pa.Array:
    """A column of one text; made of buffers, as what computes is the half of Arrow, and has to be imported."""
    import pyarrow as pa

    text = value.encode()
    ends = np.arange(rows + 1, dtype=np.int32) * len(text)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(ends), pa.py_buffer(text * rows)])


def import_what_seals() -> None:
    """Import what `seal` needs, which takes a tenth of a second."""
    import pyarrow.json
    import pyarrow.parquet  # noqa: F401


def sha256(path: Path) -> str:
    """Digest a sealed ledger; `run.json` tells it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any, workshop: Path | None = None) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", workshop)


def write_text(path: Path, text: str, workshop: Path | None = None) -> None:
    """Write a text file, whole or not at all; until it is whole it lies in `workshop`, else beside."""
    with written(path, _half(path, workshop or path.parent)) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _half(path: Path, folder: Path) -> Path:
    return folder / f".{path.name}.half"
