"""Damage: copies that are nearly uniform, cut off at black or white, mostly border, or too far from their parent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.audit.descriptors import Tones
from augflow.audit.result import Figure, Finding, Item, Verdict

Vector: TypeAlias = NDArray[np.float32]

KINDS = ("nearly uniform", "saturated", "mostly border", "too far from its parent")
NAMED = 20
"""Copies that are named, the worst of each kind."""

_UNIFORM = 8.0
"""Grey levels of spread below which hardly anything is to be seen."""
_CUT_OFF = 0.3
_FILLED = 0.35
_FAR = 95
"""A copy whose colours lie further from its parent's than those of so many in a hundred pairs of different samples."""
_SOME, _MANY = 0.005, 0.03
_PAIRS = 4000


class Made(NamedTuple):
    """A copy and its parent: path and class, tones and colours (`descriptors`) of both."""

    path: str
    label: str
    tones: Tones
    parent: Tones
    colour: Vector
    parents_colour: Vector


def damage(copies: Sequence[Made]) -> Item:
    """Judge copies by their parents; what the parent shows as well is no damage."""
    if not copies:
        return Item("damage", "unknown", "No copy could be compared with its parent.")
    far = _far(copies)
    found: list[tuple[int, float, Made]] = []
    for copy in copies:
        worst = _worst(copy, far)
        if worst:
            found.append((*worst, copy))
    kinds = Counter(kind for kind, _, _ in found)
    share = len(found) / len(copies)
    figures = (
        Figure("share of copies damaged", share, *_interval(len(found), len(copies))),
        *(Figure(f"copies {KINDS[kind]}", kinds[kind]) for kind in range(len(KINDS))),
        Figure("copies compared", len(copies)),
    )
    verdict: Verdict = "bad" if share > _MANY else "warning" if share > _SOME else "ok"
    told = ", ".join(f"{kinds[kind]} {KINDS[kind]}" for kind in range(len(KINDS)) if kinds[kind])
    says = f"{len(found)} of {len(copies)} copies are damaged: {told}." if found else "No copy is damaged."
    advice = _advice(kinds) if verdict != "ok" else ""
    return Item("damage", verdict, says, figures, _named(found), advice)


def _far(copies: Sequence[Made]) -> float:
    """How far the colours of different samples lie apart, at the most that is usual."""
    colours = np.stack([copy.parents_colour for copy in copies])
    labels = np.unique([copy.label for copy in copies], return_inverse=True)[1]
    one, two = np.random.default_rng(0).integers(len(copies), size=(2, _PAIRS))
    apart = np.linalg.norm(colours[one] - colours[two], axis=1)
    apart = apart[(labels[one] == labels[two]) & (apart > 1e-6)]
    return float(np.percentile(apart, _FAR)) if len(apart) >= 50 else 1.2


def _worst(copy: Made, far: float) -> tuple[int, float] | None:
    """Which kind of damage, and by how much, if any."""
    if copy.tones.spread < _UNIFORM and copy.parent.spread > 2 * copy.tones.spread:
        return 0, 1 - copy.tones.spread / _UNIFORM
    if (cut := copy.tones.cut_off - copy.parent.cut_off) > _CUT_OFF:
        return 1, cut
    if (filled := copy.tones.filled - copy.parent.filled) > _FILLED:
        return 2, filled
    if (apart := float(np.linalg.norm(copy.colour - copy.parents_colour))) > far:
        return 3, apart
    return None


def _named(found: Sequence[tuple[int, float, Made]]) -> tuple[Finding, ...]:
    of_kind: defaultdict[int, list[tuple[float, Made]]] = defaultdict(list)
    for kind, much, copy in found:
        of_kind[kind].append((much, copy))
    return tuple(
        Finding(KINDS[kind], (copy.path,), f"by {much:.2f}")
        for kind in sorted(of_kind)
        for much, copy in sorted(of_kind[kind], key=lambda each: (-each[0], each[1].path))[:NAMED]
    )


def _advice(kinds: Counter[int]) -> str:
    said = {
        0: "weaken contrast and blur",
        1: "narrow the range of brightness and contrast",
        2: "turn and move less, or fill with `border: reflect`",
        3: "weaken colour steps, or the whole chain",
    }
    told = "; ".join(said[kind] for kind, _ in kinds.most_common())
    return f"{told[:1].upper()}{told[1:]}. `augflow preview --extremes` shows each step at its bounds."


def _interval(hits: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, share = 1.96, hits / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    width = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return max(0.0, centre - width), min(1.0, centre + width)
