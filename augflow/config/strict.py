"""The one strict door: how a recipe or a chain gets out of a YAML file, and what is refused on the way.

YAML 1.2's core schema without its generosity: keys are strings as they are written, numbers are decimal and finite,
words such as `yes` and dates stay strings. No anchor, alias, tag, merge key, directive, second document or
interpolation gets through; bytes, depth and the number of entries are bounded before anything is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

import yaml

from augflow.errors import RecipeError, nearest

Kind: TypeAlias = Literal["recipe", "chain"]
KeyPath: TypeAlias = tuple[str, ...]
Mark: TypeAlias = tuple[int, int]

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_ENTRIES = 5_000
MAX_KEY = 255
MAX_REFUSALS = 100

FILE_KEYS = ("extends", "defaults", "lock")
"""Keys of a recipe's file that are none of the recipe itself."""
RECIPE_KEYS = (
    "version",
    "seed",
    "target",
    "chain",
    "weights",
    "originals",
    "surplus",
    "max_copies",
    "preserve",
    "classes",
    "chains",
    "render",
    "output",
    *FILE_KEYS,
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
# What YAML cannot print, other line ends than LF and CRLF, and marks that make a line read otherwise than it is.
_SEEN = (
    "\t\n\r\x20-\x7e\xa0-\u061b\u061d-\u200a\u200c\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff"
    "\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
)
_UNSEEN_IN_ASCII = re.compile(r"[^\t\n\r\x20-\x7e]")
_HEADER = re.compile(r"^[ \t]*#[ \t]*@package\b.*", re.MULTILINE)
_INSTRUCTION = re.compile(r"_(target|args|partial|recursive|convert|self|here|global|group|name)_")
_PULL = re.compile(r"/chain@chains\.[A-Za-z0-9_-]+")
NAME = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _unseen(text: str) -> re.Match[str] | None:
    """The first character that does not show; the pattern for all of Unicode takes long to be made."""
    return (_UNSEEN_IN_ASCII if text.isascii() else _unseen_in_unicode()).search(text)


@cache
def _unseen_in_unicode() -> re.Pattern[str]:
    return re.compile(f"[^{_SEEN}]")


class Refusal(NamedTuple):
    """One thing that is refused, and where it stands."""

    mark: Mark
    message: str


@dataclass(frozen=True)
class Document:
    """What one file holds, and where each key of it stands (line and column, from 1)."""

    data: dict[str, Any]
    marks: dict[KeyPath, Mark]
    path: str
    sha256: str = ""
    lock: Any = None
    """What a recipe's file says under `lock` of the run that it comes from; no part of the recipe."""

    def where(self, keypath: Sequence[str]) -> str | None:
        """Return `file:line:column` of a key (an item of a list by its number), or None where the file has none."""
        mark = self.marks.get(tuple(keypath))
        return f"{self.path}:{mark[0]}:{mark[1]}" if mark else None


def load(file: str | Path | Traversable, kind: Kind) -> Document:
    """Read a recipe or chain from a regular file of at most 1 MB.

    Raises:
        RecipeError: there is no such file, or something in it is refused; the message begins with file:line:column.
    """
    return parse(content(file), kind, str(file))


def parse(content: bytes, kind: Kind, path: str = "<recipe>") -> Document:
    """Read a recipe or chain from the bytes of a file; `path` is its name in messages. Raises as `load` does."""
    document, refusals = examine(content, kind, path)
    if refusals:
        (line, column), message = refusals[0]
        more = f" ({len(refusals) - 1} more: `augflow check` tells all.)" if len(refusals) > 1 else ""
        raise RecipeError(f"{path}:{line}:{column}: {message}{more}")
    return document


def content(file: str | Path | Traversable) -> bytes:
    """The bytes of a regular file, at most one more than a recipe may have. Raises as `load` does."""
    source = Path(file) if isinstance(file, str) else file
    try:
        if not source.is_file():
            raise RecipeError(f"{source}: there is no such file.")
        with source.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"{source}: cannot be read: {error.strerror}.") from None


def examine(content: bytes, kind: Kind, path: str = "<recipe>") -> tuple[Document, list[Refusal]]:
    """Read as far as can be read, leaving out what is refused; return that, and every refusal."""
    reader = _Reader(kind)
    data: dict[str, Any] = {}
    with contextlib.suppress(_Stop):
        data = reader.read(content)
    lock = data.pop("lock", None) if kind == "recipe" else None
    return Document(data, reader.marks, path, hashlib.sha256(content).hexdigest(), lock), reader.refusals


def is_word(text: str) -> bool:
    """Whether a plain text is read as it stands, and not as a number, true, false or nothing."""
    return not (text in _WORDS or _ENDLESS.fullmatch(text) or _INTEGER.fullmatch(text) or _FRACTION.fullmatch(text))


