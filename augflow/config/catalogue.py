"""Where recipes and chains lie: shipped with augflow, in installed recipe packages, beside a recipe given by path."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

from augflow.errors import RecipeError
from augflow.offered import offered

GROUPS = ("recipe", "source", "sink", "executor")
SHARED = ("recipe", "chain")
"""What a recipe package may offer."""
PLUGGED = ("source", "sink", "executor")
"""What a plugin may offer, with its settings."""
MODELINE = "# yaml-language-server: $schema="
"""What an editor takes the name of a JSON Schema from."""
RESERVED = ("path",)
"""Names that no package may have: this one stands for recipes given by their paths."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def conf_dir() -> Path:
    """The folder that Hydra composes from: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def named(root: str | Path) -> Path:
    """A folder that `--config-dir` names.

    Raises:
        RecipeError: there is no such folder.
    """
    folder = Path(root).absolute()
    if not folder.is_dir():
        raise RecipeError(f"--config-dir {root}: there is no such folder.")
    return folder


class Package(NamedTuple):
    """An installed recipe package, found without importing it."""

    name: str
    """What the names of its recipes and chains begin with: `acme` for `recipe=acme/xray`."""
    distribution: str
    """Its name and version, as it was installed."""
    conf: Path
    """The folder that holds `recipe` and `chain`; the working folder where `fault` says that there is none."""
    fault: str
    """Why nothing of it is used, or an empty string."""


def installed() -> list[Package]:
    """Every installed recipe package, also those that cannot be used.

    A recipe package is an ordinary Python package that holds `conf/recipe/NAME` and `conf/chain/NAME`, and whose
    distribution says so by an entry point of the group `augflow.recipes`: `NAME = "acme_recipes"`. What lies outside
    of NAME could hide or break what others offer: such a package is not used.
    """
    points = sorted(offered("augflow.recipes"))
    counts = Counter(point.name for point in points)
    return [_package(point, counts[point.name] > 1) for point in points]


def packages() -> dict[str, Path]:
    """Name → `conf` folder of each installed recipe package that can be used."""
    return {package.name: package.conf for package in installed() if not package.fault}


def unused(name: str) -> str:
    """Why a recipe or chain of this name is not found, where a package that offers it is not used; else nothing."""
    offered = [package for package in installed() if package.fault and name.startswith(f"{package.name}/")]
    return "".join(f" {package.distribution} is not used: {package.fault}" for package in offered)


def misplaced(conf: Path, name: str) -> str:
    """What keeps the package called `name` from being used for what its `conf` folder holds; else nothing."""
    for group in SHARED:
        for file in sorted((conf / group).rglob("*.y*ml")):
            below = file.relative_to(conf)
            if below.parts[1] != name:
                return f"its {below.as_posix()} does not lie in {group}/{name}/."
            if file.suffix != ".yaml":
                return f"its {below.as_posix()} does not end in .yaml."
    found = any((conf / group / name).is_dir() for group in SHARED)
    return "" if found else f"it holds neither conf/recipe/{name} nor conf/chain/{name}."


def plugged() -> dict[str, dict[str, Path]]:
    """Group → name → file of the settings that installed plugins carry for what they offer, such as `executor=NAME`.

    A plugin offers it by an entry point NAME of the group `augflow.executors`, and carries `conf/executor/NAME.yaml` in
    its top package. It is not imported.
    """
    found: dict[str, dict[str, Path]] = {group: {} for group in PLUGGED}
    for group, files in found.items():
        for point in sorted(offered(f"augflow.{group}s")):
            conf = _conf(re.split("[.:]", point.value, maxsplit=1)[0])
            if conf is not None and (file := conf / group / f"{point.name}.yaml").is_file():
                files.setdefault(point.name, file)
    return found


def _package(point: EntryPoint, twice: bool) -> Package:
    distribution = " ".join(str(word) for word in (point.dist.name, point.dist.version) if word) if point.dist else ""
    conf = _conf(point.value)
    if not _NAME.fullmatch(point.name) or point.name in RESERVED:
        fault = f"its entry point is called '{point.name}', which cannot begin the name of a recipe."
    elif twice:
        fault = f"another package calls its recipes {point.name}/… as well. Uninstall one."
    elif conf is None:
        fault = f"there is no folder conf in {point.value}. Install it again, unpacked, as pip does."
    else:
        fault = misplaced(conf, point.name)
    return Package(point.name, distribution or point.value, conf or Path(), fault)


def _conf(value: str) -> Path | None:
    """The `conf` folder within the package that an entry point names."""
    top, *below = value.split(".")
    try:
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        conf = Path(place, *below, "conf")
        if conf.is_dir():
            return conf
    return None


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
