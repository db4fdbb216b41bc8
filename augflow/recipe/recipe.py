"""What to make, typed and frozen; `reader.py` makes one from plain data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from augflow import markup
from augflow.draw import digest
from augflow.engine.render import Render
from augflow.plan.target import Target

VERSION = 1
Originals = Literal["keep", "render", "augment", "omit"]
Surplus = Literal["keep", "drop"]
ORIGINALS = ("keep", "render", "augment", "omit")
SURPLUS = ("keep", "drop")
_TOLD = ("seed", "target", "chain", "weights", "originals", "surplus", "max_copies", "render")

Description = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """What holds for one class."""

    target: Target
    chains: tuple[tuple[str, float], ...]
    """Names with weights; one is drawn for each output."""
    surplus: Surplus
    max_copies: int


@dataclass(frozen=True)
class Recipe:
    """What to make: seed, targets, chains, rules per class, render. Never where or on what."""

    seed: int
    originals: Originals
    rule: Rule
    classes: Mapping[str, Rule]
    chains: Mapping[str, list[Description]]
    """Every chain as `chain.py` builds it: chains in chains written out, defaults filled in."""
    render: Render
    plain: Mapping[str, Any] = field(repr=False)
    """The recipe as it was given."""

    def rule_for(self, label: str) -> Rule:
        return self.classes.get(label, self.rule)

    def as_json(self) -> dict[str, Any]:
        """The resolved recipe: nothing implied, in a fixed order of keys."""
        plain = dataclasses.asdict(dataclasses.replace(self, plain={}))
        del plain["plain"]
        resolved: dict[str, Any] = json.loads(json.dumps({"version": VERSION, **plain}))
        return resolved

    @property
    def digest(self) -> str:
        return digest(json.dumps(self.as_json(), sort_keys=True)).hex()

    def _repr_html_(self) -> str:
        rows = [(chain, *row) for chain, steps in self.chains.items() for row in markup.steps(steps)]
        told = ", ".join(f"{key} {json.dumps(self.plain[key])}" for key in _TOLD if key in self.plain)
        return markup.shown(f"Recipe: {told}", ("chain", "step", "transform", "p", "arguments"), rows)

    @classmethod
    def from_json(cls, resolved: Mapping[str, Any]) -> Recipe:
        """Build what `as_json` gave, without checking it again."""
        render: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in resolved["render"].items()}
        return cls(
            seed=resolved["seed"],
            originals=resolved["originals"],
            rule=_rule(resolved["rule"]),
            classes={label: _rule(rule) for label, rule in resolved["classes"].items()},
            chains=resolved["chains"],
            render=Render(**render),
            plain={},
        )


def _rule(plain: Mapping[str, Any]) -> Rule:
    return Rule(
        target=Target(**plain["target"]),
        chains=tuple((name, weight) for name, weight in plain["chains"]),
        surplus=plain["surplus"],
        max_copies=plain["max_copies"],
    )
