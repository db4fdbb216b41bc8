"""Look at recipes and chains without running them: everything that is wrong or odd, each thing with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from augflow.config import strict
from augflow.config.lineage import Layer, Lineage, Shelves, gather, shelves
from augflow.config.strict import Document, KeyPath, Kind
from augflow.errors import RecipeError, nearest
from augflow.recipe import lock
from augflow.recipe.effect import can_change
from augflow.recipe.labels import told_apart
from augflow.recipe.reader import FaultyRecipeError, read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.symmetry import broken

Level = Literal["error", "warning", "hint"]
_ITSELF = "this chain"


class Finding(NamedTuple):
    """One thing found; lines and columns count from 1, `key` is empty where it is the file itself."""

    file: str
    line: int
    column: int
    level: Level
    key: str
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}:{self.column}: {self.level}: {key}{self.message}"


def look(
    file: str | Path, registry: Registry, labels: Collection[str] | None = None, where: Shelves | None = None
) -> list[Finding]:
    """Look at a recipe's or a chain's file.

    Args:
        registry: the transforms that chains may use.
        labels: the classes of the source it is meant for, where that is known.
        where: where the recipes and chains lie that it names; what ships and is installed unless said.

    Returns:
        errors, for which a run would be refused; warnings; hints, which may well be meant. What is in the file itself
        comes first, in its order, then what is in files that it names.
    """
    path = str(file)
    try:
        content = strict.content(path)
    except RecipeError as error:
        return [Finding(path, 1, 1, "error", "", str(error).removeprefix(f"{path}: "))]
    kind = kind_of(content, path)
    document, refusals = strict.examine(content, kind, path)
    found = [Finding(path, *mark, "error", "", message) for mark, message in refusals]
    if document.data:
        where = where or shelves()
        is_recipe = kind == "recipe"
        found += (
            _Recipe(document, registry, labels, where).look()
            if is_recipe
            else _look_at_chain(document, registry, where)
        )
    return sorted(dict.fromkeys(found), key=lambda one: (one.file != path, one))


def kind_of(content: bytes, path: str) -> Kind:
    """What a file is: by the folder it lies in, else by its keys."""
    for part in reversed(Path(path).absolute().parent.parts):
        if part in ("recipe", "recipes"):
            return "recipe"
        if part in ("chain", "chains"):
            return "chain"
    steps = strict.examine(content, "chain", path)[0].data
    keys = strict.examine(content, "recipe", path)[0].data
    return "chain" if steps and not keys else "recipe"


class _Recipe:
    def __init__(self, document: Document, registry: Registry, labels: Collection[str] | None, where: Shelves) -> None:
        self.registry = registry
        self.labels = labels
        self.document = document
        self.lineage = gather(document, where)
        self.data = self.lineage.data

    def look(self) -> Iterator[Finding]:
        for file, (mark, message) in self.lineage.refusals:
            yield Finding(file, *mark, "error", "", message)
        for path, message in lock.faults(self.document):
            yield Finding(self.document.path, *lock.place(self.document, path), "error", ".".join(path), message)
        recipe = None
        try:
            recipe = read_recipe(self.data, self.registry)
        except FaultyRecipeError as error:
            for fault in error.faults:
                if not (self._orphaned() and "chain" in fault.path[-1:]):
                    yield self._finding("error", fault.path, fault.message)
        yield from self._classes()
        yield from self._unused()
        if recipe:
            for name, steps in recipe.chains.items():
                if not can_change(steps, self.registry):
                    yield self._finding("warning", ("chains", name), "the chain cannot change a pixel.")
            yield from self._unsafe(recipe)

    def _orphaned(self) -> bool:
        """Whether what it builds on is refused: then nobody knows what chains there would be."""
        mark = self.document.marks.get(("extends",))
        return any(file != self.document.path or at == mark for file, (at, _) in self.lineage.refusals)

    def _finding(self, level: Level, path: KeyPath, message: str) -> Finding:
        return Finding(*self.lineage.where(path), level, ".".join(path), message)

    def _classes(self) -> Iterator[Finding]:
        for label in _map(self.data.get("classes")):
            if self.labels is not None and label not in self.labels:
                message = f"the source has no class '{label}'.{nearest(label, self.labels)}"
                yield self._finding("error", ("classes", label), f"{message} Classes: {', '.join(self.labels)}.")

    def _unused(self) -> Iterator[Finding]:
        chains = _map(self.data.get("chains"))
        rules = [self.data, *(_map(rule) for rule in _map(self.data.get("classes")).values())]
        reached = {str(rule["chain"]) for rule in rules if rule.get("chain") is not None}
        reached |= {name for rule in rules for name in _map(rule.get("weights"))}
        pending = list(reached) if reached or len(chains) != 1 else list(chains)
        used: set[str] = set()
        while pending:
            name = pending.pop()
            if name in chains and name not in used:
                used.add(name)
                pending += _named(_map(chains[name]))
        for name in chains:
            if name not in used:
                yield self._finding("warning", ("chains", name), "no class uses this chain.")

    def _unsafe(self, recipe: Recipe) -> Iterator[Finding]:
        """Steps that may change what the class names seem to tell apart."""
        labels = self.labels if self.labels is not None else recipe.classes.keys()
        for symmetry, alike in told_apart(list(labels)).items():
            chains = {name for label in alike for name, _ in recipe.rule_for(label).chains}
            for name in sorted(chains):
                for step in broken(name, recipe.chains[name], self.registry):
                    if symmetry in (step.breaks or ()):
                        yield self._finding(
                            "hint",
                            step.path,
                            f"{step.use} may change {symmetry}, by which {', '.join(alike[:4])} seem to differ. "
                            f"If they do, say preserve: [{symmetry}].",
                        )


def _look_at_chain(document: Document, registry: Registry, where: Shelves) -> Iterator[Finding]:
    lineage = Lineage({}, [Layer(("chains", _ITSELF), "chain", document)])
    others = _other_chains(document, registry, where)
    recipe = {"chain": _ITSELF, "chains": {**others, _ITSELF: document.data}}
    try:
        steps = read_recipe(recipe, registry).chains[_ITSELF]
    except FaultyRecipeError as error:
        for fault in error.faults:
            if fault.path[:2] == ("chains", _ITSELF):
                place = lineage.where(fault.path)
                yield Finding(*place, "error", ".".join(fault.path[2:]), fault.message)
        return
    if not can_change(steps, registry):
        yield Finding(document.path, 1, 1, "warning", "", "the chain cannot change a pixel.")


def _other_chains(document: Document, registry: Registry, where: Shelves) -> dict[str, Any]:
    """The chains that a chain's steps name, and those that these name, as far as they are found."""
    found: dict[str, Any] = {}
    pending = _named(document.data)
    while pending:
        name = pending.pop()
        if name in found or name in registry or not strict.NAME.fullmatch(name):
            continue
        for file in where.all_of("chain", name, document.path)[:1]:
            found[name] = strict.examine(strict.content(file), "chain", str(file))[0].data
            pending += _named(found[name])
    return found


def _named(steps: Mapping[str, Any]) -> list[str]:
    """What the steps of a chain are by name: transforms or chains."""
    found: list[str] = []
    for name, step in steps.items():
        said = _map(step)
        found.append(str(said.get("use", name)))
        found += _named(_map(said.get("one_of")))
    return found


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def files_of(words: Sequence[str]) -> list[str]:
    """The files that are meant: each by its path, or every recipe and chain below a folder that is not hidden."""
    found: list[str] = []
    for word in words:
        folder = Path(word)
        if folder.is_dir():
            below = sorted(file for ending in ("*.yaml", "*.yml") for file in folder.rglob(ending))
            seen = [file for file in below if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
            found += [str(file) for file in seen if {"recipe", "recipes", "chain", "chains"} & {*file.parent.parts}]
        else:
            found.append(word)
    return found
