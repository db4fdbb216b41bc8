"""JSON Schema (draft 2020-12) of recipes and chains, for editors and for validators other than ours.

It knows every installed transform's arguments. What it cannot say (that a pair ascends, that a chain is there, that
two arguments fit together, that null has something to drop) `recipe_reader` says. Nothing that a run accepts is refused
by the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from augflow.config.strict import NAME
from augflow.docstring import meaning, summary
from augflow.engine.output import Output
from augflow.engine.render import Render
from augflow.plan import target
from augflow.recipe.recipe import ORIGINALS, SURPLUS, VERSION
from augflow.registry import ALBUMENTATIONS, Registry
from augflow.schema import describe, json_schema, show
from augflow.symmetry import SYMMETRIES

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WORDS = "|".join(target.WORDS)
_TARGET = rf"^\s*(?:{_WORDS}|\d{{1,9}}|(?:\d+(?:\.\d+)?|\.\d+)\s*(?:x|max|min|median|mean))\s*$"
_COMMON = {
    "border": "What lies beyond the photograph: its mirror image, its edge, itself again, or `fill`.",
    "fill": "A gray level, or red, green, blue: what lies beyond the photograph where its border is constant.",
    "fill_mask": "For masks, of which there are none here.",
}
"""What arguments mean that are called alike in many transforms, where a transform does not say it itself."""
_NUMBERED = {
    "border_mode": "0 is a constant, 1 the edge, 2 the mirror image with the edge doubled, 3 wraps around, 4 mirrors.",
    **dict.fromkeys(("interpolation", "mask_interpolation"), "0 is nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos."),
}
_DEFAULT = re.compile(r"\s*Default: .{1,60}$")
"""What albumentations' texts say of defaults is not always so; ours come from the code."""
_STEP: dict[str, Schema] = {
    "use": {"type": "string", "description": "The transform or chain, where the step is called otherwise."},
    "p": {"type": "number", "minimum": 0, "maximum": 1, "description": "The step's probability."},
    "weight": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1e6,
        "default": 1,
        "description": "Within one_of: how often this step is drawn, against the others.",
    },
}


def recipe_schema(registry: Registry) -> Schema:
    """The schema of a recipe's file."""
    return {
        "$schema": DIALECT,
        "title": "augflow recipe",
        "description": "What to make of an imbalanced data set: targets, chains, rules per class, render.",
        "type": "object",
        "properties": _recipe_properties(),
        "additionalProperties": False,
        "$defs": _definitions(registry),
    }


def chain_schema(registry: Registry) -> Schema:
    """The schema of a chain's file."""
    return {"$schema": DIALECT, "title": "augflow chain", "$ref": "#/$defs/chain", "$defs": _definitions(registry)}


def written(schema: Schema) -> str:
    """A schema as JSON text, with a line for each definition, so that differences can be read."""
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in schema["$defs"].items()]
    rest = json.dumps({key: value for key, value in schema.items() if key != "$defs"}, ensure_ascii=False)
    definitions = ",\n".join(lines)
    return f'{rest[:-1]},\n"$defs": {{\n{definitions}\n}}}}\n'


def _recipe_properties() -> Schema:
    return {
        "extends": {
            "type": "string",
            "pattern": f"^(?:{NAME.pattern})$",
            "description": "The recipe to build on, by name; what it has is dropped by null.",
        },
        "version": {"const": VERSION, "default": VERSION, "description": "The version of what recipes may say."},
        "seed": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2**63 - 1,
            "default": 0,
            "description": "What all chance follows from.",
        },
        **_rule("max", "keep", 20),
        "originals": {
            "enum": [*ORIGINALS],
            "default": "augment",
            "description": "What becomes of the images that were there: kept as they are, rendered as copies are, put "
            "through the chain as copies are, or left out.",
        },
        "classes": {
            "type": ["object", "null"],
            "description": "Rules for one class, by its name.",
            "additionalProperties": {"type": ["object", "null"], "properties": _rule(), "additionalProperties": False},
        },
        "chains": {
            "type": ["object", "null"],
            "description": "Chains by name.",
            "additionalProperties": {"anyOf": [{"$ref": "#/$defs/chain"}, {"type": "null"}]},
        },
        "render": {
            "type": ["object", "null"],
            "description": summary(Render),
            "properties": _arguments(Render, ""),
            "additionalProperties": False,
        },
        "output": {
            "type": ["object", "null"],
            "description": summary(Output),
            "properties": _arguments(Output, "output."),
            "additionalProperties": False,
        },
        "defaults": {
            "type": "array",
            "description": "Chains to pull in by name, such as `- /chain@chains.gentle: gentle`.",
            "items": {
                "anyOf": [
                    {"const": "_self_"},
                    {
                        "type": "object",
                        "patternProperties": {"^/chain@chains\\.[A-Za-z0-9_-]+$": {"type": "string"}},
                        "additionalProperties": False,
                        "minProperties": 1,
                        "maxProperties": 1,
                    },
                ]
            },
        },
        "lock": {
            "type": "object",
            "description": "What else decided the pixels of the run that wrote this file; `augflow run --locked` "
            "refuses to run where anything differs.",
        },
    }


