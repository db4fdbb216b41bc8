"""A sheet of pictures, before anybody decides how to show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from augflow.report.picture import Picture
from augflow.source import Aside

SIDE = 208
"""The longer side of a tile's picture, in pixels."""


@dataclass(frozen=True)
class Tile:
    """One picture with what is to be said of it; `picture` is None where nothing came of it."""

    heading: str
    lines: tuple[str, ...] = ()
    picture: Picture | None = None
    original: bool = False
    """Whether it shows a photograph as it is in the source."""


@dataclass(frozen=True)
class Row:
    """Pictures that belong together."""

    heading: str
    tiles: tuple[Tile, ...]
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under one heading."""

    heading: str
    note: str
    rows: tuple[Row, ...]


@dataclass
class Sheet:
    """What is to be shown."""

    heading: str
    notes: list[str]
    groups: list[Group] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    """Samples that could not be used; others stand in their place."""
