"""Make the data set: every class brought to its target, a record for every image.

What is there already is kept, so an interrupted run goes on where it was. At the end the sink holds a folder for each
class, `ledger.parquet`, `run.json` and `recipe.lock.yaml`. Outputs that nothing asks for any more are removed; edited
ones and files that augflow did not make are left alone and named. Exit code 1 where something was set aside, left alone
or falls short. Then a quick sample says whether copies can be told from originals: in a fiftieth of the run's time at
most; `--no-audit` leaves it out, and `augflow audit` looks thoroughly.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.audit.result import Item
from augflow.config.lineage import Shelves
from augflow.errors import RecipeError, SinkError
from augflow.recipe import lock
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.runner import Outcome, run
from augflow.verbs.progress import RunProgress
from augflow.verbs.telling import (
    console,
    printable,
    row,
    seconds,
    size,
    table,
    tell_aside,
    tell_json,
    tell_left,
    tell_notes,
    tell_splits,
    wants_json,
)

if TYPE_CHECKING:
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
_STYLES = {"ok": "", "unknown": "", "warning": "yellow", "bad": "yellow"}


def prepare(arguments: Arguments) -> None:
    """A lock is the recipe too, where no other is named."""
    lock, words = arguments.flags["locked"], arguments.words
    if lock and not any(re.match(r"\+*recipe=|[^=~]+\.ya?ml$", word) for word in words):
        if not lock.endswith((".yaml", ".yml")):
            raise RecipeError(f"--locked {lock}: it is the recipe.lock.yaml of a run.")
        words.append(lock)


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    registry = Registry(settings.plugins)
    recipe = read_recipe(settings.recipe, registry, settings.where)
    files = settings.origin["files"]
    if flags["locked"]:
        files = _demand_locked(settings, flags["locked"], recipe, registry)
    sink = dict(settings.sink)
    if settings.job and "root" in sink:
        sink["root"] = os.path.join(sink["root"], settings.job)
    with RunProgress() as watch:
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
    if wants_json(flags):
        tell_json(_as_json(outcome, sink, hint))
    else:
        _show(outcome, sink)
        _show_hint(hint, asked=not flags["no_audit"])
    return outcome.exit_code


def _demand_locked(settings: Settings, path: str, recipe: Recipe, registry: Registry) -> Sequence[Mapping[str, str]]:
    """Refuse to run where anything differs from the lock; return the files that the recipe comes from."""
    locked, then, document = lock.reopen(path, registry)
    files: Sequence[Mapping[str, str]] = settings.origin["files"]
    absent: list[str] = []
    itself = files[0]["sha256"] == document.sha256
    if itself:
        files, absent = lock.refound(then, Shelves([Path(root) for root in settings.origin["roots"]]), path)
    now = lock.lock_of(recipe, registry, files)
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


def _show_hint(hint: Item | None, asked: bool) -> None:
    if hint is None:
        if asked:
            console().print("Whether copies can be told from originals, and classes by them, `augflow audit` tells.")
        return
    says = hint.says
    if hint.verdict == "unknown" and hint.figures:
        auc, families = hint.figures[0], hint.figures[-1].value
        span = f"{auc.value:.2f} ({auc.low:.2f}–{auc.high:.2f})"
        says = f"Copies are told from originals with AUC {span}, by {families} families."
    said = f"Hint, by a quick sample: {hint.verdict}. {printable(says)} `augflow audit` looks thoroughly."
    console().print(Text(said, style=_STYLES[hint.verdict]))


def _show(outcome: Outcome, sink: Mapping[str, object]) -> None:
    out = console()
    made = table("class", "had", "target", "originals", "copies", "result")
    for label, done in outcome.plan.classes.items():
        row(made, label, done.has, done.target, done.originals, done.copies, done.result)
    out.print(made)
    rate = f", {outcome.made / outcome.seconds:,.0f}/s" if outcome.made else ""
    out.print(
        f"Made {outcome.made} ({size(outcome.bytes)}), kept {outcome.kept}, removed {outcome.removed}, "
        f"in {seconds(outcome.seconds)}{rate}."
    )
    for label, done in outcome.plan.classes.items():
        if done.shortfall:
            out.print(Text(f"{label} falls short by {done.shortfall}: {done.why}.", style="yellow"))
    tell_splits(out, outcome.plan.split, outcome.plan.passed, outcome.plan.left_out)
    if outcome.converted:
        told = ", ".join(f"{count} × {note}" for note, count in outcome.converted.most_common())
        out.print(Text(f"Converted on reading: {told}."))
    tell_aside(out, outcome.aside)
    tell_left(out, outcome.left, "`augflow run --force` makes edited outputs over.")
    tell_notes(out, outcome.notes)
    out.print(Text(f"{outcome.plan.outputs} images in {sink.get('root', '')}; their records: ledger.parquet"))


def _as_json(outcome: Outcome, sink: Mapping[str, object], hint: Item | None) -> dict[str, object]:
    return {
        "sink": dict(sink),
        "classes": {label: done.result for label, done in outcome.plan.classes.items()},
        "passed": outcome.plan.passed,
        "left_out": outcome.plan.left_out,
        "made": outcome.made,
        "kept": outcome.kept,
        "removed": outcome.removed,
        "bytes": outcome.bytes,
        "seconds": round(outcome.seconds, 3),
        "short": {label: done.shortfall for label, done in outcome.plan.classes.items() if done.shortfall},
        "aside": [item._asdict() for item in outcome.aside],
        "left": [item._asdict() for item in outcome.left],
        "converted": dict(outcome.converted),
        "notes": outcome.notes,
        "hint": None if hint is None else dataclasses.asdict(hint),
    }
