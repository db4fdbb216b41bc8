"""Where recipes and chains lie: shipped with augflow, in installed recipe packages, beside a recipe given by path."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

GROUPS = ("recipe", "source", "sink", "executor")
MODELINE = "# yaml-language-server: $schema="
"""What an editor takes the name of a JSON Schema from."""


def conf_dir() -> Path:
    """The folder that Hydra composes from: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def packages() -> dict[str, Path]:
    """Name → `conf` folder of each installed recipe package, found without importing it.

    A recipe package is an ordinary Python package that holds `conf/recipe` and `conf/chain`, and whose distribution
    names it by an entry point of the group `augflow.recipes`: `acme = "acme_recipes"`.
    """
    found: dict[str, Path] = {}
    for point in sorted(entry_points(group="augflow.recipes")):
        top, *below = point.value.split(".")
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
        for place in (spec.submodule_search_locations or ()) if spec else ():
            conf = Path(place, *below, "conf")
            if conf.is_dir():
                found.setdefault(point.name, conf)
    return found


def beside(recipe: Path) -> Path | None:
    """The folder whose `chain` folder serves a recipe given by path, if any: its own, or the one above `recipe/`."""
    folder = recipe.absolute().parent
    for root in (folder.parent, folder) if folder.name == "recipe" else (folder,):
        if (root / "chain").is_dir():
            return root
    return None


def choices(group: str, roots: Iterable[Path]) -> dict[str, Path]:
    """Name → file of everything that can be chosen in a group, such as `recipe=NAME`; the first root wins."""
    found: dict[str, Path] = {}
    for root in roots:
        folder = root / group
        for file in sorted(folder.rglob("*.yaml")):
            found.setdefault(file.relative_to(folder).with_suffix("").as_posix(), file)
    return found


def purpose(file: Path) -> str:
    """The first comment line of a file that is meant for people: in one sentence, what it is for."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = lines.readline(400).strip()
        if first.startswith(MODELINE):
            first = lines.readline(400).strip()
    return first.lstrip("# ") if first.startswith("#") else ""
