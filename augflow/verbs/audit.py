"""Audit a data set: what balancing may have planted or lost, with a verdict for each item and what to change.

augflow audit sink.root=photos/balanced
augflow audit sink.root=photos/balanced --against photos/validation
augflow audit sink.root=photos/balanced --sampler balanced --weights inverse
augflow audit sink.root=photos/balanced source.root=moved/photos --format json

Hint: whether a plain probe tells copies from originals, and so classes. Leakage: images in two splits, two classes, or
in the folder that --against names. Redundancy: how much new copies add. Damage: copies in which little is left.
Balance: the prior that a training loop sees. The source is the one that the run names, unless given. Changes nothing.
Exit code 1 where an item is bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.audit.audit import audit
from augflow.audit.result import Audit, Figure, Item
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, row, seconds, table, tell_notes

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--against": ("", "a folder of images that shall not be in the data set"),
    "--sampler": ("shuffle", "of the training loop: shuffle or balanced"),
    "--weights": ("none", "of its loss: none, inverse, or source (inverse to what the source has)"),
}
NEEDS_SOURCE = False

STYLES = {"ok": "green", "unknown": "cyan", "warning": "yellow", "bad": "red"}
_SHOWN = 8


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    found = audit(
        settings.sink,
        settings.source,
        settings.executor,
        flags["against"] or None,
        flags["sampler"],
        flags["weights"],
        counting,
    )
    if as_json:
        tell_json(found.as_json())
    else:
        _show(found)
    return found.exit_code


def _show(found: Audit) -> None:
    out = console()
    for item in found.items:
        out.print(
            Text.assemble((f"{item.name}: {item.verdict}", f"bold {STYLES[item.verdict]}"), f". {printable(item.says)}")
        )
        if item.figures:
            figures = table("  figure", "value", "95 %")
            for figure in item.figures:
                row(figures, f"  {figure.name}", _number(figure.value), _interval(figure))
            out.print(figures)
        _show_findings(item)
        if item.advice:
            out.print(Text(f"  → {printable(item.advice)}"))
    tell_notes(out, found.notes)
    verdicts = ", ".join(f"{item.name} {item.verdict}" for item in found.items)
    out.print(Text(f"{found.outputs} outputs, {found.looked_at} looked at: {verdicts}. In {seconds(found.seconds)}."))


def _show_findings(item: Item) -> None:
    out = console()
    for finding in item.findings[:_SHOWN]:
        out.print(Text(printable(f"  {finding.kind}: {' = '.join(finding.about)}: {finding.detail}")))
    if len(item.findings) > _SHOWN:
        out.print(f"  … and {len(item.findings) - _SHOWN} more; --format json names them.")


def _number(value: float | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{_number(figure.low)}–{_number(figure.high)}"
