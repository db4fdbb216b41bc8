"""How folders tell of samples, on a disk or in a store: class folders, splits above them, what is passed over."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from augflow.errors import SourceError, nearest
from augflow.source import Aside, Sample, Splits
from augflow.source.files import read_splits

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif .mpo".split())
SPLITS = frozenset("train val valid validation dev test".split())
_DEBRIS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "ehthumbs.db"})


class Layout(NamedTuple):
    """The class folders of each split; of the split None where there are no splits."""

    splits: Splits | None
    classes: dict[str | None, list[str]]

    def leaves_out(self, split: str | None) -> bool:
        """Whether nothing is made of samples of this split."""
        return self.splits is not None and split != self.splits.chosen and not self.splits.passes(split)

    @property
    def labels(self) -> list[str]:
        """The classes of the split that is augmented."""
        return list(self.classes[self.splits.chosen if self.splits else None])


def lay_out(where: object, folders: Callable[[str], list[str]], split: str | None, others: str) -> Layout:
    """Find classes and splits.

    Args:
        where: the root, as messages call it.
        folders: names the folders that lie in a folder, in order; those that are hidden left out.
        split, others: as they are asked for.

    Raises:
        SourceError: there are no folders, or not the splits that are asked for.
    """
    tops = folders("")
    if not tops:
        raise SourceError(f"source.root: {where} holds no folders. Each class is a folder of images below it.")
    below = {top: folders(top) for top in tops} if all(top.lower() in SPLITS for top in tops) else {}
    if below and all(below.values()):
        return Layout(read_splits(_choose(where, split, tops), others), dict(below.items()))
    if split is not None or others != "omit":
        asked = f"split={split}" if split is not None else f"others={others}"
        raise SourceError(f"source.{asked}: {where} has no splits: {_why_not(tops, below)}.")
    return Layout(None, {None: tops})


def noted(name: str) -> str:
    """What a file or folder is that is passed over, or nothing."""
    if name in _DEBRIS:
        return "system file"
    return "hidden" if name.startswith(".") else ""


def split_named(key: str) -> str:
    """The split that the folder of a file of many images, or the beginning of its name, tells."""
    folder, _, name = key.rpartition("/")
    stem = name.rpartition(".")[0]
    words = [*folder.split("/"), *(stem.split(mark)[0] for mark in "-_."), stem]
    return next((word for word in words if word.lower() in SPLITS), "")


def sample_at(key: str, label: str, split: str | None, group_of: Callable[[str], str | None] | None) -> Sample | Aside:
    """The sample that a file in a class folder is, unless its ending is none of an image's or it has no group."""
    if os.path.splitext(key)[1].lower() not in SUFFIXES:
        return Aside(key, "not an image", "its ending is none of an image's")
    if group_of is None:
        return Sample(label, key, split)
    if group := group_of(key):
        return Sample(label, key, split, group)
    return Aside(key, "no group", "source.group_by finds no group in its key")


def _choose(where: object, split: str | None, tops: list[str]) -> str:
    if split is None:
        split = next((top for top in tops if top.lower() == "train"), None)
    if split is None:
        raise SourceError(f"source.split: {where} has no train, only {', '.join(tops)}. Name one.")
    if split not in tops:
        raise SourceError(
            f"source.split: {where} has no split '{split}'.{nearest(str(split), tops)} There are {', '.join(tops)}."
        )
    return split


def _why_not(tops: list[str], below: dict[str, list[str]]) -> str:
    empty = next((top for top in tops if not below.get(top, True)), None)
    if empty is not None:
        return f"'{empty}' holds no class folders"
    stranger = next(top for top in tops if top.lower() not in SPLITS)
    return f"its folder '{stranger}' is not called {', '.join(sorted(SPLITS))}"
