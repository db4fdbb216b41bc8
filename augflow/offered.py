"""What installed packages offer by their entry points."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoints, entry_points
from typing import Any


def offered(group: str) -> EntryPoints:
    """Entry points of a group; packages are looked through once, until there may be others."""
    places = tuple((place, _changed(place)) for place in sys.path)
    if places not in _known:
        _known.clear()
        _known[places] = entry_points()
    found: EntryPoints = _known[places].select(group=group)
    return found


_known: dict[tuple[tuple[str, int], ...], Any] = {}


def _changed(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return 0
