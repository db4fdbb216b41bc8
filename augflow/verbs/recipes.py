"""List the recipes there are, or show one as it resolves: every chain written out, every default filled in.

augflow recipes
augflow recipes balance
augflow recipes balance recipe.target=500
augflow recipes mine.yaml --explain
augflow recipes mine.yaml recipe.seed=3 --origin
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow import __version__
from augflow.config import catalogue
from augflow.config.arguments import CONFIG_DIR
from augflow.engine.chain import Chain
from augflow.errors import RecipeError
from augflow.recipe.passes import passes_of
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.recipe.written import as_yaml, resolved
from augflow.registry import Registry
from augflow.schema import show
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.telling import console, printable, row, table

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--explain": (False, "what each chain compiles to"),
    "--origin": (False, "which file, or which override, set each value"),
    **CONFIG_DIR,
}
COMPOSES = False
_UNBROKEN = 10_000
"""Columns for what no terminal shows: a place stays on its line, however deep its folder."""


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    if not arguments:
        return _list(wants_json(flags), flags["config_dir"])
    from augflow.config.compose import compose

    name, *overrides = arguments
    if "=" in name:
        raise RecipeError(f"Name a recipe first: augflow recipes NAME {name}")
    chosen = name if name.endswith((".yaml", ".yml")) else f"recipe={name}"
    settings = compose([chosen, "source=demo", *overrides], flags["config_dir"])
    registry = Registry(settings.plugins)
    recipe = read_recipe(settings.recipe, registry, settings.where)
    if flags["origin"]:
        _show_origin(settings, wants_json(flags))
    elif flags["explain"]:
        _explain(recipe, registry)
    elif wants_json(flags):
        tell_json(recipe.as_json())
    else:
        print(f"# {printable(name)}, as it resolves: what it builds on written out, defaults filled in.")
        print(f"{catalogue.MODELINE}recipe.schema.json")
        print(as_yaml(resolved(recipe)), end="")
    return 0


def _list(as_json: bool, folders: Sequence[str]) -> int:
    """List the recipes of what ships, of folders and of installed packages; 1 where a package cannot be used."""
    packages = catalogue.installed()
    roots = [(f"augflow {__version__}", catalogue.conf_dir()), *((folder, Path(folder)) for folder in folders)]
    roots += [(package.distribution, package.conf) for package in packages if not package.fault]
    found = [
        {"recipe": name, "from": origin, "for": catalogue.purpose(file)}
        for origin, root in roots
        for name, file in catalogue.choices("recipe", [root]).items()
    ]
    for package in packages:
        if package.fault:
            print(f"augflow: {package.distribution} is not used: {package.fault}", file=sys.stderr)
    code = int(any(package.fault for package in packages))
    if as_json:
        tell_json(found)
        return code
    out = console()
    made = table("recipe", "from", "for")
    made.columns[1].justify = made.columns[2].justify = "left"
    made.columns[2].no_wrap = False
    for item in found:
        row(made, *item.values())
    out.print(made)
    out.print("`augflow recipes NAME` shows one resolved; `augflow run recipe=NAME` uses it.")
    return code


def _show_origin(settings: Settings, as_json: bool) -> None:
    values = [(key, value, settings.where(key)) for key, value in _leaves(settings.recipe)]
    if as_json:
        tell_json([{"key": list(key), "value": value, "from": place} for key, value, place in values])
        return
    made = table("recipe", "value", "set by")
    out = console()
    for column in made.columns[1:]:
        column.justify, column.no_wrap = "left", False
    if not out.is_terminal:
        out.width = _UNBROKEN
    for key, value, place in values:
        row(made, ".".join(key), show(value), place)
    out.print(made)


def _leaves(value: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), inner


def _explain(recipe: Recipe, registry: Registry) -> None:
    out = console()
    for name, steps in recipe.chains.items():
        out.print(Text(name, style="bold"))
        for line in passes_of(Chain(name, steps, registry), recipe.render):
            out.print(Text(f"  {line}"))
