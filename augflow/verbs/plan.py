"""Say what `run` would make, class by class, and touch nothing.

For each class: how many samples it has, its target, how many originals and copies the result will hold, how often a
sample is used, and by how much it falls short and why. Where the sink holds a data set, also how many of its outputs
would be kept and removed, and how many made. Reads the files' headers. Exit code 1 where a class falls short or a file
cannot be used.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from augflow.ledger.stock import Change, foresee
from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.plan.survey import Survey, estimate_bytes, read_headers
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.sink import open_sink
from augflow.source import Aside, open_source
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, row, size, table, tell_aside, tell_left, tell_notes, tell_splits

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {"--format": ("text", "text or json")}
MOST_HEADERS = 100_000


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    recipe = read_recipe(settings.recipe, Registry(settings.plugins), settings.where)
    recipe.demand_files()
    source = open_source(settings.source)
    found = take_census(source)
    total = found.total
    with counting("Reading headers", min(total, MOST_HEADERS)) as advance:
        samples = itertools.islice(found.samples(), MOST_HEADERS)
        survey = read_headers(source, samples, advance, found.split)
    bad = frozenset(aside.key for aside in survey.aside)
    survey.aside = sorted([*found.aside, *survey.aside])
    census = take_census(source, without=bad) if bad else found
    plan = Plan(recipe, census)
    sink = dict(settings.sink)
    if settings.job and "root" in sink:
        sink["root"] = os.path.join(sink["root"], settings.job)
    foreseen = foresee(plan, census, source, open_sink(sink), settings.plugins)
    if as_json:
        tell_json({**_as_json(plan, survey), "notes": found.notes, **_changes(foreseen)})
    else:
        _show(plan, survey, total)
        if foreseen:
            _show_changes(*foreseen)
        tell_notes(console(), found.notes)
    return 1 if survey.aside or plan.falls_short else 0


def _show(plan: Plan, survey: Survey, total: int) -> None:
    out = console()
    made = table("class", "has", "target", "originals", "copies", "per sample", "result", "short", "chain")
    for label, done in plan.classes.items():
        fewest, most = done.per_sample
        per_sample = f"{fewest}" if fewest == most else f"{fewest}–{most}"
        chains = ", ".join(name for name, _ in done.rule.chains)
        short = f"{done.shortfall}" if done.shortfall else ""
        row(made, label, done.has, done.target, done.originals, done.copies, per_sample, done.result, short, chains)
    out.print(made)
    for label, done in plan.classes.items():
        if done.shortfall:
            out.print(f"{label} falls short by {done.shortfall}: {done.why}.", markup=False, style="yellow")
        elif done.why:
            out.print(f"{label} holds {done.result - done.target} more than its target: {done.why}.", markup=False)
    out.print(
        f"{plan.outputs} outputs, about {size(estimate_bytes(plan, survey))}; originals: {plan.recipe.originals}. "
        "Nothing was written."
    )
    tell_splits(out, plan.split, plan.passed, plan.left_out)
    if total > MOST_HEADERS:
        out.print(f"Only the first {MOST_HEADERS} of {total} headers were read; `augflow scan` reads every file.")
    tell_aside(out, survey.aside)


def _show_changes(changes: Mapping[str, Change], left: Sequence[Aside]) -> None:
    out = console()
    sums = [sum(counts) for counts in zip(*changes.values(), strict=True)] or [0, 0, 0]
    out.print("The sink holds a data set: a run would make {}, keep {}, remove {}.".format(*sums))
    if sums[0] or sums[2]:
        differ = table("class", "to make", "to keep", "to remove")
        for folder, change in changes.items():
            row(differ, folder, *change)
        out.print(differ)
    tell_left(out, left, "A run does not touch them; `augflow run --force` makes edited outputs over.")


def _changes(foreseen: tuple[dict[str, Change], list[Aside]] | None) -> dict[str, object]:
    if foreseen is None:
        return {}
    changes, left = foreseen
    return {
        "changes": {folder: change._asdict() for folder, change in changes.items()},
        "left": [item._asdict() for item in left],
    }


def _as_json(plan: Plan, survey: Survey) -> dict[str, object]:
    return {
        "classes": {
            label: {
                "has": done.has,
                "target": done.target,
                "originals": done.originals,
                "copies": done.copies,
                "result": done.result,
                "copies_per_sample": list(done.per_sample),
                "shortfall": done.shortfall,
                "why": done.why,
                "chains": dict(done.rule.chains),
            }
            for label, done in plan.classes.items()
        },
        "outputs": plan.outputs,
        "split": plan.split,
        "passed": plan.passed,
        "left_out": plan.left_out,
        "bytes": estimate_bytes(plan, survey),
        "aside": [item._asdict() for item in survey.aside],
        "plan_digest": plan.digest,
    }