def _rule(aim: str | None = None, surplus: str | None = None, copies: int | None = None) -> Schema:
    """What may be said for all and for one class; a class has no defaults of its own."""
    rule: Schema = {
        "target": {
            "description": f"What a class shall hold in the result, originals included: {target.FORMS}.",
            "examples": [500, "1.5x", "0.8max", *target.WORDS],
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": target.LARGEST},
                {"type": "string", "pattern": _TARGET},
                {"enum": [*target.WORDS]},
            ],
        },
        "chain": {"type": ["string", "null"], "description": "The chain that makes copies."},
        "weights": {
            "type": ["object", "null"],
            "description": "Several chains instead of one, each with how often it is drawn.",
            "additionalProperties": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1e6},
            "minProperties": 1,
        },
        "surplus": {
            "enum": [*SURPLUS],
            "description": "What becomes of samples beyond the target; drop undersamples.",
        },
        "max_copies": {
            "type": "integer",
            "minimum": 0,
            "maximum": 1_000_000,
            "description": "At most so many copies of one sample; `augflow plan` tells which class falls short.",
        },
    }
    rule["preserve"] = {
        "type": ["array", "null"],
        "items": {"enum": [*SYMMETRIES]},
        "description": "What no chain may change, lest an image's class become another: orientation (6 and 9), "
        "handedness (b and d, any text), colour (traffic lights).",
    }
    for key, default in (("target", aim), ("surplus", surplus), ("max_copies", copies)):
        if default is not None:
            rule[key]["default"] = default
    return rule


def _definitions(registry: Registry) -> Schema:
    names = list(_names(registry))
    definitions: Schema = {
        "chain": {
            "type": "object",
            "description": "Steps by name, in their order.",
            "properties": {name: _called(name, summary(registry.find(name))) for name in names},
            "additionalProperties": {"$ref": "#/$defs/named"},
            "allOf": [{"additionalProperties": {"properties": {"weight": False}}}],
        },
        "options": {
            "type": "object",
            "description": "Steps of which one is drawn.",
            "properties": {name: _called(name, summary(registry.find(name))) for name in names},
            "additionalProperties": {"$ref": "#/$defs/named"},
            "minProperties": 1,
        },
        "named": {
            "description": "A step whose name is no transform's: `use` names one, or a chain; or it is a one_of.",
            "type": ["object", "null"],
            "properties": {
                "use": _STEP["use"] | {"anyOf": [{"enum": names}, {"type": "string"}]},
                "one_of": {"description": "Steps of which one is drawn.", "$ref": "#/$defs/options"},
            },
            "if": {"type": "object", "properties": {"use": {"enum": names}}, "required": ["use"]},
            "then": {"allOf": [_used(name) for name in names]},
            "not": {"type": "object", "required": ["use", "one_of"]},
            "else": {"properties": {**dict.fromkeys(("use", "one_of"), True), **_STEP}, "additionalProperties": False},
        },
    }
    for name in names:
        definitions |= _step(registry, name)
    return definitions | _inner(Output, "output.")


def _names(registry: Registry) -> Iterator[str]:
    from augflow.transforms.albumentations import catalogue

    yield from registry.names()
    yield from (f"{ALBUMENTATIONS}{listed.name}" for listed in catalogue() if listed.reason is None)


def _called(name: str, told: str) -> Schema:
    """A step that bears a transform's name is that transform, unless it says otherwise."""
    return {
        "description": told,
        "if": {"type": "object", "anyOf": [{"required": ["use"]}, {"required": ["one_of"]}]},
        "then": {"$ref": "#/$defs/named"},
        "else": {"$ref": f"#/$defs/{name}"},
    }


def _used(name: str) -> Schema:
    return {"if": {"properties": {"use": {"const": name}}}, "then": {"$ref": f"#/$defs/{name}"}}


def _step(registry: Registry, name: str) -> Schema:
    """The definition of a step that is the transform `name`, and those that its arguments refer to."""
    cls = registry.find(name)
    own = json_schema(cls)
    share = _STEP["p"] | {"default": getattr(cls, "p", 1)}
    step: Schema = {
        "description": summary(cls),
        "type": ["object", "null"],
        "properties": {**_arguments(cls, f"{name}."), **_STEP, "p": share},
        "additionalProperties": False,
    }
    if "required" in own:
        step["required"] = own["required"]
    return {name: step, **_inner(cls, f"{name}.")}


def _inner(cls: type[Any], prefix: str) -> Schema:
    """The definitions that the arguments of `cls` refer to."""
    found = json_schema(cls).get("$defs", {})
    return {f"{prefix}{key}": _refined(value, prefix) for key, value in found.items()}


def _arguments(cls: type[Any], prefix: str) -> Schema:
    found: Schema = {}
    own = json_schema(cls)
    for argument, field in own.get("properties", {}).items():
        refined = _refined(field, prefix)
        told = describe(own["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field)
        default = f" Default: {show(field['default'])}." if "default" in field else ""
        own_words = _DEFAULT.sub("", meaning(cls, argument)).rstrip(" .;")
        end = "" if own_words.endswith("…") else "."
        said = [f"{own_words}{end}" if own_words else _COMMON.get(argument, ""), _NUMBERED.get(argument, "")]
        refined["description"] = " ".join([*filter(None, said), f"Allowed: {told}.{default}"])
        found[argument] = refined
    return found


def _refined(schema: Any, prefix: str) -> Any:
    """A part of a transform's schema as part of ours: titles left out, references to where its definitions are."""
    if isinstance(schema, list):
        return [_refined(item, prefix) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: value.replace("#/$defs/", f"#/$defs/{prefix}")
        if key == "$ref"
        else (value if key in ("default", "enum", "const") else _refined(value, prefix))
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }
