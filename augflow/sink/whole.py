"""Files that are whole or absent, and on disk before they take their name.

Everything that a run writes goes through `os.open`, `os.write`, `os.replace` and their like, so that a test can make
each of these fail.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How files are opened for writing: through no link, and waiting for no reader of a pipe that lies in their place."""


class _Descriptor(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return os.write(self.descriptor, data)  # type: ignore[arg-type]


@contextlib.contextmanager
def written(path: Path, half: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to; in the end it is brought to disk and takes the place of `path`.

    Args:
        half: where it lies until then, on the same file system.
    """
    descriptor = os.open(half, NEW, 0o666)
    try:
        file = io.BufferedWriter(_Descriptor(descriptor), 1 << 20)
        try:
            yield file
            file.flush()
        finally:
            file.detach()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(half, path)
    settle_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    left: bytes | memoryview = data
    while (written := os.write(descriptor, left)) < len(left):
        left = memoryview(left)[written:]


def settle_folder(folder: Path) -> None:
    """Bring the names in a folder to disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def settle_all(folder: Path) -> None:
    """Bring all that was written to the file system of `folder` to disk; one call for any number of files.

    Raises:
        OSError: some of it could not be written after all.
    """
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # Not Linux: what a power cut may cost, the next run with --force finds.
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
