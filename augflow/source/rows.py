"""The rows of a table on disk, read as a stream: CSV, TSV, JSON lines or Parquet, told by the file's ending."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from augflow.errors import SourceError

_BATCH = 8192


class Torn(NamedTuple):
    """A row that cannot be read, and why."""

    why: str


Row: TypeAlias = tuple[int, "tuple[str, ...] | Torn"]
"""Its number, which is its line where the table is a text; and its values, empty where there is none."""


def columns(file: Path) -> list[str]:
    """The names of a table's columns; of JSON lines, the keys of all.

    Raises:
        SourceError: the file cannot be read as what its ending says.
    """
    return _reader(file).columns(file)


def rows(file: Path, wanted: Sequence[str]) -> Iterator[Row]:
    """Yield every row with the values of those columns that are wanted, as text.

    Raises:
        SourceError: as `columns`, and where the rest of the file cannot be told into rows.
    """
    return _reader(file).rows(file, wanted)


class _Format(NamedTuple):
    columns: Callable[[Path], list[str]]
    rows: Callable[[Path, Sequence[str]], Iterator[Row]]


def _separated(delimiter: str) -> _Format:
    def header(file: Path) -> list[str]:
        with _opened(file) as lines:
            found = next(_read(file, lines, delimiter), None)
        if found is None:
            raise SourceError(f"source.table: {file.absolute()} is empty.")
        return _once(file, found[1])

    def rows(file: Path, wanted: Sequence[str]) -> Iterator[Row]:
        with _opened(file) as lines:
            reader = _read(file, lines, delimiter)
            names = _once(file, next(reader)[1])
            places = [names.index(name) for name in wanted]
            for line, fields in reader:
                if len(fields) == len(names):
                    yield line, tuple([fields[place] for place in places])
                else:
                    yield line, Torn(f"{len(fields)} fields, and the header has {len(names)}")

    return _Format(header, rows)


def _read(file: Path, lines: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the line on which it begins."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise SourceError(
                f"source.table: {file.absolute()}: the row that begins on line {line}: {error}."
            ) from None
        if fields is None:
            return
        if fields:
            yield line, fields


def _opened(file: Path) -> IO[str]:
    """Open a text: a byte order mark is passed over, and bytes of file names that are no UTF-8 stay what they are."""
    try:
        with open(file, "rb") as raw:
            head = raw.read(4)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise SourceError(f"source.table: {file.absolute()} is UTF-16: save it as UTF-8.")
        return open(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> SourceError:
    why = getattr(error, "strerror", None) or error
    return SourceError(f"source.table: {file.absolute()} cannot be read: {why}.")


def _once(file: Path, names: list[str]) -> list[str]:
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        raise SourceError(f"source.table: {file.absolute()} has two columns called '{twice[0]}'.")
    return names


def _json_keys(file: Path) -> list[str]:
    found: dict[str, None] = {}
    for _, value in _objects(file):
        if not isinstance(value, Torn):
            found.update(dict.fromkeys(value))
    return list(found)


def _json_rows(file: Path, wanted: Sequence[str]) -> Iterator[Row]:
    for line, value in _objects(file):
        yield line, value if isinstance(value, Torn) else texts([value.get(name) for name in wanted])


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any] | Torn]]:
    with _opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, Torn(f"no JSON: {error}")
                continue
            yield number, value if isinstance(value, dict) else Torn("no JSON object")


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _once(file, list(pq.read_schema(file).names))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from None


def _parquet_rows(file: Path, wanted: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=_BATCH, columns=list(wanted)):
                for values in zip(*(batch.column(name).to_pylist() for name in wanted), strict=True):
                    number += 1
                    yield number, texts(values)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from None


def texts(values: Sequence[Any]) -> tuple[str, ...] | Torn:
    """Values as text: whole numbers as they are written, nothing where there is none."""
    found = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif value is None or value != value:
            found.append("")
        elif isinstance(value, bool | int | float):
            found.append(json.dumps(value))
        elif isinstance(value, bytes):
            found.append(value.decode("utf-8", "surrogateescape"))
        else:
            return Torn(f"a value is no text but a {type(value).__name__}")
    return tuple(found)


_SEPARATED = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON = _Format(_json_keys, _json_rows)
_PARQUET = _Format(_parquet_columns, _parquet_rows)
_READERS = {ending: _separated(delimiter) for ending, delimiter in _SEPARATED.items()} | {
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".parquet": _PARQUET,
    ".pq": _PARQUET,
}


def _reader(file: Path) -> _Format:
    found = _READERS.get(file.suffix.lower())
    if found is None:
        raise SourceError(
            f"source.table: {file.absolute()} is none of {', '.join(_READERS)}: its ending says what it is."
        )
    return found
