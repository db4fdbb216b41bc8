"""Balance: the prior that a training loop sees, once the data set has met its sampler and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from augflow.audit.result import Figure, Finding, Item, Verdict

SAMPLERS = ("shuffle", "balanced")
WEIGHTS = ("none", "inverse", "source")

_EVEN, _UNEVEN = 1.5, 2.0


class Count(NamedTuple):
    """Of a class: outputs, the samples that they were made from, and the samples that the source has."""

    outputs: int
    samples: int
    had: int


def balance(counts: Mapping[str, Count], sampler: str = "shuffle", weights: str = "none") -> Item:
    """Multiply out.

    Args:
        sampler: `shuffle` draws every image equally often, `balanced` every class.
        weights: of the loss: `none`; `inverse` to the class's outputs; or inverse to its samples in the `source`, as
            weights are that were computed before the data set was balanced.
    """
    counts = {label: count for label, count in counts.items() if count.outputs}
    if len(counts) < 2:
        return Item("balance", "unknown", "There are fewer than two classes.")
    itself = _shares({label: float(count.outputs) for label, count in counts.items()})
    seen = _shares({label: _weight(count, sampler, weights) for label, count in counts.items()})
    ratio, by_itself = _ratio(seen), _ratio(itself)
    most, least = max(seen, key=seen.__getitem__), min(seen, key=seen.__getitem__)
    repeats = {label: count.outputs / max(1, count.samples) for label, count in counts.items()}
    figures = (
        Figure("largest prior over smallest", ratio),
        Figure("the same in the data set by itself", by_itself),
        Figure("outputs of one sample, at most in a class", max(repeats.values())),
        Figure("outputs of one sample, at least in a class", min(repeats.values())),
    )
    findings = tuple(
        Finding(
            "prior",
            (label,),
            f"{seen[label]:.1%}: {count.outputs} outputs of {count.samples} samples, {repeats[label]:.1f} of each",
        )
        for label, count in sorted(counts.items(), key=lambda item: -seen[item[0]])
    )
    corrected = sampler != "shuffle" or weights != "none"
    verdict: Verdict = "ok" if ratio <= _EVEN else "warning"
    how = _told(sampler, weights)
    says = f"{how} every class has about the same weight."
    advice = ""
    if ratio > _EVEN:
        says = f"{how} '{most}' weighs {ratio:.1f} times as much as '{least}'."
        advice = "Raise the targets of the classes that weigh least, or draw classes equally often."
        if corrected and ratio > max(_UNEVEN, by_itself * 1.05):
            verdict = "bad"
            says += f" The data set by itself is more even ({by_itself:.1f} times): it is corrected twice."
            advice = "Leave sampler and weights as they are without balancing, or balance by them alone."
    return Item("balance", verdict, says, figures, findings, advice)


def _weight(count: Count, sampler: str, weights: str) -> float:
    drawn = 1.0 if sampler == "balanced" else float(count.outputs)
    return drawn / {"none": 1, "inverse": count.outputs, "source": max(1, count.had)}[weights]


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    whole = sum(weights.values())
    return {label: weight / whole for label, weight in weights.items()}


def _ratio(shares: Mapping[str, float]) -> float:
    return max(shares.values()) / min(shares.values())


def _told(sampler: str, weights: str) -> str:
    loss = {"none": "", "inverse": ", with weights inverse to the outputs,", "source": ", with weights of the source,"}
    drawn = "Drawn image by image" if sampler == "shuffle" else "Drawn class by class"
    return f"{drawn}{loss[weights]}".rstrip(",") + ","
