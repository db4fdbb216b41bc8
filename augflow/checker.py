"""Hash the files of a data set and the samples of its source: the part of `verify` that runs on every core."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from augflow.errors import ImageError
from augflow.ledger.dataset import read_sample
from augflow.sink import open_sink
from augflow.source import open_source

_HASHED = 1 << 28
"""A file of another size than recorded is hashed up to this many bytes, to say whose it is."""


class Look(NamedTuple):
    """What is wrong with a file or a sample, and the sha256 of what it holds instead."""

    kind: str
    name: str
    detail: str = ""
    sha256: str = ""


class Checker:
    """Hashes files of a data set, or samples of its source; built once in every process, from plain data.

    Called with ("files", (path, size, sha256) of each; of a foreign one -1 and nothing) or ("samples", (key, sha256)
    of each), it returns a `Look` for each that is not as recorded.

    Args:
        spec: `sink` (settings), `source` (settings, or None).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.sink = open_sink(spec["sink"])
        self.source = open_source(spec["source"]) if spec["source"] else None

    def __call__(self, item: tuple[str, list[tuple[Any, ...]]]) -> list[Look]:
        what, some = item
        look = self._look if what == "files" else self._look_at_sample
        return [found for arguments in some if (found := look(*arguments))]

    def _look(self, path: str, size: int, sha256: str) -> Look | None:
        try:
            with self.sink.opened(path) as (file, found):
                enough = found == size or found <= _HASHED
                held = hashlib.file_digest(file, "sha256").hexdigest() if enough else ""
        except ImageError as error:
            return Look(error.kind, path, error.detail) if sha256 else None
        if not sha256:
            return Look("", path, "", held)
        if (found, held) == (size, sha256):
            return None
        detail = f"{found} bytes, and its record says {size}" if found != size else "its bytes are not those recorded"
        return Look("changed", path, detail, held)

    def _look_at_sample(self, key: str, sha256: str) -> Look | None:
        assert self.source is not None
        try:
            data = read_sample(self.source, key)
        except ImageError as error:
            return Look("source missing", key, str(error))
        same = hashlib.sha256(data).hexdigest() == sha256
        return None if same else Look("source changed", key, "it is not the file that outputs were made from")
