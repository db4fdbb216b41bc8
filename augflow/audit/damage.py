"""Damage: copies that are nearly uniform, mostly border, cut off at black or white, or too far from their parent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.audit.descriptors import Tones
from augflow.audit.result import Figure, Finding, Item, Verdict

Vector: TypeAlias = NDArray[np.float32]

KINDS = ("nearly uniform", "mostly border", "saturated", "too far from its parent")
NAMED = 20
"""Copies that are named, the worst of each kind."""

_UNIFORM = 8.0
"""Grey levels of spread below which hardly anything is to be seen."""
_CUT_OFF = 0.3
_FILLED = 0.35
_FAR = 0.9
"""The share of other samples that must be more like a copy than its parent is."""
_OTHERS = 200
_LEAST = 20
_SOME, _MANY = 0.005, 0.03


class Made(NamedTuple):
    """A copy and its parent: path and class, tones of both, shape and colour together of both (`together`)."""

    path: str
    label: str
    sample: str
    tones: Tones
    looks: Vector
    parents_tones: Tones
    parents_looks: Vector


def damage(copies: Sequence[Made]) -> Item:
    """Judge copies by their parents; what the parent shows as well is no damage."""
    if not copies:
        return Item("damage", "unknown", "No copy could be compared with its parent.")
    others = _others(copies)
    found: list[tuple[int, float, Made]] = []
    for copy in copies:
        worst = _worst(copy, others[copy.label])
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


def together(shape: NDArray[np.float16], colour: NDArray[np.float16]) -> Vector:
    """Shape and colour as one vector, the distance between two of them from 0 to 2."""
    return np.concatenate([shape, colour]).astype(np.float32)


def _others(copies: Sequence[Made]) -> dict[str, Vector]:
    """Some samples of each class, by what they look like."""
    samples: defaultdict[str, dict[str, Vector]] = defaultdict(dict)
    for copy in copies:
        samples[copy.label].setdefault(copy.sample, copy.parents_looks)
    return {label: np.stack(list(some.values())[:_OTHERS]) for label, some in samples.items()}


def _worst(copy: Made, others: Vector) -> tuple[int, float] | None:
    """Which kind of damage, and by how much, if any."""
    if copy.tones.spread < _UNIFORM and copy.parents_tones.spread > 2 * copy.tones.spread:
        return 0, 1 - copy.tones.spread / _UNIFORM
    if (filled := copy.tones.filled - copy.parents_tones.filled) > _FILLED:
        return 1, filled
    if (cut := copy.tones.cut_off - copy.parents_tones.cut_off) > _CUT_OFF:
        return 2, cut
    apart = float(np.linalg.norm(copy.looks - copy.parents_looks))
    nearer = float((np.linalg.norm(others - copy.looks, axis=1) < apart).mean())
    if len(others) >= _LEAST and nearer > _FAR:
        return 3, nearer
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
        1: "turn and move less, or fill with `border: reflect`",
        2: "narrow the range of brightness and contrast",
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
