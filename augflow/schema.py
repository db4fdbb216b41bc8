"""Check plain data against a dataclass's own types and bounds, and say in words what was meant.

The types of the fields are the one place where arguments are declared: validation, messages, JSON Schema and the
pages of `augflow transforms` all come from them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from augflow.errors import nearest

Path = tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """One thing wrong, and where: `path` is the key path below the recipe."""

    path: Path
    message: str


def check(cls: type[Any], data: Any, path: Path, also: tuple[str, ...] = ()) -> list[Fault]:
    """Return what is wrong with `data` as arguments of `cls`; `also` names keys that are read elsewhere."""
    if not isinstance(data, Mapping):
        return [Fault(path, f"{show(data)} is not a map of arguments.")]
    if hasattr(cls, "check"):
        return [Fault((*path, *([name] if name else [])), message) for name, message in cls.check(dict(data))]
    known = [field.name for field in dataclasses.fields(cls)]
    faults = [
        Fault((*path, str(key)), f"there is no such key.{nearest(str(key), [*known, *also])}{_allowed(known)}")
        for key in data
        if key not in known
    ]
    known_data = {key: value for key, value in data.items() if key in known}
    try:
        _adapter(cls).validate_json(json.dumps(known_data, allow_nan=False), strict=True)
    except ValidationError as error:
        faults += _translate(cls, known_data, path, error)
    except ValueError:
        faults.append(Fault(path, f"{show(data)} holds a number that is not finite."))
    return faults


def construct(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """Build `cls` from data that `check` found nothing wrong with."""
    if hasattr(cls, "check"):
        return cls(**data)
    return _adapter(cls).validate_json(json.dumps(data), strict=True)


def arguments_of(instance: Any) -> dict[str, Any]:
    """Every field of a transform with its value, defaults included, as JSON values."""
    if hasattr(instance, "check"):
        return dict(instance.arguments)
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(instance)))
    return plain


def fields_of(cls: type[Any]) -> dict[str, dict[str, Any]]:
    """The arguments of `cls`: name → JSON Schema, with default."""
    own = json_schema(cls)
    found: dict[str, dict[str, Any]] = _inlined(own.get("properties", {}), own.get("$defs", {}))
    return found


def json_schema(cls: type[Any]) -> dict[str, Any]:
    """The JSON Schema of the arguments of `cls`."""
    if cls not in _schemas:
        own = cls.json_schema() if hasattr(cls, "json_schema") else _adapter(cls).json_schema()
        _schemas[cls] = {**own, "additionalProperties": False}
    return _schemas[cls]


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with what it refers to in place."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if isinstance(schema.get("$ref"), str):
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "$ref"}


_schemas: dict[type[Any], dict[str, Any]] = {}
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def _allowed(known: Sequence[str]) -> str:
    return f" Allowed: {', '.join(known)}." if known else " It takes no arguments."


def _translate(cls: type[Any], data: Mapping[str, Any], path: Path, error: ValidationError) -> list[Fault]:
    """One fault per argument, in our words; pydantic tells a union's every branch."""
    faults: dict[Path, str] = {}
    for problem in error.errors(include_url=False):
        if not problem["loc"]:
            faults[path] = _sentence(str(problem.get("ctx", {}).get("error", problem["msg"])))
            continue
        name = str(problem["loc"][0])
        if problem["type"] == "missing" and name not in data:
            faults[(*path, name)] = f"is missing; it takes {describe(fields_of(cls)[name])}."
            continue
        ascending = ", low end first" if problem["type"] == "predicate_failed" else ""
        field = fields_of(cls)[name]
        hint = nearest(data[name], _words(field)) if isinstance(data[name], str) else ""
        faults[(*path, name)] = f"{show(data[name])} is not {describe(field)}{ascending}.{hint}"
    return [Fault(*item) for item in faults.items()]


def _words(field: Mapping[str, Any]) -> list[str]:
    """The texts that an argument may be."""
    branches = [field, *field.get("anyOf", [])]
    return [word for branch in branches for word in branch.get("enum", [branch.get("const")]) if isinstance(word, str)]


def _sentence(message: str) -> str:
    return message if message.endswith(".") else f"{message}."


def show(value: Any) -> str:
    """A value as a recipe would have it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def describe(schema: Mapping[str, Any]) -> str:
    """Say in words what a JSON Schema allows: "a number from 0 to 180, or a pair of …"."""
    if "anyOf" in schema:
        return ", or ".join(describe(branch) for branch in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        options = [show(option) for option in schema.get("enum", [schema.get("const")])]
        return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
    kind = schema.get("type")
    describer = _DESCRIBERS.get(kind) if isinstance(kind, str) else None
    return describer(schema) if describer else "any value"


def _describe_number(schema: Mapping[str, Any]) -> str:
    words = "a whole number" if schema["type"] == "integer" else "a number"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    above = "above" if "exclusiveMinimum" in schema else "from"
    below = "below" if "exclusiveMaximum" in schema else "to"
    if low is not None and high is not None:
        return f"{words} {above} {low:g} {below} {high:g}"
    if low is not None:
        return f"{words} {'above' if above == 'above' else 'of at least'} {low:g}"
    if high is not None:
        return f"{words} {'below' if below == 'below' else 'of at most'} {high:g}"
    return words


def _describe_array(schema: Mapping[str, Any]) -> str:
    items = schema.get("prefixItems")
    if not items:
        inner = schema.get("items")
        return f"a list of {describe(inner)}" if inner else "a list"
    parts = [describe(item) for item in items]
    if len(set(parts)) > 1:
        return f"a list [{'; '.join(parts)}]"
    return f"{_COUNTS.get(len(parts), f'a list of {len(parts)}')}, each {parts[0]}"


def _describe_object(schema: Mapping[str, Any]) -> str:
    inner = [f"{name}: {describe(value)}" for name, value in schema.get("properties", {}).items()]
    return f"a map {{{'; '.join(inner)}}}" if inner else "a map"


_COUNTS = {2: "a pair [a, b]", 3: "three values [a, b, c]"}
_DESCRIBERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "number": _describe_number,
    "integer": _describe_number,
    "array": _describe_array,
    "boolean": lambda schema: "true or false",
    "string": lambda schema: "a text",
    "null": lambda schema: "null",
    "object": _describe_object,
}
