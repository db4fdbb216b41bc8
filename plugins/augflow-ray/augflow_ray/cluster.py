"""The Ray cluster of a run: found or started, and its nodes."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import ray
from ray.job_config import JobConfig

from augflow.errors import SurroundingsError

_STORE = 256 << 20
"""Bytes of memory shared by the processes of a machine; what tasks tell is small."""

_PATIENCE = 10.0
"""Seconds in which a cluster's head must answer."""


class Node(NamedTuple):
    """A machine of the cluster that can run tasks, so many at a time."""

    id: str
    name: str
    slots: int


class _Job(JobConfig):
    def _runtime_env_has_working_dir(self) -> bool:
        """Keeps Ray from letting its workers import what lies in the folder that the driver happens to be in."""
        return True


def nodes(cpus: float) -> dict[str, Node]:
    """The living nodes on which a task of so many CPUs can run, by their id."""
    found = {}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        slots = int(node["Resources"].get("CPU", 0) // cpus) if node["Alive"] else 0
        if slots:
            number = node["NodeID"]
            name = node.get("NodeName") or node.get("NodeManagerHostname")
            found[number] = Node(number, f"{name} ({number[:8]})", slots)
    return found


@contextlib.contextmanager
def connected(address: str, cpus: float, workers: int | str) -> Iterator[None]:
    """Be connected to a cluster, unless this program is already; what was begun here ends with it.

    Raises:
        SurroundingsError: no cluster answers there, or one of another version.
    """
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # Nothing is sent over the network: neither statistics nor a page of figures.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        quiet |= {"include_dashboard": False, "object_store_memory": _STORE}
        if workers != "auto":
            quiet["num_cpus"] = math.ceil(cpus * int(workers))
    with _signals_kept():
        try:
            _knock(address)
            ray.init(address=address, job_config=_Job(), **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            said = str(error).strip().partition("\n")[0]
            raise SurroundingsError(f"executor.address: no cluster can be used at '{address}': {said}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for many minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; how a run stops is its driver's to say."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
