"""What an executor promises, as tests that its author inherits. Processes die in them, for real."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from augflow.errors import SurroundingsError
from augflow.executor import SPENT, Executor, Lost, Work, load
from augflow.testing.obedient import ENTRY

Item = tuple[int, str, Any]
_PATIENCE = 30.0
"""Seconds in which processes that were given up must have gone."""


class ExecutorContract:
    """Tests that hold for every executor; a subclass opens it, with two workers.

    Workers must see this machine's temporary files, and know augflow.
    """

    def executor(self, **settings: Any) -> Executor:
        """Open it; `settings` may be `task_timeout`, in seconds."""
        raise NotImplementedError(f"{type(self).__name__}.executor opens the executor that is tested.")

    def test_every_item_comes_back_once(self) -> None:
        """In any order; with the result that the work gives in this very process."""
        here = load(ENTRY)({})
        for count in (0, 1, 7, 400):
            items = _items(count)
            found = list(self.executor().run(Work(ENTRY, {}), iter(items)))
            assert Counter(item for item, _ in found) == Counter(items)
            assert all(result == here(item) for item, result in found)

    def test_the_work_is_built_once_in_each_process_from_plain_data(self, tmp_path: Path) -> None:
        """The spec comes as it was given; all that differs from it is that JSON has no tuples."""
        log = tmp_path / "log"
        spec = {"log": str(log), "factor": 3, "deep": {"ü\udce9": [1, 2.5, None, True, "x"]}}
        assert pickle.loads(pickle.dumps(Work(ENTRY, spec))) == (ENTRY, json.loads(json.dumps(spec)))
        found = list(self.executor().run(Work(ENTRY, spec), _items(60)))
        assert sorted(result[1] for _, result in found) == [number * 3 for number in range(60)]
        lines = _lines(log)
        built = Counter(pid for what, pid in lines if what == "built")
        assert set(built.values()) == {1}, f"built more than once in a process: {built}"
        assert {pid for _, pid in lines} == set(built), "items ran where the work was not built"
        assert os.getpid() not in built, "the work was built in the driver"

    def test_items_are_taken_as_they_are_needed(self) -> None:
        taken = 0

        def items() -> Iterator[Item]:
            nonlocal taken
            for item in _items(100_000):
                taken += 1
                yield item

        with contextlib.closing(_running(self.executor(), {}, items())) as running:
            for _ in range(500):
                next(running)
            assert taken < 5_000, f"{taken} items were taken for 500 results"

    def test_large_results_come_back_whole(self) -> None:
        found = list(self.executor().run(Work(ENTRY, {}), [(n, "much", 3_000_000) for n in range(8)]))
        assert [len(result[3]) for _, result in found] == [3_000_000] * 8

    def test_what_the_work_prints_disturbs_nothing(self) -> None:
        found = list(self.executor().run(Work(ENTRY, {}), _items(40, print=range(40))))
        assert sorted(result[0] for _, result in found) == list(range(40))

    def test_only_what_ends_its_worker_is_lost(self) -> None:
        items = _items(20, exit=(3,), kill=(4,), crash=(12,))
        found = dict(self.executor().run(Work(ENTRY, {}), items))
        assert set(found) == set(items)
        assert _lost(found) == {3, 4, 12}
        assert all("died" in result.why for result in found.values() if isinstance(result, Lost))

    def test_what_ends_its_worker_is_tried_again_alone(self, tmp_path: Path) -> None:
        """It is given up only when it did so alone and twice; what did so but once is done."""
        log = tmp_path / "log"
        does, mark = {7: "once", 9: "exit"}, str(tmp_path / "mark")
        items = [(n, does.get(n, ""), mark) for n in range(20)]
        found = dict(self.executor().run(Work(ENTRY, {"log": str(log)}), items))
        assert _lost(found) == {9}
        assert len(found) == 20
        assert sum(what == "9" for what, _ in _lines(log)) >= 2

    def test_what_never_ends_is_given_up(self) -> None:
        began = time.monotonic()
        found = dict(
            self.executor(task_timeout=1).run(Work(ENTRY, {}), [(n, "sleep", 600 * (n == 2)) for n in range(6)])
        )
        assert len(found) == 6
        assert _lost(found) == {2}
        assert time.monotonic() - began < 60

    def test_what_uses_up_its_time_is_told_as_spent(self, tmp_path: Path) -> None:
        """It took all that it may have: once alone is enough."""
        log = tmp_path / "log"
        items: list[Item] = [(n, "spend" if n == 7 else "", 0.2) for n in range(20)]
        found = dict(self.executor().run(Work(ENTRY, {"log": str(log)}), items))
        assert _lost(found) == {7}
        assert found[items[7]].signal == SPENT
        assert sum(what == "7" for what, _ in _lines(log)) == 2

    def test_what_the_work_raises_stops_the_run(self) -> None:
        _, error = _stopped(self.executor(), {}, _items(200, lift=(5,)))
        assert isinstance(error, LookupError)
        assert "item 5" in str(error)

    def test_what_cannot_be_built_stops_the_run_and_says_why(self) -> None:
        """It is no item's fault: not one may be lost for it."""
        found, error = _stopped(self.executor(), {"begin": "fail"}, _items(12))
        assert isinstance(error, ValueError)
        assert "it cannot be built" in str(error)
        assert not found

    def test_where_no_worker_lives_no_item_is_blamed(self) -> None:
        found, error = _stopped(self.executor(), {"begin": "die"}, _items(3))
        assert isinstance(error, SurroundingsError)
        assert not found

    def test_given_up_early_it_leaves_no_process_at_work(self, tmp_path: Path) -> None:
        for after in (1, 40):
            log = tmp_path / f"log-{after}"
            running = _running(self.executor(), {"log": str(log)}, ((n, "sleep", 0.02) for n in range(100_000)))
            for _ in range(after):
                next(running)
            running.close()
            deadline = time.monotonic() + _PATIENCE
            while left := {pid for _, pid in _lines(log) if _alive(pid)}:
                assert time.monotonic() < deadline, f"processes {left} are still there"
                time.sleep(0.1)

    def test_it_runs_one_work_after_another(self) -> None:
        opened = self.executor()
        for factor in (2, 5):
            found = list(opened.run(Work(ENTRY, {"factor": factor}), _items(30)))
            assert sorted(result[1] for _, result in found) == [n * factor for n in range(30)]


def _items(count: int, **what: Any) -> list[Item]:
    """So many items, of which some do what is named."""
    return [(n, next((word for word, numbers in what.items() if n in numbers), ""), None) for n in range(count)]


def _running(executor: Executor, spec: dict[str, Any], items: Iterator[Item]) -> Any:
    return iter(executor.run(Work(ENTRY, spec), items))


def _stopped(executor: Executor, spec: dict[str, Any], items: list[Item]) -> tuple[list[Any], Exception | None]:
    """What came back, and what then stopped the run."""
    found: list[Any] = []
    try:
        found += executor.run(Work(ENTRY, spec), items)
    except Exception as error:
        return found, error
    return found, None


def _lost(found: dict[Any, Any]) -> set[int]:
    return {item[0] for item, result in found.items() if isinstance(result, Lost)}


def _lines(log: Path) -> list[tuple[str, int]]:
    """What the work noted: "built" or an item's number, and the process."""
    return [(what, int(pid)) for what, pid in map(str.split, log.read_text(encoding="utf-8").splitlines())]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):  # Where there is no /proc, one that waits for its parent counts as alive.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
