"""A folder for each class, as ImageFolder and image_dataset_from_directory read it.

While a run is on, `.augflow/` beside the class folders holds its journal, its lock and half-written files; a finished
sink holds no folder but the classes'.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from augflow.errors import ImageError, SinkError, SurroundingsError
from augflow.sink import Found
from augflow.sink.notes import Notes, turn_to_go, writer
from augflow.sink.whole import NEW, settle_all, write_all

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

    kind = "folder"
    rooms = frozenset({"half"})
    """Folders in the workshop."""

    def __init__(self, root: str, card: bool = False) -> None:
        self.root = Path(root)
        self.card = card
        self.workshop = self.root / WORKSHOP
        self.outputs = self.root
        """Where outputs are put."""
        self._made: set[str] = set()
        self._prefix = os.path.join(self.root, "")
        self._half = os.path.join(self.workshop, "half", "")
        self._joined = -1
        self._mine = ""
        """The file that this process writes to until it is whole."""

    @property
    def name(self) -> str:
        return str(self.root.absolute())

    @property
    def desk(self) -> Path:
        return self.root

    @contextlib.contextmanager
    def held(self, force: bool = False) -> Iterator[None]:
        """Make the root and the workshop and hold them for this run alone; the lock goes with its process."""
        self._refuse_strangers(force)
        self.demand_safe()
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
        self._mine = f"{self._half}{writer()}"
        self._joined = os.open(self.workshop / "workers", _OURS, 0o666)
        _flock(self._joined, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if self._joined >= 0:
            os.close(self._joined)

    def demand_safe(self) -> None:
        """Refuse a sink whose own files are links or no files: it may come from others, and nothing outside is
        touched.
        """
        if self.workshop.is_symlink():
            raise _led_astray(self.workshop)
        for folder in (self.root, self.workshop):
            if not folder.is_dir():
                continue
            for entry in [*os.scandir(folder)]:
                ours = entry.name in OURS if folder == self.root else entry.name not in self.rooms
                if (ours and not entry.is_file(follow_symlinks=False)) or (not ours and _is_linked_folder(entry)):
                    raise _led_astray(entry.path)
        self._refuse_another_kind()

    def _refuse_another_kind(self) -> None:
        kind = kind_of(read_account(self.root)) if (self.root / RUN).exists() else self.kind
        if kind != self.kind:
            raise SinkError(
                f"sink.root: {self.root.absolute()} holds a data set of the sink '{kind}', and this one is "
                f"'{self.kind}'. Say sink={kind}, or choose another folder."
            )

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
        descriptor = os.open(self._mine, NEW, 0o666)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        if folder not in self._made:
            (self.outputs / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        os.replace(self._mine, f"{self._prefix}{path}")

    def notes(self, run: int) -> Notes:
        """Where this process writes down what it puts, in the run of that number."""
        return Notes(self.workshop, run)

    def demand_room(self, source: str | None, folders: Iterable[str]) -> None:
        root = self.root.resolve()
        if source is not None and root.is_relative_to(Path(source).resolve()):
            raise SinkError(f"sink.root: {root} lies in the source, which is only read. Choose a folder outside.")
        for path in folders:
            if (root / path).exists() and not (root / path).is_dir():
                raise SinkError(f"sink.root: {root / path} is a file, where the folder of a class shall be.")

    def demand_held(self) -> None:
        """Its lock is this process's for as long as that lives."""

    def collect(self) -> None:
        """Workers write to the workshop itself."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        if not self.outputs.is_dir():
            return
        for folder in [*os.scandir(self.outputs)]:
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

    def walk(self, folders: Collection[str]) -> Iterator[Found]:
        yield from self._walk(folders, "")

    def _walk(self, folders: Collection[str], below: str) -> Iterator[Found]:
        try:
            entries = list(os.scandir(self.root / below))
        except OSError as error:
            yield Found(below or self.name, -1, 0, "unreadable", error.strerror or str(error))
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                if path not in OURS:
                    yield _found(entry, path)
            elif path in folders:
                yield from self._walk(folders, f"{path}/")
            elif path != WORKSHOP:
                yield Found(path, -1, 0, "foreign folder", "no output lies in it")

    def opened(self, path: str) -> AbstractContextManager[tuple[BufferedIOBase, int]]:
        return opened_file(self.root / path)

    def sealed(self) -> float:
        return os.stat(self.root / LEDGER).st_mtime

    def settle(self) -> None:
        settle_all(self.root)

    def pack(
        self, force: bool = False, seen: Callable[[int], None] = lambda outputs: None
    ) -> tuple[dict[str, Any], list[Found]]:
        """Outputs lie where they belong already."""
        return {}, []

    def publish(self) -> None:
        """The account lies where it belongs already."""

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
            remove_empty(f"{self._prefix}{folder}")
        return removed

    def end(self) -> None:
        """Remove the workshop, the journal before the lock."""
        if self._joined >= 0:
            os.close(self._joined)
            self._joined = -1
        for entry in os.scandir(self._half):
            os.unlink(entry.path)
        os.rmdir(self._half)
        for entry in sorted(os.scandir(self.workshop), key=lambda entry: turn_to_go(entry.path)):
            os.unlink(entry.path)
        remove_empty(self.workshop)  # It is not, where another run has come by now.


@contextlib.contextmanager
def opened_file(path: Path) -> Iterator[tuple[BufferedIOBase, int]]:
    """Open a regular file, following no link; give it with its size.

    Raises:
        ImageError: it is `missing`, `not a file` or `unreadable`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ImageError("missing", "it has a record and is not there") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ImageError("not a file", "a link") from None
        raise ImageError("unreadable", error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not a file", "neither a regular file nor a folder")
        with open(descriptor, "rb", closefd=False) as file:
            yield file, status.st_size
    except OSError as error:
        raise ImageError("unreadable", error.strerror or str(error)) from error
    finally:
        os.close(descriptor)


def read_account(root: Path) -> dict[str, Any]:
    """What `run.json` says; nothing where it is missing or damaged."""
    try:
        if not stat.S_ISREG(os.lstat(root / RUN).st_mode):  # A pipe would never end.
            return {}
        found = json.loads((root / RUN).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def kind_of(account: dict[str, Any]) -> str:
    """The kind of sink that an account, which may be another's, tells of."""
    packed = account.get("packed")
    return str(packed.get("kind")) if isinstance(packed, dict) else "folder"


def is_inside(path: str) -> bool:
    """Whether a path stays below the folder that it is read from; a ledger may be another's."""
    return bool(path) and "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def _found(entry: os.DirEntry[str], path: str) -> Found:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Found(path, -1, 0, "unreadable", error.strerror or str(error))
    return Found(path, status.st_size if stat.S_ISREG(status.st_mode) else -1, status.st_mtime)


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


def remove_empty(folder: str | Path) -> None:
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
