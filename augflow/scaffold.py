"""New recipes, recipe packages and plugins, written from templates: names checked, nothing overwritten."""

from __future__ import annotations

import keyword
import os
import re
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from augflow import __version__
from augflow.config import catalogue, strict
from augflow.errors import RecipeError, SurroundingsError, nearest
from augflow.recipe.json_schema import recipe_schema, written
from augflow.registry import Registry, camel

LICENCES = ("none", "MIT")
TEMPLATES = Path(__file__).parent / "templates"
SCHEMA = "recipe.schema.json"
CHAIN_SCHEMA = "chain.schema.json"

_ENDING = ".template"
_FIELD = re.compile(r"\{\{(\w+)\}\}")
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_LONGEST = 30
_STEP_KEYS = ("p", "use", "one_of", "weight", "augflow", "albumentations")


class Draft(NamedTuple):
    """Files that are not yet written: path → text."""

    folder: Path
    files: dict[Path, str]


def package(given: str, folder: Path, licence: str) -> Draft:
    """A recipe package of its own, in a folder of its own below `folder`.

    Raises:
        RecipeError: the name cannot be one, or is taken.
    """
    name = _name(given, "augflow-recipes-", "package")
    _refuse_taken(name, "package", [*catalogue.RESERVED, *strict.RECIPE_KEYS, "augflow"], "a word of augflow's own")
    shipped = catalogue.choices("recipe", [catalogue.conf_dir()])
    _refuse_taken(name, "package", shipped, "a recipe that ships")
    for known in catalogue.installed():
        _refuse_taken(name, "package", [known.name], f"what {known.distribution} calls its recipes")
    fields = _fields(name, f"augflow-recipes-{name}", licence)
    draft = _filled("package", folder / fields["distribution"], fields)
    conf = draft.folder / fields["module"] / "conf"
    schemas = {
        conf / SCHEMA: written(recipe_schema(Registry())),
        conf / CHAIN_SCHEMA: _read(catalogue.conf_dir() / CHAIN_SCHEMA),
    }
    return Draft(draft.folder, draft.files | schemas)


def plugin(given: str, folder: Path, licence: str) -> Draft:
    """A package with one transform, in a folder of its own below `folder`. Raises as `package` does."""
    name = _name(given, "augflow-", "plugin").replace("-", "_")
    _refuse_taken(name, "plugin", _STEP_KEYS, "a word of recipes")
    needed = re.findall(r"\w+", _read(TEMPLATES / "plugin" / "{{module}}" / f"{{{{name}}}}.py{_ENDING}"))
    if camel(name) in needed or name.startswith("test"):
        raise RecipeError(
            f"'{given}' is no name for a plugin: its files need the word {camel(name)} for something else."
        )
    registry = Registry()
    for known in registry.names():
        _refuse_taken(name, "plugin", [known], f"a transform already, {registry.origin(known)}")
    fields = _fields(name, f"augflow-{name.replace('_', '-')}", licence)
    return _filled("plugin", folder / fields["distribution"], fields)


def recipe(given: str, folder: Path) -> Draft:
    """One recipe's file, and beside it, or where it looks for it, the schema that its first lines name.

    Raises:
        RecipeError: the name cannot be one, or the file would lie among chains.
    """
    file = folder / (given if given.endswith(".yaml") else f"{given}.yaml")
    stem = file.name.removesuffix(".yaml")
    if not strict.NAME.fullmatch(stem) or given.endswith(os.sep):
        fit = re.sub(r"[^A-Za-z0-9_]+", "-", re.sub(r"\.\w+$", "", stem)).strip("-")
        hint = f" Did you mean '{file.with_name(f'{fit}.yaml')}'?" if fit else ""
        raise RecipeError(f"'{given}' is no name for a recipe.{hint} It is of letters, digits, - and _.")
    above = [part for part in file.absolute().parents if part.name in ("recipe", "chain")]
    if above and above[0].name == "chain":
        raise RecipeError(f"{file} would lie among chains. Recipes lie in {above[0].with_name('recipe')}.")
    home = Path(os.path.relpath(above[0].parent)) if above else file.parent
    fields = {"name": stem, "schema": Path(os.path.relpath(home / SCHEMA, file.parent)).as_posix()}
    files = {file: _fill(_read(TEMPLATES / "recipe" / f"{{{{name}}}}.yaml{_ENDING}"), fields)}
    if not os.path.lexists(home / SCHEMA):
        files[home / SCHEMA] = written(recipe_schema(Registry()))
    return Draft(file.parent, files)


