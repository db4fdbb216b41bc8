"""What a class shall hold, originals included: a number, or a word that the census turns into one.

Words are those of imbalanced-learn's `sampling_strategy` and of pandas' statistics; all of them say final counts.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from augflow.errors import RecipeError, nearest

LARGEST = 100_000_000
_LONGEST = 40
_STATISTICS = ("max", "min", "median", "mean")
_STRATEGIES = ("minority", "not minority", "not majority", "all", "auto")
WORDS = (*_STATISTICS, "sqrt", "keep", *_STRATEGIES)
FORMS = (
    "a count such as 500, a multiple of the class such as 1.5x, max, min, median, mean, a share of one of these such "
    "as 0.8max, sqrt, keep, minority, 'not minority', 'not majority', all or auto"
)
_SHARE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(x|max|min|median|mean)")


@dataclass(frozen=True)
class Target:
    """A target as the recipe says it: `factor` times what `word` stands for."""

    word: str
    factor: float = 1.0

    def resolve(self, label: str, counts: Mapping[str, int]) -> int:
        """Return the count that class `label` shall hold, given the samples of every class that has any."""
        own = counts.get(label, 0)
        if self.word == "count":
            return int(self.factor)
        if self.word == "x":
            return _round(self.factor * own)
        if self.word in _STATISTICS:
            return _round(self.factor * _STATISTIC[self.word](counts.values()))
        largest = max(counts.values())
        if self.word == "sqrt":
            return _round(math.sqrt(own * largest))
        if self.word == "keep":
            return own
        return largest if _raises(self.word, own, counts) else own


_STATISTIC: dict[str, Callable[[Collection[int]], float]] = {
    "max": max,
    "min": min,
    "median": statistics.median,
    "mean": statistics.fmean,
}


def _raises(strategy: str, own: int, counts: Mapping[str, int]) -> bool:
    smallest = min(counts.values())
    return {"minority": own == smallest, "not minority": own != smallest}.get(strategy, True)


def _round(value: float) -> int:
    return math.floor(value + 0.5)


def parse(value: object) -> Target:
    """Read a target from a recipe.

    Raises:
        RecipeError: `value` is none of the forms; the message lists them.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= LARGEST:
            return Target("count", value)
    elif isinstance(value, str) and len(value) <= _LONGEST:
        word = " ".join(value.split()).lower()
        if word in WORDS:
            return Target(word)
        if word.isdecimal() and int(word) <= LARGEST:
            return Target("count", int(word))
        if (match := _SHARE.fullmatch(word)) and float(match[1]) <= LARGEST:
            return Target(match[2], float(match[1]))
    given = repr(value)
    given = given if len(given) <= 60 else f"{given[:57]}…"
    raise RecipeError(f"{given} is not {FORMS}.{nearest(str(value)[:_LONGEST], WORDS)}")
