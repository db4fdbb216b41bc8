"""Tasks of a Ray cluster.

A batch whose node or Ray worker dies runs again elsewhere. An item that ends the process it runs in is tried alone when
all else is done, and given up by the rules of the local executor.
"""

from __future__ import annotations

import itertools
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from augflow.errors import PluginError, SurroundingsError
from augflow.executor import SPENT, Lost, Work
from augflow_ray.cluster import Node, connected, nodes
from augflow_ray.surroundings import facts
from augflow_ray.task import Answer, Order, look, work

_LOOK = 5.0
"""Seconds after which the cluster is looked at again."""
_PATIENCE = 120.0
"""Seconds in which a cluster that lost every node must have one again."""
_MOST_TOLD = 10


class _Batch(NamedTuple):
    items: list[Any]
    tries: int = 0
    """0 where they run with others; else the items run alone, for so many times with this one."""


class RayExecutor:
    """Runs items as tasks of a Ray cluster.

    Args:
        address: `local` starts Ray on this machine for the run; `auto` takes the cluster that runs here, `HOST:PORT`
            that one. Where a program has called `ray.init`, what it chose stands instead.
        cpus: of a task.
        workers: how many tasks may run at once; `auto` for as many as the cluster has room for.
        in_flight: tasks that were handed to Ray and are not done; `auto` for three times those that can run.
        batch_size: items in a task, at most; the first ones are smaller.
        retries: how often a task runs again whose node or Ray worker died.
        task_timeout: seconds after which an item that does not end is given up with its process.
        allow_drift: go on where what decides pixels is otherwise on a node than here.
    """

    def __init__(
        self,
        address: str = "local",
        cpus: float = 1,
        workers: int | str = "auto",
        in_flight: int | str = "auto",
        batch_size: int = 128,
        retries: int = 3,
        task_timeout: float = 600,
        allow_drift: bool = False,
    ) -> None:
        if address.startswith("ray://"):
            raise PluginError(
                f"executor.address: {address} is Ray's client, which is not supported. Start augflow on a node of the "
                "cluster, with executor.address=auto."
            )
        _demand("cpus", cpus, cpus > 0, "a number above 0")
        _demand("workers", workers, _counts(workers), "'auto' or a whole number from 1 on")
        _demand("in_flight", in_flight, _counts(in_flight), "'auto' or a whole number from 1 on")
        _demand("batch_size", batch_size, 1 <= batch_size <= 10_000, "a whole number from 1 to 10000")
        _demand("retries", retries, retries >= 0, "a whole number from 0 on")
        _demand("task_timeout", task_timeout, task_timeout > 0, "a number of seconds above 0")
        self.address = address
        self.cpus = cpus
        self.workers = workers
        self.in_flight = in_flight
        self.batch_size = batch_size
        self.retries = retries
        self.task_timeout = task_timeout
        self.allow_drift = allow_drift
        self._drift: dict[str, list[str]] = {}
        self._nodes: dict[str, Node] = {}
        self._looked = -_LOOK

    def run(self, work: Work, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        rest = iter(items)
        for first in rest:
            with connected(self.address, self.cpus, self.workers):
                yield from self._run(work, itertools.chain([first], rest))

    def facts(self) -> dict[str, Any]:
        """What `run.json` shall tell: the nodes that took part though they differ, and in what."""
        return {"drift": dict(sorted(self._drift.items()))} if self._drift else {}

    def _run(self, work: Work, items: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        self._nodes, self._looked = {}, -_LOOK
        self._look()
        if not self._nodes:
            raise PluginError(f"executor.cpus: no node of the cluster has {self.cpus:g} CPUs for a task.")
        digest, here = os.urandom(16).hex(), facts(work.spec)
        order = Order(work, digest, os.getcwd(), here, self.task_timeout, self.allow_drift)
        told = ray.put(order)
        self._compare(told)
        suspects = []
        for batch, results in self._results(told, map(_Batch, _growing(items, self.batch_size)), self._window):
            for item, result in zip(batch.items, results, strict=True):
                if isinstance(result, Lost):
                    suspects.append(item)
                else:
                    yield item, pickle.loads(result)
        yield from self._alone(told, suspects)

    def _alone(self, told: Any, suspects: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Run items in a process each; give up the one that ends it twice, or is `SPENT`."""
        waiting = deque(_Batch([item], 1) for item in suspects)
        while waiting:
            singles = (waiting.popleft() for _ in range(len(waiting)))
            for batch, (result,) in self._results(told, singles, lambda: len(self._nodes)):
                (item,) = batch.items
                if not isinstance(result, Lost):
                    yield item, pickle.loads(result)
                elif result.signal != SPENT and batch.tries == 1:
                    waiting.append(_Batch([item], 2))
                else:
                    if result.signal != SPENT:
                        self._demand_life(told)
                    yield item, result

    def _demand_life(self, told: Any) -> None:
        """Before an item is blamed, see whether a process lives that is asked for nothing; else its error is raised."""
        for _ in self._results(told, iter([_Batch([], 1)]), lambda: 1):
            pass

    def _results(
        self, told: Any, batches: Iterator[_Batch], window: Callable[[], int]
    ) -> Iterator[tuple[_Batch, list[bytes | Lost]]]:
        """Run batches, as many at a time as `window` says; yield each with its results, pickled, or `Lost`."""
        run = ray.remote(work).options(num_cpus=self.cpus, max_retries=self.retries)
        under_way: dict[Any, _Batch] = {}
        try:
            while True:
                for batch in itertools.islice(batches, max(0, window() - len(under_way))):
                    under_way[run.remote(told, batch.items, batch.tries > 0)] = batch
                if not under_way:
                    return
                done, _ = ray.wait([*under_way], num_returns=1, timeout=_LOOK)
                self._look()
                done, _ = ray.wait([*under_way], num_returns=len(under_way), timeout=0)
                for ref in done:
                    batch = under_way.pop(ref)
                    yield batch, self._answered(ref, len(batch.items))
        finally:
            for ref in under_way:
                ray.cancel(ref, force=True)

    def _answered(self, ref: Any, count: int) -> list[bytes | Lost]:
        try:
            answer: Answer = ray.get(ref)
        except RayTaskError:
            raise
        except RayError as error:
            said = str(error).strip().partition("\n")[0]
            return [Lost(f"the node or Ray's worker died: {said}")] * count
        name = self._name(answer.node)
        if answer.drift:
            if not self.allow_drift:
                raise _drifted({name: answer.drift})
            self._drift[name] = answer.drift
        if answer.error is not None:
            stopped: Exception = pickle.loads(answer.error)
            raise SurroundingsError(f"node {name}: {stopped}") if type(stopped) is SurroundingsError else stopped
        return answer.results

    def _compare(self, told: Any) -> None:
        """See on every node whether what decides pixels is as it is here."""
        looks = {}
        for node in self._nodes.values():
            there = NodeAffinitySchedulingStrategy(node.id, soft=False)
            looks[node] = ray.remote(look).options(num_cpus=0, max_retries=1, scheduling_strategy=there).remote(told)
        found = {}
        for node, ref in looks.items():
            try:
                answer: Answer = ray.get(ref)
            except RayTaskError as error:
                said = str(error).strip().rpartition("\n")[2]
                raise SurroundingsError(
                    f"node {node.name}: augflow-ray does not run there: {said} Is it installed there, in this version?"
                ) from None
            except RayError:  # The node died, and is no node any more; what runs elsewhere is looked at there.
                continue
            if answer.error is not None:
                raise SurroundingsError(f"node {node.name}: {pickle.loads(answer.error)}")
            if answer.drift:
                found[node.name] = answer.drift
        if found and not self.allow_drift:
            raise _drifted(found)
        self._drift |= found

    def _look(self) -> None:
        """Look at the cluster now and then, and wait for a node where all are gone."""
        if time.monotonic() - self._looked < _LOOK:
            return
        until = time.monotonic() + (_PATIENCE if self._nodes else 0)
        while True:
            found = nodes(self.cpus)
            if found or time.monotonic() >= until:
                break
            time.sleep(1)
        if self._nodes and not found:
            raise SurroundingsError(
                f"The cluster has had no node with {self.cpus:g} CPUs for {_PATIENCE:g} s. "
                "What was made so far is kept; the same command goes on from there."
            )
        self._nodes = found
        self._looked = time.monotonic()

    def _window(self) -> int:
        """How many tasks may be with Ray."""
        slots = sum(node.slots for node in self._nodes.values())
        window = 3 * slots if self.in_flight == "auto" else int(self.in_flight)
        started_here = self.address == "local"
        return window if self.workers == "auto" or started_here else min(window, int(self.workers))

    def _name(self, node: str) -> str:
        return self._nodes[node].name if node in self._nodes else node[:8]


def _drifted(found: dict[str, list[str]]) -> SurroundingsError:
    told = [f"  node {name}: {'; '.join(drift)}" for name, drift in found.items()]
    more = [f"  and {len(told) - _MOST_TOLD} nodes more"] if len(told) > _MOST_TOLD else []
    return SurroundingsError(
        "\n".join(
            (
                "What decides pixels is not the same on all nodes:",
                *told[:_MOST_TOLD],
                *more,
                "Make them alike; or go on with executor.allow_drift=true, and run.json tells which nodes differ.",
            )
        )
    )


def _growing(items: Iterator[Any], most: int) -> Iterator[list[Any]]:
    """Begin with single items, so that every worker has some soon, and grow, so that sending them costs little."""
    for size in itertools.chain.from_iterable(itertools.repeat(min(2**power, most), 8) for power in itertools.count()):
        batch = list(itertools.islice(items, size))
        if not batch:
            return
        yield batch


def _counts(value: int | str) -> bool:
    return value == "auto" or (type(value) is int and value >= 1)


def _demand(name: str, value: object, holds: bool, otherwise: str) -> None:
    if not holds or isinstance(value, bool):
        raise PluginError(f"executor.{name}: {value!r} is not {otherwise}.")
