"""What Hydra refuses, in words that say what to type instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from augflow.config import catalogue
from augflow.config.strict import FILE_KEYS, RECIPE_KEYS
from augflow.errors import nearest

Tree = Mapping[str, Any]

_UNKNOWN = re.compile(r"Could not override '(?P<key>[^'@]+)'\.\n(To append to your config use (?P<add>.*))?")
_ABSENT = re.compile(r"Could not delete from config\. '(?P<key>[^']+)' does not exist\.")
_MISSING = re.compile(r"In '(?P<by>[^']+)': Could not find '(?P<group>[^'\n]+)/(?P<name>[^/'\n]+)'")
_GRAMMAR = re.compile(r"See https://hydra\.cc/\S+ for details")
_OPEN = ("recipe.chains", "recipe.classes", "recipe.weights")


def explain(error: Exception, tree: Callable[[], Tree]) -> str:
    """Return one message for what Hydra or OmegaConf raised; `tree` composes the settings that there are."""
    said = str(error) or str(error.__cause__ or type(error).__name__)
    if match := _UNKNOWN.search(said):
        return _unknown(match["key"], match["add"], tree())
    if match := _ABSENT.search(said):
        known, word, names = _walk(match["key"], tree())
        return f"~{match['key']}: {known} has no '{word}' to remove.{nearest(word, names)}"
    if match := _MISSING.search(said):
        return _missing(match, [str(option) for option in getattr(error, "options", None) or []])
    cause = error.__cause__
    lines = [*said.splitlines(), *(str(cause).splitlines() if cause and str(error) else [])]
    override = getattr(error, "override", None)
    if override and override not in said:
        lines.insert(0, f"The override '{override}' cannot be read:")
    if override and "recipe.classes." in override:
        lines.append("A class whose name has no dotted form: '+recipe.classes={my class: {target: 3}}'")
    return "\n  ".join(line for line in map(str.rstrip, lines) if line and not _GRAMMAR.match(line))


def _missing(match: re.Match[str], options: list[str]) -> str:
    """Say that nothing of a group has a name; `options` are those that Hydra found in the group itself."""
    group, name, known, more = match["group"], match["name"], {*options}, ""
    if (top := group.partition("/")[0]) in catalogue.SHARED:
        group, name = top, f"{group}/{name}".removeprefix(f"{top}/")
        known |= catalogue.choices(group, [catalogue.conf_dir(), *catalogue.packages().values()]).keys()
        more = catalogue.unused(name)
    listed = f" There are {', '.join(sorted(known))}." if known else ""
    advice = {
        "recipe": " A recipe of your own is given by its path: augflow VERB my.yaml",
        "chain": f" {match['by']} pulls it in.",
    }
    return f"No {group} is called '{name}'.{more or nearest(name, known)}{listed}{advice.get(group, '')}"


def no_setting(key: str, tree: Tree) -> str:
    """Say that there is no such setting at the top, and where one of that name is."""
    elsewhere = [path for path in _paths(tree) if path.endswith(f".{key}")][:3]
    hint = f" Did you mean {' or '.join(elsewhere)}?" if elsewhere else nearest(key.partition(".")[0], tree)
    return f"There is no setting '{key}'.{hint}"


def _unknown(key: str, add: str | None, tree: Tree) -> str:
    known, word, names = _walk(key, tree)
    if known == "recipe":
        names = {*names, *RECIPE_KEYS} - {*FILE_KEYS}
    addable = known.startswith(_OPEN) or (known == "recipe" and word in {*RECIPE_KEYS} - {*FILE_KEYS})
    if not known:
        return no_setting(key, tree)
    hint = "" if addable and word in names else nearest(word, names)
    plus = f" To add it, put + in front: '{add}'" if addable and add else ""
    return f"{known} has no '{word}'.{hint}{plus}"


def _walk(key: str, tree: Tree) -> tuple[str, str, set[str]]:
    """Follow a dotted key as far as it leads: what was reached, the word that is not there, the words that are."""
    reached: list[str] = []
    node: Any = tree
    for word in key.split("."):
        if not isinstance(node, Mapping) or word not in node:
            return ".".join(reached), word, set(node) if isinstance(node, Mapping) else set()
        reached.append(word)
        node = node[word]
    return ".".join(reached[:-1]), reached[-1], set()


def _paths(tree: Tree, above: str = "") -> list[str]:
    found = []
    for key, value in tree.items():
        found.append(f"{above}{key}")
        if isinstance(value, Mapping):
            found.extend(_paths(value, f"{above}{key}."))
    return found
