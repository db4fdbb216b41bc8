"""A finished data set as it lies in a sink: its records, and `run.json` with what the run was."""

from __future__ import annotations

import bisect
import errno
import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from augflow.errors import ImageError, SinkError, SourceError, nearest
from augflow.ledger import account, ledger
from augflow.sink import Sink, open_sink
from augflow.sink.folder import LEDGER, RUN, is_inside, kind_of
from augflow.source import BUILT_IN, MOST_PIXELS, Source, open_source
from augflow.store import is_url

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Record: TypeAlias = dict[str, Any]
"""A row of the ledger."""

Counting: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Begins work of a name and an amount; what it gives is called with how much was done since."""

_ROWS = 4096
_FEW = 20_000
_MOST_TOLD = 1 << 28
"""Bytes of `run.json`."""
_TOLD_KINDS = frozenset({"imagefolder", "webdataset", "parquet"})
"""Sinks that `run.json`, which may be another's, may choose."""
_PREFIX = re.compile(r"[0-9a-f]{6,16}")
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, MemoryError)
"""What a damaged file raises; pyarrow's own errors are among them."""


def silently(*_: object) -> AbstractContextManager[Callable[[int], None]]:
    """A `Counting` that shows nothing."""
    return nullcontext(lambda done: None)


class DatasetError(SinkError):
    """The ledger or `run.json` cannot be used; `kind` is a stable word, `file` its name below the root."""

    def __init__(self, kind: str, file: str, detail: str) -> None:
        super().__init__(kind, file, detail)
        self.kind, self.file, self.detail = kind, file, detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.file}: {self.detail}"


class Dataset:
    """What augflow made below a sink's root; each part is read when it is first asked for.

    Args:
        sink: settings.

    Raises:
        SinkError: there is nothing of augflow's.
        DatasetError: from its parts, where they are missing or damaged.
    """

    def __init__(self, sink: Mapping[str, Any]) -> None:
        self.sink = open_sink(sink)
        self.settings = dict(sink)
        with suppress(OSError):  # It is told of when the account is asked for.
            kind = kind_of(account.read(self.sink.desk))
            if kind in _TOLD_KINDS and kind != self.settings.get("kind") and "root" in self.settings:
                self.settings = {"kind": kind, "root": self.settings["root"]}
                self.sink = open_sink(self.settings)
        self.root = self.sink.desk
        self.unfinished = self.sink.workshop.exists()
        if not (self.unfinished or (self.root / LEDGER).exists() or (self.root / RUN).exists()):
            what = "holds no data set of augflow's" if self.root.is_dir() else "is no folder"
            raise SinkError(f"sink.root: {self.sink.name} {what}. Name the folder that `augflow run` wrote to.")

    @cached_property
    def account(self) -> dict[str, Any]:
        """What `run.json` holds."""
        try:
            with self._regular(RUN).open("rb") as file:
                found = json.loads(file.read(_MOST_TOLD))
        except FileNotFoundError:
            raise DatasetError("no run.json", RUN, f"it is missing{self._so}") from None
        except (*_UNREADABLE, RecursionError) as error:
            raise DatasetError("unreadable run.json", RUN, f"{error}{self._so}") from None
        if not isinstance(found, dict) or not isinstance(found.get("source"), dict):
            raise DatasetError("unreadable run.json", RUN, "it is not as augflow writes it")
        _demand_format(str(found.get("format")), RUN)
        return found

    @property
    def source(self) -> dict[str, Any]:
        """The source that the run names, as far as a data set, which may be another's, may choose one.

        Raises:
            SourceError: it is of a kind that is not built in, lies in a store, which credentials
                would be shown to, or lets larger images in than any that nobody allowed.
        """
        settings = dict(self.account["source"])
        say = "If you trust that, say so: source=… source.root=…"
        if str(settings.get("kind", "folder")) not in BUILT_IN:
            raise SourceError(f"{RUN} names a source of the kind {settings['kind']!r}, which is a plugin's. {say}")
        if place := next((place for place in settings.values() if is_url(place)), ""):
            raise SourceError(f"{RUN} names a source in a store, {place}. {say}")
        most = settings.get("max_pixels", 0)
        if not isinstance(most, int) or most > MOST_PIXELS:
            raise SourceError(
                f"{RUN} lets images of {most!r} pixels in, and more than {MOST_PIXELS:,} is yours to say. {say}"
            )
        return settings

    @cached_property
    def ledger(self) -> pq.ParquetFile:
        """The sealed ledger, its columns as this version knows them."""
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(self._regular(LEDGER))
        except FileNotFoundError:
            raise DatasetError("no ledger", LEDGER, f"it is missing{self._so}") from None
        except _UNREADABLE as error:
            raise DatasetError("unreadable ledger", LEDGER, f"{error}{self._so}") from None
        found = (file.schema_arrow.metadata or {}).get(b"augflow.ledger")
        if found is None:
            raise DatasetError("unreadable ledger", LEDGER, "augflow did not write it")
        _demand_format(found.decode(errors="replace"), LEDGER)
        if not file.schema_arrow.equals(ledger.schema()):
            raise DatasetError("edited ledger", LEDGER, "its columns are not those of a ledger")
        if not ledger.can_hold(file.metadata, (size := (self.root / LEDGER).stat().st_size)):
            claimed = f"{size} bytes cannot hold the {file.metadata.num_rows} records that it claims"
            raise DatasetError("edited ledger", LEDGER, claimed)
        return file

    def _regular(self, name: str) -> Path:
        """A file of the data set, which may be another's: a pipe or a device would never end."""
        file = self.root / name
        if not stat.S_ISREG(file.lstat().st_mode):
            raise OSError(errno.EINVAL, "it is a link, or no regular file")
        return file

    @property
    def _so(self) -> str:
        return ": the run is unfinished, and the same command goes on" if self.unfinished else ""

    def table(self, *columns: str) -> pa.Table:
        """Columns of the ledger."""
        file = self.ledger
        with _reading():
            table = file.read(columns=list(columns))
            table.validate(full=True)
        return table

    def batches(self, *columns: str) -> Iterator[pa.RecordBatch]:
        """Columns of the ledger, all of them unless named, some rows at a time."""
        rows = self.ledger.iter_batches(batch_size=_ROWS, columns=list(columns) or None)
        while True:
            with _reading():
                batch = next(rows, None)
                if batch is None:
                    return
                batch.validate(full=True)
            yield batch

    def records(self) -> Iterator[Record]:
        """Every record, in the order of their paths."""
        for batch in self.batches():
            yield from batch.to_pylist()

    def record(self, path: str) -> Record:
        """The record of the output at `path`, which is known to have one."""
        import pyarrow.parquet as pq

        found: list[Record] = pq.read_table(self.root / LEDGER, filters=[("path", "=", path)]).to_pylist()
        return found[0]


