"""What decides pixels on a machine beside the recipe, told so that machines can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from augflow.ledger.versions import versions

Facts = dict[str, str]


def facts(spec: Mapping[str, Any]) -> Facts:
    """Name → version of all that decides what the work of `spec` makes here.

    Always Python and the libraries; where the spec holds a recipe, what a lock of it holds; the digest of every plugin
    file that it names.
    """
    plugins = {str(file): _digest(Path(file)) for file in spec.get("plugins", ())}
    found = versions() | {f"the plugin {Path(file).name}": digest for file, digest in plugins.items()}
    if "recipe" in spec and _ABSENT not in plugins.values():
        from augflow.recipe.lock import lock_of
        from augflow.recipe.recipe import Recipe
        from augflow.registry import Registry

        lock = lock_of(Recipe.from_json(spec["recipe"]), Registry(list(plugins)))
        found |= lock.versions | {"processor": lock.processor}
        found |= {f"the transform {name}": str(version) for name, version in lock.transforms.items()}
        found |= {f"the package {name}": version for name, version in lock.packages.items()}
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What is otherwise there, each as `numpy 2.3.0, here 2.4.6`."""
    names = [*here, *(name for name in there if name not in here)]
    return [
        f"{name} {there.get(name, _ABSENT)}, here {here.get(name, _ABSENT)}"
        for name in names
        if here.get(name) != there.get(name)
    ]


_ABSENT = "not there"


def _digest(file: Path) -> str:
    try:
        return f"sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}…"
    except OSError:
        return _ABSENT
