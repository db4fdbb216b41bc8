"""What class names say of their images: that they differ by which side is up, by left and right, or by colour."""

from __future__ import annotations

import re
from collections.abc import Collection

from augflow.symmetry import Symmetry

_PAIRS: dict[Symmetry, tuple[str, ...]] = {
    "orientation": ("6 9", "b q", "d p", "m w", "n u", "up down", "top bottom", "upright inverted", "north south"),
    "handedness": ("b d", "p q", "left right", "clockwise counterclockwise", "clockwise anticlockwise", "east west"),
}
_COLOURS = frozenset("amber black blue brown green grey gray orange pink purple red violet white yellow".split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def told_apart(labels: Collection[str]) -> dict[Symmetry, list[str]]:
    """Symmetry → the labels that seem to differ by it; nothing where the names do not tell."""
    words = {label: {word.lower() for word in _WORD.findall(label)} for label in labels}
    found: dict[Symmetry, list[str]] = {}
    for symmetry, pairs in _PAIRS.items():
        for one, other in (pair.split() for pair in pairs):
            sides = [[label for label in labels if word in words[label]] for word in (one, other)]
            if all(sides):
                known = found.setdefault(symmetry, [])
                known += [label for label in (*sides[0], *sides[1]) if label not in known]
    coloured = [label for label in labels if words[label] & _COLOURS]
    if len(coloured) > 1:
        found["colour"] = coloured
    return found
