"""How verbs speak: figures, tables, what was set aside."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from augflow.source import Aside

_SHOWN = 10


def console() -> Console:
    """Where results go; as wide as it takes where nobody looks at a terminal."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160)


def table(*columns: str, title: str | None = None) -> Table:
    """A table whose first column is text and whose others are figures."""
    made = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="bold", title_style="bold")
    for number, name in enumerate(columns):
        made.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=bool(number))
    return made


def row(made: Table, *cells: object) -> None:
    """Add a row; class names are shown as they are, never as markup."""
    made.add_row(*(Text(printable(str(cell))) for cell in cells))


def printable(text: str) -> str:
    """Text with whatever a terminal cannot show, or should not obey, written out."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in clean)


def told_aside(aside: Aside) -> str:
    """A line for what is set aside just now."""
    return f"Set aside: {printable(aside.key)}: {aside.kind}; {printable(aside.detail)}"


def size(count: float) -> str:
    """Bytes for people: "12.3 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def seconds(count: float) -> str:
    """Time for people: "2.1 s", "3 min 20 s"."""
    return f"{count:.1f} s" if count < 60 else f"{int(count) // 60} min {int(count) % 60} s"


def tell_aside(out: Console, aside: Sequence[Aside], all_of_them: bool = False) -> None:
    """Name what was set aside, and count it by reason where it is long."""
    if not aside:
        return
    reasons = ", ".join(f"{count} {kind}" for kind, count in Counter(item.kind for item in aside).most_common())
    out.print(Text(f"Set aside: {len(aside)} ({reasons})", style="yellow"))
    for item in aside if all_of_them else aside[:_SHOWN]:
        out.print(Text(f"  {printable(item.key)}: {item.kind}; {printable(item.detail)}"))
    if not all_of_them and len(aside) > _SHOWN:
        out.print(f"  … and {len(aside) - _SHOWN} more; `augflow scan` names them all.")


def tell_notes(out: Console, notes: Sequence[str]) -> None:
    """Say what nobody needs to mend and somebody may want to know."""
    for note in notes:
        out.print(Text(f"Note: {printable(note)}"))


def tell_splits(
    out: Console,
    split: str | None,
    passed: Mapping[str, Mapping[str, int]],
    left_out: Mapping[str, Mapping[str, int]],
) -> None:
    """Say which split is augmented and what becomes of the others, where there are splits."""
    if split is None:
        return
    said = [f"Of the splits, {split} alone is augmented."]
    for what, splits in (("Passed through as they are", passed), ("Left out", left_out)):
        if splits:
            counts = ", ".join(f"{name} ({sum(images.values())} images)" for name, images in splits.items())
            said.append(f"{what}: {counts}.")
    out.print(Text(printable(" ".join(said))))


def tell_left(out: Console, left: Sequence[Aside], advice: str) -> None:
    """Name what lies in the sink and is not touched."""
    if not left:
        return
    out.print(Text(f"Left alone in the sink: {len(left)}. {advice}", style="yellow"))
    for item in left[:_SHOWN]:
        out.print(Text(f"  {printable(item.key)}: {item.kind}; {printable(item.detail)}"))
    if len(left) > _SHOWN:
        out.print(f"  … and {len(left) - _SHOWN} more; `augflow verify` names them all.")
