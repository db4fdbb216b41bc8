"""What an import comes to: a recipe's keys, and what could not be brought along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from augflow.config.catalogue import MODELINE
from augflow.errors import RecipeError
from augflow.recipe.reader import FaultyRecipeError, read_recipe
from augflow.recipe.written import as_yaml
from augflow.registry import Registry

CHAIN = "imported"
MOST_STEPS = 500
TRAINING = "is the training's part: images are written as bytes"


@dataclass
class Imported:
    """A recipe's keys as they come together."""

    origin: str
    """The tool it comes from."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Keys beside the chains."""
    chains: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """What has no equal here, and why."""
    close: list[str] = field(default_factory=list)
    """What is not quite the same here, and how it differs."""

    def step(self, name: str, step: Mapping[str, Any], chain: str = CHAIN) -> None:
        """Add a step; one whose name is taken gets a number."""
        put(self.chains.setdefault(chain, {}), name, step)

    def new_chain(self, stem: str) -> str:
        """A name that no chain has yet."""
        number = 1
        while f"{stem}_{number}" in self.chains:
            number += 1
        return f"{stem}_{number}"

    def whole(self) -> dict[str, Any]:
        """The recipe, fit to be written."""
        if not self.chains:
            return {"extends": "balance", **self.recipe}
        return {"version": 1, "target": "max", "chain": CHAIN, **self.recipe, "chains": self.chains}

    def settle(self, registry: Registry) -> None:
        """Take out what the reader refuses, with its reason.

        Raises:
            RecipeError: nothing is left.
        """
        for steps in self.chains.values():
            for name in [name for name, step in steps.items() if not _is_plain(step)]:
                del steps[name]
                self.left.append(f"{name}: its arguments are not written out.")
        while True:
            if not self.chains.get(CHAIN) and (self.chains or not self.recipe):
                raise RecipeError(f"Nothing of it has an equal here. {' '.join(self.left)}".rstrip())
            whole = self.whole() if self.chains else {**self.recipe, "chains": {CHAIN: {"flip": {}}}}
            try:
                read_recipe(whole, registry)
            except FaultyRecipeError as error:
                for fault in error.faults:
                    self._take_out(fault.path, fault.message)
            else:
                return

    def _take_out(self, path: tuple[str, ...], message: str) -> None:
        """Remove what a fault is about: an argument that is not known, else the step, else the key of the recipe."""
        if path[0] != "chains" or len(path) < 3:
            self.recipe.pop(path[0], None)
            self.left.append(f"{'.'.join(path)}: {message}")
            return
        steps, name, rest = self.chains.get(path[1], {}), path[2], path[3:]
        while rest[:1] == ("one_of",) and len(rest) > 1 and name in steps:
            steps, name, rest = steps[name].get("one_of", {}), rest[1], rest[2:]
        if name not in steps:
            return
        if rest and rest[0] in steps[name] and "no such key" in message:
            del steps[name][rest[0]]
            self.left.append(f"{name}: {rest[0]}: {message}")
        else:
            del steps[name]
            self.left.append(f"{name}: {message}")

    def written(self) -> str:
        """The recipe's file."""
        lines = [f"# Imported from {self.origin}.", f"{MODELINE}recipe.schema.json"]
        lines += [f"# No equal here: {_line(item)}" for item in self.left]
        lines += [f"# Not quite the same: {_line(item)}" for item in self.close]
        return "\n".join((*lines, as_yaml(self.whole(), flow=None)))


def put(steps: dict[str, Any], name: str, step: Mapping[str, Any]) -> None:
    """Add a step to others; one whose name is taken gets a number, and says what it uses."""
    if len(steps) >= MOST_STEPS:
        raise RecipeError(f"What is to be imported has more than {MOST_STEPS} steps.")
    if name not in steps:
        steps[name] = dict(step)
        return
    number = 2
    while f"{name}_{number}" in steps:
        number += 1
    steps[f"{name}_{number}"] = dict(step) if {"use", "one_of"} & step.keys() else {"use": name, **step}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
