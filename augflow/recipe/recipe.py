"""What to make, typed and frozen; `reader.py` makes one from plain data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from augflow import markup
from augflow.draw import digest
from augflow.engine.output import Output, Standardise
from augflow.engine.render import Render
from augflow.errors import RecipeError
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


class Amount(NamedTuple):
    """What becomes of one class: what it shall hold, how many originals go into the result, how many are made."""

    target: int
    originals: int
    copies: int


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
    output: Output = field(default_factory=Output)
    """How a stream hands over its images."""

    def rule_for(self, label: str) -> Rule:
        return self.classes.get(label, self.rule)

    def amount(self, label: str, counts: Mapping[str, int]) -> Amount:
        """How many images of a class the result holds, given the samples of every class that has any."""
        has, rule = counts.get(label, 0), self.rule_for(label)
        target = rule.target.resolve(label, counts) if counts else 0
        originals = min(has, target) if rule.surplus == "drop" else has
        originals = 0 if self.originals == "omit" else originals
        return Amount(target, originals, min(max(0, target - originals), has * rule.max_copies))

    def residual_weights(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Class weights for what balance is left: all 1 where the recipe balances fully.

        They are those of scikit-learn's "balanced", images / (classes × images of the class), of the result, over the
        classes that have images in it.

        Args:
            counts: samples of every class, as `Census.counts` has them.
        """
        present = {label: count for label, count in counts.items() if count}
        results = {label: sum(self.amount(label, present)[1:]) for label in present}
        results = {label: count for label, count in results.items() if count}
        total = sum(results.values())
        return {label: total / (len(results) * count) for label, count in results.items()}

    def demand_files(self) -> None:
        """Demand that files can hold what `output` asks for.

        Raises:
            RecipeError: they cannot.
        """
        if not self.output.fits_a_file:
            raise RecipeError(
                f"recipe.output.dtype: files hold whole numbers from 0 to 255, and no {self.output.dtype}. "
                "`augflow.stream` hands such images to training; to write files, say recipe.output=null."
            )

    def as_json(self) -> dict[str, Any]:
        """The resolved recipe: nothing implied, in a fixed order of keys."""
        plain = dataclasses.asdict(dataclasses.replace(self, plain={}))
        del plain["plain"]
        if self.output == Output():  # So that recipes without it keep the digest they had before there was such a key.
            del plain["output"]
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
            output=_output(resolved.get("output", {})),
        )


def _output(plain: Mapping[str, Any]) -> Output:
    normalise = plain.get("normalise")
    if isinstance(normalise, Mapping):
        return Output(**{**plain, "normalise": Standardise(tuple(normalise["mean"]), tuple(normalise["std"]))})
    return Output(**plain)


def _rule(plain: Mapping[str, Any]) -> Rule:
    return Rule(
        target=Target(**plain["target"]),
        chains=tuple((name, weight) for name, weight in plain["chains"]),
        surplus=plain["surplus"],
        max_copies=plain["max_copies"],
    )
