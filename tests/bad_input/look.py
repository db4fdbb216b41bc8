"""Decode every file of a folder, each in a process of its own, and tell as JSON what came of it and what it took."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from augflow.engine.codec import decode
from augflow.errors import ImageError
from augflow.source.folder import FolderSource


def look(source: FolderSource, key: str) -> dict[str, Any]:
    try:
        decoded = decode(source.read(key), source.max_pixels)
    except ImageError as error:
        return {"outcome": error.kind, "detail": error.detail, "format": "", "notes": []}
    return {"outcome": "sound", "detail": "", "format": decoded.format, "notes": decoded.notes}


def apart(source: FolderSource, key: str) -> dict[str, Any]:
    """Look in a process of its own; with it, its processor time, its peak of memory in MiB and how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with open(writer, "w") as file:
            json.dump(look(source, key), file)
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        said = file.read()
    _, status, used = os.wait4(child, 0)
    found: dict[str, Any] = json.loads(said) if said else {"outcome": "crashed", "detail": str(status)}
    return found | {"seconds": used.ru_utime + used.ru_stime, "mebibytes": used.ru_maxrss // 1024}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    opened = FolderSource(str(root))
    keys = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*"))
    json.dump({key.partition("/")[2]: apart(opened, key) for key in keys}, sys.stdout)
