"""Words after the verbs that compose nothing."""

from __future__ import annotations

from collections.abc import Sequence


def take_plugins(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split `plugins=[a.py,b.py]` from the other words; return these, and the files."""
    named = [word for word in words if word.startswith("plugins=")]
    files = [file.strip() for word in named for file in word.partition("=")[2].strip("[]").split(",")]
    return [word for word in words if word not in named], [file for file in files if file]
