"""What a row or a member says of an image besides where it is, and what becomes of that: one set of rules for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from augflow.errors import SourceError, nearest
from augflow.source import Aside, Sample
from augflow.source.files import grouping, read_splits, unfit
from augflow.store import is_url

_HEAVIEST = 1e9


class Listed(NamedTuple):
    """What is said of an image, as text; empty where nothing is."""

    label: str
    split: str = ""
    group: str = ""
    weight: str = ""


class Rules:
    """Which splits, groups, labels and weights are taken.

    Args:
        split: the split to augment, train unless said; others: what becomes of the other splits.
        group_by: a regular expression with one group over the key.

    Raises:
        SourceError: one of them cannot be.
    """

    def __init__(self, split: str | None, others: str, group_by: str | None) -> None:
        self.splits = read_splits("train" if split is None else split, others)
        self._asked = split is not None or others != "omit"
        self._group = None if group_by is None else grouping(group_by)
        self._fit: set[tuple[str, str]] = set()

    def leaves_out(self, split: str) -> bool:
        """Whether nothing is made of samples of this split."""
        return bool(split) and split != self.splits.chosen and not self.splits.passes(split)

    def labels(self, found: dict[str, set[str]], where: str, example: str) -> list[str]:
        """The classes of the split that is augmented.

        Args:
            found: split → its classes; of the split `""` where there are no splits.
            where: the root, as messages call it; example: where splits would be told.

        Raises:
            SourceError: that split is not there, or only some images have one.
        """
        there = sorted(split for split in found if split)
        if not there and self._asked:
            raise SourceError(f"source.split: {where} has no splits: {example} would tell them.")
        if there and self.splits.chosen not in there:
            raise SourceError(
                f"source.split: {where} has no split '{self.splits.chosen}'.{nearest(self.splits.chosen, there)} "
                f"There are {', '.join(there)}."
            )
        if there and "" in found:
            raise SourceError(
                f"source.split: in {where} some images have a split and others none: nobody knows which to augment."
            )
        return sorted(found.get(self.splits.chosen if there else "", ()))

    def tell(self, key: str, listed: Listed) -> Sample | Aside | None:
        """The sample, or why it is none; nothing where that is of no interest, as its split is left out."""
        left_out = self.leaves_out(listed.split)
        group = listed.group or None
        fault = self.fault(listed)
        if not fault and self._group and not left_out:
            group = self._group(key)
            fault = ("no group", "source.group_by finds no group in its key") if group is None else None
        if fault:
            return None if left_out else Aside(key, *fault)
        return Sample(listed.label, key, listed.split or None, group, float(listed.weight or 1))

    def fit(self, labels: Iterable[str]) -> set[str]:
        """Those labels that a class can have."""
        return {label for label in labels if not self.fault(Listed(label))}

    def fault(self, listed: Listed) -> tuple[str, str] | None:
        """Kind and particulars of what is wrong with what is said of an image, if anything is."""
        if listed.weight and not is_weight(listed.weight):
            return "unfit weight", why_no_weight(listed.weight)
        if (listed.label, listed.split) in self._fit:
            return None
        if not listed.label:
            return "no label", "nothing says its class"
        for what, value in (("label", listed.label), ("split", listed.split)):
            if why := unfit(value):
                return f"unfit {what}", f"{value!r} {why}, and it names a folder"
        self._fit.add((listed.label, listed.split))
        return None


def is_weight(text: str) -> bool:
    """Whether a text is a weight of a sample."""
    try:
        weight = float(text)
    except ValueError:
        return False
    return math.isfinite(weight) and (weight == 0 or 1 / _HEAVIEST <= weight <= _HEAVIEST)


def why_no_weight(text: str) -> str:
    """Why a text is no weight."""
    return f"{text!r} is neither 0 nor a number from {1 / _HEAVIEST:g} to {_HEAVIEST:g}"


def named(value: object, classes: Sequence[str] = ()) -> str:
    """A label as text: one that counts classes is told by its name, and is none where no class has that number."""
    text = value if isinstance(value, str) else "" if value is None or value != value else str(value)
    if classes and text.lstrip("-").isdecimal() and text.isascii():
        return classes[int(text)] if 0 <= int(text) < len(classes) else ""
    return text


def class_names(classes: object) -> list[str]:
    """The setting `classes`: a list of names, or a text file with a name on each line.

    Raises:
        SourceError: it is neither.
    """
    if classes is None or isinstance(classes, list):
        return [str(name) for name in classes or ()]
    if is_url(classes) or not isinstance(classes, str):
        raise SourceError("source.classes: a list, or a text file on this disk, with a name on each line.")
    try:
        return Path(classes).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SourceError(f"source.classes: {classes} cannot be read: {error}.") from None
