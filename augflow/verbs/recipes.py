"""List the recipes there are, or show one as it resolves: every chain written out, every default filled in.

augflow recipes
augflow recipes balance
augflow recipes balance recipe.target=500
augflow recipes mine.yaml --explain
augflow recipes mine.yaml recipe.seed=3 --origin
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from rich.text import Text

from augflow.config import catalogue
from augflow.engine.chain import Chain
from augflow.errors import RecipeError
from augflow.recipe.passes import passes_of
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.schema import show
from augflow.verbs.telling import console, row, table, tell_json, wants_json

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {
    "--format": ("text", "text or json"),
    "--explain": (False, "what each chain compiles to"),
    "--origin": (False, "which file, or which override, set each value"),
}
COMPOSES = False


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    if not arguments:
        _list(wants_json(flags))
        return 0
    from augflow.config.compose import compose

    name, *overrides = arguments
    if "=" in name:
        raise RecipeError(f"Name a recipe first: augflow recipes NAME {name}")
    chosen = name if name.endswith((".yaml", ".yml")) else f"recipe={name}"
    settings = compose([chosen, "source=demo", *overrides])
    registry = Registry(settings.plugins)
    recipe = read_recipe(settings.recipe, registry, settings.where)
    if flags["origin"]:
        _show_origin(settings, wants_json(flags))
    elif flags["explain"]:
        _explain(recipe, registry)
    elif wants_json(flags):
        tell_json(recipe.as_json())
    else:
        print(yaml.safe_dump(_resolved(recipe), sort_keys=False, allow_unicode=True, width=110), end="")
    return 0


def _list(as_json: bool) -> None:
    roots = {"augflow": catalogue.conf_dir(), **catalogue.packages()}
    found = [
        {"recipe": name, "from": origin, "for": catalogue.purpose(file)}
        for origin, root in roots.items()
        for name, file in catalogue.choices("recipe", [root]).items()
    ]
    if as_json:
        tell_json(found)
        return
    out = console()
    made = table("recipe", "from", "for")
    made.columns[1].justify = made.columns[2].justify = "left"
    made.columns[2].no_wrap = False
    for item in found:
        row(made, *item.values())
    out.print(made)
    out.print("`augflow recipes NAME` shows one resolved; `augflow run recipe=NAME` uses it.")


def _resolved(recipe: Recipe) -> dict[str, Any]:
    """A recipe that reads as one: the same keys, with defaults filled in."""
    resolved = recipe.as_json()
    plain = dict(recipe.plain)
    plain["chains"] = {
        name: {step["name"]: _step(step) for step in steps} for name, steps in resolved["chains"].items()
    }
    plain |= {key: resolved[key] for key in ("render", "output") if key in resolved}
    return plain


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    weight = {"weight": step["weight"]} if "weight" in step else {}
    if "one_of" in step:
        return {"p": step["p"], **weight, "one_of": {option["name"]: _step(option) for option in step["one_of"]}}
    if "steps" in step:
        return {"use": step["chain"], "p": step["p"], **weight}
    return {"use": step["use"], "p": step["p"], **weight, **step["arguments"]}


def _show_origin(settings: Settings, as_json: bool) -> None:
    values = [(key, value, settings.where(key)) for key, value in _leaves(settings.recipe)]
    if as_json:
        tell_json([{"key": list(key), "value": value, "from": place} for key, value, place in values])
        return
    made = table("recipe", "value", "set by")
    made.columns[1].justify = made.columns[2].justify = "left"
    for key, value, place in values:
        row(made, ".".join(key), show(value), place)
    console().print(made)


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
