"""The strict door, put into Hydra: recipes and chains are read by `strict`, wherever Hydra finds them.

What is changed in Hydra is changed for the length of one `with` block, so that a program with a Hydra of its own can
use augflow too.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins import file_config_source, importlib_resources_config_source
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.version import VersionBase, setbase
from omegaconf import DictConfig, OmegaConf

from augflow.config import catalogue, lineage, strict
from augflow.errors import RecipeError

VERSION_BASE = "1.3"
BY_PATH = "path/"
"""What the name of a recipe given by its path begins with, within Hydra."""


@contextmanager
def opened(overrides: Sequence[str], roots: Sequence[str | Path] = ()) -> Iterator[list[str]]:
    """Put the strict door into Hydra; yield the overrides with a recipe's path replaced by a choice Hydra knows.

    `roots` are searched as `--config-dir` is, installed recipe packages and the folder of a recipe given by path for
    recipes and chains only. What is shipped comes first.

    Raises:
        RecipeError: a word is no override, a folder is not there, or the recipe's file is refused.
    """
    words, recipe = _by_path(overrides)
    words = [_quoted(word) for word in words]
    shelves = [*catalogue.packages().values(), *([root] if recipe and (root := catalogue.beside(recipe)) else [])]
    paths = [f"{FileConfigSource.scheme()}://{catalogue.named(root)}" for root in roots]
    paths += [f"{_Shelf.scheme()}://{shelf}" for shelf in shelves]
    plugged = frozenset(file for files in catalogue.plugged().values() for file in files.values())
    paths += [f"{_Plug.scheme()}://{conf}" for conf in sorted({file.parents[1] for file in plugged})]

    class Search(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for path in paths:
                search_path.append(provider="augflow", path=path)

    plugins = Plugins.instance().plugin_type_to_subclass_list
    types = SourcesRegistry.instance().types
    store = ConfigStore.instance().repo
    running, base = GlobalHydra.instance(), VersionBase.instance()
    known = _Strict.shelves, _Plug.files
    before = plugins[SearchPathPlugin], dict(types), store.get("recipe"), running.hydra, base.version_base
    try:
        running.clear()
        setbase(VERSION_BASE)
        _Strict.shelves = lineage.Shelves([catalogue.conf_dir(), *map(catalogue.named, roots), *shelves])
        _Plug.files = plugged
        plugins[SearchPathPlugin] = [*before[0], Search]
        ours = (FileConfigSource, ImportlibResourcesConfigSource, _Shelf, _Plug)
        types.update({source.scheme(): source for source in ours})
        if recipe:
            store["recipe"] = dict(before[2] or {})
            ConfigStore.instance().store(
                group=f"recipe/{BY_PATH}".rstrip("/"),
                name=_stem(recipe),
                node=lineage.load(recipe, _Strict.shelves),
                provider=str(recipe),
            )
        yield words
    finally:
        _Strict.shelves, _Plug.files = known
        plugins[SearchPathPlugin] = before[0]
        types.clear()
        types.update(before[1])
        if before[2] is None:
            store.pop("recipe", None)
        else:
            store["recipe"] = before[2]
        GlobalHydra.instance().hydra = before[3]
        base.version_base = before[4]


@contextmanager
def composed_once(words: Sequence[str], flags: Sequence[str], roots: Sequence[str | Path]) -> Iterator[None]:
    """Let Hydra compose once, where no word speaks of Hydra itself, and there is nothing else that could.

    It composes everything beforehand too, only to see whether `hydra.mode` says that this is a sweep; what is shipped,
    recipes and chains cannot say so, an operator's own primary config and folders can.
    """
    real = Hydra.get_mode
    if not (flags or roots or any("hydra" in word for word in words)):
        Hydra.get_mode = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = real  # type: ignore[method-assign]


class Carried:
    """Where recipes' parents are looked for, for another process: it holds there as soon as it is unpickled.

    Hydra's launchers compose a job where it runs, and bring the rest of what `opened` put into Hydra along.
    """

    def __init__(self) -> None:
        self.shelves = _Strict.shelves

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.shelves = _Strict.shelves = state["shelves"]


def _quoted(word: str) -> str:
    """Quote a value with letters that Hydra's grammar does not know, such as a path with an umlaut.

    So is a path that is there and whose `=` and `,` would else have a meaning: a sweep calls its sinks so.
    """
    key, _, value = word.partition("=")
    foreign = _FOREIGN.fullmatch(value) and not value.isascii()
    path = key in _PATHS and _PATH.fullmatch(value) and os.path.exists(value)
    return f"{key}='{value}'" if foreign or path else word


_PATHS = ("source.root", "sink.root", "source.table")
_PATH = re.compile(r"[^'\"\\\[\]{}()$]*[=,][^'\"\\\[\]{}()$]*")
_FOREIGN = re.compile(r"[^\s'\"\\,\[\]{}()$:=][^'\"\\,\[\]{}()$:=]*")


def origin(config_path: str, about: DictConfig) -> str:
    """The file that Hydra read for `recipe/NAME`, `chain/NAME` and the like; `about` is Hydra's own node.

    Raises:
        RecipeError: a second one of that name lies unseen behind it.
    """
    if _stored(config_path):
        return str(ConfigStore.instance().load(ConfigSource._normalize_file_name(config_path)).provider)
    files: dict[Path, str] = {}
    for source in _sources(about):
        if source.is_config(config_path):
            file = str(source.file(config_path))
            files.setdefault(Path(file).resolve(), file)
    if len(files) > 1:
        group, _, name = config_path.partition("/")
        first, second = list(files.values())[:2]
        raise RecipeError(f"Two {group}s are called '{name}': {first} and {second}. Rename one.")
    return next(iter(files.values()), "")


def primary(about: DictConfig) -> Path | None:
    """The operator's own primary config, where there is one instead of the shipped; `about` is Hydra's own node."""
    name = str(about.job.config_name)
    for source in _sources(about):
        if isinstance(source, FileConfigSource) and source.is_config(name):
            file = Path(str(source.file(name)))
            return None if file.resolve() == (catalogue.conf_dir() / "config.yaml").resolve() else file
    return None


def shelves(about: DictConfig) -> lineage.Shelves:
    """Where Hydra looked for recipes and chains; `about` is its own node."""
    return lineage.Shelves([source.root() for source in _sources(about)])


def _sources(about: DictConfig) -> Iterator[_Strict]:
    for info in about.runtime.config_sources:
        source = SourcesRegistry.instance().resolve(info.schema)(info.provider, f"{info.schema}://{info.path}")
        if isinstance(source, _Strict):
            yield source


class _Strict(ConfigSource):
    """Recipes and chains through the strict door, the operator's other files as Hydra reads them."""

    shelves: ClassVar[lineage.Shelves] = lineage.Shelves([])
    """Where a recipe's parents are looked for, while the door is open."""

    def root(self) -> Traversable:
        """The folder that holds the groups."""
        raise NotImplementedError

    def file(self, config_path: str) -> Traversable:
        """Where a config lies."""
        raise NotImplementedError

    def is_config(self, config_path: str) -> bool:
        # Hydra looks into folders first: without this, one that holds hydra/config.yaml would set Hydra itself.
        return not _stored(config_path) and bool(super().is_config(config_path))  # type: ignore[safe-super]

    def load_config(self, config_path: str) -> ConfigResult:
        kind = _kind(config_path)
        if kind is None:
            return super().load_config(config_path)  # type: ignore[safe-super]
        file = self.file(config_path)
        plain = lineage.load(file, self.shelves) if kind == "recipe" else strict.load(file, kind).data
        data = OmegaConf.create(plain)
        return ConfigResult(provider=self.provider, path=self.full_path(), config=data, header={"package": None})


