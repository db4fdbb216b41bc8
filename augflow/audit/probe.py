"""A plain probe: regularised logistic regression, cross-validated by family, judged by its AUC."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]

FOLDS = 5
_ROUNDS = 25
_PENALTY = 3.0
"""Of the squared weights of standardised figures: as many rows as this speak against each."""
_ROWS = 96
"""Rows that are multiplied at once: so few that BLAS starts no threads, which cost more than they gain here."""

_FAR = 5.0
"""Figures are cut off so many standard deviations from their mean, so that none rules alone."""


class Auc(NamedTuple):
    """The chance that a positive gets the higher score than a negative, with a 95 % interval."""

    value: float
    low: float
    high: float


def scores(rows: Matrix, positive: NDArray[np.bool_], families: NDArray[np.int64]) -> Matrix:
    """Score every row by a probe that was fitted to none of its family.

    Args:
        rows: (n, figures), any scale.
        positive: what to tell from the others.
        families: a number for each row; rows of one family are left out together.
    """
    found = np.zeros(len(rows))
    fold = np.random.default_rng(0).permutation(int(families.max()) + 1)[families] % FOLDS
    for number in range(FOLDS):
        held = fold == number
        if held.any():
            found[held] = _predict(rows[~held], positive[~held], rows[held])
    return found


def _predict(rows: Matrix, positive: NDArray[np.bool_], others: Matrix) -> Matrix:
    """Fit to `rows`, score `others`."""
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    varies = spread > 1e-9
    scale = np.where(varies, spread, 1.0)

    def standard(some: Matrix) -> Matrix:
        return np.column_stack([np.clip((some - centre) / scale, -_FAR, _FAR)[:, varies], np.ones(len(some))])

    found: Matrix = (standard(others) * fit(standard(rows), positive)).sum(axis=1)
    return found


def fit(rows: Matrix, positive: NDArray[np.bool_]) -> Matrix:
    """Weights of a logistic regression by iteratively reweighted least squares; the last column is not penalised."""
    penalty = np.full(rows.shape[1], _PENALTY)
    penalty[-1] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(_ROUNDS):
        slope, curve = -penalty * weights, np.diag(penalty)
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            chance = 1 / (1 + np.exp(-np.clip(some @ weights, -30, 30)))
            slope += some.T @ (positive[start : start + _ROWS] - chance)
            curve += (some * (chance * (1 - chance))[:, None]).T @ some
        step = np.linalg.solve(curve, slope)
        weights = weights + step * min(1.0, 10 / (float(np.linalg.norm(step)) + 1e-12))
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def auc(positives: Matrix, negatives: Matrix) -> Auc:
    """Compare scores of pairs: the positive and the negative at one place are of one family.

    The interval is DeLong's with a family as the unit (Obuchowski 1997), widened for what folds share.
    """
    count = len(positives)
    above = _share_below(negatives, positives)
    below = 1 - _share_below(positives, negatives)
    value = float(above.mean())
    # Twice the variance: every fold learns from what another is judged by.
    error = math.sqrt(2 * float(np.var(above + below, ddof=1)) / count) if count > 1 else 1.0
    # Where all are told apart nothing varies; three in so many might yet be wrong ("rule of three").
    width = 1.96 * max(error, 1.5 / count)
    return Auc(value, max(0.0, value - width), min(1.0, value + width))


def _share_below(some: Matrix, of: Matrix) -> Matrix:
    """For each of `of` the share of `some` below it, ties half."""
    ordered = np.sort(some)
    return (np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")) / (2 * len(some))
