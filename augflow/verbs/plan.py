"""Say what `run` would make, class by class, and touch nothing.

For each class: how many samples it has, its target, how many originals and copies the result will hold, how often a
sample is used, and by how much it falls short and why. Reads the files' headers. Exit code 1 where a class falls short
or a file cannot be used.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from augflow.census import take_census
from augflow.plan import Plan
from augflow.recipe_reader import read_recipe
from augflow.registry import Registry
from augflow.source import open_source
from augflow.survey import Survey, estimate_bytes, read_headers
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, row, size, table, tell_aside, tell_json, wants_json

if TYPE_CHECKING:
    from augflow.config import Settings

FLAGS = {"--format": ("text", "text or json")}
MOST_HEADERS = 100_000


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    recipe = read_recipe(settings.recipe, Registry(settings.plugins), settings.where)
    source = open_source(settings.source)
    found = take_census(source)
    total = sum(found.counts.values())
    with counting("Reading headers", min(total, MOST_HEADERS)) as advance:
        samples = itertools.islice(found.samples(), MOST_HEADERS)
        survey = read_headers(source, samples, advance)
    bad = frozenset(aside.key for aside in survey.aside)
    survey.aside = sorted([*found.aside, *survey.aside])
    plan = Plan(recipe, take_census(source, without=bad) if bad else found)
    if wants_json(flags):
        tell_json(_as_json(plan, survey))
    else:
        _show(plan, survey, total)
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
    if total > MOST_HEADERS:
        out.print(f"Only the first {MOST_HEADERS} of {total} headers were read; `augflow scan` reads every file.")
    tell_aside(out, survey.aside)


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
        "bytes": estimate_bytes(plan, survey),
        "aside": [item._asdict() for item in survey.aside],
        "plan_digest": plan.digest,
    }
