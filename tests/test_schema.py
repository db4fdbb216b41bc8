"""Arguments are checked by the fields' own types, and what is wrong is said in words."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import annotated_types as at
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.engine.render import Render
from augflow.registry import BUILT_IN, Registry
from augflow.schema import arguments_of, check, construct, describe, fields_of, json_schema, show
from augflow.transform import Range

REGISTRY = Registry()


@dataclass(frozen=True)
class Fog:
    """Blend towards gray."""

    density: Annotated[float, at.Ge(0), at.Le(1)] = 0.5
    steps: Annotated[int, at.Gt(0)] = 3
    span: Range = (0.1, 0.4)
    way: Literal["near", "far"] = "near"
    colour: tuple[int, int, int] | None = None
    thick: bool = False
    note: str = ""


@dataclass(frozen=True)
class Named:
    """Has an argument without default."""

    name: str
    level: float = 1.0


@dataclass(frozen=True)
class Bare:
    """Takes nothing."""


def faults(cls: type[Any], data: Any) -> dict[str, str]:
    return {".".join(fault.path): fault.message for fault in check(cls, data, ("chains", "a", "step"))}


PLACE = "chains.a.step"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"density": 1},
        {"density": 0, "steps": 1, "span": [0, 0], "way": "far", "colour": [1, 2, 3], "thick": True, "note": "x"},
        {"colour": None},
    ],
)
def test_what_fits_has_no_faults_and_is_built(data: dict[str, Any]) -> None:
    assert faults(Fog, data) == {}
    built = construct(Fog, data)
    assert check(Fog, arguments_of(built), ()) == []
    assert construct(Fog, arguments_of(built)) == built


def test_numbers_are_of_their_field_s_kind_once_built() -> None:
    whole, broken = construct(Fog, {"density": 1}), construct(Fog, {"density": 1.0})
    assert type(whole.density) is float
    assert json.dumps(arguments_of(whole)) == json.dumps(arguments_of(broken))


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("density", 1.5, "1.5 is not a number from 0 to 1."),
        ("density", -0.1, "-0.1 is not a number from 0 to 1."),
        ("density", "0.5", '"0.5" is not a number from 0 to 1.'),
        ("density", True, "true is not a number from 0 to 1."),
        ("density", None, "null is not a number from 0 to 1."),
        ("density", [0.5], "[0.5] is not a number from 0 to 1."),
        ("steps", 0, "0 is not a whole number above 0."),
        ("steps", 2.5, "2.5 is not a whole number above 0."),
        ("steps", 2.0, "2.0 is not a whole number above 0."),
        ("span", [0.4, 0.1], "[0.4, 0.1] is not a pair [a, b], each a number, low end first."),
        ("span", [0.4], "[0.4] is not a pair [a, b], each a number."),
        ("span", [1, 2, 3], "[1, 2, 3] is not a pair [a, b], each a number."),
        ("span", 0.3, "0.3 is not a pair [a, b], each a number."),
        ("way", "nearest", '"nearest" is not one of "near", "far". Did you mean \'near\'?'),
        ("way", 1, '1 is not one of "near", "far".'),
        ("colour", [1, 2], "[1, 2] is not three values [a, b, c], each a whole number, or null."),
        ("colour", [1, 2, 0.5], "[1, 2, 0.5] is not three values [a, b, c], each a whole number, or null."),
        ("thick", 1, "1 is not true or false."),
        ("thick", "yes", '"yes" is not true or false.'),
        ("note", 3, "3 is not a text."),
    ],
)
def test_what_does_not_fit_is_told_with_what_does(argument: str, value: Any, said: str) -> None:
    assert faults(Fog, {argument: value}) == {f"{PLACE}.{argument}": said}


def test_every_wrong_argument_is_told_once() -> None:
    found = check(Fog, {"density": 2, "steps": -1, "span": [2, "x"], "colour": "red"}, ())
    assert [fault.path for fault in found] == [("density",), ("steps",), ("span",), ("colour",)]


def test_unknown_keys_are_told_with_the_nearest_and_all_there_are() -> None:
    found = faults(Fog, {"densty": 0.5, "colour": None, "waay": "x"})
    assert found == {
        f"{PLACE}.densty": "there is no such key. Did you mean 'density'? "
        "Allowed: density, steps, span, way, colour, thick, note.",
        f"{PLACE}.waay": "there is no such key. Did you mean 'way'? "
        "Allowed: density, steps, span, way, colour, thick, note.",
    }


def test_keys_that_are_read_elsewhere_are_offered_too() -> None:
    (fault,) = check(Fog, {"weigth": 3}, (), also=("weight", "p"))
    assert "Did you mean 'weight'?" in fault.message


def test_a_missing_argument_is_told() -> None:
    assert faults(Named, {"level": 2}) == {f"{PLACE}.name": "is missing; it takes a text."}


def test_one_that_takes_nothing_says_so() -> None:
    assert faults(Bare, {"x": 1}) == {f"{PLACE}.x": "there is no such key. It takes no arguments."}
    assert faults(Bare, {}) == {}


@pytest.mark.parametrize("data", [[], "x", 3, None, True])
def test_what_is_no_map_is_told(data: Any) -> None:
    assert faults(Fog, data) == {PLACE: f"{json.dumps(data)} is not a map of arguments."}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    for data in ({"density": value}, {"span": [0, value]}):
        assert "not finite" in faults(Fog, data)[PLACE]


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in dataclasses.fields(Fog)]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=6,
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_given_is_built_or_told(data: dict[str, Any]) -> None:
    found = check(Fog, data, ())
    assert all(fault.message.endswith(".") for fault in found)
    if not found:
        built = construct(Fog, data)
        assert 0 <= built.density <= 1
        assert built.steps > 0
        assert built.span[0] <= built.span[1]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_transform_describes_itself(name: str) -> None:
    cls = REGISTRY.find(name)
    schema = json_schema(cls)
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema
    instance = REGISTRY.build(name, {})
    assert list(fields_of(cls)) == [field.name for field in dataclasses.fields(cls)]
    assert check(cls, arguments_of(instance), ()) == []
    assert construct(cls, arguments_of(instance)) == instance
    for argument in fields_of(cls).values():
        assert "any value" not in describe(argument)


def test_render_is_checked_alike() -> None:
    assert check(Render, {"size": [224, 224], "format": "webp", "quality": 80}, ("render",)) == []
    (fault,) = check(Render, {"size": 0}, ("render",))
    assert fault.path == ("render", "size")
    assert fault.message == (
        "0 is not a whole number from 1 to 65500, or a pair [a, b], each a whole number from 1 to 65500, or null."
    )
    assert {fault.path[-1] for fault in check(Render, {"format": "jpg", "quality": 101, "fit": 1}, ("render",))} == {
        "format",
        "quality",
        "fit",
    }


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number"}, "a number"),
        ({"type": "number", "minimum": 0}, "a number of at least 0"),
        ({"type": "integer", "exclusiveMinimum": 0}, "a whole number above 0"),
        ({"type": "number", "maximum": 2.5}, "a number of at most 2.5"),
        ({"type": "number", "exclusiveMaximum": 1}, "a number below 1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 to 1"),
        ({"type": "array", "items": {"type": "string"}}, "a list of a text"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "a list [a text; a number]"),
        ({"type": "object"}, "a map"),
        ({"const": "any"}, '"any"'),
        ({}, "any value"),
    ],
)
def test_schemas_in_words(schema: dict[str, Any], words: str) -> None:
    assert describe(schema) == words


def test_long_values_are_shortened() -> None:
    assert len(show("x" * 1000)) <= 60
    assert show({"a": [1, None]}) == '{"a": [1, null]}'
