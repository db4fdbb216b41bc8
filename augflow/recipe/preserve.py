"""Find the steps that break what a recipe says must be preserved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from augflow.errors import nearest
from augflow.recipe.recipe import Description, Rule
from augflow.registry import Registry
from augflow.schema import Fault, Path, show
from augflow.symmetry import SYMMETRIES, broken


def check_preserved(
    data: Mapping[str, Any],
    rule: Rule,
    rules: Mapping[str, Rule],
    chains: Mapping[str, list[Description]],
    registry: Registry,
) -> list[Fault]:
    """One fault for each step that breaks what must hold in a class that its chain is drawn for.

    Args:
        data: the recipe as it was given; `rule`, `rules` (per class) and `chains` are what was read from it.
    """
    faults: list[Fault] = []
    for_all = _asked(data, (), faults)
    whom: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, _ in rule.chains:
        for symmetry in for_all:
            whom[name][symmetry].append("all classes")
    for label, own in rules.items():
        asked = _asked(data["classes"][label], ("classes", label), faults)
        for name, _ in own.chains:
            for symmetry in {*asked, *(() if own.chains == rule.chains else for_all)}:
                whom[name][symmetry].append(f"class {show(label)}")
    found: dict[Path, str] = {}
    for name, symmetries in whom.items():
        for step in broken(name, chains.get(name, []), registry):
            if step.breaks is None:
                found[step.path] = f"{step.use} does not say what it preserves (`breaks`), and preserve asks for it."
                continue
            for symmetry in (one for one in step.breaks if one in symmetries):
                told = f"{step.use} may change {symmetry}, which {', '.join(symmetries[symmetry])} must preserve."
                found.setdefault(step.path, f"{told} Change or drop the step, or choose another chain.")
    return [*faults, *(Fault(*item) for item in found.items())]


def _asked(data: Mapping[str, Any], path: Path, faults: list[Fault]) -> list[str]:
    asked = data.get("preserve")
    if asked is None:
        return []
    wrong = [word for word in asked if word not in SYMMETRIES] if isinstance(asked, list) else [asked]
    if wrong:
        hint = nearest(str(wrong[0]), SYMMETRIES)
        message = f"{show(asked)} is not a list of {', '.join(SYMMETRIES)}.{hint}"
        faults.append(Fault((*path, "preserve"), message))
        return []
    return list(asked)
