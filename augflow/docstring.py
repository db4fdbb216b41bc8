"""What a transform's docstring says: in one sentence what it does, and what each argument means."""

from __future__ import annotations

import inspect
import re
from typing import Any

_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z`(])")
_ARGUMENT = re.compile(r"^    (\w+) ?(?:\(.*?\))?: ?(.*)$")
_LONGEST = 300


def summary(cls: type[Any]) -> str:
    """The first paragraph, on one line."""
    return _line((inspect.getdoc(cls) or "").partition("\n\n")[0])


def meaning(cls: type[Any], argument: str) -> str:
    """The sentences about one argument, which stands there as `name` or under "Args:"; empty where there are none."""
    text = inspect.getdoc(cls) or ""
    if "Args:\n" in text:
        return _shortened(_below_args(text.partition("Args:\n")[2], argument))
    paragraphs = (_line(paragraph) for paragraph in text.split("\n\n"))
    sentences = [sentence for paragraph in paragraphs for sentence in _SENTENCE.split(paragraph)]
    return _shortened(" ".join(sentence for sentence in sentences if f"`{argument}`" in sentence))


def _below_args(text: str, argument: str) -> str:
    found: list[str] = []
    for line in text.splitlines():
        match = _ARGUMENT.match(line)
        if found and (match or not line.startswith("     ")):
            break
        if match and match[1] == argument:
            found.append(match[2])
        elif found:
            found.append(line)
    return _line(" ".join(found))


def _line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST].rsplit(' ', 1)[0]} …"
