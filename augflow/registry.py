"""Name → transform class, imported only when it is built. Three doors lead here.

The constant table of what ships, the entry points `augflow.transforms` of installed packages, and plugin files that
the operator names. `albumentations.Name` goes through one adapter.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from augflow.errors import PluginError, RecipeError, nearest
from augflow.offered import offered

_MODULES = {
    "geometry": "flip transpose quarter_turns rotate shift shear zoom affine perspective",
    "window": "pad crop random_resized_crop",
    "colour": (
        "brightness_contrast gamma hue_saturation channel_shift gray posterize solarize equalize autocontrast invert"
    ),
    "filters": "sharpen blur jpeg_artefacts",
    "noise": "poisson_noise gaussian_noise salt_and_pepper speckle_noise",
    "occlusion": "erase grid_drop",
}


def camel(name: str) -> str:
    """`brightness_contrast` → `BrightnessContrast`."""
    return "".join(word.capitalize() for word in name.split("_"))


BUILT_IN: dict[str, str] = {
    name: f"augflow.transforms.{module}:{camel(name)}" for module, names in _MODULES.items() for name in names.split()
}

ALBUMENTATIONS = "albumentations."


class Registry:
    """The transforms that one run knows: built-in, installed, and those of the operator's plugin files."""

    def __init__(self, plugins: Sequence[str | Path] = ()) -> None:
        self.plugins = tuple(str(Path(plugin).absolute()) for plugin in plugins)
        self._where: dict[str, str] = {}
        for name, target in BUILT_IN.items():
            self._offer(name, target)
        for point in offered("augflow.transforms"):
            self._offer(point.name, point.value)
        for plugin in self.plugins:
            module = _load_file(plugin)
            for name, cls in _transforms_of(module):
                self._offer(name, f"{module}:{cls}")

    def _offer(self, name: str, target: str) -> None:
        known = self._where.setdefault(name, target)
        if known != target:
            raise PluginError(
                f"Two transforms are called '{name}': {_place(known)} and {_place(target)}. Rename or uninstall one."
            )

    def names(self) -> list[str]:
        """Every name but albumentations' own, sorted."""
        return sorted(self._where)

    def origin(self, name: str) -> str:
        """Where the transform called `name` comes from, as `module:Class` or `file.py:Class`."""
        return _place(self._where[name]) if name in self._where else f"albumentations:{name.partition('.')[2]}"

    @cached_property
    def digests(self) -> dict[str, str]:
        """The sha256 of each plugin file, as it was when first asked for."""
        return {plugin: hashlib.sha256(Path(plugin).read_bytes()).hexdigest() for plugin in self.plugins}

    def __contains__(self, name: str) -> bool:
        return name in self._where or name.startswith(ALBUMENTATIONS)

    def near(self, name: str, chains: Iterable[str] = ()) -> str:
        """Say which transform or chain may be meant by a name that is none, if any comes near."""
        prefix, dot, bare = name.partition(".")
        theirs = dot and nearest(prefix, [ALBUMENTATIONS.rstrip(".")])
        own = "" if theirs else nearest(name, [*self.names(), *chains])
        if own or not (theirs or any(map(str.isupper, name))):
            return own
        from augflow.transforms.albumentations import catalogue

        known = {_folded(listed.name): f"{ALBUMENTATIONS}{listed.name}" for listed in catalogue()}
        close = difflib.get_close_matches(_folded(bare if theirs else name), known, n=1, cutoff=0.6)
        return f" Did you mean '{known[close[0]]}'?" if close else ""

    def find(self, name: str) -> type[Any]:
        """Import the class called `name`.

        Raises:
            RecipeError: no transform has that name.
            PluginError: it is offered but cannot be imported.
        """
        if name.startswith(ALBUMENTATIONS):
            from augflow.transforms.albumentations import adapt

            return adapt(name.removeprefix(ALBUMENTATIONS))
        target = self._where.get(name)
        if target is None:
            raise RecipeError(
                f"No transform is called '{name}'.{nearest(name, self._where)} `augflow transforms` lists them."
            )
        module, _, cls = target.partition(":")
        try:
            found: type[Any] = getattr(importlib.import_module(module), cls)
        except Exception as error:
            raise PluginError(f"The transform '{name}' cannot be imported from {_place(target)}: {error}") from error
        return found

    def build(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Construct a transform from arguments that were checked before; JSON arrays become tuples."""
        return self.find(name)(**{key: _tuples(value) for key, value in arguments.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


class _AsItIs(importlib.machinery.SourceFileLoader):
    """Compiles the file each time: a cache goes by whole seconds and sizes, and would lie beside somebody's file."""

    def path_stats(self, path: Any) -> Any:
        raise OSError


@cache
def _load_file(path: str) -> str:
    """Import a plugin file under a name of its own, the same in every process; return that name."""
    name = f"augflow_plugin_{Path(path).stem}_{hashlib.blake2b(path.encode(), digest_size=4).hexdigest()}"
    if not path.endswith(".py") or not Path(path).is_file():
        raise PluginError(f"plugins: there is no Python file {path}.")
    loader = _AsItIs(name, path)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"plugins: {path} cannot be imported: {type(error).__name__}: {error}") from error
    return name


def _transforms_of(module: str) -> list[tuple[str, str]]:
    found = []
    for cls in vars(sys.modules[module]).values():
        if (
            inspect.isclass(cls)
            and cls.__module__ == module
            and hasattr(cls, "draw")
            and not cls.__name__.startswith("_")
        ):
            found.append((snake(cls.__name__), cls.__name__))
    return found


def _folded(name: str) -> str:
    return name.lower().replace("_", "")


def snake(name: str) -> str:
    """`BrightnessContrast` → `brightness_contrast`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _place(target: str) -> str:
    module, _, cls = target.partition(":")
    loaded = sys.modules.get(module)
    if module.startswith("augflow_plugin_") and loaded is not None:
        return f"{loaded.__file__}:{cls}"
    return target
