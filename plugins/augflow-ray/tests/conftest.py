"""A cluster of two raylets on this machine, and what runs on it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

_QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""Milliseconds in which a node that died is missed; Ray's own are tens of seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="kill nodes in ten runs, not just in two")


class Machines:
    """Nodes of a cluster, each with one CPU. The driver runs on the first."""

    def __init__(self) -> None:
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": _QUICK},
        )
        self._more: list[Any] = []

    def add(self, **environment: str) -> str:
        """Add a node whose workers have more in their environment; return its id."""
        node = self._cluster.add_node(num_cpus=1, env_vars=environment)
        self._more.append(node)
        return str(node.node_id)

    def kill(self) -> None:
        """Kill the node added last with all that runs on it."""
        self._cluster.remove_node(self._more.pop(), allow_graceful=False)

    def only_first(self) -> None:
        while self._more:
            self.kill()

    def end(self) -> None:
        self._cluster.shutdown()  # type: ignore[no-untyped-call]

    @property
    def address(self) -> str:
        return str(self._cluster.address)


@pytest.fixture(scope="module")
def _machines() -> Iterator[Machines]:
    found = Machines()
    ray.init(address=found.address, log_to_driver=False, logging_level=logging.ERROR)
    yield found
    ray.shutdown()
    found.end()


@pytest.fixture
def machines(_machines: Machines) -> Iterator[Machines]:
    """The first node alone; tests add more."""
    yield _machines
    _machines.only_first()


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty photographs of two classes, and one that cannot be read."""
    root = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(11)
    for label, count in (("crowd", 40), ("few", 20)):
        (root / label).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(root / label / f"{number:02}.jpg", quality=90)
    (root / "few" / "torn.jpg").write_bytes((root / "few" / "00.jpg").read_bytes()[:900])
    return root
