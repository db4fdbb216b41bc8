"""The executors' contract fails what is broken, by the test that is meant for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augflow.executor import Executor, Lost, Work
from augflow.executor.local import LocalExecutor
from augflow.testing import ExecutorContract

Results = Iterator[tuple[Any, Any]]


class Forgetful(LocalExecutor):
    """Does not tell what was lost."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        return ((item, result) for item, result in super().run(work, items) if not isinstance(result, Lost))


class Repeating(LocalExecutor):
    """Tells what was lost twice over, and all else once more than that."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        for found in super().run(work, items):
            yield found
            yield found


class Greedy(LocalExecutor):
    """Takes all items before it begins."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        yield from super().run(work, list(items))


class Blaming(LocalExecutor):
    """Takes whatever goes wrong for the items' fault."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        waiting = list(items)
        with contextlib.suppress(Exception):
            yield from super().run(work, waiting)
            return
        yield from ((item, Lost("the worker died")) for item in waiting)


class Vague(LocalExecutor):
    """Does not say by which signal a worker ended."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        for item, result in super().run(work, items):
            yield item, Lost(result.why) if isinstance(result, Lost) else result


class Clinging(LocalExecutor):
    """Keeps its workers when it is given up."""

    def run(self, work: Work, items: Iterable[Any]) -> Results:
        _CLUNG.append(super().run(work, items))
        yield from (next(_CLUNG[-1]) for _ in range(1000))


_CLUNG: list[Any] = []


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Forgetful, "only_what_ends_its_worker_is_lost"),
        (Repeating, "every_item_comes_back_once"),
        (Greedy, "items_are_taken_as_they_are_needed"),
        (Blaming, "what_the_work_raises_stops_the_run"),
        (Blaming, "what_cannot_be_built_stops_the_run_and_says_why"),
        (Blaming, "where_no_worker_lives_no_item_is_blamed"),
        (Vague, "what_uses_up_its_time_is_told_as_spent"),
        (Clinging, "given_up_early_it_leaves_no_process_at_work"),
    ],
)
def test_what_is_broken_fails(
    broken: type[LocalExecutor], test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augflow.testing.executors._PATIENCE", 1.0)

    class Suite(ExecutorContract):
        def executor(self, **settings: Any) -> Executor:
            return broken(2, **settings)

    method = getattr(Suite(), f"test_{test}")
    needs = {"tmp_path": tmp_path} if "tmp_path" in method.__annotations__ else {}
    try:
        with pytest.raises(AssertionError):
            method(**needs)
    finally:
        while _CLUNG:
            _CLUNG.pop().close()