class _Stop(Exception):  # noqa: N818 - not an error but the end of reading
    """What comes after a refusal cannot be read."""


_REFUSED: Any = object()
"""Stands where a value was refused."""


class _Reader:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.marks: dict[KeyPath, Mark] = {}
        self.refusals: list[Refusal] = []
        self.entries = 0

    def _refuse(self, mark: Mark, found: str, allowed: str) -> None:
        self.refusals.append(Refusal(mark, f"{found}. {allowed}".rstrip()))
        if len(self.refusals) >= MAX_REFUSALS:
            raise _Stop

    def _stop(self, mark: Mark, found: str, allowed: str) -> NoReturn:
        self._refuse(mark, found, allowed)
        raise _Stop

    def _too_deep(self, mark: Mark) -> NoReturn:
        self._stop(mark, f"more than {MAX_DEPTH} levels", f"A {self.kind} is at most that deep.")

    def _decode(self, content: bytes) -> str:
        if len(content) > MAX_BYTES:
            self._stop((1, 1), "the file is larger than 1 MB", f"A {self.kind} is at most that.")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8", "replace")
            self._stop(_mark(before), f"byte 0x{content[error.start]:02x} is not UTF-8", "Save the file as UTF-8.")
        if unseen := _unseen(text):
            self._stop(
                _mark(text[: unseen.start()]), f"the character {_name(unseen[0])}", "Write only characters that show."
            )
        if header := _HEADER.search(text):
            self._stop(_mark(text[: header.start()]), f"'{header[0].strip()}'", f"A {self.kind} stays where it is put.")
        return text

    def _parse(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self.text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            at = error.problem_mark
            mark = (at.line + 1, at.column + 1) if at else (1, 1)
            if "nesting depth" in str(error.problem):  # libyaml looks far ahead, and has a limit of its own.
                self._too_deep(mark)
            line = self.text.splitlines()[mark[0] - 1 : mark[0]]
            tab = line and "\t" in line[0][: len(line[0]) - len(line[0].lstrip())]
            self._stop(mark, f"this is not YAML: {error.problem}", "Indent with spaces, not tabs." if tab else "")
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self._stop((1, 1), f"this is not YAML: {error}", "")

    def read(self, content: bytes) -> dict[str, Any]:
        self.text = self._decode(content)
        self.events = self._parse()
        event = next(self.events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
                self._refuse(_start(event), "a directive (%)", "Leave it out.")
            event = next(self.events)
        if not isinstance(event, yaml.MappingStartEvent):
            self._stop(_start(event), f"a {self.kind} is a map of keys", "This file holds none.")
        found = self._value(event, ())
        data: dict[str, Any] = found if isinstance(found, dict) else {}
        with contextlib.suppress(_Stop):
            end = next(self.events)
            while not isinstance(end, yaml.StreamEndEvent):
                if isinstance(end, yaml.DocumentStartEvent):
                    self._stop(_start(end), "a second document", f"One file holds one {self.kind}.")
                end = next(self.events)
        if self.kind == "recipe":
            data["defaults"] = self._defaults(data.get("defaults", []))
            if data["defaults"] == ["_self_"]:
                del data["defaults"]
            if "extends" in data and not (isinstance(data["extends"], str) and NAME.fullmatch(data["extends"])):
                named = "Name one as `augflow recipes` lists it, or one that lies beside this file, without its ending."
                self._refuse(self.marks["extends",], f"{data.pop('extends')!r} is no name of a recipe", named)
        return data

    def _value(self, event: Any, at: KeyPath) -> Any:
        mark = _start(event)
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            self._stop(mark, f"more than {MAX_ENTRIES:,} entries", f"A {self.kind} is at most that.")
        if isinstance(event, yaml.AliasEvent):
            self._refuse(mark, f"the alias '*{event.anchor}'", "Write the value out.")
            return _REFUSED
        if event.anchor is not None:
            self._refuse(mark, f"the anchor '&{event.anchor}'", "Write the value out where it is used again.")
        if event.tag is not None:
            self._refuse(mark, f"the tag '{event.tag}'", "Values are numbers, words, lists and maps as they stand.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, mark)
        if len(at) >= MAX_DEPTH:
            self._too_deep(mark)
        value = self._list(at) if isinstance(event, yaml.SequenceStartEvent) else self._map(at)
        return _REFUSED if event.tag is not None else value

    def _list(self, at: KeyPath) -> Any:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            here = (*at, str(len(items)))
            self.marks[here] = _start(event)
            items.append(self._value(event, here))
        return _REFUSED if any(item is _REFUSED for item in items) else items

    def _map(self, at: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            mark = _start(event)
            key = self._key(event, at, mark)
            if key is not None and key in found:
                self._refuse(mark, f"'{key}' stands here twice", f"It is on line {self.marks[(*at, key)][0]} already.")
                key = None
            here = (*at, key or "")
            if key is not None:
                self.marks[here] = mark
            value = next(self.events)
            read = self._value(value, here)
            if key is None or read is _REFUSED:
                continue
            if self.kind == "chain" and not at and not isinstance(read, dict | None):
                self._refuse(_start(value), f"the step '{key}' is not a map", f"Write `{key}: {{}}` or give arguments.")
                continue
            found[key] = read
        return found

    def _key(self, event: Any, at: KeyPath, mark: Mark) -> str | None:
        """Read a key; None where it is refused."""
        before = len(self.refusals)
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(mark, "a key that is a list, a map or an alias", "A key is a word.")
            self._value(event, (*at, ""))
            return None
        if event.anchor is not None or event.tag is not None:
            self._refuse(mark, "a key with an anchor or a tag", "A key is a word as it stands.")
        key = str(event.value)
        if not 0 < len(key) <= MAX_KEY:
            self._refuse(mark, f"a key of {len(key):,} characters", f"A name has 1 to {MAX_KEY}.")
            return None
        self._check_text(key, mark)
        if key == "<<":
            self._refuse(mark, "the merge key '<<'", "Write the keys out.")
        # Class names are the data's, not ours to choose: only Hydra's own words are kept from them.
        elif _INSTRUCTION.fullmatch(key) or (at != ("classes",) and (key == "hydra" or key.startswith("_"))):
            self._refuse(mark, f"the key '{key}'", f"A {self.kind} says what to make, nothing else.")
        elif not at and self.kind == "recipe" and key not in RECIPE_KEYS:
            self._refuse(
                mark,
                f"'{key}' is no key of a recipe",
                f"There are {', '.join(RECIPE_KEYS)}.{nearest(key, RECIPE_KEYS)}",
            )
        elif not at and self.kind == "chain" and key == "defaults":
            self._refuse(mark, "'defaults' in a chain", "A recipe pulls in chains; a chain is a map of steps.")
        return key if len(self.refusals) == before else None

    def _scalar(self, event: Any, mark: Mark) -> Any:
        text = str(event.value)
        before = len(self.refusals)
        self._check_text(text, mark)
        value = text if event.style else self._plain(text, mark)
        return value if len(self.refusals) == before and event.tag is None else _REFUSED

    def _plain(self, text: str, mark: Mark) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        number: int | float
        if _ENDLESS.fullmatch(text):
            self._refuse(mark, f"'{text}' is no number to reckon with", "Numbers are finite.")
        elif _INTEGER.fullmatch(text):
            number = int(text) if len(text) <= 20 else 2**63
            if abs(number) < 2**63:
                return number
            self._refuse(mark, f"the number {text[:30]} is too large", "Integers are below 2^63.")
        elif _FRACTION.fullmatch(text):
            number = float(text)
            if math.isfinite(number):
                return number
            self._refuse(mark, f"the number {text[:30]} is too large", "Numbers are finite.")
        return text

    def _check_text(self, text: str, mark: Mark) -> None:
        if "${" in text:
            self._refuse(mark, f"'{text[:80]}'", "Nothing is filled in ('${'): write the value itself.")
        if text == "???":
            self._refuse(mark, "'???'", f"A {self.kind} is complete: write the value.")
        if unseen := _unseen(text):
            self._refuse(mark, f"the character {_name(unseen[0])}", "Write only characters that show.")

    def _defaults(self, defaults: Any) -> list[Any]:
        """Check what a recipe pulls in; its own keys come last, so that they win, where it does not say."""
        mark = self.marks.get(("defaults",), (1, 1))
        allowed = "It is a list of `- /chain@chains.NAME: CHAIN`, and of `- _self_` where the recipe's own keys come."
        if not isinstance(defaults, list):
            self._refuse(mark, "'defaults' is not a list", allowed)
            return ["_self_"]
        names: list[str] = []
        kept: list[Any] = []
        for number, item in enumerate(defaults):
            mark = self.marks["defaults", str(number)]
            if item == "_self_":
                name = item
            elif item == {} and self.refusals:
                continue
            elif isinstance(item, dict) and len(item) == 1:
                name, chain = next(iter(item.items()))
                if not _PULL.fullmatch(name) or not isinstance(chain, str) or not NAME.fullmatch(chain):
                    self._refuse(mark, f"'{name}: {chain}' in defaults", allowed)
                    continue
            else:
                self._refuse(mark, f"{str(item)[:80]!r} in defaults", allowed)
                continue
            if name in names:
                self._refuse(mark, f"'{name}' stands in defaults twice", allowed)
                continue
            names.append(name)
            kept.append(item)
        return kept if "_self_" in names else [*kept, "_self_"]


def _start(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _mark(before: str) -> Mark:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
