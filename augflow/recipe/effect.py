"""Whether a chain can change a picture at all, found by trying its transforms on a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from augflow.draw import Streams
from augflow.errors import AugflowError
from augflow.registry import ALBUMENTATIONS, Registry
from augflow.transform import IDENTITY, Size

_SIZE = Size(64, 48)
_TRIES = 12


def can_change(steps: Sequence[Mapping[str, Any]], registry: Registry) -> bool:
    """Whether any step of a chain, as `recipe_reader` describes it, can change a pixel."""
    return any(_can_change(step, registry) for step in steps)


def _can_change(step: Mapping[str, Any], registry: Registry) -> bool:
    if step["p"] == 0:
        return False
    if step.get("use", "").startswith(ALBUMENTATIONS):
        return bool(step["use"] != f"{ALBUMENTATIONS}NoOp")  # What it takes is not bounded: it is not tried.
    if "use" in step:
        return _changes(registry.build(step["use"], step["arguments"]))
    return can_change(step["one_of"] if "one_of" in step else step["steps"], registry)


@lru_cache(maxsize=256)
def _changes(transform: Any) -> bool:
    return any(
        _changes_by(transform, transform.draw(Streams(0, "sample", number).at("step"), _SIZE))
        for number in range(_TRIES)
    )


def _changes_by(transform: Any, params: Mapping[str, Any]) -> bool:
    if hasattr(transform, "matrix"):
        resized = hasattr(transform, "resized") and transform.resized(_SIZE, **params) != _SIZE
        return resized or not np.array_equal(transform.matrix(_SIZE, **params), np.eye(3))
    if hasattr(transform, "table"):
        table = transform.table(**params)
        return bool((table != (IDENTITY if table.ndim == 1 else IDENTITY[:, None])).any())
    from augflow.engine.performing import perform  # It brings OpenCV, which tables and matrices do without.

    picture = np.random.Generator(np.random.Philox(7)).integers(40, 200, (*_SIZE, 3), dtype=np.uint8)
    try:
        return not np.array_equal(perform(picture, [(transform, dict(params))]), picture)
    except AugflowError:
        return True  # It wants pictures of another size; on those it has its effect.
