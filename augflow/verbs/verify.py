"""Prove a data set: every file has its record, every hash matches, counts are as planned, nothing else lies there.

augflow verify sink.root=photos/balanced
augflow verify sink.root=photos/balanced --fast
augflow verify sink.root=photos/balanced source.root=moved/photos
augflow verify sink.root=photos/balanced --signature acme.pub
augflow verify recipe.lock.yaml --signature acme.pub

Names every fault by kind and file: files that are missing, changed or foreign, a ledger or run.json that was edited,
classes whose counts are not the plan's, samples whose outputs lie in two splits, and sources that are no longer what
the outputs were made from. The source is the one that the run names, unless given; where it is gone, that is said.
Changes nothing. Exit code 1 where there is a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.errors import RecipeError
from augflow.signing import SignatureError, Signed, check
from augflow.sink.folder import RUN
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, seconds
from augflow.verify import Fault, Verification, verify

if TYPE_CHECKING:
    from augflow.config.arguments import Arguments
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--fast": (
        False,
        "compare files by size, and by their bytes where they are newer than the ledger; leave sources out",
    ),
    "--no-sources": (False, "leave sources out"),
    "--signature": ("", "a public key: prove that its owner signed the data set; or a file that is named"),
}
NEEDS_SOURCE = False


def prepare(arguments: Arguments) -> int | None:
    """Check the signature of a file, for which nothing is composed."""
    files = [word for word in arguments.words if Path(word).is_file()]
    if not files:
        return None
    if arguments.words != files or not arguments.flags["signature"]:
        raise RecipeError(f"{files[0]}: only a signature proves a file: augflow verify FILE --signature KEY.pub")
    told = {file: _signed(check(Path(file), arguments.flags["signature"])) for file in files}
    if wants_json(arguments.flags):
        tell_json({"signed": told})
    else:
        for file, said in told.items():
            print(f"{printable(file)}: {said}.")
    return 0


def _signed(signed: Signed) -> str:
    return printable(f"signed by the key {signed.key}, who says: {' '.join(signed.comment.split())}")


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    found = verify(
        settings.sink, settings.source, settings.executor, flags["fast"], not flags["no_sources"], counting=counting
    )
    if flags["signature"]:
        try:
            found.signed = _signed(check(Path(settings.sink["root"]), flags["signature"]))
        except SignatureError as error:
            found.faults.insert(0, Fault("not signed", RUN, str(error)))
    if as_json:
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
    if found.signed:
        out.print(Text(f"{RUN}, which binds all the rest: {found.signed}."))
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
        "signed": found.signed,
        "faults": [fault._asdict() for fault in found.faults],
        "notes": found.notes,
        "seconds": round(found.seconds, 3),
    }
