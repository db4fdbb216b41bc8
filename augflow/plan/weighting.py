"""Shares out a number of copies among samples by their weights, to the copy.

The divisor method of Webster and Sainte-Laguë: the k-th copy of a sample of weight w comes when (k − 1/2) / w does. Of
all methods that are nearest to proportion it is one that takes from nobody when there is more to share, so that a
raised target keeps every output; and equal weights share as turns do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def share(copies: int, weights: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return how many copies each sample makes: `copies` together, none more than `most`, of equals the first first.

    Args:
        weights: not below 0; what has 0 makes none. `copies` is at most `most` for each of the others.
    """
    positive = weights > 0
    heavy = weights[positive]
    made = np.zeros(len(weights), np.int64)
    if not copies or not len(heavy):
        return made
    before, after = 0.0, (most + 1) / float(heavy.min())
    while before < (middle := (before + after) / 2) < after:
        if int(_come(middle, heavy, most).sum()) <= copies:
            before = middle
        else:
            after = middle
    counts = _come(before, heavy, most)
    waiting = np.flatnonzero(_come(after, heavy, most) > counts)
    counts[waiting[: copies - int(counts.sum())]] += 1
    made[positive] = counts
    return made


def _come(when: float, weights: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """How many copies have come by then."""
    counts = np.floor(when * weights + 0.5)
    # The product is rounded: what counts is whether (k − 1/2) / w has come.
    counts += (counts + 0.5) / weights <= when
    counts -= (counts - 0.5) / weights > when
    return np.clip(counts, 0, most).astype(np.int64)
