"""What a worker is asked for, and what it answers; apart from `work.py`, whose imports the driver has no need of."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Order: TypeAlias = tuple[str, str, tuple[int, ...], str | None, str | None]
"""Label, key, copy numbers, split and group: the copies of a sample that are to be made."""


class Done(NamedTuple):
    """What came of an order: how many outputs, of how many bytes together; or why the sample is set aside."""

    outputs: int
    bytes: int
    converted: tuple[str, ...]
    kind: str = ""
    detail: str = ""
