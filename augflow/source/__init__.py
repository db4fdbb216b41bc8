"""Where images come from: a source lists its samples and reads their bytes, and never writes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from augflow.errors import SourceError, nearest


class Sample(NamedTuple):
    """One image with its label; the key is its path below the root, with `/` between parts."""

    label: str
    key: str


class Aside(NamedTuple):
    """Something that was set aside: a key, a stable word for the reason, and the particulars."""

    key: str
    kind: str
    detail: str


def told(key: str) -> str:
    """A key as records and outputs have it: bytes of its name that are no UTF-8 are written out (`\\xe9`)."""
    return key if key.isascii() else key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Source(Protocol):
    """Lists samples and reads them; built again from its settings in every process."""

    max_pixels: int

    def scan(self) -> Iterator[Sample | Aside]:
        """Yield every sample, and whatever lies among them that is none, in any order."""
        ...

    def labels(self) -> list[str]:
        """Every class, those without samples too."""
        ...

    def read(self, key: str) -> bytes:
        """Read the bytes of a sample.

        Raises:
            ImageError: they cannot be read.
        """
        ...


BUILT_IN = {
    "folder": "augflow.source.folder:FolderSource",
    "demo": "augflow.source.demo:DemoSource",
}


def open_source(settings: Mapping[str, Any]) -> Source:
    """Open the source that `settings` names by `kind`; its other keys are arguments.

    Raises:
        SourceError: no such kind, wrong arguments, or nothing there.
    """
    from importlib.metadata import entry_points

    kinds = BUILT_IN | {point.name: point.value for point in entry_points(group="augflow.sources")}
    kind = str(settings.get("kind", "folder"))
    if kind not in kinds:
        raise SourceError(f"source.kind: there is no source '{kind}'.{nearest(kind, kinds)} Known: {', '.join(kinds)}.")
    module, _, name = kinds[kind].partition(":")
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    opened: Source = getattr(importlib.import_module(module), name)(**arguments)
    return opened
