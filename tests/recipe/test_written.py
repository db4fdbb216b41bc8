"""A recipe written out says the same when it is read again, through the strict door."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.config import strict
from augflow.config.compose import compose
from augflow.recipe.reader import read_recipe
from augflow.recipe.written import as_yaml, resolved
from augflow.registry import Registry

REGISTRY = Registry()


@pytest.mark.parametrize("name", ["article", "balance", "gentle", "keras", "strong"])
def test_a_shipped_recipe_written_out_is_the_same_recipe(name: str) -> None:
    recipe = read_recipe(compose([f"recipe={name}", "source=demo"]).recipe, REGISTRY)
    again = read_recipe(strict.parse(as_yaml(resolved(recipe)).encode(), "recipe").data, REGISTRY)
    assert again.as_json() == recipe.as_json()
    assert again.digest == recipe.digest
    assert as_yaml(resolved(again)) == as_yaml(resolved(recipe))


def test_every_form_of_a_recipe_is_kept() -> None:
    plain: dict[str, Any] = {
        "version": 1,
        "seed": 7,
        "target": "0.123456789max",
        "weights": {"1e3": 3, "b": 0.5},
        "preserve": ["handedness"],
        "classes": {
            "no": {"target": 3, "chain": "b"},
            "0012": {"weights": {"b": 2}},
            "null": {},
            "a: b": {"target": 1},
        },
        "chains": {
            "1e3": {"rotate": {"limit": [1, 2]}, "b": {"p": 0.25}},
            "b": {"pick": {"p": 0.5, "one_of": {"blur": {"weight": 2}, "x": {"use": "albumentations.Blur"}}}},
        },
        "render": {"size": [32, 48], "format": "png"},
    }
    recipe = read_recipe(plain, REGISTRY)
    data = strict.parse(as_yaml(resolved(recipe)).encode(), "recipe").data
    assert read_recipe(data, REGISTRY).digest == recipe.digest
    assert data["classes"] == plain["classes"]
    assert data["preserve"] == ["handedness"]


TEXTS = st.one_of(
    st.sampled_from(
        [*"null ~ true FALSE no 1e3 0012 -5 .5 5. .inf .NaN + - : # ' \" % @ ` & * ! | > << = ? {} []".split(), " a "]
    ),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12),
).filter(lambda text: "${" not in text and text != "???")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)


@settings(max_examples=150, deadline=None)
@given(classes=st.dictionaries(TEXTS.filter(lambda text: text not in ("<<", "hydra")), VALUES, max_size=5))
def test_whatever_is_written_is_read_back_as_it_was(classes: dict[str, Any]) -> None:
    for flow in (False, None):
        text = as_yaml({"classes": classes}, flow=flow)
        found = strict.parse(text.encode(), "recipe").data["classes"]
        assert found == classes
        assert [type(value) for value in found.values()] == [type(value) for value in classes.values()]
