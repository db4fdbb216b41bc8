"""A lock: a resolved recipe together with what else decides pixels, so that a later run can be held against it.

It is a recipe's file like any other. What it says of the run that wrote it stands under `lock`, which no run reads but
one that is asked to (`augflow run --locked`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from annotated_types import MaxLen

from augflow.config import strict
from augflow.config.catalogue import MODELINE
from augflow.config.lineage import Shelves, gather
from augflow.errors import RecipeError
from augflow.offered import offered
from augflow.recipe.diff import diff_recipes
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Description, Recipe
from augflow.recipe.written import as_yaml, resolved
from augflow.registry import ALBUMENTATIONS, Registry
from augflow.schema import check, show

FORMAT = 1
_HEAD = f"""\
# The recipe of this data set with nothing implied, and what else decides its pixels.
# augflow run recipe.lock.yaml … runs it; augflow run --locked recipe.lock.yaml … refuses to where anything differs.
{MODELINE}recipe.schema.json
"""
_ALWAYS = ("augflow", "numpy", "opencv-python-headless", "pillow", "simplejpeg", "stringzilla")
_WITH_ALBUMENTATIONS = ("albumentations", "albucore", "scipy")
_TURBO = re.compile(rb"libjpeg-turbo version ([0-9][0-9A-Za-z.]*)")
_KINDS = ("recipe", "chain", "config")
_Names = Annotated[tuple[dict[str, str], ...], MaxLen(10_000)]


@dataclass(frozen=True)
class Lock:
    """What else decides the pixels of a run, as far as it is known."""

    format: int
    files: _Names
    """What the recipe came from: each by its kind and the name that it was reached by, with its sha256."""
    versions: dict[str, str]
    """Libraries."""
    transforms: dict[str, int]
    """The transforms' own versions."""
    packages: dict[str, str]
    """Installed packages that transforms came from."""
    plugins: _Names
    """Plugin files, each by its name with its sha256."""
    processor: str
    """Its features, by which OpenCV chooses how to reckon."""


class Difference(NamedTuple):
    """One thing that is not as it was locked."""

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: {self.then} → {self.now}"


def lock_of(recipe: Recipe, registry: Registry, files: Sequence[Mapping[str, str]] = ()) -> Lock:
    """Lock a recipe as it would be made here and now; `files` are those it came from."""
    used = sorted({use for steps in recipe.chains.values() for use in _uses(steps)})
    adapted = any(use.startswith(ALBUMENTATIONS) for use in used)
    return Lock(
        format=FORMAT,
        files=tuple({key: _fit(value) for key, value in file.items()} for file in files),
        versions={name: _version(name) for name in (*_ALWAYS, *(_WITH_ALBUMENTATIONS if adapted else ()))}
        | {"libjpeg-turbo": _libjpeg_turbo()},
        transforms={use: int(getattr(registry.find(use), "version", 1)) for use in used},
        packages=_packages(used),
        plugins=tuple({"file": _fit(Path(file).name), "sha256": registry.digests[file]} for file in registry.plugins),
        processor=_processor(),
    )


def written(recipe: Recipe, lock: Lock) -> str:
    """The lock's file; of equal recipes and surroundings the same to the byte."""
    return _HEAD + as_yaml({**resolved(recipe), "lock": asdict(lock)})


def read(document: strict.Document) -> Lock:
    """The lock in a recipe's file.

    Raises:
        RecipeError: there is none, or it is not as a run writes it.
    """
    if document.lock is None:
        raise RecipeError(f"{document.path}: this recipe is not locked. A run writes recipe.lock.yaml into its sink.")
    for path, message in faults(document):
        raise RecipeError(f"{document.path}:{':'.join(map(str, place(document, path)))}: {'.'.join(path)}: {message}")
    said = document.lock
    return Lock(**{**said, "files": tuple(said["files"]), "plugins": tuple(said["plugins"])})


def faults(document: strict.Document) -> Iterator[tuple[strict.KeyPath, str]]:
    """What is wrong with the lock in a recipe's file, if it has one: key path and message."""
    said = document.lock
    if said is None:
        return
    if isinstance(said, dict) and isinstance(said.get("format"), int) and said["format"] > FORMAT:
        known = f"this version of augflow knows formats up to {FORMAT}: upgrade augflow."
        yield ("lock", "format"), f"its format is {said['format']}, and {known}"
        return
    found = check(Lock, said, ("lock",))
    yield from ((fault.path, fault.message) for fault in found)
    for place, file in enumerate([] if found else said["files"]):
        kinds = [key for key in file if key in _KINDS]
        if len(kinds) != 1 or file.keys() - {*kinds, "sha256"} or "sha256" not in file:
            yield ("lock", "files", str(place)), f"{show(file)} is not a recipe, chain or config with its sha256."


