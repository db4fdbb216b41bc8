"""What can go wrong, by whose hand: each kind knows the exit code that tells it."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable

_LONGEST = 255
_MANY = 400
"""Names; every transform of albumentations and ours are fewer."""


class AugflowError(Exception):
    """Something a person can mend; the message says what, where, what was meant and what to do."""

    exit_code = 2


class RecipeError(AugflowError):
    """The recipe, a chain or a setting asks for something that cannot be."""


class SourceError(AugflowError):
    """The source is not there, or holds nothing to work on."""


class PluginError(AugflowError):
    """A plugin cannot be found, loaded, or breaks its contract."""


class SinkError(AugflowError):
    """The sink holds what augflow must not touch."""


class SurroundingsError(AugflowError):
    """Disk, memory or another run stands in the way; the same command goes on later."""

    exit_code = 3


class ImageError(Exception):
    """One image that cannot be used; `kind` is a stable word, the message says more."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the nearest of `known`, or an empty string."""
    names = list(known)
    if len(word) > _LONGEST:
        return ""
    if len(names) > _MANY:
        # A hint may not cost what a hostile recipe would have it cost.
        alike = (name for name in names if abs(len(name) - len(word)) <= 2 and name[:1] == word[:1])
        names = list(itertools.islice(alike, _MANY))
    match = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f" Did you mean '{match[0]}'?" if match else ""
