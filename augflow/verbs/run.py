"""Make the data set: every class brought to its target, a record for every image.

What is there already is kept, so an interrupted run goes on where it was. At the end the sink holds a folder for each
class, `ledger.parquet`, `run.json` and `recipe.lock.yaml`. Outputs that nothing asks for any more are removed; edited
ones and files that augflow did not make are left alone and named. Exit code 1 where something was set aside, left alone
or falls short. Then a quick sample says whether copies can be told from originals: in a fiftieth of the run's time at
most; `--no-audit` leaves it out, and `augflow audit` looks thoroughly.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augflow.config.lineage import Shelves
from augflow.errors import RecipeError, SinkError
from augflow.recipe import lock
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.runner import Outcome, Watch, run
from augflow.source import Aside
from augflow.verbs.format import wants_json

if TYPE_CHECKING:
    from augflow.audit.result import Item
    from augflow.config.arguments import Arguments
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--no-audit": (False, "leave out the quick look for a planted hint"),
    "--force": (False, "hash what is there; make over what was edited, and all where the ledger is lost"),
    "--locked": ("", "a recipe.lock.yaml: run only where recipe, files and versions are those in it"),
}

_SHARE = 1 / 50
_SOONEST = 0.1
"""Seconds in which the least sample is seen on a fast machine; with less to spend nothing is begun."""


def prepare(arguments: Arguments) -> None:
    """A lock is the recipe too, where no other is named."""
    lock, words = arguments.flags["locked"], arguments.words
    if lock and not any(re.match(r"\+*recipe=|[^=~]+\.ya?ml$", word) for word in words):
        if not lock.endswith((".yaml", ".yml")):
            raise RecipeError(f"--locked {lock}: it is the recipe.lock.yaml of a run.")
        words.append(lock)


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    registry = Registry(settings.plugins)
    recipe = read_recipe(settings.recipe, registry, settings.where)
    files = settings.origin["files"]
    if flags["locked"]:
        files = _demand_locked(settings, flags["locked"], recipe, registry)
    sink = dict(settings.sink)
    if settings.job and "root" in sink:
        sink["root"] = os.path.join(sink["root"], settings.job)
    with _watch() as watch:
        outcome = run(
            recipe,
            settings.source,
            sink,
            settings.executor,
            settings.plugins,
            watch,
            command=settings.overrides,
            force=flags["force"],
            files=files,
            as_said=settings.as_said,
        )
    hint = _seek_hint(outcome, sink) if not flags["no_audit"] else None
    from augflow.verbs import outcome as shown

    if as_json:
        shown.show_as_json(outcome, sink, hint)
    else:
        shown.show(outcome, sink)
        if not flags["no_audit"]:
            shown.show_hint(hint)
    return outcome.exit_code


def _watch() -> AbstractContextManager[Watch]:
    if not sys.stderr.isatty():
        return nullcontext(_Unwatched())
    from augflow.verbs.progress import RunProgress

    return RunProgress()


class _Unwatched(Watch):
    """Nobody sees progress; what shows the outcome is imported once workers are at it."""

    def under_way(self) -> None:
        import augflow.verbs.outcome  # noqa: F401

    def aside(self, aside: Aside) -> None:
        from augflow.verbs.telling import told_aside

        print(told_aside(aside), file=sys.stderr)


def _demand_locked(settings: Settings, path: str, recipe: Recipe, registry: Registry) -> Sequence[Mapping[str, str]]:
    """Refuse to run where anything differs from the lock; return the files that the recipe comes from."""
    locked, then, document = lock.reopen(path, registry)
    files: Sequence[Mapping[str, str]] = settings.origin["files"]
    absent: list[str] = []
    itself = files[0]["sha256"] == document.sha256
    if itself:
        files, absent = lock.refound(then, Shelves([Path(root) for root in settings.origin["roots"]]), path)
    now = lock.lock_of(recipe, registry, files)
    from augflow.verbs.telling import printable

    found = lock.differences((locked, then), (recipe, now), registry, absent)
    if found:
        told = "\n".join(f"  {printable(str(difference))}" for difference in found)
        raise RecipeError(f"This is not as it was locked in {path}:\n{told}\nNothing was touched.")
    for name in absent:
        print(f"augflow: the {printable(name)} is not here, and was not compared with the lock.", file=sys.stderr)
    return then.files if itself else files


def _seek_hint(outcome: Outcome, sink: Mapping[str, object]) -> Item | None:
    """Look for the hint in as little of the run's time as nobody notices."""
    if not any(done.copies for done in outcome.plan.classes.values()) or not outcome.made:
        return None
    spare = outcome.seconds * _SHARE
    if spare < _SOONEST:
        return None
    until = time.monotonic() + spare
    from augflow.audit.quick import quick_hint

    try:
        return quick_hint(sink, until)
    except SinkError:  # The data set is made; that it cannot be read back from a sink of this kind is no fault.
        return None
