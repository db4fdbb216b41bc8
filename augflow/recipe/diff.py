"""What differs in meaning between two recipes: order of keys never matters, order of steps does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from augflow.engine.output import Output
from augflow.errors import RecipeError
from augflow.recipe.recipe import Description
from augflow.registry import Registry
from augflow.schema import fields_of

Kind = Literal["added", "removed", "changed", "moved"]
Path = tuple[str, ...]


class Change(NamedTuple):
    """One difference; `before` and `after` are JSON values, null where there is nothing."""

    path: Path
    kind: Kind
    before: Any = None
    after: Any = None
    note: str = ""


def diff_recipes(before: Mapping[str, Any], after: Mapping[str, Any], registry: Registry) -> list[Change]:
    """Compare two recipes, each as `Recipe.as_json` gives it."""
    return list(_Comparison(before, after, registry).changes())


class _Comparison:
    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any], registry: Registry) -> None:
        self.before = before
        self.after = after
        self.registry = registry

    def changes(self) -> Iterator[Change]:
        yield from _values((), self.before, self.after, ("seed", "originals"))
        general = list(_values((), _rule(self.before["rule"]), _rule(self.after["rule"])))
        yield from general
        told = {(change.path[-1], str(change.before), str(change.after)) for change in general}
        for label in _union(self.before["classes"], self.after["classes"]):
            old, new = (_rule(side["classes"].get(label, side["rule"])) for side in (self.before, self.after))
            for change in _values(("classes", label), old, new):
                if (change.path[-1], str(change.before), str(change.after)) not in told:
                    yield change
        yield from self._chains()
        yield from _values(("render",), self.before["render"], self.after["render"])
        yield from _values(("output",), _output(self.before), _output(self.after))

    def _chains(self) -> Iterator[Change]:
        before, after = self.before["chains"], self.after["chains"]
        renamed: dict[str, str] = {}
        for name in before:
            if name not in after:
                alike = (new for new in after if new not in before and new not in renamed.values())
                found = next((new for new in alike if after[new] == before[name]), None)
                if found:
                    renamed[name] = found
        for name in _union(before, after):
            path = ("chains", name)
            if name in renamed:
                yield Change(path, "changed", name, renamed[name], "renamed")
            elif name not in after:
                yield Change(path, "removed", before=[step["name"] for step in before[name]])
            elif name not in before and name not in renamed.values():
                yield Change(path, "added", after=[step["name"] for step in after[name]])
            elif name in before:
                yield from self._steps(path, before[name], after[name])

    def _steps(self, path: Path, before: Sequence[Description], after: Sequence[Description]) -> Iterator[Change]:
        first = {step["name"]: step for step in before}
        second = {step["name"]: step for step in after}
        common = [name for name in first if name in second]
        stayed = _longest_common(common, [name for name in second if name in first])
        for name in _union(first, second):
            here = (*path, name)
            if name not in second:
                yield Change(here, "removed", before=_said(first[name]))
            elif name not in first:
                yield Change(here, "added", after=_said(second[name]), note=_place(name, list(second)))
            else:
                if name not in stayed:
                    old, new = _place(name, list(first)), _place(name, list(second))
                    yield Change(here, "moved", old, new)
                yield from self._step(here, first[name], second[name])

    def _step(self, path: Path, before: Description, after: Description) -> Iterator[Change]:
        yield from _values(path, before, after, ("p", "weight"))
        if _what(before) != _what(after):
            yield Change((*path, "use"), "changed", _what(before), _what(after))
        elif "one_of" in before:
            yield from self._steps(path, before["one_of"], after["one_of"])
        elif "arguments" in before:
            for change in _values(path, before["arguments"], after["arguments"]):
                yield change._replace(note=self._width(before["use"], change))

    def _width(self, use: str, change: Change) -> str:
        """Whether a range became wider or narrower; a limit x is the range from -x to x."""
        try:
            limit = _is_limit(fields_of(self.registry.find(use)).get(change.path[-1], {}))
        except RecipeError:
            limit = False
        old, new = _range(change.before, limit), _range(change.after, limit)
        if old is None or new is None:
            return ""
        if new[0] <= old[0] and old[1] <= new[1]:
            return "wider"
        return "narrower" if old[0] <= new[0] and new[1] <= old[1] else "another range"


def _is_limit(field: Mapping[str, Any]) -> bool:
    kinds = [branch.get("type") for branch in field.get("anyOf", [])]
    return "array" in kinds and ("number" in kinds or "integer" in kinds) and field["anyOf"][0].get("minimum") == 0


def _range(value: Any, limit: bool) -> tuple[float, float] | None:
    if limit and isinstance(value, int | float) and not isinstance(value, bool):
        return -value, value
    if isinstance(value, list) and len(value) == 2 and all(isinstance(end, int | float) for end in value):
        return value[0], value[1]
    return None


def _values(
    path: Path, before: Mapping[str, Any], after: Mapping[str, Any], keys: Sequence[str] | None = None
) -> Iterator[Change]:
    for key in keys or _union(before, after):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield Change((*path, key), "changed", old, new)


def _output(side: Mapping[str, Any]) -> Mapping[str, Any]:
    plain: Mapping[str, Any] = side.get("output") or dataclasses.asdict(Output())
    return plain


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in a recipe's own words."""
    chains = dict(rule["chains"])
    chain = {"chain": next(iter(chains))} if len(chains) == 1 else {"weights": chains}
    target = target_text(rule["target"])
    return {"target": target, **chain, "surplus": rule["surplus"], "max_copies": rule["max_copies"]}


def target_text(target: Mapping[str, Any]) -> int | str:
    """A target as a recipe says it: 500, max, 0.8max, 1.5x."""
    word, factor = target["word"], target["factor"]
    if word == "count":
        return int(factor)
    rounded = f"{factor:g}"
    return str(word) if factor == 1 and word != "x" else f"{rounded if float(rounded) == factor else factor}{word}"


def _what(step: Description) -> str:
    return "one_of" if "one_of" in step else str(step.get("use") or f"chain {step['chain']}")


def _said(step: Description) -> dict[str, Any]:
    """A step as a recipe would have it."""
    if "one_of" in step:
        return {"p": step["p"], "one_of": [option["name"] for option in step["one_of"]]}
    return {"use": step.get("use") or step["chain"], "p": step["p"], **step.get("arguments", {})}


def _place(name: str, names: Sequence[str]) -> str:
    position = names.index(name)
    return f"after {names[position - 1]}" if position else "first"


def _longest_common(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """The names of a longest common subsequence of two orders of the same names."""
    order = {name: number for number, name in enumerate(second)}
    best: list[list[str]] = []
    for name in first:
        below: list[list[str]] = [chain for chain in best if order[chain[-1]] < order[name]]
        best.append([*max(below, key=len, default=()), name])
    return set(max(best, key=len, default=()))


def _union(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return [*first, *(key for key in second if key not in first)]
