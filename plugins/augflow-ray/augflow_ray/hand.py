"""A process that does the work, minded by another that it may die in the sight of.

Ray tells that a worker died, and not of what. So Ray's worker does nothing itself: it minds a process of its own, and
knows of each item that ended it by which signal.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from augflow.errors import SurroundingsError
from augflow.executor import Lost, Work, load
from augflow.executor.forkserver import ONE_THREAD
from augflow_ray.surroundings import Facts, facts

_START = 300.0
"""Seconds in which a process must have built its work."""
_DONE, _RAISED = b"d", b"r"


class Hand:
    """The process, from the side of the one that minds it; it ends with that one, however it ends.

    `facts` tells what decides pixels there. `begin` waits until the work is built.

    Args:
        folder: the driver's, which relative paths refer to; where there is none, they must be absolute.
    """

    facts: Facts
    gathers: bool
    """Whether the work takes several items at once; known once it has begun."""

    def __init__(self, work: Work, folder: str) -> None:
        ours, theirs = socket.socketpair()
        self._pipe = Connection(ours.detach())
        held, self._life = os.pipe()
        with theirs:
            # What is imported is what is installed, and nothing that happens to lie in a folder.
            command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), str(held)]
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=folder if os.path.isdir(folder) else None,
                    env=os.environ | dict.fromkeys(ONE_THREAD, "1"),
                    pass_fds=(theirs.fileno(), held),
                )
            finally:
                os.close(held)
        try:
            self._pipe.send((work.entry, dict(work.spec)))
            self.facts = pickle.loads(self._answer(_START))
        except _EndedError:
            self.close()
            raise SurroundingsError(_STILLBORN) from None

    def begin(self) -> None:
        """Wait until the work is built.

        Raises:
            Exception: what building it raised.
            SurroundingsError: the process ended.
        """
        try:
            self.gathers = pickle.loads(self._answer(_START))
        except _EndedError:
            raise SurroundingsError(_STILLBORN) from None

    def run(self, items: Sequence[Any], patience: float, together: bool = False) -> Iterator[bytes | Lost]:
        """Yield for every item its result, pickled; `Lost` for the one that ended the process, and then no more.

        Args:
            patience: seconds that an item may take.
            together: give all of them to the work at once; `Lost` then stands for any of them.

        Raises:
            Exception: what the work raised.
        """
        with contextlib.suppress(OSError):  # Where it has ended, its answer tells.
            self._pipe.send((items, together))
        for _ in items:
            try:
                yield self._answer(patience * len(items) if together else patience)
            except _EndedError as ended:
                yield ended.args[0]
                return

    def _answer(self, patience: float) -> bytes:
        try:
            if not self._pipe.poll(patience):
                raise _EndedError(Lost(f"no end after {patience:g} s"))
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise _EndedError(_death(self._process.wait())) from None
        if answer[:1] == _RAISED:
            raise pickle.loads(answer[1:])
        return answer[1:]

    def close(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        with contextlib.suppress(OSError):
            os.close(self._life)


class _EndedError(Exception):
    """The process ended, or did not answer in time."""


_STILLBORN = (
    "Workers die as soon as they begin: there may be too little memory, or too few processes or files allowed. "
    "What was made so far is kept; the same command goes on from there."
)


def _death(code: int) -> Lost:
    if code >= 0:
        return Lost("the worker died")
    return Lost(f"the worker died of {signal.Signals(-code).name}", -code)


def raised(error: BaseException) -> bytes:
    """An exception, pickled; told in words where it cannot be."""
    error.add_note("".join(traceback.format_exception(error)))
    with contextlib.suppress(Exception):
        data = pickle.dumps(error)
        pickle.loads(data)
        return data
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _serve(pipe: Connection) -> None:
    entry, spec = pipe.recv()
    try:
        pipe.send_bytes(_DONE + pickle.dumps(facts(spec)))
        call = load(entry)(spec)
    except Exception as error:
        pipe.send_bytes(_RAISED + raised(error))
        return
    pipe.send_bytes(_DONE + pickle.dumps(hasattr(call, "several")))
    while True:
        items, together = pipe.recv()
        for some in [items] if together else [[item] for item in items]:
            try:
                answers = [_DONE + pickle.dumps(made) for made in (call.several(some) if together else map(call, some))]
            except Exception as error:
                answers = [_RAISED + raised(error)]
            for answer in answers:
                pipe.send_bytes(answer)


def _leave_with_the_minder(life: int) -> None:
    os.read(life, 1)
    os._exit(1)


def _main(pipe: int, life: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF, signal.SIGTERM})
    threading.Thread(target=_leave_with_the_minder, args=(life,), daemon=True).start()
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(Connection(pipe))


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
