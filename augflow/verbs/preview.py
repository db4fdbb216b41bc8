"""Show what a recipe makes of a few samples, beside the photographs; nothing is written to the sink.

augflow preview source.root=photos/train
augflow preview source.root=photos/train --to preview.png
augflow preview mine.yaml source.root=photos/train --step-by-step --to steps.html
augflow preview recipe=strong source.root=photos/train --extremes --format html

Of every class a few samples, each beside its first copies: the very pixels that `run` would make, with chain and draws.
`--step-by-step` takes one sample through each chain, and `--extremes` shows every step at the bounds of what it may
draw, on several classes: would you still call them by their names? In a terminal pictures are shown as well as it can;
`--to` writes a PNG or a self-contained HTML page. Exit code 1 where a sample could not be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow import __version__
from augflow.errors import RecipeError, SurroundingsError
from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source import Source, open_source
from augflow.verbs.telling import console, printable, tell_aside

if TYPE_CHECKING:
    from augflow.config.compose import Settings
    from augflow.preview.sheet import Sheet

FLAGS = {
    "--step-by-step": (False, "one sample through each chain, step by step"),
    "--extremes": (False, "every step at the bounds of what it may draw"),
    "--format": ("", "png, html or terminal; else by the ending of --to"),
    "--to": ("", "the file to write: preview.png or preview.html"),
}
FORMATS = ("png", "html", "terminal")


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    kind, to = _where(flags, settings.job)
    recipe = read_recipe(settings.recipe, Registry(settings.plugins), settings.where)
    source = open_source(settings.source)
    if to:
        _demand_outside(to, settings.sink, source)
    plan = Plan(recipe, take_census(source))

    from augflow.preview.contact import contact
    from augflow.preview.extremes import extremes
    from augflow.preview.making import Bench
    from augflow.preview.steps import step_by_step

    make = step_by_step if flags["step_by_step"] else extremes if flags["extremes"] else contact
    sheet = make(plan, Bench(recipe, settings.source, settings.plugins))
    if to:
        _write(sheet, kind, to)
        console().print(Text(f"Written to {printable(str(to))}. Nothing was written to the sink."))
    else:
        from augflow.verbs.terminal import show

        show(sheet, console())
    tell_aside(console(), sheet.aside)
    return 1 if sheet.aside else 0


def _where(flags: Mapping[str, Any], job: str) -> tuple[str, Path | None]:
    """The kind of sheet, and the file to write; None for the terminal."""
    if flags["step_by_step"] and flags["extremes"]:
        raise RecipeError("--step-by-step and --extremes are two sheets: ask for one of them.")
    to = Path(flags["to"]) if flags["to"] else None
    kind = flags["format"] or (to.suffix.lstrip(".").lower() if to else "terminal")
    if kind not in FORMATS:
        asked = f"--format {kind}:" if flags["format"] else f"--to {to}: its ending '{kind}' is unknown;"
        raise RecipeError(f"{asked} it is png or html, or terminal without --to.")
    if kind == "terminal":
        from augflow.verbs.terminal import cannot

        if to:
            raise RecipeError(f"--to {to}: --format terminal writes no file.")
        if why := cannot(console()):
            raise RecipeError(f"No picture can be shown: {why}. Name a file: --to preview.png or --to preview.html")
        return kind, None
    to = to or Path(f"preview.{kind}")
    return kind, to.with_name(f"{to.stem}-{job}{to.suffix}") if job else to


def _demand_outside(to: Path, sink: Mapping[str, Any], source: Source) -> None:
    for what, root in (("sink", sink.get("root")), ("source", getattr(source, "root", None))):
        if root is not None and to.resolve().is_relative_to(Path(root).resolve()):
            raise RecipeError(f"--to {to}: it lies in the {what}. Name a file elsewhere.")


def _write(sheet: Sheet, kind: str, to: Path) -> None:
    if kind == "html":
        from augflow.report.page import page

        data = page("preview.html.j2", sheet=sheet, version=__version__).encode("utf-8", "backslashreplace")
    else:
        from augflow.preview.png import png

        data = png(sheet)
    try:
        to.write_bytes(data)
    except OSError as error:
        raise SurroundingsError(f"--to {to}: {error.strerror or error}.") from error
