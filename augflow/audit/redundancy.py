"""Redundancy: how much new each copy of a sample adds, and from which copy on it is little.

A copy is as new as it is far from the nearest image of its family that came before it, against how far images of
different families of its class lie apart: 1 is as good as another photograph, 0 is the same image once more. Apart
means both in shape and in colour, each measured by what is usual in the class (`descriptors`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.audit.result import Figure, Finding, Item, Verdict

Matrix: TypeAlias = NDArray[np.float32]

LEAST = 20
"""Copies, and families of a class, below which nothing is said."""

_LITTLE = 0.25
"""Of the distance between photographs: a copy that adds less adds little."""

_SAME = 0.02
_PAIRS = 2000
_DOUBLINGS = (1, 2, 4, 8, 16, 32)


class Member(NamedTuple):
    """An output of a family: its class and copy number, shape and colour (`descriptors`)."""

    label: str
    copy: int
    shape: Matrix
    colour: Matrix


def redundancy(families: Sequence[Sequence[Member]]) -> Item:
    """Judge by outputs in families, those of each in the order of their copy numbers."""
    usual = _usual(families)
    by_copy: defaultdict[int, list[float]] = defaultdict(list)
    by_class: defaultdict[str, list[float]] = defaultdict(list)
    for family in families:
        if not family or family[0].label not in usual:
            continue
        for number, newness in _newness(family, usual[family[0].label]):
            by_copy[number].append(newness)
            by_class[family[0].label].append(newness)
    every = np.array([newness for some in by_copy.values() for newness in some])
    if len(every) < LEAST:
        return Item("redundancy", "unknown", f"Too few to tell: {len(every)} copies could be compared.")
    same, little = float((every < _SAME).mean()), float((every < _LITTLE).mean())
    curve = {number: float(np.mean(by_copy[number])) for number in sorted(by_copy) if len(by_copy[number]) >= LEAST}
    stops = next((number for number, newness in curve.items() if newness < _LITTLE), None)
    figures = (
        *(Figure(f"newness of copy {number}", curve[number]) for number in _DOUBLINGS if number in curve),
        Figure("share of copies that add little", little),
        Figure("share of copies that are the same image again", same),
    )
    findings = tuple(
        Finding(
            "class", (label,), f"{np.mean(some):.2f} on average, {np.mean(np.array(some) < _LITTLE):.0%} add little"
        )
        for label, some in sorted(by_class.items(), key=lambda item: float(np.mean(item[1])))
    )
    verdict: Verdict = "bad" if same > 0.1 else "warning" if stops or little > 0.25 or same > 0.01 else "ok"
    says = f"A copy adds {float(every.mean()):.0%} of what another photograph of its class would."
    if same > 0.01:
        says += f" {same:.0%} of the copies are the same image again."
    if stops:
        says += f" From copy {stops} on they add less than {_LITTLE:.0%}."
    advice = ""
    if verdict != "ok":
        advice = "Widen the chain, or give it steps that act more often"
        advice += f"; or make fewer copies: `max_copies: {max(1, stops - 1)}`." if stops else "."
    return Item("redundancy", verdict, says, figures, findings, advice)


class Usual(NamedTuple):
    """How far images of different families of a class lie apart, by the median."""

    shape: float
    colour: float


def _usual(families: Sequence[Sequence[Member]]) -> Mapping[str, Usual]:
    rng = np.random.default_rng(0)
    of_class: defaultdict[str, list[Member]] = defaultdict(list)
    for family in families:
        if family:
            of_class[family[0].label].append(family[int(rng.integers(len(family)))])
    found = {}
    for label, some in of_class.items():
        if len(some) < LEAST:
            continue
        one, two = rng.integers(len(some), size=(2, _PAIRS))
        one, two = one[one != two], two[one != two]
        shapes, colours = (np.stack([getattr(member, name) for member in some]) for name in ("shape", "colour"))
        apart = (np.median(np.linalg.norm(all_[one] - all_[two], axis=1)) for all_ in (shapes, colours))
        found[label] = Usual(*(max(float(each), 1e-3) for each in apart))
    return found


def _newness(family: Sequence[Member], usual: Usual) -> list[tuple[int, float]]:
    found = []
    for place, member in enumerate(family):
        if member.copy == 0 or place == 0:
            continue
        before = family[:place]
        shapes = np.linalg.norm(np.stack([other.shape for other in before]) - member.shape, axis=1) / usual.shape
        colours = np.linalg.norm(np.stack([other.colour for other in before]) - member.colour, axis=1) / usual.colour
        found.append((member.copy, float(np.sqrt((shapes**2 + colours**2) / 2).min())))
    return found
