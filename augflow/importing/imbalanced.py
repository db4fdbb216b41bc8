"""imbalanced-learn's `sampling_strategy`: what each class shall hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augflow.importing.calls import Name
from augflow.importing.result import Imported

_OVER = "RandomOverSampler SMOTE SMOTEN SMOTENC ADASYN BorderlineSMOTE SVMSMOTE KMeansSMOTE"
_UNDER = "RandomUnderSampler NearMiss ClusterCentroids InstanceHardnessThreshold"
SAMPLERS = frozenset(f"{_OVER} {_UNDER}".split())
_WORDS = ("minority", "not minority", "not majority", "all", "auto")


def fits(value: Any) -> bool:
    """Whether this is a sampling_strategy: a word, a ratio, or counts by class."""
    if isinstance(value, Mapping):
        return bool(value) and all(isinstance(count, int) and not isinstance(count, bool) for count in value.values())
    return value in _WORDS if isinstance(value, str) else isinstance(value, float) and 0 < value <= 1


def read(strategy: Any, sampler: str = "", keywords: Mapping[str, Any] | None = None) -> Imported:
    """Read a strategy, and the sampler that it is given to."""
    found = Imported("imbalanced-learn's sampling_strategy")
    under = sampler in _UNDER.split()
    rest = {key: value for key, value in (keywords or {}).items() if key != "sampling_strategy"}
    seed = rest.pop("random_state", None)
    if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0:
        found.recipe["seed"] = seed
    elif seed is not None:
        found.left.append(f"random_state={_shown(seed)}: a seed is a whole number.")
    if under:
        found.recipe["surplus"] = "drop"
    if isinstance(strategy, Mapping) and fits(strategy):
        found.recipe["target"] = "keep"
        found.recipe["classes"] = {str(label): {"target": count} for label, count in strategy.items()}
        if any(not isinstance(label, str) for label in strategy):
            found.close.append("classes go by the names of their folders, and some here are numbers.")
    elif isinstance(strategy, str) and strategy in _WORDS:
        _word(strategy, under, found)
    elif isinstance(strategy, float) and 0 < strategy <= 1:
        found.recipe["target"] = f"{1 / strategy:g}min" if under else f"{strategy:g}max"
    else:
        found.left.append(f"sampling_strategy={_shown(strategy)} is no word, ratio or counts by class.")
    found.left += [f"{key}={_shown(value)} of {sampler}: copies are made by a chain." for key, value in rest.items()]
    if sampler and not sampler.startswith("Random"):
        how = "chooses samples by their features" if under else "makes samples between others"
        found.close.append(f"{sampler} {how}; here a chain makes copies, and samples are used evenly.")
    return found


def _word(word: str, under: bool, found: Imported) -> None:
    if not under:
        found.recipe["target"] = word
    elif word in ("auto", "not minority", "all"):
        found.recipe["target"] = "min"
    else:
        del found.recipe["surplus"]
        found.left.append(f"sampling_strategy={word!r} of an under-sampler reduces some classes only: name them.")


def _shown(value: Any) -> str:
    return value.text if isinstance(value, Name) else repr(value)[:80]
