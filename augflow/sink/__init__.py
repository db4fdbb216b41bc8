"""Where outputs go."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from augflow.errors import SinkError, nearest


class Sink(Protocol):
    """Takes whole files; built again from its settings in every process."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file below the root, whole or not at all; an older one of that name is replaced."""
        ...


BUILT_IN = {"folder": "augflow.sink.folder:FolderSink"}


def open_sink(settings: Mapping[str, Any]) -> Any:
    """Open the sink that `settings` names by `kind`; its other keys are arguments.

    Raises:
        SinkError: no such kind, or wrong arguments.
    """
    from importlib.metadata import entry_points

    kinds = BUILT_IN | {point.name: point.value for point in entry_points(group="augflow.sinks")}
    kind = str(settings.get("kind", "folder"))
    if kind not in kinds:
        raise SinkError(f"sink.kind: there is no sink '{kind}'.{nearest(kind, kinds)} Known: {', '.join(kinds)}.")
    module, _, name = kinds[kind].partition(":")
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    return getattr(importlib.import_module(module), name)(**arguments)
