"""Print the JSON Schema of recipes, or of chains, for editors and validators.

It covers every installed transform's arguments, with defaults and bounds.

augflow schema > recipe.schema.json
augflow schema chain > chain.schema.json
augflow schema plugins=[mine.py]

A file that begins with `# yaml-language-server: $schema=recipe.schema.json` is then completed and checked as you type,
in any editor that speaks to the YAML language server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augflow.errors import RecipeError, nearest
from augflow.recipe.json_schema import chain_schema, recipe_schema, written
from augflow.registry import Registry
from augflow.verbs.words import take_plugins

COMPOSES = False
_KINDS = {"recipe": recipe_schema, "chain": chain_schema}


def main(arguments: Sequence[str], _: Mapping[str, Any]) -> int:
    words, plugins = take_plugins(arguments)
    kind = words[0] if words else "recipe"
    if kind not in _KINDS or len(words) > 1:
        raise RecipeError(f"There are schemas of recipe and chain, not of '{' '.join(words)}'.{nearest(kind, _KINDS)}")
    print(written(_KINDS[kind](Registry(plugins))), end="")
    return 0
