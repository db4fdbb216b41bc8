"""Hint: whether copies can be told from originals, and so the classes that are full of copies.

Each family gives one original and one copy, so that neither class nor subject tells them apart, only what was done. How
well a classifier that sees nothing else could tell classes follows from that and from their shares of copies: of two
classes with shares f and g the AUC is 1/2 + (f - g)(A - 1/2), where A is that of copies against originals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.audit.probe import Auc, auc, scores
from augflow.audit.result import Figure, Finding, Item, Verdict

LEAST = 20
"""Families with an original and a copy, below which nothing is said."""

_PIXELS = 56
"""Of the figures those that the pixels show."""

_SLIGHT, _GRAVE, _UNSURE = 0.55, 0.60, 0.65
_LIKE = 0.15


class Share(NamedTuple):
    """Of a class: how many outputs, how many of them copies, and through which chains."""

    outputs: int
    copies: int
    chains: Mapping[str, int]


def hint(originals: NDArray[np.float64], copies: NDArray[np.float64], shares: Mapping[str, Share]) -> Item:
    """Judge by the traces of pairs, (pairs, figures) each, and by what each class holds."""
    made = {label: share.copies / share.outputs for label, share in shares.items() if share.outputs}
    if not any(made.values()):
        return Item("hint", "ok", "There are no copies.")
    if min(made.values()) == 1:
        return _with_chains("There are only copies, and no originals to tell them from.", (), (), shares, "ok")
    if len(originals) < LEAST:
        return Item(
            "hint",
            "unknown",
            f"Too few to tell: {len(originals)} families have original and copy to compare, and {LEAST} are needed.",
        )
    both = probe(originals, copies)
    seen = probe(originals[:, :_PIXELS], copies[:, :_PIXELS])
    most, least = max(made, key=made.__getitem__), min(made, key=made.__getitem__)
    pair = _of_classes(both, made[most] - made[least])
    figures = (
        Figure("copies against originals, AUC", *both),
        Figure("the same by pixels alone, AUC", *seen),
        Figure(f"{most} against {least} by that alone, AUC", *pair),
        Figure("families compared", len(originals)),
    )
    verdict = _judge(pair)
    told = f"copies are told from originals with AUC {_span(both)}"
    if verdict == "unknown":
        says = f"Too few to tell: {told}, from {len(originals)} families."
    elif verdict != "ok":
        says = f"{_first_up(told)}; nothing else tells '{most}' from '{least}' with AUC {pair.value:.2f}."
    elif both.low > _GRAVE:
        says = f"{_first_up(told)}, but every class has about the same share of copies: they tell no class."
    else:
        says = f"Copies cannot be told from originals to any use: AUC {_span(both)}."
    findings = _of_each(both, shares, made) if verdict in ("warning", "bad") else ()
    return _with_chains(says, figures, findings, shares, verdict)


def probe(originals: NDArray[np.float64], copies: NDArray[np.float64]) -> Auc:
    """Tell copies from originals, cross-validated by family."""
    rows = np.stack([originals, copies], axis=1).reshape(-1, originals.shape[1])
    found = scores(rows, np.arange(len(rows)) % 2 == 1, np.arange(len(rows)) // 2)
    return auc(found[1::2], found[::2])


def _of_classes(told: Auc, apart: float) -> Auc:
    value, low, high = (0.5 + apart * (some - 0.5) for some in told)
    return Auc(value, low, high)


def _judge(pair: Auc) -> Verdict:
    if pair.low >= _GRAVE:
        return "bad"
    if pair.low >= _SLIGHT:
        return "warning"
    return "ok" if pair.high < _UNSURE else "unknown"


def _of_each(told: Auc, shares: Mapping[str, Share], made: Mapping[str, float]) -> tuple[Finding, ...]:
    """Every class with the AUC of copies alone against all others, the worst first."""
    outputs = sum(share.outputs for share in shares.values())
    copies = sum(share.copies for share in shares.values())
    found = []
    for label, share in shares.items():
        others = outputs - share.outputs
        if not share.outputs or not others:
            continue
        rest = (copies - share.copies) / others
        value = 0.5 + abs(made[label] - rest) * (told.value - 0.5)
        detail = f"{made[label]:.0%} of it are copies, {rest:.0%} of all others: AUC {value:.2f}"
        found.append((value, Finding("class", (label,), detail)))
    return tuple(finding for _, finding in sorted(found, key=lambda each: -each[0]))


def _with_chains(
    says: str, figures: Sequence[Figure], findings: Sequence[Finding], shares: Mapping[str, Share], verdict: Verdict
) -> Item:
    """Add classes that went through other chains than all of them together: whatever these leave tells the class."""
    other = _other_chains(shares)
    if other and verdict in ("ok", "unknown"):
        verdict = "warning"
    advice = []
    if findings:
        advice.append(_ADVICE)
    if other:
        names = ", ".join(f"'{finding.about[0]}'" for finding in other)
        says += f" Other chains than elsewhere made {names}: what they leave behind tells the class as well."
        advice.append("Put every class through the same chains with the same weights.")
    return Item("hint", verdict, says, tuple(figures), (*findings, *other), " ".join(advice))


def _other_chains(shares: Mapping[str, Share]) -> tuple[Finding, ...]:
    every: Counter[str] = Counter()
    for share in shares.values():
        every.update(share.chains)
    found = []
    for label, share in shares.items():
        own = sum(share.chains.values())
        rest = {chain: count - share.chains.get(chain, 0) for chain, count in every.items()}
        others = sum(rest.values())
        if own < LEAST or others < LEAST:
            continue
        apart = sum(abs(share.chains.get(chain, 0) / own - count / others) for chain, count in rest.items()) / 2
        if apart > _LIKE + own**-0.5:  # As far as chance may part them.
            told = ", ".join(f"{chain} {count / own:.0%}" for chain, count in sorted(share.chains.items()))
            found.append(Finding("other chains", (label,), told))
    return tuple(found)


_ADVICE = (
    "Treat every class alike: `originals: augment` in the recipe puts the originals through the same operations and "
    "the same codec as the copies."
)


def shares_of(rows: Sequence[tuple[str, int, str | None]]) -> dict[str, Share]:
    """Count outputs, given label, copy and chain of each."""
    outputs: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    chains: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label, copy, chain in rows:
        outputs[label] += 1
        copies[label] += copy > 0
        if chain:
            chains[label][chain] += 1
    return {label: Share(outputs[label], copies[label], chains[label]) for label in sorted(outputs)}


def _span(found: Auc) -> str:
    return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f})"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
