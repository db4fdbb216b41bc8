"""Where chance begins when nobody named a seed."""

from __future__ import annotations

import numpy as np


def seed_of(seed: int | None) -> int:
    """The seed, or one from NumPy's global generator, which `keras.utils.set_random_seed` sets."""
    return int(np.random.randint(2**31)) if seed is None else int(seed)  # noqa: NPY002 - what scripts seed
