"""Where the images of a shard lie, and what is said of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow.source import Aside
from augflow.source.listed import Listed

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("name", "start", "size", "label", "split", "group", "weight", "kind", "detail")
_ROWS = 4096


class Row(NamedTuple):
    """An image of a shard: its name there, where its bytes lie, and what is said of it."""

    name: str
    start: int
    size: int
    listed: Listed


class Index:
    """The images of a shard by their names, as a table; what was set aside comes with them."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        if table.column_names != list(_COLUMNS):
            raise ValueError("no index of a shard")
        self._names = _Names(table.column("name").combine_chunks()) if len(table) else []

    @classmethod
    def of(cls, items: Iterable[Row | Aside]) -> Index:
        """An index of what a shard was found to hold."""
        import pyarrow as pa

        rows = sorted(
            (_bytes(item.key), -1, -1, *[b""] * 4, _bytes(item.kind), _bytes(item.detail))
            if isinstance(item, Aside)
            else (_bytes(item.name), item.start, item.size, *map(_bytes, item.listed), b"", b"")
            for item in items
        )
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in _COLUMNS]
        types = [pa.int64() if name in ("start", "size") else pa.large_binary() for name in _COLUMNS]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        return cls(pa.table(arrays, list(_COLUMNS)))

    def rows(self) -> Iterator[Row | Aside]:
        """Every image, and what was set aside."""
        for batch in self.table.to_batches(_ROWS):
            for name, start, size, *said, kind, detail in zip(*(column.to_pylist() for column in batch), strict=True):
                if kind:
                    yield Aside(_str(name), _str(kind), _str(detail))
                else:
                    yield Row(_str(name), start, size, Listed(*map(_str, said)))

    def find(self, name: str) -> tuple[int, int] | None:
        """Where an image begins, and how many bytes it has; None where there is no such."""
        wanted = _bytes(name)
        place = bisect.bisect_left(self._names, wanted)
        if place == len(self._names) or self._names[place] != wanted:
            return None
        start, size = (self.table.column(column)[place].as_py() for column in ("start", "size"))
        return None if start < 512 else (start, size)


class _Names(Sequence[bytes]):
    """A column as a sequence, for bisecting."""

    def __init__(self, column: pa.Array) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, place: Any) -> Any:
        return self._column[place].as_py()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _str(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
