"""A folder for each class, as ImageFolder and image_dataset_from_directory read it.

While a run is on, `.augflow/` beside the class folders holds its journal, its lock and half-written files; a finished
sink holds no folder but the classes'.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from augflow.errors import SinkError, SurroundingsError

WORKSHOP = ".augflow"
LEDGER = "ledger.parquet"
RUN = "run.json"
LOCK = "recipe.lock.yaml"
OURS = frozenset({LEDGER, RUN, LOCK})


class FolderSink:
    """Class folders below `root`.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.workshop = self.root / WORKSHOP
        self._made: set[str] = set()
        self._prefix = os.path.join(self.root, "")
        self._half = os.path.join(self.workshop, "half", "")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the root and the workshop and hold them for this run alone; the lock goes with its process.

        Raises:
            SinkError: the root holds files, and no ledger or journal that tells them for ours.
            SurroundingsError: it cannot be written, or another run holds it.
        """
        strangers = self._strangers()
        if strangers:
            raise SinkError(
                f"sink.root: {self.root.absolute()} holds '{strangers[0]}', and neither a ledger nor an unfinished "
                "run of augflow. Choose another folder, or empty this one."
            )
        try:
            (self.workshop / "half").mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.workshop / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise SurroundingsError(f"sink.root: {self.root.absolute()}: {error.strerror}.") from error
        try:
            self._lock(descriptor)
            for left in os.scandir(self.workshop / "half"):
                os.unlink(left.path)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self.workshop / "lock")):
                os.pwrite(descriptor, f"{os.getpid():<32}".encode(), 0)
                return
        except OSError:
            pass
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise SurroundingsError(
            f"sink.root: another run (process {holder}) is writing to {self.root.absolute()}. "
            "Wait for it, or choose another folder."
        )

    def _strangers(self) -> list[str]:
        if self.root.exists() and not self.root.is_dir():
            raise SinkError(f"sink.root: {self.root.absolute()} is a file. Name a folder.")
        if not self.root.exists() or self.workshop.exists() or (self.root / LEDGER).exists():
            return []
        return sorted(entry.name for entry in os.scandir(self.root))

    def put(self, path: str, data: bytes) -> None:
        folder, _, _ = path.rpartition("/")
        half = f"{self._half}{os.getpid()}"
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
        if folder not in self._made:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        os.replace(half, f"{self._prefix}{path}")

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of every file in the class folders."""
        if not self.root.is_dir():
            return
        for folder in os.scandir(self.root):
            if folder.is_dir() and folder.name != WORKSHOP:
                for entry in os.scandir(folder.path):
                    yield f"{folder.name}/{entry.name}", entry.stat(follow_symlinks=False).st_size

    def remove(self, paths: Iterable[str]) -> None:
        """Remove outputs, and class folders that are left empty."""
        for path in paths:
            (self.root / path).unlink(missing_ok=True)
        for folder in self.root.iterdir():
            if folder.is_dir() and folder.name != WORKSHOP and not os.listdir(folder):
                folder.rmdir()

    def end(self) -> None:
        """Remove the workshop."""
        shutil.rmtree(self.workshop, ignore_errors=True)
