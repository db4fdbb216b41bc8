"""What `augflow VERB --help` says, read off the files that it tells about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from augflow.config import catalogue
from augflow.config.arguments import Flags

HYDRA = """\
flags of Hydra
  -m, --multirun        one run for each value: augflow {verb} -m recipe.seed=1,2,3
  -c, --cfg job         show the composed settings instead of running
  -cd, --config-dir DIR look for recipes and chains in DIR/recipe and DIR/chain too
  -cn, --config-name N  start from N.yaml instead of config.yaml
  -i, --info [WHAT]     all, config, defaults, defaults-tree, plugins or searchpath
  --hydra-help          Hydra's own help
"""

EXAMPLES = """\
examples
  augflow {verb} source.root=photos/train
  augflow {verb} my.yaml source.root=photos/train recipe.target=500
  augflow {verb} source=demo recipe=strong +recipe.classes.hat.target=800
  augflow {verb} source=demo recipe.chains.gentle.rotate.limit=10 ~recipe.chains.gentle.flip
  augflow {verb} source=demo +chain@recipe.chains.strong=strong +recipe.classes.hat.chain=strong
"""


def plain(verb: str, text: str, flags: Flags) -> str:
    """The help of a verb that composes nothing; `text` is its docstring."""
    return "\n".join((text.strip(), "", *_flags(flags), f"usage: augflow {verb} [flags] [argument ...]", ""))


def composed(verb: str, text: str, flags: Flags, roots: Sequence[Path], takes: str | None = None) -> str:
    """The help of a verb that composes; `roots` are the folders that `--config-dir` names.

    `takes` is what comes before the settings of a verb that no recipe is for.
    """
    search, packages = [catalogue.conf_dir(), *roots], catalogue.packages().values()
    plugged = catalogue.plugged()
    chosen = dict(_defaults(search[0] / "config.yaml"))
    groups = [group for group in catalogue.GROUPS if takes is None or group != "recipe"]
    before = " [RECIPE.yaml]" if takes is None else f" {takes}".rstrip()
    parts = [text.strip(), "", f"usage: augflow {verb} [flags]{before} [key=value ...]", "", *_flags(flags)]
    for group in groups:
        parts.append(f"{group}=NAME")
        found = catalogue.choices(group, [*search, *(packages if group in catalogue.SHARED else ())])
        found = plugged.get(group, {}) | found
        width = max([12, *(len(name) + 2 for name in found)])
        for name, file in found.items():
            default = "(default) " if name == chosen.get(group) else ""
            parts.append(f"  {name:<{width}}{default}{catalogue.purpose(file)}")
    parts += ["", "settings, with what they are unless you say otherwise"]
    for group in groups:
        for key, value, comment in _settings(search[0] / group / f"{chosen[group]}.yaml"):
            parts.append(f"  {f'{group}.{key}={value}':<34} {comment}".rstrip())
    for key, value, comment in _settings(search[0] / "config.yaml"):
        parts.append(f"  {f'{key}={value}':<34} {comment}".rstrip())
    examples = [EXAMPLES.format(verb=verb)] if takes is None else []
    return "\n".join((*parts, "", *examples, HYDRA.format(verb=verb)))


def _flags(flags: Flags) -> list[str]:
    if not flags:
        return []
    values = {name: _value(default) for name, (default, _) in flags.items()}
    return ["flags", *(f"  {name + values[name]:<24}{text}" for name, (_, text) in flags.items()), ""]


def _value(default: Any) -> str:
    """What follows a flag's name in its line: nothing, its default, a folder, or a value that has no default."""
    if default is False:
        return ""
    return f" {default or ('DIR' if default == [] else '…')}"


def _defaults(file: Path) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^  - (\w+): (\w+)$", file.read_text(encoding="utf-8"), re.MULTILINE):
        yield match[1], match[2]


def _settings(file: Path) -> Iterator[tuple[str, str, str]]:
    for match in re.finditer(r"^(\w+): (\S.*?)(?:  # (.*))?$", file.read_text(encoding="utf-8"), re.MULTILINE):
        if match[1] not in ("kind", "version"):
            yield match[1], match[2], match[3] or ""
