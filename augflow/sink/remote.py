"""A folder for each class in an object store: `sink.root=s3://bucket/balanced`.

Every output is an object, put whole. Account and journal are worked on in a folder of this machine, which is gone when
the process is; the store has both at any time, so that a killed run can be gone on with from another machine. Of the
journal it has small objects below `.augflow/`: what each worker begins, and what came of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from augflow.errors import ImageError, SinkError, SurroundingsError
from augflow.sink import Found
from augflow.sink.folder import CARD, LEDGER, LOCK, OURS, RUN, WORKSHOP
from augflow.sink.notes import line_of, lines_of, turn_to_go, writer
from augflow.store import Store

_HOLD = f"{WORKSHOP}/lock"
_BEAT = 5.0
"""Seconds between two signs of life of the run that holds a store."""
_SILENCE = 20.0
"""Seconds without one, after which a run is taken for dead; those of one on this machine are not waited for."""
_AT_ONCE = 16
_ACCOUNT = (LEDGER, LOCK, RUN, CARD)


class RemoteSink:
    """Class folders below a URL; the kind `folder` hands over to it where `root` is one.

    Args:
        root: `s3://bucket/folder`, or another URL that fsspec knows. Refused when it holds something that augflow did
            not make. Credentials come from where the store's own library looks for them.
        card: whether a run leaves a data card beside the ledger.

    Raises:
        SinkError: there is no such store, its library is missing, or the URL holds credentials.
    """

    def __init__(self, root: str, card: bool = False) -> None:
        self.store = Store(root, "sink.root", SinkError)
        self.card = card
        self._brought: dict[str, bytes] = {}
        self._held: _Hold | None = None

    @property
    def name(self) -> str:
        return self.store.url

    @cached_property
    def desk(self) -> Path:
        """A folder of this machine with account and journal as the store has them."""
        desk = Path(tempfile.mkdtemp(prefix="augflow-sink-"))
        weakref.finalize(self, shutil.rmtree, desk, ignore_errors=True)
        self._bring(desk)
        return desk

    def _bring(self, desk: Path) -> None:
        found = {one.key for page in self.store.pages(WORKSHOP) for one in page}
        if found:
            (desk / WORKSHOP).mkdir(exist_ok=True)
            self._fetch(desk, found - {_HOLD})
        self._brought.clear()
        for name in _ACCOUNT:
            (desk / name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                data = self.store.read(name)
                (desk / name).write_bytes(data)
                self._brought[name] = hashlib.sha256(data).digest()

    def _fetch(self, desk: Path, keys: Iterable[str]) -> None:
        def fetch(key: str) -> None:
            if key.rpartition("/")[0] == WORKSHOP and not (desk / key).exists():
                (desk / key).write_bytes(self.store.read(key))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(fetch, keys):
                pass

    @property
    def workshop(self) -> Path:
        return self.desk / WORKSHOP

    @contextlib.contextmanager
    def held(self, force: bool = False) -> Iterator[None]:
        self._refuse_strangers(force)
        self._held = _Hold(self.store)
        try:
            self._bring(self.desk)  # What was read before may be older than the last run.
            self.workshop.mkdir(exist_ok=True)
            yield
        finally:
            self._held.release()

    def _refuse_strangers(self, force: bool) -> None:
        if self.workshop.exists() or (self.desk / LEDGER).exists() or (force and (self.desk / RUN).exists()):
            return
        stranger = next((one.key for page in self.store.pages() for one in page if one.key != _HOLD), None)
        if stranger == RUN or (stranger and (self.desk / RUN).exists()):
            raise SinkError(
                f"sink.root: {self.name} holds '{RUN}' and no {LEDGER}: nothing tells which of its objects augflow "
                "made. `augflow run --force` makes them all again; or choose another folder."
            )
        if stranger:
            raise SinkError(
                f"sink.root: {self.name} holds '{stranger}', and neither a ledger nor an unfinished run of augflow. "
                "Choose another folder, or empty this one."
            )

    def demand_safe(self) -> None:
        """There are no links in a store."""

    def demand_room(self, source: str | None, folders: Iterable[str]) -> None:
        if source is not None and f"{self.name}/".startswith(f"{str(source).rstrip('/')}/"):
            raise SinkError(f"sink.root: {self.name} lies in the source, which is only read. Choose a folder outside.")

    def put(self, path: str, data: bytes) -> None:
        self.store.put(path, data)

    def notes(self, run: int) -> _Notes:
        return _Notes(self.store, run)

    def demand_held(self) -> None:
        assert self._held is not None
        self._held.demand()

    def collect(self) -> None:
        found = (one.key for page in self.store.pages(WORKSHOP) for one in page)
        self._fetch(self.desk, (key for key in found if key != _HOLD))

    def sizes(self) -> Iterator[tuple[str, int]]:
        for page in self.store.pages():
            yield from ((one.key, one.size) for one in page if _is_output(one.key))

    def walk(self, folders: Collection[str]) -> Iterator[Found]:
        strange: set[str] = set()
        for page in self.store.pages():
            for one in page:
                folder = one.key.rpartition("/")[0]
                if one.key in OURS or one.key.startswith(f"{WORKSHOP}/"):
                    continue
                if not folder or folder in folders:
                    yield Found(one.key, one.size, 0)
                elif (top := _highest(folder, folders)) not in strange:
                    strange.add(top)
                    yield Found(top, -1, 0, "foreign folder", "no output lies in it")

    @contextlib.contextmanager
    def opened(self, path: str) -> Iterator[tuple[io.BufferedIOBase, int]]:
        try:
            data = self.store.read(path)
        except FileNotFoundError:
            raise ImageError("missing", "it has a record and is not there") from None
        except OSError as error:
            raise ImageError("unreadable", error.strerror or str(error)) from None
        yield io.BytesIO(data), len(data)

    def remove(self, paths: Iterable[str]) -> int:
        wanted = {*paths}
        there = [path for path, _ in self.sizes() if path in wanted] if wanted else []
        self.store.delete(there)
        return len(there)

    def sealed(self) -> float:
        """Stores tell when an object came, not when its bytes did: size alone speaks for it."""
        return 0.0

    def settle(self) -> None:
        """An object that was put stays."""

    def pack(
        self, force: bool = False, seen: Callable[[int], None] = lambda outputs: None
    ) -> tuple[dict[str, Any], list[Found]]:
        """Outputs are handed on as they lie."""
        return {}, []

    def publish(self) -> None:
        """The ledger first: while the journal is there it need not agree with the rest."""
        for name in _ACCOUNT:
            with contextlib.suppress(FileNotFoundError):
                data = (self.desk / name).read_bytes()
                if hashlib.sha256(data).digest() != self._brought.get(name):
                    self.store.put(name, data)

    def end(self) -> None:
        keys = [one.key for page in self.store.pages(WORKSHOP) for one in page if one.key != _HOLD]
        for _, some in itertools.groupby(sorted(keys, key=turn_to_go), turn_to_go):
            self.store.delete([*some])
        for entry in os.scandir(self.workshop):
            os.unlink(entry.path)
        self.workshop.rmdir()


class _Notes:
    """What is told at a time as an object of its own."""

    def __init__(self, store: Store, run: int) -> None:
        self._store, self._run = store, run
        self._name = f"{writer()}-{uuid.uuid4().hex[:8]}"
        self._counted = itertools.count()

    def begin(self, paths: Sequence[str]) -> None:
        self._tell("begun", line_of(paths))

    def append(self, records: Sequence[bytes]) -> None:
        self._tell("records", lines_of(records))

    def _tell(self, kind: str, data: bytes) -> None:
        self._store.put(f"{WORKSHOP}/{kind}.{self._run}.{self._name}-{next(self._counted)}.jsonl", data)


class _Hold:
    """The lock of a store: an object that its holder writes anew every few seconds.

    Raises:
        SurroundingsError: another run holds it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mine = {"host": socket.gethostname(), "process": os.getpid(), "token": uuid.uuid4().hex}
        self._lost = ""
        while not store.create(_HOLD, self._sign(0)):
            if self._lives():
                raise SurroundingsError(
                    f"sink.root: another run (process {self._holder}) is writing to {store.url}. Wait for it, or "
                    "choose another folder."
                )
            store.delete([_HOLD])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _sign(self, number: int) -> bytes:
        return json.dumps({**self._mine, "beat": number}).encode()

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._store.read(_HOLD))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _lives(self) -> bool:
        """Whether who holds it gives signs of life."""
        before = self._read()
        self._holder = f"{before.get('process', 'unknown')} on {before.get('host', 'an unknown machine')}"
        if not before:
            return False
        if before.get("host") == socket.gethostname():
            return _runs(before.get("process"))
        until = time.monotonic() + _SILENCE
        while time.monotonic() < until:
            time.sleep(_BEAT / 5)
            if (now := self._read()) != before:
                return bool(now)
        return False

    def _beat(self) -> None:
        for number in itertools.count(1):
            if self._ended.wait(_BEAT):
                return
            try:
                if self._read().get("token") != self._mine["token"]:
                    self._lost = f"another run took {self._store.url} while this one was silent"
                    return
                self._store.put(_HOLD, self._sign(number))
            except (OSError, SinkError, SurroundingsError) as error:
                self._lost = str(error)

    def demand(self) -> None:
        """Stop where somebody else has it by now.

        Raises:
            SurroundingsError: so it is.
        """
        if self._lost:
            raise SurroundingsError(f"sink.root: {self._lost}. What was made so far is kept.")

    def release(self) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError, SinkError, SurroundingsError):
            if self._read().get("token") == self._mine["token"]:
                self._store.delete([_HOLD])


def _runs(process: object) -> bool:
    try:
        os.kill(int(str(process)), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _is_output(key: str) -> bool:
    return "/" in key and not key.startswith(f"{WORKSHOP}/")


def _highest(folder: str, folders: Collection[str]) -> str:
    """The highest folder above, or it itself, that is none of `folders`."""
    parts = folder.split("/")
    paths = ("/".join(parts[: end + 1]) for end in range(len(parts)))
    return next(path for path in paths if path not in folders)
