"""What an audit finds: an item for each question, with a verdict, figures, findings, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["ok", "warning", "bad", "unknown"]
"""`unknown` where there is too little to tell from."""

VERDICTS: tuple[Verdict, ...] = ("ok", "unknown", "warning", "bad")
"""From the best to the worst."""


@dataclass(frozen=True)
class Figure:
    """A number with its name; `low` and `high` are the ends of its 95 % interval, where it has one."""

    name: str
    value: float | int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Finding:
    """Something in particular: a stable word, the classes or images that it is about, and the particulars."""

    kind: str
    about: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class Item:
    """The answer to one question; `says` is a sentence, `advice` is empty where nothing needs to change."""

    name: str
    verdict: Verdict
    says: str
    figures: tuple[Figure, ...] = ()
    findings: tuple[Finding, ...] = ()
    """The worst first."""
    advice: str = ""


@dataclass(frozen=True)
class Audit:
    """What was found in a data set; `notes` say what was not looked at, and why."""

    outputs: int
    looked_at: int
    """Outputs whose pixels were looked at."""
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 where an item is bad."""
        return int(self.verdict == "bad")

    @property
    def verdict(self) -> Verdict:
        """The worst of the items'."""
        return max((item.verdict for item in self.items), key=VERDICTS.index, default="unknown")

    def as_json(self) -> Mapping[str, Any]:
        """As plain data."""
        return {"verdict": self.verdict, **asdict(self)}
