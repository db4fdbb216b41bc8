"""The words after a verb, sorted: the verb's own flags, Hydra's flags, and the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augflow.errors import RecipeError, nearest

# Hydra's flags by their long names; its --experimental-rerun unpickles a file and is left out.
SHORT = {
    "-h": "--help",
    "-c": "--cfg",
    "-p": "--package",
    "-cp": "--config-path",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-r": "--run",
    "-m": "--multirun",
    "-i": "--info",
}
VALUED = ("--cfg", "--package", "--config-path", "--config-name", "--config-dir")
BARE = ("--help", "--hydra-help", "--resolve", "--run", "--multirun", "--info")
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

_SETTING = re.compile(r"[+~]|(recipe|source|sink|executor|plugins|hydra|chain)\b[^=]*=")

Flags = Mapping[str, tuple[Any, str]]
"""A verb's own flags: name → default and help.

One whose default is False takes no value; one whose default is an empty list may be given several times.
"""
CONFIG_DIR: dict[str, tuple[Any, str]] = {
    "--config-dir": ([], "look for recipes and chains in DIR/recipe and DIR/chain too")
}
"""For verbs that compose nothing and look for recipes by name."""


@dataclass
class Arguments:
    """What was typed after the verb."""

    flags: dict[str, Any]
    """The verb's own, by their names without dashes (`--dry-run` is `dry_run`), defaults filled in."""
    hydra: list[str] = field(default_factory=list)
    """Hydra's flags, `--name=value`, without `--config-dir`."""
    roots: list[str] = field(default_factory=list)
    """What `--config-dir` named."""
    words: list[str] = field(default_factory=list)
    """Everything else, in its order."""


def sort(typed: Sequence[str], flags: Flags, composes: bool = True) -> Arguments:
    """Sort the words after a verb; `--` ends the flags.

    Raises:
        RecipeError: a flag is unknown, or has no value, or has one that it cannot take.
    """
    found = Arguments({_plain(name): copy(default) for name, (default, _) in flags.items()})
    valued = {name for name, (default, _) in flags.items() if default is not False} | {*(VALUED if composes else ())}
    known = {*flags, "--help", *((*VALUED, *BARE) if composes else ())}
    rest = list(typed)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.words += rest
            break
        if not word.startswith("-") or word == "-":
            found.words.append(word)
            continue
        name, equals, value = word.partition("=")
        name = SHORT.get(name, name)
        if name not in known:
            raise RecipeError(f"There is no flag {name}.{nearest(name, known)}")
        if name in valued and not equals:
            if not rest:
                raise RecipeError(f"{name} needs a value.")
            value = rest.pop(0)
        elif name == "--info" and not equals:
            value = rest.pop(0) if rest and rest[0] in INFO else "all"
        elif name not in valued and name != "--info" and equals:
            raise RecipeError(f"{name} takes no value.")
        if name in flags and isinstance(flags[name][0], list):
            found.flags[_plain(name)].append(value)
        elif name in flags:
            found.flags[_plain(name)] = value if name in valued else True
        elif name == "--config-dir":
            found.roots.append(value)
        elif name == "--config-path" and "://" not in value:
            found.hydra.append(f"{name}={Path(value).absolute()}")
        else:
            found.hydra.append(f"{name}={value}" if name in valued or name == "--info" else name)
    return found


def take_operand(words: list[str], usage: str) -> str:
    """Take the first of `words` that is no setting: what the verb is about.

    Raises:
        RecipeError: there is none.
    """
    for number, word in enumerate(words):
        if not _SETTING.match(word):
            return words.pop(number)
    raise RecipeError(f"Say which: {usage}")


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")
