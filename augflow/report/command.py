"""The command that makes an output again, ready for a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_./+@%-]+")


def setting(key: str, value: str) -> str:
    """`key=value` as Hydra reads it: what its grammar could take for something else stands in quotes."""
    if not _PLAIN.fullmatch(value):
        value = "'" + re.sub(r"(\\*)'", r"\1\1\\'", value) + "'"
    return f"{key}={value}"


def replay(key: str, sink: str, source: str | None, plugins: Iterable[str]) -> str:
    """`augflow replay …` for the output with this key."""
    words = ["augflow", "replay", key, setting("sink.root", sink)]
    words += [setting("source.root", source)] if source else []
    files = ",".join(setting("", plugin).removeprefix("=") for plugin in plugins)
    words += [f"plugins=[{files}]"] if files else []
    return " ".join(map(shlex.quote, words))
