"""The fork server that workers come from: it has the heavy imports done, and shares no threads with the driver.

Started before the driver imports anything slow, it imports at the same time, on another core.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing import forkserver, resource_tracker

from augflow.errors import SurroundingsError

_NUMPY = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD = ("OMP_NUM_THREADS", *_NUMPY)
"""What of the environment gives a process one thread for arithmetic where it is 1 as that begins."""


def start(modules: Sequence[str]) -> None:
    """Start the server, unless it runs, with `modules` imported; each of its workers has one thread for arithmetic."""
    forkserver.set_forkserver_preload(["augflow.executor.orphans", "augflow.executor.pool", *modules])
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        resource_tracker.ensure_running()  # Later it would unblock what is blocked here.
        with _interrupts_blocked():
            forkserver.ensure_running()
    except OSError as error:
        raise SurroundingsError(f"No workers can be started: {_why(error)}.") from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def take_one_thread() -> None:
    """Let NumPy have one thread in this process, unless it is told otherwise.

    Its threads begin as it is imported, and spin: they would take the core on which the server's imports run. OpenMP's
    number stays as it is: Arrow goes by it too, and seals ledgers on all cores.
    """
    for name in _NUMPY:
        os.environ.setdefault(name, "1")


def _why(error: OSError) -> str:
    folder = tempfile.gettempdir()
    if "AF_UNIX" in str(error):
        return (
            f"TMPDIR={folder} is too long, its {len(folder)} characters leave no room for a socket's name: shorten it"
        )
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """An interrupt from the keyboard is the driver's to answer; the server would end with a traceback as it imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
