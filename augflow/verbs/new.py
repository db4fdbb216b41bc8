"""Write a new recipe, a package that shares recipes, or a plugin with a transform of your own.

augflow new recipe xray
augflow new recipe conf/recipe/acme/xray.yaml
augflow new package acme
augflow new plugin fog shared/ --license MIT

A recipe's file is written where it is named, a package or plugin into a folder of its own, below the present one or the
one that is named last; both with their tests, which pass. Nothing is overwritten: what is in the way is named. Without
--license nobody is granted anything, and package indexes refuse what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from augflow import scaffold
from augflow.errors import RecipeError, nearest
from augflow.verbs.telling import console, printable

FLAGS = {"--license": ("none", "none or MIT, for a package or plugin")}
COMPOSES = False
_KINDS = ("recipe", "package", "plugin")
_NEXT = {
    "recipe": "augflow check {file}\naugflow run {file} source=demo sink.root=balanced",
    "package": "cd {folder}\npip install -e '.[test]' && pytest\naugflow recipes",
    "plugin": "cd {folder}\npip install -e '.[test]' && pytest\naugflow transforms",
}


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    kind, *names = arguments or [""]
    if kind not in _KINDS:
        said = f"There is no new '{kind}'.{nearest(kind, _KINDS)}" if kind else "Say what."
        raise RecipeError(f"{said} augflow new {'|'.join(_KINDS)} NAME")
    if not 1 <= len(names) <= 2:
        few = "Name it" if not names else "A name and at most one folder"
        raise RecipeError(f"{few}: augflow new {kind} NAME [FOLDER]")
    name, folder = names[0], Path(names[1] if len(names) > 1 else "")
    if kind == "recipe":
        if flags["license"] != "none":
            raise RecipeError("--license is for a package or plugin; a recipe's file has none of its own.")
        draft = scaffold.recipe(name, folder)
    else:
        make = scaffold.package if kind == "package" else scaffold.plugin
        draft = make(name, folder, flags["license"])
    files = scaffold.write(draft)
    out = console()
    for file in files:
        out.print(Text(printable(str(file))))
    out.print(Text(f"\nNext:\n{_NEXT[kind].format(folder=draft.folder, file=files[0])}"))
    return 0
