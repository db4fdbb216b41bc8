"""Whether class weights correct what a balanced stream has corrected already."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

_TOLERANCE = 1.05


class TwiceCorrectedWarning(UserWarning):
    """A class that was rare weighs more, in the end, than one that was common."""


def warn_if_twice(samples: Mapping[str, int], results: Mapping[str, int], weights: Mapping[str, float]) -> None:
    """Warn where weights, on top of a recipe's balance, make a rare class weigh more than a common one.

    Args:
        samples: class → how many it had.
        results: class → how many the stream has of it.
        weights: class → what each of its images weighs.
    """
    rarest_first = sorted(samples, key=lambda label: samples[label])
    rare, common = rarest_first[0], rarest_first[-1]
    without = results[rare] / results[common]
    with_them = without * weights[rare] / max(weights[common], 1e-12)
    if samples[rare] < samples[common] and with_them > _TOLERANCE * max(1.0, without):
        warnings.warn(
            f"The recipe has balanced the classes, and these weights correct them once more: '{rare}' (of "
            f"{samples[rare]} samples) would weigh {with_them:.2g} times as much as '{common}' (of {samples[common]}). "
            "Use the weights of what balance is left, stream.weights() or recipe.residual_weights(counts), or none.",
            TwiceCorrectedWarning,
            stacklevel=3,
        )
