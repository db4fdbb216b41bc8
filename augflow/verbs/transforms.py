"""List the transforms that chains may use, or show one with its arguments, defaults, bounds and sources.

augflow transforms
augflow transforms rotate
augflow transforms albumentations.CLAHE
augflow transforms plugins=[mine.py]
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from augflow.docstring import summary
from augflow.errors import RecipeError
from augflow.registry import Registry
from augflow.schema import describe, fields_of, json_schema, show
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.telling import console, row, table
from augflow.verbs.words import take_plugins

FLAGS = {"--format": ("text", "text or json")}
COMPOSES = False


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    names, plugins = take_plugins(arguments)
    registry = Registry(plugins)
    if len(names) > 1:
        raise RecipeError(f"Name one transform, or none for the list; not {' '.join(names)}.")
    show_one = not wants_json(flags)
    if names:
        _one(registry, names[0]) if show_one else tell_json(_as_json(registry, names[0]))
    else:
        _list(registry) if show_one else tell_json(_all_as_json(registry))
    return 0


def _list(registry: Registry) -> None:
    from augflow.transforms.albumentations import catalogue

    out = console()
    made = table("transform", "")
    made.columns[1].justify = "left"
    made.columns[1].no_wrap = False
    for name in registry.names():
        row(made, name, summary(registry.find(name)))
    for listed in catalogue():
        told = f"not for chains: it {listed.reason}" if listed.reason else listed.summary
        row(made, f"albumentations.{listed.name}", told)
    out.print(made)
    out.print("`augflow transforms NAME` shows one with its arguments.")


def _one(registry: Registry, name: str) -> None:
    cls = registry.find(name)
    out = console()
    out.print(
        Text(name, style="bold"), Text(f"  {_kind(cls)}, version {getattr(cls, 'version', 1)}; {registry.origin(name)}")
    )
    out.print(Text(inspect.getdoc(cls) or ""))
    out.print()
    made = table("argument", "default", "allowed")
    made.columns[1].justify = made.columns[2].justify = "left"
    made.columns[2].no_wrap = False
    schema = json_schema(cls)
    for argument, field in fields_of(cls).items():
        default = show(field["default"]) if "default" in field else "(needed)"
        row(made, argument, default, describe(_resolved(field, schema)))
    row(made, "p", show(getattr(cls, "p", 1)), "the step's probability, from 0 to 1")
    out.print(made)


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a `$ref` into the schema's definitions."""
    if "$ref" in field:
        found: Mapping[str, Any] = schema["$defs"][field["$ref"].rpartition("/")[2]]
        return found
    return field


def _kind(cls: type[Any]) -> str:
    if hasattr(cls, "matrix"):
        return "geometry"
    return "point-wise" if hasattr(cls, "table") else "pixel-wise"


def _as_json(registry: Registry, name: str) -> dict[str, Any]:
    cls = registry.find(name)
    return {
        "name": name,
        "kind": _kind(cls),
        "version": getattr(cls, "version", 1),
        "origin": registry.origin(name),
        "doc": inspect.getdoc(cls) or "",
        "p": getattr(cls, "p", 1),
        "arguments": json_schema(cls),
    }


def _all_as_json(registry: Registry) -> list[dict[str, Any]]:
    from augflow.transforms.albumentations import catalogue

    listed = [_as_json(registry, name) for name in registry.names()]
    for item in catalogue():
        refused = {"name": f"albumentations.{item.name}", "doc": item.summary, "refused": item.reason}
        listed.append(refused if item.reason else _as_json(registry, f"albumentations.{item.name}"))
    return listed
