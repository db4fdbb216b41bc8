"""What is found out of files of many images, kept in the user's cache so that every process of this machine finds it.

The cache is `$XDG_CACHE_HOME/augflow` (else `~/.cache/augflow`). It may be removed at any time; without it every
process finds out for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_FORMAT = "1"


def folder() -> Path:
    """Where the cache is."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "augflow"


def recall(about: list[Any]) -> pa.Table | None:
    """The table that was kept, mapped rather than read; None where there is none that is whole.

    Args:
        about: plain values that tell it from every other: what it is, of which file as it was written when.
    """
    import pyarrow as pa

    try:
        with pa.memory_map(str(_path(about))) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
    except (OSError, pa.ArrowException):
        return None
    return table


def keep(about: list[Any], table: pa.Table) -> None:
    """Keep a table, whole or not at all, where this machine lets us."""
    import pyarrow as pa

    path = _path(about)
    half = path.with_suffix(f".{os.getpid()}.half")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with pa.OSFile(str(half), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)


def _path(about: list[Any]) -> Path:
    told = json.dumps([_FORMAT, *about]).encode()
    return folder() / f"{hashlib.blake2b(told, digest_size=16).hexdigest()}.arrow"