# Named as Hydra's own, as Hydra wants of a second source for one scheme: where a launcher has workers, both register.
class FileConfigSource(_Strict, file_config_source.FileConfigSource):
    """A folder."""

    def root(self) -> Traversable:
        return Path(self.path)

    def file(self, config_path: str) -> Traversable:
        return Path(self.path, self._normalize_file_name(config_path))


class ImportlibResourcesConfigSource(_Strict, importlib_resources_config_source.ImportlibResourcesConfigSource):
    """What `pkg://` names."""

    def root(self) -> Traversable:
        return resources.files(self.path)

    def file(self, config_path: str) -> Traversable:
        return resources.files(self.path).joinpath(self._normalize_file_name(config_path))


class _Shelf(FileConfigSource):
    """A folder of other people's, of which only recipes and chains are seen."""

    @staticmethod
    def scheme() -> str:
        return "recipes"

    def is_config(self, config_path: str) -> bool:
        return _kind(config_path) is not None and super().is_config(config_path)

    def is_group(self, config_path: str) -> bool:
        seen = config_path == "" or _kind(f"{config_path}/") is not None
        return seen and bool(super().is_group(config_path))


class _Plug(FileConfigSource):
    """A plugin's folder, of which only the settings are seen that belong to what it offers."""

    files: ClassVar[frozenset[Path]] = frozenset()
    """Of all plugins, while the door is open."""

    @staticmethod
    def scheme() -> str:
        return "plugins"

    def is_config(self, config_path: str) -> bool:
        return Path(str(self.file(config_path))) in self.files and super().is_config(config_path)

    def is_group(self, config_path: str) -> bool:
        folders = {Path(self.path), *(file.parent for file in self.files)}
        return Path(self.path, config_path) in folders and bool(super().is_group(config_path))


def _kind(config_path: str) -> strict.Kind | None:
    for path in (config_path.lstrip("/"), posixpath.normpath(config_path).lstrip("/")):
        if path.startswith("recipe/"):
            return "recipe"
        if path.startswith("chain/"):
            return "chain"
    return None


def _stored(config_path: str) -> bool:
    name = ConfigSource._normalize_file_name(config_path)
    return bool(ConfigStore.instance().get_type(name) == ObjectType.CONFIG)


def _by_path(overrides: Sequence[str]) -> tuple[list[str], Path | None]:
    words, recipe = list(overrides), None
    for number, word in enumerate(overrides):
        if "=" in word or word.startswith("~"):
            continue
        if not word.endswith((".yaml", ".yml")):
            folder = f" Did you mean source.root={word}?" if Path(word).is_dir() else ""
            raise RecipeError(f"'{word}' is neither a setting (key=value) nor a recipe's file (NAME.yaml).{folder}")
        if recipe:
            raise RecipeError(f"Two recipes are given: {recipe} and {word}. One run makes one; -m sweeps over several")
        recipe = Path(word)
        if not recipe.is_file():
            raise RecipeError(f"There is no recipe {word}. One that augflow knows by name is chosen so: recipe=NAME")
        words[number] = f"recipe={BY_PATH}{_stem(recipe)}"
    if recipe and any(re.match(r"\+*recipe=", word) for word in overrides):
        raise RecipeError(f"Two recipes are given: {recipe} and recipe=… . Leave one out.")
    return words, recipe


def _stem(recipe: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", recipe.stem)
