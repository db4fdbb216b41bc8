"""How recipes, plans, chains and censuses show themselves in a notebook: small tables, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

MOST = 30
"""Rows that are shown."""


def shown(heading: str, columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A table as HTML; of many rows the first, with a word on the others."""
    every = list(rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in every[:MOST])
    notes = [note] if note else []
    if len(every) > MOST:
        notes.append(f"… and {len(every) - MOST} more")
    foot = "".join(f"<p>{escape(_clean(line))}</p>" for line in notes)
    return (
        f"<div><b>{escape(_clean(heading))}</b>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}</div>"
    )


def steps(entries: Iterable[Mapping[str, Any]], within: str = "") -> Iterable[tuple[object, ...]]:
    """Rows of a chain's steps (step, transform, p, arguments), inner ones below the one that holds them."""
    for entry in entries:
        path = f"{within}{entry['name']}"
        inner = entry.get("one_of") or entry.get("steps")
        if inner:
            use = "one of" if "one_of" in entry else f"chain {entry['chain']}"
            yield path, use, entry["p"], ""
            yield from steps(inner, f"{path}/")
        else:
            told = ", ".join(f"{name} {value}" for name, value in entry["arguments"].items())
            yield path, entry["use"], entry["p"], told


def _cell(value: object) -> str:
    text = escape(_clean(f"{value:g}" if isinstance(value, float) else str(value)))
    number = isinstance(value, int | float)
    return f'<td style="text-align:{"right" if number else "left"}">{text}</td>'


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