def source_of(dataset: Dataset, given: Mapping[str, Any] | None) -> tuple[Source, dict[str, Any]]:
    """Open the source that is given, or the one that the run was made from; return it with its settings.

    Raises:
        SourceError: there is no such source.
        DatasetError: `run.json` cannot be used.
    """
    settings = dict(given or dataset.source)
    try:
        return open_source(settings), settings
    except (SourceError, TypeError) as error:
        if given:
            raise
        raise SourceError(f"{error} The data set was made from there; say where it is now: source.root=…") from None


def versions_then(dataset: Dataset) -> dict[str, list[str]]:
    """Every version of each library that outputs of a data set were made with, earlier runs' first."""
    found: dict[str, list[str]] = {}
    earlier = dataset.account.get("earlier_versions")
    told = [*(earlier if isinstance(earlier, list) else []), dataset.account.get("versions")]
    for some in told:  # The account may be another's, and hold anything.
        for name, version in some.items() if isinstance(some, Mapping) else ():
            if str(version) not in found.setdefault(name, []):
                found[name].append(str(version))
    return found


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise DatasetError("unreadable ledger", LEDGER, str(error)) from error


def _demand_format(found: str, file: str) -> None:
    if not found.isdecimal():
        raise DatasetError(f"unreadable {_name(file)}", file, f"its format is called {found!r}")
    if int(found) > int(ledger.FORMAT):
        known = f"its format is {found}, and this version of augflow reads formats up to {ledger.FORMAT}"
        raise DatasetError(f"newer {_name(file)}", file, f"{known}: upgrade augflow")


def _name(file: str) -> str:
    return "ledger" if file == LEDGER else file


def find(dataset: Dataset, what: str) -> str:
    """Return the path of the output that `what` means: a key or the beginning of one, or a path.

    Raises:
        SinkError: there is none, or several.
    """
    table = dataset.table("path", "key")
    paths, keys = table["path"].to_pylist(), table["key"].to_pylist()
    below = _below(dataset.root, what)
    if below in set(paths):
        return below
    if _PREFIX.fullmatch(what):
        found = [path for path, key in zip(paths, keys, strict=True) if key.startswith(what)]
        if len(found) > 1:
            raise SinkError(f"{len(found)} outputs have a key that begins with {what}: {', '.join(found[:5])} …")
        if found:
            return str(found[0])
    known = sorted(keys if re.fullmatch(r"[0-9a-f]+", what) else paths)
    place = bisect.bisect(known, what)
    near = known if len(known) < _FEW else known[max(0, place - 100) : place + 100]
    raise SinkError(
        f"No record in {dataset.sink.name} is called '{what}'.{nearest(below, near)} Name an output's key, six "
        "digits of it at least, or its path; or `all`."
    )


def _below(root: Path, what: str) -> str:
    """`what` as a path below the root, where it is one on disk."""
    for base, path in ((root.absolute(), Path(what).absolute()), (root.resolve(), Path(what).resolve())):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return what


def read_output(sink: Sink, path: str, size: int) -> bytes:
    """Read an output, `size` bytes long as its record says.

    Raises:
        ImageError: it is `missing`, `not a file`, `unreadable` or `changed`.
    """
    with sink.opened(path) as (file, found):
        if found != size:
            raise ImageError("changed", f"{found} bytes, and its record says {size}")
        return file.read()


_WRITTEN_OUT = re.compile(rb"\\x([89a-f][0-9a-f])")


def read_sample(source: Source, key: str) -> bytes:
    """Read the sample that a record names; bytes of its name that are no UTF-8 stand written out there.

    Raises:
        ImageError: it cannot be read.
    """
    if not is_inside(key) and not getattr(source, "outside", False):
        raise ImageError("unreadable", "its key leads out of the source")
    try:
        return source.read(key)
    except ImageError:
        raw = _WRITTEN_OUT.sub(lambda found: bytes.fromhex(found[1].decode()), key.encode())
        name = raw.decode("utf-8", "surrogateescape")
        if name == key:
            raise
        return source.read(name)
