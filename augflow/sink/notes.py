"""Records as workers write them down while a run is on: every process into a file of its own."""

from __future__ import annotations

import itertools
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from augflow.sink.whole import write_all

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def writer() -> str:
    """What tells this process from every other that may write to the same folder, from other machines too."""
    host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:48]
    return f"{host}-{os.getpid()}"


class Notes:
    """Appends records to `records.<run>.<writer>.jsonl`, a line each; what is appended outlives this process.

    Args:
        folder: the workshop.
        run: the number of the run; records of a later one hold before those of an earlier.
    """

    def __init__(self, folder: Path, run: int) -> None:
        self._folder, self._run = folder, run
        self._descriptor = -1

    def append(self, records: Sequence[bytes]) -> None:
        if self._descriptor < 0:
            self._descriptor = self._open()
        write_all(self._descriptor, b"".join(b"%b\n" % record for record in records))

    def _open(self) -> int:
        for number in itertools.count():  # A process of that number may have been here before.
            try:
                return os.open(self._folder / f"records.{self._run}.{writer()}-{number}.jsonl", _NEW, 0o666)
            except FileExistsError:
                continue
        raise AssertionError

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
