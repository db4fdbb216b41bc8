"""What was drawn in a data set, step by step, against what its recipe declares."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augflow.ledger.dataset import Dataset
from augflow.registry import Registry
from augflow.report.declared import Declared, declared
from augflow.report.draws import SEED, number, numbers, value

MOST = 40_000
"""Records that are looked at; of more than that a part that depends on their keys alone."""

BINS = 20
_FEW = 12


@dataclass
class _Seen:
    times: int = 0
    fired: int = 0
    values: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class Share:
    """How often one of few values was drawn, and how often the recipe lets it be."""

    value: str
    drawn: float
    declared: float | None


@dataclass
class Spread:
    """What a step drew under one name: shares of few values, or a histogram."""

    name: str
    count: int
    shares: list[Share] = field(default_factory=list)
    low: float = 0.0
    high: float = 0.0
    bars: list[float] = field(default_factory=list)
    """Of each bin, the share of what was drawn over the largest share of all bins."""
    trace: list[float] = field(default_factory=list)
    """The same for what is declared; empty where it depends on each photograph's size, or is not known."""
    mean: float = 0.0
    declared_mean: float | None = None
    ends: tuple[float, float] | None = None
    outside: int = 0
    """How many lie outside of what is declared."""
    note: str = ""

    @property
    def said(self) -> str:
        """The picture in words."""
        if self.shares:
            return "; ".join(
                f"{share.value} {share.drawn:.0%}"
                + ("" if share.declared is None else f" (declared {share.declared:.0%})")
                for share in self.shares
            )
        told = f"drawn from {number(self.low)} to {number(self.high)}, mean {self._near(self.mean)}"
        return told if self.declared_mean is None else f"{told}; declared mean {self._near(self.declared_mean)}"

    def _near(self, mean: float) -> str:
        """A mean, to about a thousandth of the range."""
        return number(round(mean, 3 - math.ceil(math.log10(self.high - self.low or 1))))


@dataclass
class StepFigures:
    """One step of a chain: declared and seen."""

    declared: Declared
    times: int
    fired: int
    spreads: list[Spread]

    @property
    def share(self) -> float | None:
        return self.fired / self.times if self.times else None

    @property
    def depth(self) -> int:
        return self.declared.path.count("/")


@dataclass
class ChainFigures:
    """One chain: how many outputs went through it, and its steps."""

    name: str
    outputs: int
    looked_at: int
    steps: list[StepFigures]


def drawn(
    dataset: Dataset, plugins: Sequence[str] = (), passed: Callable[[int], None] = lambda records: None
) -> list[ChainFigures]:
    """Compare what the records tell with what the recipe declares, for each chain that made outputs.

    Args:
        passed: called now and then with how many records were passed since.

    Raises:
        DatasetError: the ledger or `run.json` is missing or damaged.
    """
    seen: dict[tuple[str, str], _Seen] = {}
    outputs, looked_at = Counter[str](), Counter[str]()
    total = dataset.ledger.metadata.num_rows
    for chain, key, steps in _records(dataset, passed):
        outputs[chain] += 1
        if total > MOST and int(key[:8], 16) >= 2**32 * MOST / total:
            continue
        looked_at[chain] += 1
        for entry in steps.as_py():
            _add(seen.setdefault((chain, entry["step"]), _Seen()), entry)
    registry = Registry(plugins)
    chains = dataset.account["recipe"]["chains"]
    return [
        ChainFigures(
            name,
            outputs[name],
            looked_at[name],
            [_figures(step, seen.get((name, step.path), _Seen())) for step in declared(chains[name], registry)],
        )
        for name in sorted(outputs, key=lambda name: -outputs[name])
        if name in chains
    ]


def _records(dataset: Dataset, passed: Callable[[int], None]) -> Iterator[tuple[str, str, Any]]:
    for batch in dataset.batches("chain", "key", "steps"):
        chains, keys = batch.column("chain").to_pylist(), batch.column("key").to_pylist()
        for chain, key, steps in zip(chains, keys, batch.column("steps"), strict=True):
            if chain is not None:
                yield chain, key, steps
        passed(len(keys))


def _add(seen: _Seen, entry: Mapping[str, Any]) -> None:
    seen.times += 1
    if entry["fired"]:
        seen.fired += 1
        for name, found in json.loads(entry["draw"] or "{}").items():
            if name != SEED:
                seen.values.setdefault(name, []).append(found)


def _figures(step: Declared, seen: _Seen) -> StepFigures:
    spreads = [
        spread
        for name, found in seen.values.items()
        if (spread := _spread(name, found, step.values.get(name), step.ends.get(name), name in step.by_size))
    ]
    return StepFigures(step, seen.times, seen.fired, spreads)


def _spread(
    name: str, found: list[Any], asked: list[Any] | None, ends: tuple[float, float] | None, by_size: bool
) -> Spread | None:
    if isinstance(found[0], list):
        if len({len(item) for item in found} | {len(item) for item in asked or []}) > 1 or by_size:
            name, ends, by_size = f"{name}, how many", None, False
            found, asked = [len(item) for item in found], asked and [len(item) for item in asked]
        else:
            name, ends = f"{name}, each number", None
            found, asked = list(numbers(found)), asked and list(numbers(asked))
    if by_size:
        asked = ends = None
    told = {value(item) for item in {*found[:2000], *(asked or [])[:2000]}}
    if len(told) <= _FEW or not isinstance(found[0], int | float):
        made = _few(name, found, asked)
    else:
        made = _many(name, np.array(found, float), None if asked is None else np.array(asked, float), ends)
    if by_size:
        made.note = "in pixels: it depends on each photograph's size"
    return made


def _few(name: str, found: list[Any], asked: list[Any] | None) -> Spread:
    had, could = Counter(map(value, found)), Counter(map(value, asked or []))
    shares = [
        Share(of, had[of] / len(found), could[of] / len(asked) if asked else None) for of in sorted({*had, *could})
    ]
    shares.sort(key=lambda share: -(share.declared or share.drawn))
    return Spread(name, len(found), shares[: 2 * _FEW])


def _many(name: str, found: Any, asked: Any, ends: tuple[float, float] | None) -> Spread:
    whole = np.concatenate([found, *([asked] if asked is not None else []), np.array(ends or [], float)])
    low, high = float(whole.min()), float(whole.max())
    edges = _edges(low, high, whole=not (whole % 1).any())
    bars = np.histogram(found, edges)[0] / len(found)
    trace = np.histogram(asked, edges)[0] / len(asked) if asked is not None else np.zeros(0)
    most = max(bars.max(), trace.max(initial=0))
    slack = 1e-9 * (high - low)
    return Spread(
        name,
        len(found),
        low=float(found.min()),
        high=float(found.max()),
        bars=(bars / most).tolist(),
        trace=(trace / most).tolist(),
        mean=float(found.mean()),
        declared_mean=None if asked is None else float(asked.mean()),
        ends=ends,
        outside=int(((found < ends[0] - slack) | (found > ends[1] + slack)).sum()) if ends else 0,
    )


def _edges(low: float, high: float, whole: bool) -> Any:
    """Edges of the bins; those of whole numbers hold equally many each, as far as they go into the range."""
    if not whole:
        return np.linspace(low, high, BINS + 1)
    each = math.ceil((high - low + 1) / BINS)
    return low - 0.5 + each * np.arange(math.ceil((high - low + 1) / each) + 1)
