"""Write one page that shows a data set: its balance, what was drawn, and images with their records.

augflow report sink.root=photos/balanced
augflow report sink.root=photos/balanced --to for-the-client.html
augflow report sink.root=photos/balanced --audit
augflow report sink.root=photos/balanced source.root=moved/photos plugins=[mine.py]

The page is one HTML file that loads nothing from anywhere: `report.html` in the data set, unless --to names another.
Parents are shown from the source that the run names, unless given. Of large data sets the gallery shows a part and the
figures count all. Exit code 1 where an output in the gallery is not as its record says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.errors import RecipeError, SurroundingsError
from augflow.store import is_url
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, size

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--to": ("", "the file to write, instead of report.html in the data set"),
    "--audit": (False, "audit the data set, and show what was found; takes longer"),
}
NEEDS_SOURCE = False


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    from augflow.report.report import Report, write
    from augflow.sink.folder import REPORT

    if is_url(settings.sink["root"]) and not flags["to"]:
        raise RecipeError(f"{settings.sink['root']} is no folder of this machine. Say where to: --to {REPORT}")
    own = Path(settings.sink["root"]) / REPORT
    to = Path(flags["to"]) if flags["to"] else own
    linked = to.resolve().parent == own.resolve().parent
    if to.resolve() != own.resolve() and to.resolve().is_relative_to(own.resolve().parent):
        raise RecipeError(f"--to {to}: in the data set the report is called {REPORT}. Name a file elsewhere.")
    audited = None
    if flags["audit"]:
        from augflow.audit.audit import audit

        audited = audit(settings.sink, settings.source, settings.executor, counting=counting).as_json()
    report = Report(settings.sink, settings.source, settings.plugins, audited, linked, counting)
    html = report.html()
    try:
        write(html, to)
    except OSError as error:
        raise SurroundingsError(f"{error.strerror or error}: {to.absolute()}. Name another file: --to") from error
    out = console()
    for path, fault in report.faults[:10]:
        out.print(Text(f"{printable(path)}: {printable(fault)}", style="red"))
    if len(report.faults) > 10:
        out.print(f"… and {len(report.faults) - 10} more; `augflow verify` names them all.")
    if report.no_source:
        out.print(Text(f"Parents are not shown: {printable(report.no_source)} Say source.root=… to show them."))
    out.print(Text(f"{report.summary.outputs} outputs: {printable(str(to))} ({size(len(html))})"))
    return 1 if report.faults else 0
