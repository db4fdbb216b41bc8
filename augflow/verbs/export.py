"""Give a chain to another tool, or describe a data set by a standard.

augflow export balance --to albumentations > transform.json
augflow export mine.yaml --to albumentations --chain strong
augflow export mine.yaml --to albumentations --format yaml
augflow export sink.root=photos/balanced --to croissant
augflow export sink.root=photos/balanced --to prov
augflow export sink.root=photos/balanced --to prov --file prov.json

A chain: `albumentations.from_dict(json.load(file))` reads it. Targets, rules and render are augflow's part and stay
here. Exit code 1 where a step has no equal; these are listed.

A data set: Croissant, the JSON-LD of data set search engines (`croissant.json`), or W3C PROV-JSON (`prov.json`): what
was made of what, by which steps with which draws. The file lies in the data set, unless --file names another or is -
for what comes next in a pipe. After the next run export again.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from augflow.errors import RecipeError, SurroundingsError, nearest
from augflow.exporting.albumentations import export
from augflow.recipe.recipe import Recipe
from augflow.recipe.written import as_yaml
from augflow.registry import Registry
from augflow.sink.whole import written
from augflow.store import is_url
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, size
from augflow.verbs.words import take_plugins

FLAGS = {
    "--to": ("", "albumentations, croissant or prov"),
    "--chain": ("", "which chain, where the recipe's copies are made by several"),
    "--format": ("json", "of a chain: json or yaml"),
    "--file": ("", "of a data set: the file to write, instead of the one in the data set"),
}
COMPOSES = False
_CHAINS = ("albumentations",)
_DATA_SETS = ("croissant", "prov")
_FORMATS = ("json", "yaml")


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    to = flags["to"]
    if to in _DATA_SETS:
        return _data_set(arguments, flags)
    if to not in _CHAINS:
        every = (*_CHAINS, *_DATA_SETS)
        said = f"--to {to}: there is no such tool.{nearest(to, every)} " if to else ""
        raise RecipeError(
            f"{said}Say to what: augflow export RECIPE --to {'|'.join(_CHAINS)}, or augflow export sink.root=… --to "
            f"{'|'.join(_DATA_SETS)}"
        )
    if flags["file"]:
        raise RecipeError("--file is about data sets; a chain goes to the standard output, and > FILE takes it.")
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


def _data_set(words: Sequence[str], flags: Mapping[str, Any]) -> int:
    """Describe a finished data set, and write that down whole or not at all."""
    from augflow.exporting.data_set import FILES, describe, finished

    for name, default in (("chain", ""), ("format", "json")):
        if flags[name] != default:
            raise RecipeError(f"--{name} is about chains; a data set is described whole.")
    dataset, digest = finished(_sink(words, flags["to"]))
    if flags["file"] == "-":
        sys.stdout.writelines(describe(dataset, digest, flags["to"]))
        return 0
    if is_url(dataset.sink.name) and not flags["file"]:
        raise RecipeError(
            f"{dataset.sink.name} is no folder of this machine. Say where to: --file {FILES[flags['to']]}"
        )
    own = dataset.root / FILES[flags["to"]]
    file = Path(flags["file"]) if flags["file"] else own
    if file.resolve() != own.resolve() and file.resolve().is_relative_to(own.resolve().parent):
        raise RecipeError(f"--file {file}: in the data set it is called {own.name}. Name a file elsewhere.")
    half = file.with_name(f".{file.name}.half")
    try:
        with written(file, half) as out:
            for part in describe(dataset, digest, flags["to"], counting):
                out.write(part.encode())
    except OSError as error:
        raise SurroundingsError(f"{error.strerror or error}: {file.absolute()}. Name another file: --file") from error
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
    outputs = dataset.ledger.metadata.num_rows
    console().print(Text(f"{outputs} outputs: {printable(str(file))} ({size(file.stat().st_size)})"))
    return 0


def _sink(words: Sequence[str], to: str) -> Mapping[str, Any]:
    from augflow.config.compose import compose

    words = [f"sink.root={word}" if "=" not in word and Path(word).is_dir() else word for word in words]
    if not any(word.lstrip("+").startswith("sink") for word in words):
        raise RecipeError(f"Name a data set: augflow export sink.root=photos/balanced --to {to}")
    return compose(["source=demo", *words]).sink
