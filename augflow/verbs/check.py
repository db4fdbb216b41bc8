"""Check recipes and chains without running them, and tell everything that is wrong at once.

augflow check mine.yaml
augflow check conf/recipe/*.yaml source.root=photos/train
augflow check conf --format json

Errors are what a run would refuse; warnings are chains that nobody uses or that change nothing; hints are steps that
may turn one class into another. With a source, its classes are compared with those that the recipes name. Exit code 2
where there is an error, 1 where there is a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from augflow.config.arguments import CONFIG_DIR
from augflow.config.lineage import shelves
from augflow.errors import RecipeError
from augflow.recipe.findings import Finding, files_of, look
from augflow.registry import Registry
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.telling import console, printable
from augflow.verbs.words import take_plugins

FLAGS = {"--format": ("text", "text or json"), **CONFIG_DIR}
COMPOSES = False
_STYLES = {"error": "red", "warning": "yellow", "hint": "cyan"}


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    words, plugins = take_plugins(arguments)
    named = [word for word in words if "=" not in word]
    files = files_of(named)
    if not files:
        none = f"{', '.join(named)}: there is no recipe/ and no chain/ in it." if named else "Name a file."
        raise RecipeError(f"{none} augflow check FILE… checks recipes and chains.")
    labels = _labels([word for word in words if "=" in word])
    registry = Registry(plugins)
    where = shelves(flags["config_dir"])
    found = list(dict.fromkeys(finding for file in files for finding in look(file, registry, labels, where)))
    counts: Counter[str] = Counter(finding.level for finding in found)
    if as_json:
        tell_json({"files": len(files), **_counted(counts), "findings": [finding._asdict() for finding in found]})
    else:
        _show(found, len(files), counts)
    return 2 if counts["error"] else 1 if counts["warning"] else 0


def _labels(settings: Sequence[str]) -> list[str] | None:
    """The classes of the source that the settings choose, if any do."""
    if not settings:
        return None
    for word in settings:
        if not word.lstrip("+").startswith(("source=", "source.")):
            raise RecipeError(f"{word}: check takes files, and settings of the source alone.")
    from augflow.config.compose import compose
    from augflow.source import open_source

    return open_source(compose(settings).source).labels()


def _show(found: Sequence[Finding], files: int, counts: Counter[str]) -> None:
    out = console()
    for finding in found:
        out.print(Text(printable(str(finding)), style=_STYLES[finding.level]))
    told = ", ".join(f"{count} {level}" for level, count in _counted(counts).items() if count)
    out.print(f"{files} file{'s' * (files != 1)}: {told or 'nothing to find fault with'}.")


def _counted(counts: Counter[str]) -> dict[str, int]:
    return {f"{level}s": counts[level] for level in ("error", "warning", "hint")}
