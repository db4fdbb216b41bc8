"""A folder for each class, as ImageFolder and image_dataset_from_directory read it.

While a run is on, `.augflow/` beside the class folders holds its journal, its lock and half-written files; a finished
sink holds no folder but the classes'.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from augflow.errors import SinkError, SurroundingsError
from augflow.sink.whole import NEW, write_all

WORKSHOP = ".augflow"
LEDGER = "ledger.parquet"
RUN = "run.json"
LOCK = "recipe.lock.yaml"
SIGNATURE = ".minisig"
REPORT = "report.html"
CARD = "README.md"
CROISSANT = "croissant.json"
PROV = "prov.json"
OURS = frozenset(
    {LEDGER, RUN, LOCK, REPORT, CARD, CROISSANT, PROV} | {f"{name}{SIGNATURE}" for name in (LEDGER, RUN, LOCK)}
)

_OURS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_PATIENCE = 10.0
"""Seconds in which the workers of a killed run must have gone."""


class FolderSink:
    """Class folders below `root`.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
        card: whether a run leaves a data card beside the ledger.
    """

    def __init__(self, root: str, card: bool = False) -> None:
        self.root = Path(root)
        self.card = card
        self.workshop = self.root / WORKSHOP
        self._made: set[str] = set()
        self._prefix = os.path.join(self.root, "")
        self._half = os.path.join(self.workshop, "half", "")
        self._joined = -1

    @contextlib.contextmanager
    def held(self, force: bool = False) -> Iterator[None]:
        """Make the root and the workshop and hold them for this run alone; the lock goes with its process.

        Args:
            force: go on where the ledger is lost and `run.json` alone tells the root for ours.

        Raises:
            SinkError: the root holds files, and no ledger or journal that tells them for ours.
            SurroundingsError: it cannot be written, or another run holds it.
        """
        self._refuse_strangers(force)
        self.refuse_links()
        try:
            (self.workshop / "half").mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.workshop / "lock", _OURS, 0o644)
        except OSError as error:
            raise SurroundingsError(f"sink.root: {self.root.absolute()}: {error.strerror}.") from error
        try:
            self._lock(descriptor)
            self._wait_for_workers()
            for left in os.scandir(self.workshop / "half"):
                os.unlink(left.path)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self.workshop / "lock")):
                write_all(descriptor, f"{os.getpid():<32}".encode())
                return
        except (BlockingIOError, FileNotFoundError):
            pass
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise SurroundingsError(
            f"sink.root: another run (process {holder}) is writing to {self.root.absolute()}. "
            "Wait for it, or choose another folder."
        )

    def _wait_for_workers(self) -> None:
        """Workers outlive a killed driver by a moment; none may write once the next run has looked around."""
        descriptor = os.open(self.workshop / "workers", _OURS, 0o666)
        deadline = time.monotonic() + _PATIENCE
        try:
            while not _flock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise SurroundingsError(
                        f"sink.root: workers of a run that was killed are still writing to {self.root.absolute()}. "
                        "End them, then start again."
                    )
                time.sleep(0.02)
        finally:
            os.close(descriptor)

    def _join(self) -> None:
        """Tell, for as long as this process lives, that it writes here."""
        self._joined = os.open(self.workshop / "workers", _OURS, 0o666)
        _flock(self._joined, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if self._joined >= 0:
            os.close(self._joined)

    def refuse_links(self) -> None:
        """Refuse a sink whose own files are links or no files: it may come from others, and nothing outside is touched.

        Raises:
            SinkError: one of them is.
        """
        if self.workshop.is_symlink():
            raise _led_astray(self.workshop)
        for folder in (self.root, self.workshop):
            if not folder.is_dir():
                continue
            for entry in [*os.scandir(folder)]:
                ours = entry.name in OURS if folder == self.root else entry.name != "half"
                if (ours and not entry.is_file(follow_symlinks=False)) or (not ours and _is_linked_folder(entry)):
                    raise _led_astray(entry.path)

    def _refuse_strangers(self, force: bool) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise SinkError(f"sink.root: {self.root.absolute()} is a file. Name a folder.")
        if not self.root.exists() or self.workshop.exists() or (self.root / LEDGER).exists():
            return
        strangers = sorted(entry.name for entry in os.scandir(self.root))
        if (self.root / RUN).exists():
            if force:
                return
            raise SinkError(
                f"sink.root: {self.root.absolute()} holds '{RUN}' and no {LEDGER}: nothing tells which of its files "
                "augflow made. `augflow run --force` makes them all again; or choose another folder."
            )
        if strangers:
            raise SinkError(
                f"sink.root: {self.root.absolute()} holds '{strangers[0]}', and neither a ledger nor an unfinished "
                "run of augflow. Choose another folder, or empty this one."
            )

    def put(self, path: str, data: bytes) -> None:
        if self._joined < 0:
            self._join()
        folder, _, _ = path.rpartition("/")
        half = f"{self._half}{os.getpid()}"
        descriptor = os.open(half, NEW, 0o666)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        if folder not in self._made:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        os.replace(half, f"{self._prefix}{path}")

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield path and size of everything in the class folders; -1 where it is no regular file."""
        if not self.root.is_dir():
            return
        for folder in [*os.scandir(self.root)]:
            if folder.is_dir() and folder.name != WORKSHOP:
                if folder.is_symlink():
                    raise _led_astray(folder.path)
                yield from self._sizes(folder.name)

    def _sizes(self, folder: str) -> Iterator[tuple[str, int]]:
        entries = os.scandir(f"{self._prefix}{folder}")
        for entry in entries:
            path = f"{folder}/{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode) and "/" not in folder and _is_linked_folder(entry):
                entries.close()
                raise _led_astray(entry.path)
            if stat.S_ISDIR(status.st_mode) and "/" not in folder:
                yield from self._sizes(path)
            else:
                yield path, status.st_size if stat.S_ISREG(status.st_mode) else -1

    def remove(self, paths: Iterable[str]) -> int:
        """Remove outputs, and folders that are left empty; return how many files there were."""
        folders: set[str] = set()
        removed = 0
        for path in filter(is_inside, paths):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(f"{self._prefix}{path}")
                removed += 1
            while path := path.rpartition("/")[0]:
                folders.add(path)
        for folder in sorted(folders, reverse=True):
            _remove_empty(f"{self._prefix}{folder}")
        return removed

    def end(self) -> None:
        """Remove the workshop, the journal before the lock."""
        if self._joined >= 0:
            os.close(self._joined)
            self._joined = -1
        for entry in os.scandir(self._half):
            os.unlink(entry.path)
        os.rmdir(self._half)
        for entry in sorted(os.scandir(self.workshop), key=lambda entry: entry.name == "lock"):
            os.unlink(entry.path)
        _remove_empty(self.workshop)  # It is not, where another run has come by now.


def is_inside(path: str) -> bool:
    """Whether a path stays below the folder that it is read from; a ledger may be another's."""
    return bool(path) and "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def _is_linked_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # A link that leads to itself.
        return False


def _led_astray(path: str | Path) -> SinkError:
    return SinkError(
        f"sink.root: {os.path.abspath(path)} is a link, or no file where one belongs. Nothing is written or removed "
        "through links: take it away, or choose another folder."
    )


def _remove_empty(folder: str | Path) -> None:
    """Remove a folder, unless something lies in it or it is gone."""
    try:
        os.rmdir(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise


def _flock(descriptor: int, how: int) -> bool:
    """Lock a file, or say that others hold it; file systems without locks always grant it."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
