"""The real libraries, where they are installed, and photographs made of waves and edges."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "torch")


def real(dialect: str) -> Any:
    """The library whose dialect it is; its calls warn of SciPy's old names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dialect == "classic":
            return pytest.importorskip("keras_preprocessing.image", reason="keras-preprocessing 1.1.2 is not installed")
        return pytest.importorskip("keras.src.legacy.preprocessing.image", reason="Keras 3 is not installed")


def photograph(height: int = 37, width: int = 52, channels: int = 3, seed: int = 0) -> NDArray[np.float32]:
    """Waves with an edge and grain, from 4 to 251: neither black nor white, so that a stretched contrast shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [120 + 60 * np.sin(rows / (5 + c)) + 40 * np.cos(columns / (8 - c)) for c in range(channels)]
    image: Any = np.stack(waves, axis=2)
    image[height // 3 : height // 2, width // 4 : width // 2] = 210
    image += np.random.default_rng(seed).normal(0, 8, image.shape)
    whole: NDArray[np.float32] = np.clip(np.rint(image), 4, 251).astype(np.float32)
    return whole


def quietly(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call the real library, whose warnings are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments, **named)


def photographs(count: int, height: int = 12, width: int = 15, channels: int = 3) -> NDArray[np.float32]:
    """A batch of them."""
    return np.stack([photograph(height, width, channels, seed) for seed in range(count)])
