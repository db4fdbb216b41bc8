"""How the outcome of a run is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from rich.text import Text

from augflow.audit.result import Item
from augflow.runner import Outcome
from augflow.verbs.format import tell_json
from augflow.verbs.telling import (
    console,
    printable,
    row,
    seconds,
    size,
    table,
    tell_aside,
    tell_left,
    tell_notes,
    tell_splits,
)

_STYLES = {"ok": "", "unknown": "", "warning": "yellow", "bad": "yellow"}


def show(outcome: Outcome, sink: Mapping[str, object]) -> None:
    """Print what a run did."""
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


def show_hint(hint: Item | None) -> None:
    """Print what a quick look for the hint found; where there was none, how to look."""
    if hint is None:
        console().print("Whether copies can be told from originals, and classes by them, `augflow audit` tells.")
        return
    says = hint.says
    if hint.verdict == "unknown" and hint.figures:
        auc, families = hint.figures[0], hint.figures[-1].value
        span = f"{auc.value:.2f} ({auc.low:.2f}–{auc.high:.2f})"
        says = f"Copies are told from originals with AUC {span}, by {families} families."
    said = f"Hint, by a quick sample: {hint.verdict}. {printable(says)} `augflow audit` looks thoroughly."
    console().print(Text(said, style=_STYLES[hint.verdict]))


def show_as_json(outcome: Outcome, sink: Mapping[str, object], hint: Item | None) -> None:
    """Print both as JSON."""
    tell_json(
        {
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
    )
