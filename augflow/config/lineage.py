"""A recipe's file and all that it builds on: parents (`extends`), chains that it pulls in (`defaults`).

A child changes what it names and keeps the rest. Where it says null for a step, an option of a one_of, a chain, a
class or a weight that its parent has, that is dropped. A step that it gives another `use` begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from augflow.config import catalogue, strict
from augflow.config.strict import Document, KeyPath, Kind, Refusal
from augflow.errors import RecipeError, nearest

MOST_PARENTS = 16


class Layer(NamedTuple):
    """One file, and where in the recipe its keys come."""

    at: KeyPath
    kind: Kind
    document: Document
    name: str = ""
    """What it was reached by; of the recipe that was asked for, nothing."""


@dataclass
class Lineage:
    """What a recipe says together with all that it builds on."""

    data: dict[str, Any]
    layers: list[Layer]
    """The strongest last."""
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    """What was refused, with its file."""

    def where(self, keypath: Sequence[str]) -> tuple[str, int, int]:
        """File, line and column of a key, or of what holds it."""
        for depth in range(len(keypath), 0, -1):
            key = tuple(keypath[:depth])
            if depth == 1 and (pulled := self._pulled(keypath)):
                return pulled
            for layer in reversed(self.layers):
                if key[: len(layer.at)] == layer.at and (mark := layer.document.marks.get(key[len(layer.at) :])):
                    return layer.document.path, *mark
        return self.layers[-1].document.path, 1, 1

    def _pulled(self, keypath: Sequence[str]) -> tuple[str, int, int] | None:
        """Where a chain is pulled in."""
        wanted = f"/chain@{'.'.join(keypath[:2])}"
        for layer in reversed(self.layers):
            for key, mark in layer.document.marks.items():
                if key[:1] == ("defaults",) and key[2:] == (wanted,):
                    return layer.document.path, *mark
        return None

    def demand(self) -> dict[str, Any]:
        """The data, where nothing was refused.

        Raises:
            RecipeError: something was; the message tells what comes first.
        """
        for file, ((line, column), message) in self.refusals:
            more = len(self.refusals) - 1
            raise RecipeError(
                f"{file}:{line}:{column}: {message}{f' ({more} more: `augflow check` tells all.)' if more else ''}"
            )
        return self.data


class Shelves:
    """Where recipes and chains are looked for by name: `roots`, and the surroundings of the file that names them."""

    def __init__(self, roots: Sequence[Traversable]) -> None:
        self.roots = roots
        self._known: dict[tuple[Kind, str], list[str]] = {}

    def find(self, kind: Kind, name: str, by: str) -> Traversable:
        """Find a recipe or chain that the file `by` names.

        Raises:
            RecipeError: there is none of that name, or there are two.
        """
        found = self.all_of(kind, name, by)
        if len(found) > 1:
            raise RecipeError(f"Two {kind}s are called '{name}': {found[0]} and {found[1]}. Rename one.")
        if not found:
            known = self._names(kind, by)
            hint = catalogue.unused(name) or nearest(name, known)
            raise RecipeError(f"No {kind} is called '{name}'.{hint} There are {', '.join(known)}.")
        return found[0]

    def all_of(self, kind: Kind, name: str, by: str) -> list[Traversable]:
        """Every recipe or chain of a name, but for the file `by` itself."""
        found: dict[str, Traversable] = {}
        for folder in self._folders(kind, by):
            file = folder.joinpath(*f"{name}.yaml".split("/"))
            if file.is_file() and _same(file) != _same(Path(by)):
                found.setdefault(_same(file), file)
        return list(found.values())

    def _folders(self, kind: Kind, by: str) -> Iterator[Traversable]:
        for root in self.roots:
            yield root.joinpath(kind)
        folder = Path(by).absolute().parent
        if kind == "recipe":
            yield folder
        for above in (folder, *folder.parents):
            if above.name in ("recipe", "chain"):
                yield above.parent / kind
                return
        yield folder / kind

    def _names(self, kind: Kind, by: str) -> list[str]:
        if (kind, by) not in self._known:
            folders = [folder for folder in self._folders(kind, by) if isinstance(folder, Path)]
            named = {
                name for folder in folders if folder.name == kind for name in catalogue.choices(kind, [folder.parent])
            }
            beside = {file.stem for folder in folders if folder.name != kind for file in folder.glob("*.yaml")}
            self._known[kind, by] = sorted(named | (beside - {Path(by).stem}))
        return self._known[kind, by]


def shelves(roots: Sequence[str | Path] = ()) -> Shelves:
    """What ships, the folders that the operator names, and installed recipe packages.

    Raises:
        RecipeError: one of `roots` is no folder.
    """
    return Shelves([catalogue.conf_dir(), *map(catalogue.named, roots), *catalogue.packages().values()])


def gather(document: Document, where: Shelves) -> Lineage:
    """Put a recipe together with all that it builds on; nothing is raised, all refusals are collected."""
    return _Gathering(where).recipe(document, ())


def load(file: str | Path | Traversable, where: Shelves) -> dict[str, Any]:
    """Read a recipe as Hydra composes it: what it builds on put in, the chains that it pulls in left to Hydra.

    One that extends another pulls in nothing any more: its chains are in it, because steps of theirs may be dropped.

    Raises:
        RecipeError: something in it, or in what it builds on, is refused.
    """
    document = strict.load(file, "recipe")
    return gather(document, where).demand() if "extends" in document.data else document.data


class _Gathering:
    def __init__(self, where: Shelves) -> None:
        self.shelves = where
        self.refusals: list[tuple[str, Refusal]] = []

    def recipe(self, document: Document, within: tuple[str, ...], name: str = "") -> Lineage:
        own = {key: value for key, value in document.data.items() if key not in ("extends", "defaults")}
        within = (*within, document.path)
        base = Lineage({}, [])
        if "extends" in document.data:
            parent = self._parent(document, within)
            base = self.recipe(parent, within, document.data["extends"]) if parent else base
        data, layers = base.data, base.layers
        inherited = set(data.get("chains") or {})
        pulls = document.data.get("defaults", ["_self_"])
        for number, item in enumerate(pulls):
            if item == "_self_":
                data = merged(data, own)
                layers = [*layers, Layer((), "recipe", document, name)]
                inherited.clear()
                continue
            pull, chain = next(iter(item.items()))
            at = ("chains", pull.rpartition(".")[2])
            pulled = self._read("chain", chain, document, ("defaults", str(number), pull))
            if pulled:
                if at[1] in inherited:
                    data = merged(data, {"chains": {at[1]: None}})
                    layers = [layer for layer in layers if layer.at != at]
                data = merged(data, {"chains": {at[1]: pulled.data}})
                layers = [*layers, Layer(at, "chain", pulled, chain)]
        return Lineage(data, layers, self.refusals)

    def _parent(self, document: Document, within: tuple[str, ...]) -> Document | None:
        parent = self._read("recipe", document.data["extends"], document, ("extends",))
        known = [_same(Path(path)) for path in within]
        if parent and _same(Path(parent.path)) in known:
            circle = " → ".join((*within[known.index(_same(Path(parent.path))) :], parent.path))
            self._refuse(document, ("extends",), f"recipes extend each other in a circle: {circle}.")
            return None
        if parent and len(within) > MOST_PARENTS:
            self._refuse(document, ("extends",), f"more than {MOST_PARENTS} recipes build on each other.")
            return None
        return parent

    def _read(self, kind: Kind, name: str, by: Document, key: KeyPath) -> Document | None:
        try:
            file = self.shelves.find(kind, name, by.path)
            document, refusals = strict.examine(strict.content(file), kind, str(file))
        except RecipeError as error:
            self._refuse(by, key, str(error))
            return None
        self.refusals += [(document.path, refusal) for refusal in refusals]
        return document

    def _refuse(self, document: Document, key: KeyPath, message: str) -> None:
        self.refusals.append((document.path, Refusal(document.marks.get(key, (1, 1)), message)))


def merged(base: Mapping[str, Any], over: Mapping[str, Any], at: KeyPath = ()) -> dict[str, Any]:
    """What `over` makes of `base`, both recipes or the same part of two."""
    result = dict(base)
    if at == () or (at[0] == "classes" and len(at) == 2):
        for said, instead in (("chain", "weights"), ("weights", "chain")):
            if over.get(said) is not None and instead not in over:
                result.pop(instead, None)
    for key, value in over.items():
        here = (*at, key)
        known = result.get(key)
        if value is None and key in result and droppable(here):
            del result[key]
        elif isinstance(known, Mapping) and isinstance(value, Mapping) and not _anew(here, known, value):
            result[key] = merged(known, value, here)
        else:
            result[key] = value
    return result


def droppable(key: KeyPath) -> bool:
    """Whether null for this key of a recipe drops what is there by that name."""
    if key[0] in ("classes", "chains", "weights") and len(key) == 2:
        return True
    return is_step(key) or (key[0] == "classes" and len(key) == 4 and key[2] == "weights")


def is_step(key: KeyPath) -> bool:
    """Whether this is the key of a step, or of an option in a one_of."""
    return key[0] == "chains" and len(key) >= 3 and len(key) % 2 == 1 and all(word == "one_of" for word in key[3::2])


def _anew(key: KeyPath, known: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    if not is_step(key):
        return False
    if "one_of" in value or "one_of" in known:
        return ("one_of" in value) != ("one_of" in known) and ("use" in value or "one_of" in value)
    return "use" in value and value["use"] != known.get("use", key[-1])


def _same(file: Traversable) -> str:
    return str(file.resolve()) if isinstance(file, Path) else str(file)
