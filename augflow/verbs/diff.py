"""Tell what differs in meaning between two recipes, locks or data sets: steps, ranges, counts, outputs shared.

augflow diff balance strong
augflow diff before.yaml after.yaml --format markdown
augflow diff balanced/recipe.lock.yaml mine.yaml
augflow diff balanced-1 balanced-2

Order of keys never matters, order of steps does. Exit code 1 where something differs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

from augflow.config.arguments import CONFIG_DIR
from augflow.errors import RecipeError
from augflow.recipe.diff import Change
from augflow.recipe.sides import Outputs, Side, diff_outputs, diff_sides, read_side
from augflow.registry import Registry
from augflow.verbs.format import tell_json
from augflow.verbs.telling import console, printable, row, table
from augflow.verbs.words import take_plugins

FLAGS = {"--format": ("text", "text, json or markdown"), **CONFIG_DIR}
COMPOSES = False
_SIGNS = {"added": "+", "removed": "−", "changed": "~", "moved": "↕"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    if flags["format"] not in _TELLERS:
        raise RecipeError(f"--format {flags['format']}: it is {', '.join(_TELLERS)}.")
    words, plugins = take_plugins(arguments)
    if len(words) != 2:
        raise RecipeError(f"diff compares two, and {len(words)} {'is' if len(words) == 1 else 'are'} named.")
    registry = Registry(plugins)
    before, after = (read_side(word, registry, flags["config_dir"]) for word in words)
    changes, outputs = diff_sides(before, after, registry), diff_outputs(before, after)
    _TELLERS[flags["format"]](before, after, changes, outputs)
    return 1 if changes or (outputs and not outputs.same) else 0


def _tell_json(before: Side, after: Side, changes: Sequence[Change], outputs: Outputs | None) -> None:
    told: dict[str, Any] = {
        "before": before.name,
        "after": after.name,
        "changes": [{**change._asdict(), "path": list(change.path)} for change in changes],
    }
    if outputs:
        told["outputs"] = {
            "shared": outputs.shared,
            "changed": outputs.changed,
            "renamed": outputs.renamed,
            "only": list(outputs.only),
            "counts": {label: list(counts) for label, counts in outputs.counts.items()},
        }
    tell_json(told)


def _tell_text(before: Side, after: Side, changes: Sequence[Change], outputs: Outputs | None) -> None:
    out = console()
    tree = Tree(Text(f"{printable(before.name)} → {printable(after.name)}", style="bold"))
    branches: dict[tuple[str, ...], Tree] = {(): tree}
    for change in changes:
        for depth in range(1, len(change.path)):
            path = change.path[:depth]
            if path not in branches:
                branches[path] = branches[path[:-1]].add(Text(printable(path[-1])))
        line = f"{_SIGNS[change.kind]} {change.path[-1]}: {_told(change)}"
        branches[change.path] = branches[change.path[:-1]].add(Text(printable(line), style=_STYLES[change.kind]))
    if not changes:
        tree.add(Text("the same recipe"))
    out.print(tree)
    if outputs:
        made = table("class", before.name, after.name, "change")
        for label, (old, new) in outputs.counts.items():
            row(made, label, old, new, f"{new - old:+d}" if new != old else "")
        out.print(made)
        out.print(Text(_told_outputs(before, after, outputs)))


def _tell_markdown(before: Side, after: Side, changes: Sequence[Change], outputs: Outputs | None) -> None:
    print(f"**{_code(before.name)} → {_code(after.name)}**\n")
    if not changes:
        print("The same recipe.")
    for change in changes:
        print(f"- {_SIGNS[change.kind]} {_code('.'.join(change.path))}: {_told(change, _code)}")
    if outputs:
        print("\n| class | before | after |\n|---|---:|---:|")
        for label, (old, new) in outputs.counts.items():
            print(f"| {_code(label)} | {old} | {new} |")
        print(f"\n{_told_outputs(before, after, outputs)}")


def _told(change: Change, mark: Any = str) -> str:
    note = f" ({change.note})" if change.note else ""
    if change.kind == "added":
        return f"{mark(_json(change.after))}{note}"
    if change.kind == "removed":
        return f"{mark(_json(change.before))}{note}"
    if change.kind == "moved":
        return f"was {change.before}, is {change.after}"
    return f"{mark(_json(change.before))} → {mark(_json(change.after))}{note}"


def _told_outputs(before: Side, after: Side, outputs: Outputs) -> str:
    return (
        f"{outputs.shared} images shared, {outputs.changed} changed, {outputs.renamed} renamed; only in {before.name}: "
        f"{outputs.only[0]}, only in {after.name}: {outputs.only[1]}."
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{printable(text).replace('|', '∣')}{ticks}"


_TELLERS = {"text": _tell_text, "json": _tell_json, "markdown": _tell_markdown}
