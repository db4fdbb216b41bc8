"""Where outputs go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from augflow.errors import SinkError
from augflow.kinds import build


class Sink(Protocol):
    """Takes whole files; built again from its settings in every process."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file below the root, whole or not at all; an older one of that name is replaced."""
        ...

    def notes(self, run: int) -> Notes:
        """Where this process writes down the records of what it puts, in the run of that number."""
        ...


class Notes(Protocol):
    """Takes the records of outputs that were put."""

    def append(self, records: Sequence[bytes]) -> None:
        """Write records down, JSON without a line end each; once this returns they outlive the process."""
        ...


BUILT_IN = {"folder": "augflow.sink.folder:FolderSink"}


def open_sink(settings: Mapping[str, Any]) -> Any:
    """Open the sink that `settings` names by `kind`; its other keys are arguments.

    Raises:
        SinkError: no such kind, or wrong arguments.
    """
    return build("sink", settings, BUILT_IN, SinkError)
