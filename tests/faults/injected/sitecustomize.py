"""Loaded by every process of a run under test: makes its n-th touch of the disk below a folder fail, or its last.

What it does stands in the environment: FAULTS_ROOT (the folder), FAULTS_LOG (a folder for what was touched), and, where
something is to go wrong, FAULTS_ROLE (driver or worker), FAULTS_AT (which touch, from 1) and FAULTS_HOW (`kill`, or the
number of an error; with `+` after it, all that follow fail too).
"""

from __future__ import annotations

import builtins
import io
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

ROOT = os.environ.get("FAULTS_ROOT", "")
LOG = os.environ.get("FAULTS_LOG", "")
ROLE = "worker" if any("forkserver" in word for word in sys.orig_argv) else "driver"
AT = int(os.environ.get("FAULTS_AT", "0")) if os.environ.get("FAULTS_ROLE") == ROLE else 0
HOW = os.environ.get("FAULTS_HOW", "")

_count = itertools.count(1)
_ours: dict[int, str] = {}
_open, _write, _close, _kill = os.open, os.write, os.close, os.kill


def _below(path: Any) -> str:
    if isinstance(path, int):
        return _ours.get(path, "")
    name = os.path.abspath(os.fsdecode(path))
    return name if name == ROOT or name.startswith(f"{ROOT}/") else ""


def _touched(what: str, name: str) -> None:
    number = next(_count)
    log = _open(f"{LOG}/{ROLE}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    _write(log, f"{number} {what} {name.removeprefix(ROOT)}\n".encode())
    _close(log)
    if not AT or number < AT or (number > AT and not HOW.endswith("+")):
        return
    if HOW == "kill":
        try:
            _close(_open(f"{LOG}/killed", os.O_CREAT | os.O_EXCL))
        except FileExistsError:  # It was the moment of death of another process before this one.
            return
        _kill(os.getpid(), signal.SIGKILL)
    if HOW.endswith("+") and what in ("unlink", "rmdir", "scandir", "read"):  # Room can still be made on a full disk.
        return
    error = int(HOW.rstrip("+"))
    raise OSError(error, os.strerror(error), name)


def _watched(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any = ".", *more: Any, **named: Any) -> Any:
        name = _below(path)
        if name:
            reads = what in ("open", "opened") and not (more and _writes(more[0]))
            _touched("read" if reads else what, name)
        result = original(path, *more, **named)
        if name and what == "open":
            _ours[result] = name
        return result

    return call


def _writes(mode: Any) -> bool:
    return bool(mode & (os.O_WRONLY | os.O_RDWR)) if isinstance(mode, int) else bool(set("wax+") & set(mode))


def _closing(descriptor: int) -> None:
    _ours.pop(descriptor, None)
    _close(descriptor)


if ROOT:
    for _name in ("open", "write", "pwrite", "ftruncate", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir"):
        setattr(os, _name, _watched(_name, getattr(os, _name)))
    os.scandir = _watched("scandir", os.scandir)
    os.close = _closing  # type: ignore[assignment]
    builtins.open = io.open = _watched("opened", open)
