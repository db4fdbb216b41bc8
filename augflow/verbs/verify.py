"""Prove a data set: every file has its record, every hash matches, counts are as planned, nothing else lies there.

augflow verify sink.root=photos/balanced
augflow verify sink.root=photos/balanced --fast
augflow verify sink.root=photos/balanced source.root=moved/photos

Names every fault by kind and file: files that are missing, changed or foreign, a ledger or run.json that was edited,
classes whose counts are not the plan's, samples whose outputs lie in two splits, and sources that are no longer what
the outputs were made from. The source is the one that the run names, unless given; where it is gone, that is said.
Changes nothing. Exit code 1 where there is a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, seconds, tell_json, wants_json
from augflow.verify import Verification, verify

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--fast": (False, "compare files by size alone; leave sources out"),
    "--no-sources": (False, "leave sources out"),
}
NEEDS_SOURCE = False


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    found = verify(
        settings.sink, settings.source, settings.executor, flags["fast"], not flags["no_sources"], counting=counting
    )
    if wants_json(flags):
        tell_json(_as_json(found))
    else:
        _show(found, flags["fast"])
    return found.exit_code


def _show(found: Verification, fast: bool) -> None:
    out = console()
    for fault in found.faults:
        out.print(Text(f"{fault.kind}: {printable(fault.file)}: {printable(fault.detail)}", style="red"))
    for note in found.notes:
        out.print(Text(printable(note)))
    counted = f"{found.outputs} outputs in {len(found.classes)} classes"
    if found.faults:
        kinds = Counter(fault.kind for fault in found.faults)
        told = ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
        out.print(Text(f"{counted}: {len(found.faults)} faults ({told}), in {seconds(found.seconds)}."))
    else:
        files = "every file is there and as long as recorded" if fast else "every file is as recorded, byte for byte"
        sources = "" if found.sources is None else f"; {found.sources} samples of the source unchanged"
        out.print(
            Text(f"{counted}: {files}; counts as planned; nothing else there{sources}. In {seconds(found.seconds)}.")
        )


def _as_json(found: Verification) -> dict[str, object]:
    return {
        "outputs": found.outputs,
        "classes": found.classes,
        "sources": found.sources,
        "faults": [fault._asdict() for fault in found.faults],
        "notes": found.notes,
        "seconds": round(found.seconds, 3),
    }
