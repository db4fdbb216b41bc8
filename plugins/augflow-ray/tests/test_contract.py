"""Every promise of an executor, on real Ray."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from augflow_ray.executor import RayExecutor

from augflow.testing import ExecutorContract


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """Ray as a program has started it for itself."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("ray_here")
class TestRay(ExecutorContract):
    def executor(self, **settings: Any) -> RayExecutor:
        return RayExecutor(**settings)
