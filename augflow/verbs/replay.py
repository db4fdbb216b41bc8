"""Make any output again from its record and its source, and compare: one output, or all of them.

augflow replay acorn/acorn-0003-002-6a51c0de8f1b2a37.jpg sink.root=photos/balanced
augflow replay 6a51c0de sink.root=photos/balanced --to elsewhere
augflow replay all sink.root=photos/balanced
augflow replay all sink.root=photos/balanced source.root=moved/photos plugins=[mine.py]

An output is named by its key (six digits of it are enough) or its path. It is made by the draws in its record, without
a random generator, and compared with the record and with the file; where bytes differ, it says by how much the pixels
do, and which libraries have changed since. The source is the one that the run names, unless given; plugin files are
code, and are loaded only where they are given. Exit code 1 where anything differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.replay import Replay, Verdict, replay
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, seconds

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--to": ("", "folder where to write what is made"),
}
OPERAND = "KEY|PATH|all"
NEEDS_SOURCE = False
_SHOWN = 20


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    done = replay(
        flags["operand"],
        settings.sink,
        settings.source,
        settings.executor,
        settings.plugins,
        flags["to"] or None,
        counting=counting,
    )
    if as_json:
        tell_json(_as_json(done))
    else:
        _show(done, flags["to"])
    return done.exit_code


def _show(done: Replay, to: str) -> None:
    out = console()
    for verdict in done.differing[:_SHOWN]:
        out.print(Text(f"{printable(verdict.path)}: {verdict.kind}{_particulars(verdict)}", style="red"))
    if len(done.differing) > _SHOWN:
        out.print(f"… and {len(done.differing) - _SHOWN} more; --format json names them all.")
    if done.changed:
        told = ", ".join(f"{name} {then} → {now}" for name, (then, now) in done.changed.items())
        out.print(Text(f"Other versions than when the data set was made: {told}."))
    elif done.counts["bytes differ"] + done.counts["pixels differ"]:
        out.print("All libraries have the versions with which the data set was made.")
    counts = ", ".join(f"{count} {kind}" for kind, count in done.counts.most_common())
    written = f", and written to {printable(to)}" if to else ""
    out.print(Text(f"{done.outputs} made again{written}: {counts}. In {seconds(done.seconds)}."))


def _particulars(verdict: Verdict) -> str:
    apart = ""
    if verdict.most:
        apart = f", by at most {verdict.most} of 255, {verdict.mean:.4f} on average"
    elif verdict.most == 0:
        apart = ", and the pixels are the same"
    return f"{apart}; {printable(verdict.detail)}" if verdict.detail else apart


def _as_json(done: Replay) -> dict[str, object]:
    return {
        "outputs": done.outputs,
        "verdicts": dict(done.counts),
        "differing": [verdict._asdict() for verdict in done.differing],
        "versions": {name: {"then": then, "now": now} for name, (then, now) in done.changed.items()},
        "seconds": round(done.seconds, 3),
    }
