"""What `augflow diff` compares: a recipe by name or path, a lock, or a data set, read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augflow.config import catalogue, strict
from augflow.config.lineage import gather, shelves
from augflow.errors import RecipeError, nearest
from augflow.ledger.dataset import Dataset
from augflow.recipe.diff import Change, diff_recipes
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry


@dataclass(frozen=True)
class Side:
    """One of the two."""

    name: str
    recipe: Mapping[str, Any]
    """As `Recipe.as_json` gives it."""
    dataset: Dataset | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of a data set: `versions` and `source`."""
    preserved: Mapping[tuple[str, ...], Sequence[str]] | None = None
    """What must hold, by its key in the recipe; None where that is not known, as of a data set."""


@dataclass(frozen=True)
class Outputs:
    """How the images of two data sets relate."""

    counts: Mapping[str, tuple[int, int]]
    """Class → how many images either holds."""
    shared: int
    """Images of the same bytes at the same path."""
    changed: int
    """Images of other bytes at the same path."""
    renamed: int
    """Images of the same bytes at another path."""
    only: tuple[int, int]
    """Images that only one holds."""

    @property
    def same(self) -> bool:
        return not (self.changed or self.renamed or any(self.only))


def read_side(word: str, registry: Registry, roots: Sequence[str] = ()) -> Side:
    """Read a data set's folder, a recipe's file or a recipe by name; `roots` are searched for recipes too.

    Raises:
        AugflowError: it is none of these, or cannot be read.
    """
    path = Path(word)
    if path.is_dir():
        dataset = Dataset({"kind": "folder", "root": word})
        account = dataset.account
        recipe = account.get("recipe")
        if not isinstance(recipe, dict) or not {"rule", "classes", "chains", "render"} <= recipe.keys():
            raise RecipeError(f"{word}: its run.json holds no recipe.")
        facts = {key: account.get(key, {}) for key in ("versions", "source")}
        return Side(word, recipe, dataset, facts)
    if not path.is_file():
        path = _by_name(word, roots)
    found = gather(strict.load(path, "recipe"), shelves(roots))

    def place(key: tuple[str, ...]) -> str:
        return ":".join(map(str, found.where(key)))

    recipe = read_recipe(found.demand(), registry, place)
    return Side(word, recipe.as_json(), preserved=_preserved(recipe.plain))


def _preserved(plain: Mapping[str, Any]) -> dict[tuple[str, ...], Sequence[str]]:
    """What a recipe says must hold, in one order, by the key that says so."""
    rules: dict[tuple[str, ...], Any] = {(): plain}
    rules |= {("classes", label): rule for label, rule in (plain.get("classes") or {}).items()}
    return {(*at, "preserve"): sorted(rule["preserve"]) for at, rule in rules.items() if rule.get("preserve")}


def _by_name(word: str, roots: Sequence[str]) -> Path:
    folders = [catalogue.conf_dir(), *map(catalogue.named, roots), *catalogue.packages().values()]
    known = catalogue.choices("recipe", folders)
    if word not in known:
        what = "There is neither a file, nor a data set, nor a recipe"
        hint = catalogue.unused(word) or nearest(word, known)
        raise RecipeError(f"{what} called '{word}'.{hint} Recipes: {', '.join(known)}.")
    return known[word]


def diff_sides(before: Side, after: Side, registry: Registry) -> list[Change]:
    """What differs between the recipes of the two, and between what else is known of both data sets."""
    try:
        changes = diff_recipes(before.recipe, after.recipe, registry)
    except (LookupError, TypeError, AttributeError, ValueError):
        names = " or ".join(side.name for side in (before, after) if side.dataset)
        if not names:
            raise
        raise RecipeError(f"{names}: its run.json is not as augflow writes it.") from None
    if before.preserved is not None and after.preserved is not None:
        old, new = before.preserved, after.preserved
        keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
        changes += [Change(key, "changed", old.get(key), new.get(key)) for key in keys]
    return [*changes, *_facts(before.facts, after.facts)]


def _facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for section in before.keys() & after.keys():
        old, new = before[section], after[section]
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield Change((section, key), "changed", old.get(key), new.get(key))


def diff_outputs(before: Side, after: Side) -> Outputs | None:
    """How the images relate, where both are data sets."""
    if before.dataset is None or after.dataset is None:
        return None
    first, second = _paths(before.dataset), _paths(after.dataset)
    shared = sum(1 for path, digest in first.items() if second.get(path) == digest)
    changed = sum(1 for path in first.keys() & second.keys() if first[path] != second[path])
    lonely = [
        Counter(digest for path, digest in mine.items() if path not in other)
        for mine, other in ((first, second), (second, first))
    ]
    renamed = (lonely[0] & lonely[1]).total()
    counts = [Counter(path.rpartition("/")[0] for path in paths) for paths in (first, second)]
    labels = sorted(counts[0].keys() | counts[1].keys())
    return Outputs(
        counts={label: (counts[0][label], counts[1][label]) for label in labels},
        shared=shared,
        changed=changed,
        renamed=renamed,
        only=(lonely[0].total() - renamed, lonely[1].total() - renamed),
    )


def _paths(dataset: Dataset) -> dict[str, str]:
    table = dataset.table("path", "sha256")
    columns: Sequence[Sequence[str]] = [table["path"].to_pylist(), table["sha256"].to_pylist()]
    return dict(zip(*columns, strict=True))
