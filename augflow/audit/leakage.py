"""Leakage: images that are in two splits, in two classes, or in a folder that shall be unknown, whole or nearly so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from augflow.audit.result import Figure, Finding, Item, Verdict

NAMED = 1000
"""Pairs that are named, of each kind."""

KINDS = ("family in two splits", "in the other folder", "in two splits", "in two classes", "twice in a class")
_LEAKS = frozenset(KINDS[:3])
_MOST_OF_A_GROUP = 20


class Image(NamedTuple):
    """A sample, or an image of the other folder."""

    name: str
    label: str
    split: str | None
    against: bool = False


class Pair(NamedTuple):
    """Two images that are one; `alike` is 1 where their bytes are the same."""

    one: Image
    two: Image
    alike: float


def leakage(
    families: Mapping[str, Sequence[str]], exact: Iterable[Sequence[Image]], near: Iterable[Pair], images: int
) -> Item:
    """Judge.

    Args:
        families: samples of which outputs lie in several splits, with these.
        exact: images with the same bytes, in groups.
        near: images that are nearly the same.
        images: how many were compared.
    """
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for name, splits in sorted(families.items()):
        found[KINDS[0]].append(Finding(KINDS[0], (name,), f"outputs lie in {', '.join(splits)}"))
    pairs = [Pair(one, two, 1.0) for group in exact for one, two in combinations(sorted(group)[:_MOST_OF_A_GROUP], 2)]
    # An image in two splits is named once, by its bytes before by its looks.
    known = {frozenset((pair.one, pair.two)) for pair in pairs}
    pairs += [pair for pair in near if frozenset((pair.one, pair.two)) not in known]
    exactly = 0
    for pair in sorted(pairs, key=lambda pair: (-pair.alike, pair.one.name, pair.two.name)):
        kind = _kind(pair)
        if kind:
            exactly += pair.alike == 1
            detail = "the same bytes" if pair.alike == 1 else f"alike by {pair.alike:.3f}"
            found[kind].append(Finding(kind, (pair.one.name, pair.two.name), f"{detail}; {_where(pair)}"))
    leaks = sum(len(found[kind]) for kind in _LEAKS)
    verdict: Verdict = "bad" if leaks else "warning" if any(found.values()) else "ok"
    figures = (
        *(Figure(f"pairs {kind}" if kind != KINDS[0] else kind, len(found[kind])) for kind in KINDS),
        Figure("of these with the same bytes", exactly),
        Figure("images compared", images),
    )
    told = ", ".join(f"{len(found[kind])} {kind}" for kind in KINDS if found[kind])
    says = f"Images that are there more than once: {told}." if told else f"None of {images} images is there twice."
    named = tuple(finding for kind in KINDS for finding in found[kind][:NAMED])
    return Item("leakage", verdict, says, figures, named, _advice(found))


def _kind(pair: Pair) -> str:
    if pair.one.against and pair.two.against:
        return ""
    if pair.one.against or pair.two.against:
        return KINDS[1]
    if pair.one.split != pair.two.split:
        return KINDS[2]
    return KINDS[3] if pair.one.label != pair.two.label else KINDS[4]


def _where(pair: Pair) -> str:
    def told(image: Image) -> str:
        return "/".join(part for part in (image.split, image.label) if part) or "the other folder"

    one, two = told(pair.one), told(pair.two)
    return f"both in {one}" if one == two else f"{one} and {two}"


def _advice(found: Mapping[str, Sequence[Finding]]) -> str:
    advice = []
    if any(found.get(kind) for kind in _LEAKS):
        advice.append("Take one of each pair out of the training split, or score will flatter.")
    if found.get(KINDS[3]):
        advice.append("Decide which class the image belongs to, and take the other out.")
    if found.get(KINDS[4]):
        advice.append("Before splitting, give images of one thing one group (`source.group_by`, or a column).")
    return " ".join(advice)
