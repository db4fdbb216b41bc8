"""Parquet shards as Hugging Face `datasets` reads them: a row for every output, with its image, class and origin."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from augflow.errors import ImageError
from augflow.sink.folder import is_inside
from augflow.sink.rows import Row, key_of
from augflow.sink.shards import DamagedShardError, Member, ShardSink

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 64
"""Rows in a group: what is read to read one of them."""
_MOST_UNFOLDED = 100
_ANYWAY = 1 << 26
_IN_MIND = 4
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, MemoryError)
"""What a damaged file raises; pyarrow's own errors are among them."""


class ParquetSink(ShardSink):
    """Parquet shards below `root`, with the features of Hugging Face `datasets` in their schema.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
        shard_size: outputs that a shard holds at most on average; their number is a power of two.
    """

    kind = "parquet"

    def __init__(self, root: str, shard_size: int = 1000) -> None:
        super().__init__(Parquet(), root, shard_size)


class Parquet:
    """A Parquet file of row groups of one size; images lie in it as they are, all else is compressed."""

    suffix = ".parquet"

    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[Path, int, int, int], pa.Array] = OrderedDict()
        self._reading = threading.Lock()

    def write(self, file: IO[bytes], members: Iterable[tuple[Row, bytes]], labels: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        numbers = {label: number for number, label in enumerate(labels)}
        schema = _schema(labels)
        rows = iter(members)
        with pq.ParquetWriter(
            file, schema, compression=_compression(schema), use_dictionary=False, write_statistics=False
        ) as writer:
            while some := list(itertools.islice(rows, _ROWS)):
                found = [
                    {**row, "image": {"bytes": data, "path": row["path"]}, "label": numbers[row["label"]]}
                    for row, data in some
                ]
                writer.write_table(pa.Table.from_pylist(found, schema), _ROWS)

    def members(self, shard: Path) -> Iterator[Member]:
        place = 0
        with _opened(shard) as file:
            try:
                for batch in file.iter_batches(columns=["image.path", "key", "size"]):
                    paths = batch.column("image").field("path").to_pylist()
                    for path, key, size in zip(paths, *map(_values, (batch["key"], batch["size"])), strict=True):
                        fit = path and is_inside(path) and key_of(path) == key and size is not None and size >= 0
                        strange = "" if fit else "no output of augflow's"
                        yield Member(path if fit else f"row {place}", size or 0, place, strange)
                        place += 1
            except _UNREADABLE as error:
                raise DamagedShardError(_said(error)) from None

    @contextlib.contextmanager
    def opened(self, shard: Path, member: Member) -> Iterator[tuple[BufferedIOBase, int]]:
        try:
            with self._reading:
                data = self._image(shard, member.place)
        except DamagedShardError as error:
            raise ImageError("unreadable", str(error)) from None
        except _UNREADABLE as error:
            raise ImageError("unreadable", _said(error)) from None
        yield io.BytesIO(data), len(data)

    def _image(self, shard: Path, place: int) -> bytes:
        """The image in a row; its group stays in mind, since those who read one often read the next."""
        group, row = divmod(place, _ROWS)
        status = os.stat(shard)
        key = (shard, status.st_ino, status.st_mtime_ns, group)
        if key not in self._groups:
            with _opened(shard) as file:
                column = file.read_row_group(group, columns=["image.bytes"])["image"].combine_chunks()
            self._groups[key] = column.field("bytes")
            if len(self._groups) > _IN_MIND:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        found: bytes | None = self._groups[key][row].as_py()
        return found or b""


def _values(column: pa.Array) -> list[Any]:
    found: list[Any] = column.to_pylist()
    return found


def _schema(labels: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    text, whole = pa.string(), pa.int32()
    parent = pa.struct([("key", text), ("sha256", text), ("role", text)])
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", text)])),
            ("label", pa.int64()),
            ("key", text),
            ("split", text),
            ("group", text),
            ("copy", whole),
            ("chain", text),
            ("family", text),
            ("parents", pa.list_(parent)),
            ("sha256", text),
            ("size", pa.int64()),
            ("height", whole),
            ("width", whole),
        ]
    )
    features: dict[str, Any] = {name: _feature(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    features["image"] = {"_type": "Image"}
    features["label"] = {"names": [*labels], "_type": "ClassLabel"}
    # A list in brackets is what every release of datasets understands.
    features["parents"] = [{field.name: _feature(field.type) for field in parent}]
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict[str, str]:
    return {"dtype": str(kind), "_type": "Value"}


def _compression(schema: pa.Schema) -> dict[str, str]:
    """By column as Parquet calls them: photographs grow no smaller by it."""
    columns = [name for name in schema.names if name not in ("image", "parents")]
    columns += [
        "image.path",
        *(f"parents.list.element.{field.name}" for field in schema.field("parents").type.value_type),
    ]
    return {"image.bytes": "none"} | dict.fromkeys(columns, "zstd")


@contextlib.contextmanager
def _opened(shard: Path) -> Iterator[pq.ParquetFile]:
    """Open a shard, which may be anybody's: it has our columns and row groups, and unfolds to no more than it may.

    Raises:
        DamagedShardError: it has not, or does.
        ImageError: it is `missing` or `not a file`.
    """
    import pyarrow.parquet as pq

    try:
        status = os.lstat(shard)
    except FileNotFoundError:
        raise ImageError("missing", "it is not there") from None
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a file", "a link, or no regular file")
    try:
        file = pq.ParquetFile(shard)
    except _UNREADABLE as error:
        raise DamagedShardError(_said(error)) from None
    with file:
        about = file.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        if not file.schema_arrow.equals(_schema([])):
            raise DamagedShardError("its columns are not those that augflow writes")
        if any(group.num_rows != _ROWS for group in groups[:-1]) or any(group.num_rows > _ROWS for group in groups):
            raise DamagedShardError(f"its rows do not lie in groups of {_ROWS}")
        columns = [group.column(number) for group in groups for number in range(group.num_columns)]
        if any("DICTIONARY" in encoding for column in columns for encoding in column.encodings):
            raise DamagedShardError("it may unfold to more than it holds")
        if sum(group.total_byte_size for group in groups) > max(_MOST_UNFOLDED * status.st_size, _ANYWAY):
            raise DamagedShardError("it claims more than its bytes can hold")
        yield file


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
