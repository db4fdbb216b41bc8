"""Runs work on items, anywhere and in any order. An executor knows no images."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from augflow.errors import PluginError
from augflow.kinds import build


class Work(NamedTuple):
    """What each process builds once and then calls with every item: `entry` is "module:callable", `spec` plain data.

    Where the callable has a method `several`, it may be called instead with a list of items, and returns their results.
    """

    entry: str
    spec: Mapping[str, Any]


SPENT = int(signal.SIGPROF)
"""The signal that ends a worker whose item has used up the processor time that it set itself."""


class Lost(NamedTuple):
    """An item whose worker died of it: alone and twice, or alone and by the signal `SPENT`."""

    why: str
    signal: int = 0
    """The one that ended the worker, where the executor knows it."""


class Executor(Protocol):
    """Yields (item, result) for every item, in any order; an item may run twice, its work must bear that.

    The result is what the callable returned, or `Lost`. Whatever the callable raises stops the run. One that has
    something to tell in `run.json` has a method `facts`, which is called after a run and returns what to add there.
    """

    def run(self, work: Work, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]: ...


BUILT_IN = {"local": "augflow.executor.local:LocalExecutor"}


def open_executor(settings: Mapping[str, Any]) -> Executor:
    """Open the executor that `settings` names by `kind`; its other keys are arguments.

    Raises:
        PluginError: no such kind, or wrong arguments.
    """
    opened: Executor = build("executor", settings, BUILT_IN, PluginError)
    return opened


def load(entry: str) -> Any:
    """Import what `entry` ("module:name") names."""
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)
