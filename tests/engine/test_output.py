"""Pixels as training takes them: type, layout, normalised; and what files cannot hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.engine.output import Output, Standardise
from augflow.errors import RecipeError
from augflow.online.delivery import Delivery
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.runner import run

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
RGB = PIXELS[..., :3].astype(np.float64)


def delivered(pixels: Any = PIXELS, **said: Any) -> Any:
    delivery = Delivery(Output(**said), None)
    into = delivery.empty(*pixels.shape[:2])
    delivery.hand_over(pixels, into)
    return into


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        (None, RGB),
        ("unit", RGB / 255),
        ("sample", (RGB - RGB.mean()) / RGB.std()),
        (Standardise(MEAN, STD), (RGB / 255 - MEAN) / STD),
    ],
)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2e-6), ("float16", 2e-3)])
def test_floats(layout: str, normalise: Any, expected: Any, dtype: str, bound: float) -> None:
    found = delivered(dtype=dtype, layout=layout, normalise=normalise)
    assert found.dtype == dtype
    found = found if layout == "hwc" else found.transpose(1, 2, 0)
    assert np.allclose(found, expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_bytes_have_three_channels(channels: int | None) -> None:
    pixels = PIXELS[..., 0] if channels is None else np.ascontiguousarray(PIXELS[..., :channels])
    expected = PIXELS[..., [0, 0, 0]] if channels is None else PIXELS[..., :3]
    assert np.array_equal(delivered(pixels), expected)
    assert np.array_equal(delivered(pixels, layout="chw"), expected.transpose(2, 0, 1))


def test_a_flat_image_stays_finite() -> None:
    assert not delivered(np.full((4, 4), 9, np.uint8), dtype="float32", normalise="sample").any()


def recipe(output: Any) -> Recipe:
    return read_recipe(
        {"chains": {"some": {"flip": {}}}} | ({"output": output} if output != "none" else {}), Registry()
    )


def test_a_recipe_without_it_is_as_it_was() -> None:
    plain = recipe("none")
    assert "output" not in plain.as_json()
    assert plain.digest == "091f141b5deba8887918a4f5b1538ed8"
    for same in (None, {}, {"dtype": "uint8", "layout": "hwc", "normalise": None}):
        assert recipe(same).digest == plain.digest
    assert recipe({"layout": "chw"}).digest != plain.digest


def test_it_comes_back_from_json() -> None:
    for output in ({"layout": "chw"}, {"dtype": "float32", "normalise": {"mean": [*MEAN], "std": [*STD]}}):
        found = recipe(output)
        again = Recipe.from_json(found.as_json())
        assert again.output == found.output
        assert again.digest == found.digest


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"dtype": "int8"}, 'recipe.output.dtype: "int8" is not one of "uint8", "float32", "float16".'),
        ({"layut": "chw"}, "recipe.output.layut: there is no such key. Did you mean 'layout'?"),
        ({"normalise": "unit"}, "say dtype: float32"),
        ({"dtype": "float32", "normalise": "imagenet"}, "or a map {mean: three values"),
        ({"dtype": "float32", "normalise": {"mean": [1, 1, 1], "std": [0, 1, 1]}}, "each a number above 0"),
        ({"dtype": "float32", "normalise": {"mean": [1, 1, 1], "std": [1, 1, 1], "x": 1}}, "recipe.output.normalise"),
        (3, "recipe.output: 3 is not a map"),
    ],
)
def test_what_is_wrong_is_told(output: Any, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe(output)
    assert message in str(refused.value)


def test_run_refuses_what_a_file_cannot_hold(small_source: Path, tmp_path: Path) -> None:
    sink = {"kind": "folder", "root": str(tmp_path / "sink")}
    with pytest.raises(RecipeError, match=r"recipe\.output\.dtype: .*float32.*augflow\.stream"):
        run(recipe({"dtype": "float32"}), {"kind": "folder", "root": str(small_source)}, sink)
    assert not (tmp_path / "sink").exists()
    assert run(recipe({"layout": "chw"}), {"kind": "folder", "root": str(small_source)}, sink).made == 24
