"""Give a chain to another tool; what has no equal there is listed.

augflow export balance --to albumentations > transform.json
augflow export mine.yaml --to albumentations --chain strong
augflow export mine.yaml --to albumentations --format yaml

`albumentations.from_dict(json.load(file))` reads it. Targets, rules and render are augflow's part and stay here. Exit
code 1 where a step has no equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from augflow.errors import RecipeError, nearest
from augflow.exporting.albumentations import export
from augflow.recipe.recipe import Recipe
from augflow.recipe.written import as_yaml
from augflow.registry import Registry
from augflow.verbs.telling import printable
from augflow.verbs.words import take_plugins

FLAGS = {
    "--to": ("", "albumentations"),
    "--chain": ("", "which chain, where the recipe's copies are made by several"),
    "--format": ("json", "json or yaml"),
}
COMPOSES = False
_TARGETS = ("albumentations",)
_FORMATS = ("json", "yaml")


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    if flags["to"] not in _TARGETS:
        said = f"--to {flags['to']}: there is no such tool.{nearest(flags['to'], _TARGETS)} " if flags["to"] else ""
        raise RecipeError(f"{said}Say to what: augflow export RECIPE --to {'|'.join(_TARGETS)}")
    if flags["format"] not in _FORMATS:
        raise RecipeError(f"--format {flags['format']}: it is {' or '.join(_FORMATS)}.")
    words, plugins = take_plugins(arguments)
    if not words or "=" in words[0]:
        raise RecipeError("Name a recipe: augflow export RECIPE --to albumentations")
    recipe = _read(words, plugins)
    name = _chain(recipe, flags["chain"])
    made = export(name, recipe.chains[name])
    for item in made.close:
        print(f"augflow: not quite the same there: {printable(item)}", file=sys.stderr)
    for item in made.left:
        print(f"augflow: no equal there: {printable(item)}", file=sys.stderr)
    text = json.dumps(made.transform, indent=2) if flags["format"] == "json" else as_yaml(made.transform, flow=None)
    print(text.rstrip("\n"))
    return 1 if made.left else 0


def _read(words: Sequence[str], plugins: Sequence[str]) -> Recipe:
    from augflow.config.compose import compose
    from augflow.recipe.reader import read_recipe

    name, *overrides = words
    chosen = name if name.endswith((".yaml", ".yml")) else f"recipe={name}"
    settings = compose([chosen, "source=demo", *overrides])
    return read_recipe(settings.recipe, Registry(plugins), settings.where)


def _chain(recipe: Recipe, asked: str) -> str:
    if asked:
        if asked not in recipe.chains:
            known = ", ".join(recipe.chains)
            raise RecipeError(
                f"--chain {asked}: there is no such chain.{nearest(asked, recipe.chains)} Chains: {known}."
            )
        return asked
    used = [name for name, _ in recipe.rule.chains]
    if len(used) > 1:
        raise RecipeError(f"Copies are made by several chains: {', '.join(used)}. Say which: --chain {used[0]}")
    return used[0]
