"""Whether class weights correct what a balanced stream has corrected already."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

_TOLERANCE = 1.05


class TwiceCorrectedWarning(UserWarning):
    """A class that was rare weighs more, in the end, than one that was common."""


def warn_if_twice(samples: Mapping[str, int], results: Mapping[str, int], weights: Mapping[str, float]) -> bool:
    """Warn where weights, on top of a recipe's balance, make rare classes weigh more than common ones.

    Args:
        samples: class → how many it had.
        results: class → how many the stream has of it.
        weights: class → what each of its images weighs.
    """
    plain = _turned({label: float(results[label]) for label in weights}, samples)
    weighed = _turned({label: results[label] * weight for label, weight in weights.items()}, samples)
    if weighed[0] <= max(_TOLERANCE, plain[0]):
        return False
    rare, common = weighed[1:]
    warnings.warn(
        f"The recipe has balanced the classes already, and these weights correct them once more: in the loss '{rare}' "
        f"(once {samples[rare]} samples) would weigh {weighed[0]:.2g} times as much as '{common}' ({samples[common]}). "
        "Use the weights of what balance is left (recipe.residual_weights, stream.weights), or none.",
        TwiceCorrectedWarning,
        stacklevel=3,
    )
    return True


def _turned(shares: Mapping[str, float], samples: Mapping[str, int]) -> tuple[float, str, str]:
    """By how much a rarer class outweighs a more common one at most, and which two."""
    most, pair = 0.0, ("", "")
    heaviest = ""
    for label in sorted((label for label in shares if shares[label] > 0), key=lambda label: samples[label]):
        rarer = heaviest if heaviest and samples[heaviest] < samples[label] else ""
        if rarer and shares[rarer] / shares[label] > most:
            most, pair = shares[rarer] / shares[label], (rarer, label)
        if not heaviest or shares[label] > shares[heaviest]:
            heaviest = label
    return (most, *pair)