def write(draft: Draft) -> list[Path]:
    """Write all files, or none; return them in order.

    Raises:
        RecipeError: something is in the way; it is named and left as it is.
        SurroundingsError: a file cannot be written.
    """
    if taken := list(dict.fromkeys(found for file in draft.files if (found := _in_the_way(file)))):
        more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
        raise RecipeError(f"In the way: {', '.join(map(str, taken[:5]))}{more}. Nothing was written, nothing changed.")
    done: list[Path] = []
    try:
        for file, text in draft.files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                done.append(file)
                stream.write(text)
    except OSError as error:
        for file in done:
            with suppress(OSError):
                file.unlink()
        raise SurroundingsError(f"{error.filename or draft.folder}: cannot be written: {error.strerror}.") from None
    return done


def _name(given: str, prefix: str, kind: str) -> str:
    name = given.removeprefix(prefix).removeprefix(prefix.replace("-", "_"))
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        fit = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-0123456789")
        hint = f" Did you mean '{fit}'?" if _NAME.fullmatch(fit) and len(fit) <= _LONGEST else ""
        what = "It begins with a letter and goes on with small letters, digits and single - or _."
        raise RecipeError(f"'{given}' is no name for a {kind}.{hint} {what}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise RecipeError(f"'{given}' is no name for a {kind}: it is a word of Python's own.")
    return name


def _refuse_taken(name: str, kind: str, words: Collection[str], why: str) -> None:
    if name in words:
        raise RecipeError(f"'{name}' is no name for a {kind}: it is {why}. Choose another.")


def _fields(name: str, distribution: str, licence: str) -> dict[str, str]:
    licence = {known.lower(): known for known in LICENCES}.get(licence.lower(), licence)
    if licence not in LICENCES:
        hint = nearest(licence, LICENCES)
        more = (
            f"For another, put its text into a file LICENSE and its name (license = {licence!r}) into pyproject.toml."
        )
        raise RecipeError(f"--license {licence}: it is {' or '.join(LICENCES)}.{hint} {more}")
    major, minor = __version__.split(".")[:2]
    granted = licence != "none"
    return {
        "name": name,
        "granted": licence,
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "class": camel(name),
        "augflow": f"augflow>={major}.{minor},<{major}.{int(minor) + 1}",
        "license": f'license = "{licence}"\nlicense-files = ["LICENSE"]' if granted else _PRIVATE,
        "license_told": f"{licence}, see [LICENSE](LICENSE)." if granted else _NOT_YET,
        "year": time.strftime("%Y"),
    }


_PRIVATE = """\
# No licence is chosen, and package indexes refuse the upload. To share it, put a file LICENSE beside this one, and
# instead of the next line its name (license = "MIT", say) and license-files = ["LICENSE"].
classifiers = ["Private :: Do Not Upload"]"""
_NOT_YET = "None is chosen yet: nobody else may copy or change this. `pyproject.toml` says how to choose one."


def _filled(kind: str, folder: Path, fields: dict[str, str]) -> Draft:
    """The templates of a kind with their fields filled in, and LICENSE where one is granted."""
    files: dict[Path, str] = {}
    for file in sorted((TEMPLATES / kind).rglob(f"*{_ENDING}")):
        path = _fill(file.relative_to(TEMPLATES / kind).as_posix().removesuffix(_ENDING), fields)
        files[folder / path] = _fill(_read(file), fields)
    if fields["granted"] != "none":
        files[folder / "LICENSE"] = _fill(_read(TEMPLATES / f"LICENSE{_ENDING}"), fields)
    return Draft(folder, files)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _fill(text: str, fields: dict[str, Any]) -> str:
    return _FIELD.sub(lambda match: fields[match[1]], text)


def _in_the_way(file: Path) -> Path | None:
    """What has a file's name already, or stands where its folder should be."""
    if os.path.lexists(file):
        return file
    return next((part for part in file.parents if os.path.lexists(part) and not part.is_dir()), None)
