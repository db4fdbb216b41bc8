"""Progress of long work, on standard error and only where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from augflow.plan.plan import Plan
from augflow.runner import Watch
from augflow.source import Aside
from augflow.verbs.telling import printable, told_aside


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
        refresh_per_second=5,
    )


@contextlib.contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show one bar; call what is given with how much was done since."""
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


class RunProgress(Watch):
    """A bar for all outputs and one for each class still under way, with rate and time left."""

    def __init__(self) -> None:
        self._progress = _progress()
        self._tasks: dict[str, TaskID] = {}
        self._whole = self._progress.add_task("Looking", total=None)
        self._outputs = 0
        self._packing: TaskID | None = None

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def counted(self, samples: int) -> None:
        self._progress.update(self._whole, completed=samples)

    def planned(self, plan: Plan, present: Counter[str]) -> None:
        self._outputs = plan.outputs
        self._progress.reset(
            self._whole, description="All", total=plan.outputs, completed=min(plan.outputs, sum(present.values()))
        )
        for label, done in plan.classes.items():
            if label not in self._tasks:
                self._tasks[label] = self._progress.add_task(printable(label), visible=False)
            here = min(present[label], done.result)
            self._progress.update(self._tasks[label], total=done.result, completed=here)

    def made(self, label: str, outputs: int, size: int) -> None:
        self._progress.advance(self._whole, outputs)
        if label not in self._tasks:
            return
        task = self._tasks[label]
        self._progress.advance(task, outputs)
        self._progress.update(task, visible=not self._progress.tasks[task].finished)

    def aside(self, aside: Aside) -> None:
        self._progress.console.print(Text(told_aside(aside)))

    def sealing(self) -> None:
        self._progress.update(self._whole, description="Sealing the ledger")

    def packed(self, outputs: int) -> None:
        if self._packing is None:
            self._packing = self._progress.add_task("Packing", total=self._outputs)
        self._progress.advance(self._packing, outputs)
