"""Where outputs go, and where what is told of them lies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from augflow.errors import SinkError
from augflow.kinds import build
from augflow.store import is_url


class Found(NamedTuple):
    """Something that lies in a sink, by its path below the root."""

    path: str
    size: int
    """Below 0 where it is no regular file."""
    time: float
    """When it was last written, in seconds; only to be compared with another of the same sink."""
    kind: str = ""
    """A `foreign folder`, or `unreadable`; empty of a file."""
    detail: str = ""


class Notes(Protocol):
    """Takes down what becomes of outputs; once a method returns, what it was told outlives the process."""

    def begin(self, paths: Sequence[str]) -> None:
        """Outputs are about to be put: what was recorded of them before holds no more."""
        ...

    def append(self, records: Sequence[bytes]) -> None:
        """Outputs were put; their records are JSON, without a line end each."""
        ...


class Puts(Protocol):
    """The part of a sink that workers use; built again from its settings in every process."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file below the root, whole or not at all; an older one of that name is replaced."""
        ...

    def notes(self, run: int) -> Notes:
        """Where this process writes down what it puts, in the run of that number."""
        ...


class Sink(Puts, Protocol):
    """A data set's outputs by their paths, its account (ledger, `run.json`, lock), and what a run keeps while it is on.

    The account and the journal are read and written in folders of this machine, `desk` and `workshop`; whoever keeps
    them elsewhere brings them there and back: `held` and `desk` bring, `publish` takes.
    """

    @property
    def name(self) -> str:
        """What messages and commands call it: the setting `sink.root`, in full."""
        ...

    @property
    def desk(self) -> Path:
        """The folder in which the account lies."""
        ...

    @property
    def card(self) -> bool:
        """Whether a run leaves a data card beside the ledger."""
        ...

    @property
    def workshop(self) -> Path:
        """The folder in which the journal lies while a run is on; absent otherwise."""
        ...

    def held(self, force: bool = False) -> AbstractContextManager[None]:
        """Make the root and hold it for this run alone.

        Args:
            force: go on where the ledger is lost and `run.json` alone tells the root for ours.

        Raises:
            SinkError: the root holds files, and no ledger or journal that tells them for ours.
            SurroundingsError: it cannot be written, or another run holds it.
        """
        ...

    def demand_safe(self) -> None:
        """Refuse what would lead out of the root.

        Raises:
            SinkError: something does.
        """
        ...

    def demand_room(self, source: str | None, folders: Iterable[str]) -> None:
        """Refuse a root that lies in the source's, and files where folders of classes shall be.

        Raises:
            SinkError: so it is.
        """
        ...

    def demand_held(self) -> None:
        """See that this run still holds the root.

        Raises:
            SurroundingsError: another has taken it.
        """
        ...

    def collect(self) -> None:
        """Bring what workers wrote down to the workshop."""
        ...

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of everything in the class folders; -1 where it is no regular file."""
        ...

    def walk(self, folders: Collection[str]) -> Iterator[Found]:
        """Yield everything but the account and the workshop, going into `folders` alone."""
        ...

    def opened(self, path: str) -> AbstractContextManager[tuple[BufferedIOBase, int]]:
        """Open an output for reading; give it with its size.

        Raises:
            ImageError: it is `missing`, `not a file` or `unreadable`.
        """
        ...

    def remove(self, paths: Iterable[str]) -> int:
        """Remove outputs; return how many there were."""
        ...

    def sealed(self) -> float:
        """When the ledger was written, as `Found.time` tells it."""
        ...

    def settle(self) -> None:
        """Bring all outputs to where they outlive the machine; the account is written after that."""
        ...

    def pack(
        self, force: bool = False, seen: Callable[[int], None] = lambda outputs: None
    ) -> tuple[dict[str, Any], list[Found]]:
        """Bring outputs into the files in which they are handed on, by the sealed ledger.

        Args:
            force: make over what was edited, and what lies where such a file shall.
            seen: called with how many outputs were packed since.

        Returns:
            What `run.json` shall tell under `packed` (`kind`, and under `files` the size and sha256 of each), nothing
            where outputs are handed on as they lie; and what was left alone, with the reasons.
        """
        ...

    def publish(self) -> None:
        """Bring the account, as far as it is new, there as well."""
        ...

    def end(self) -> None:
        """Remove the workshop, the journal before the lock."""
        ...


BUILT_IN = {
    "folder": "augflow.sink.folder:FolderSink",
    "remote": "augflow.sink.remote:RemoteSink",
    "imagefolder": "augflow.sink.imagefolder:ImageFolderSink",
    "webdataset": "augflow.sink.webdataset:WebDatasetSink",
    "parquet": "augflow.sink.parquet:ParquetSink",
}


def open_sink(settings: Mapping[str, Any]) -> Sink:
    """Open the sink that `settings` names by `kind`; its other keys are arguments.

    Raises:
        SinkError: no such kind, or wrong arguments.
    """
    if settings.get("kind", "folder") == "folder" and is_url(settings.get("root")):
        settings = {**settings, "kind": "remote"}
    opened: Sink = build("sink", settings, BUILT_IN, SinkError)
    return opened
