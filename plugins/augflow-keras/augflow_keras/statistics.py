"""What ImageDataGenerator learns from sample data with `fit`, and what `standardize` does with it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augflow_keras.pixels import Dialect, Floats

_LITTLE = 1e-6


@dataclass
class Statistics:
    """Mean and standard deviation of each channel, and the whitening matrix; None until `fit`."""

    mean: Floats | None = None
    std: Floats | None = None
    whitening: Floats | None = None


@dataclass(frozen=True)
class Standard:
    """The standardisation that was asked for."""

    samplewise_center: bool
    samplewise_std: bool
    featurewise_center: bool
    featurewise_std: bool
    zca_whitening: bool
    zca_epsilon: float
    dialect: Dialect

    def fit(self, x: Floats, channel_axis: int) -> Statistics:
        """Learn from `x`, four axes, which is changed in place."""
        found = Statistics()
        others = tuple(axis for axis in range(4) if axis != channel_axis)
        if self.featurewise_center:
            found.mean = np.mean(x, axis=others, keepdims=True)[0]
            x -= found.mean
        if self.featurewise_std:
            found.std = np.std(x, axis=others, keepdims=True)[0]
            x /= found.std + _LITTLE
        if self.zca_whitening:
            found.whitening = self._whitening(x.reshape(len(x), -1))
        return found

    def _whitening(self, flat: Floats) -> NDArray[Any]:
        if self.dialect == "classic":
            from scipy import linalg

            u, s, _ = linalg.svd(flat.T @ flat / len(flat))
            inverse = 1 / np.sqrt(s + self.zca_epsilon)
        else:
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            inverse = np.sqrt(len(flat)) / (s + self.zca_epsilon)
        return np.asarray((u * inverse) @ u.T)

    def apply(self, x: Floats, statistics: Statistics) -> Floats:
        """Standardise `x`, an image or a batch of them, in place; what was not fitted is left out with a warning."""
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std:
            x /= np.std(x, keepdims=True) + _LITTLE
        if self.featurewise_center and (mean := _known(statistics.mean, "featurewise_center")) is not None:
            x -= mean
        if self.featurewise_std and (std := _known(statistics.std, "featurewise_std_normalization")) is not None:
            x /= std + _LITTLE
        if self.zca_whitening and (matrix := _known(statistics.whitening, "zca_whitening")) is not None:
            x = (x.reshape(-1, len(matrix)) @ matrix).reshape(x.shape)
        return x


def _known(statistic: Floats | None, asked: str) -> Floats | None:
    if statistic is None:
        warnings.warn(
            f"This ImageDataGenerator specifies `{asked}`, but it has not been fitted on any training data, so this is "
            "left out. Fit it first by calling `.fit(numpy_data)`.",
            stacklevel=4,
        )
    return statistic