def place(document: strict.Document, path: strict.KeyPath) -> strict.Mark:
    """Line and column of a key below `lock`, or of what holds it."""
    return next(mark for depth in range(len(path), 0, -1) if (mark := document.marks.get(path[:depth])))


def differences(
    locked: tuple[Recipe, Lock], current: tuple[Recipe, Lock], registry: Registry, absent: Iterable[str] = ()
) -> list[Difference]:
    """All that is not as it was locked: recipe, files, versions, transforms, plugins, processor.

    Args:
        absent: names of files that cannot be compared because they are not here.
    """
    (recipe, then), (other, now) = locked, current
    found = [
        Difference(".".join(("recipe", *change.path)), show(change.before), show(change.after))
        for change in diff_recipes(recipe.as_json(), other.as_json(), registry)
    ]
    if not found and recipe.digest != other.digest:
        found.append(Difference("recipe", recipe.digest[:16], f"{other.digest[:16]}, by the order of its chains"))
    missing = {*absent}
    before, after = _named(then.files), _named(now.files)
    found += _between("", {name: digest for name, digest in before.items() if name not in missing}, after)
    found += _between("", then.versions, now.versions)
    found += _between("the transform ", then.transforms, now.transforms)
    found += _between("the package ", then.packages, now.packages)
    found += _between("the plugin ", _named(then.plugins), _named(now.plugins))
    found += _between("", {"processor": then.processor}, {"processor": now.processor})
    return found


def refound(lock: Lock, where: Shelves, by: str | Path) -> tuple[list[dict[str, str]], list[str]]:
    """The files that a lock names, as they are here and now; and those that are not here. `by` is the lock's file."""
    here: dict[tuple[str, str], str] = {}
    absent: list[tuple[str, str]] = []
    for file in lock.files:
        (kind, name), *_ = file.items()
        if (kind, name) in here:
            continue
        path = Path(name)
        if kind != "config" and path.suffix not in (".yaml", ".yml"):
            found = where.all_of("chain" if kind == "chain" else "recipe", name, str(by))
            path = Path(str(found[0])) if found else path
        if kind == "config" or not path.is_file():
            absent.append((kind, name))
        elif kind == "chain":
            here[kind, name] = strict.load(path, "chain").sha256
        else:
            by = path
            for layer in gather(strict.load(path, "recipe"), where).layers:
                here[layer.kind, layer.name or name] = layer.document.sha256
    return [{kind: name, "sha256": digest} for (kind, name), digest in here.items()], [
        f"{kind} {name}" for kind, name in absent
    ]


def reopen(path: str | Path, registry: Registry) -> tuple[Recipe, Lock, strict.Document]:
    """Read a lock's file: the recipe, what else was locked, and the file.

    Raises:
        RecipeError: it cannot be read, or is not locked.
    """
    document = strict.load(path, "recipe")
    lock = read(document)
    recipe = read_recipe(document.data, registry, lambda key: document.where(key) or str(path))
    return recipe, lock, document


def _named(files: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What is compared of files: kind and name, and the digest, shortened for people."""
    return {
        f"{kind} {name}" if kind != "file" else name: f"sha256 {file['sha256'][:16]}…"
        for file in files
        for kind, name in file.items()
        if kind != "sha256"
    }


def _between(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in [*then, *(name for name in now if name not in then)]:
        old, new = str(then.get(name, "none")), str(now.get(name, "none"))
        if old != new:
            yield Difference(f"{what}{name}", old, new)


def _uses(steps: Iterable[Description]) -> Iterator[str]:
    for step in steps:
        if "use" in step:
            yield step["use"]
        yield from _uses(step.get("steps") or step.get("one_of") or ())


def _packages(used: Sequence[str]) -> dict[str, str]:
    points = offered("augflow.transforms")
    return dict(
        sorted({(point.dist.name, point.dist.version) for point in points if point.name in used and point.dist})
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _libjpeg_turbo() -> str:
    """Which one simplejpeg carries: it says so nowhere but in its own code."""
    import simplejpeg._jpeg

    found = _TURBO.search(Path(simplejpeg._jpeg.__file__).read_bytes())
    return found[1].decode() if found else "unknown"


def _processor() -> str:
    import platform

    import cv2

    return f"{platform.machine()} {cv2.getCPUFeaturesLine()}"


def _fit(text: str) -> str:
    """A name as the strict door lets it in."""
    return "".join(c if c.isprintable() else "�" for c in text).replace("${", "$ {")
