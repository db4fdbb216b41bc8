"""The transform against the real libraries: what both make of the same draw."""

from __future__ import annotations

import itertools
import json
import warnings
from typing import Any

import numpy as np
import pytest
from augflow_keras import Keras
from augflow_keras.pixels import move
from peers import photograph, real

from augflow.draw import Streams
from augflow.schema import check
from augflow.testing import TransformContract
from augflow.transform import Params, Size

DIALECTS = ("classic", "keras3")
SIZE = Size(37, 52)
MODES = ("constant", "nearest", "reflect", "wrap")

EVERYTHING: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "brightness_range": (0.5, 1.5),
    "shear_range": 15.0,
    "zoom_range": 0.2,
    "channel_shift_range": 30.0,
    "horizontal_flip": True,
    "vertical_flip": True,
}


class TestKeras(TransformContract):
    transform = (
        Keras(),
        Keras(**EVERYTHING),
        Keras(**EVERYTHING, dialect="keras3", fill_mode="wrap", interpolation_order=3),
        Keras(width_shift_range=3, height_shift_range=(0.1, 0.3), fill_mode="constant", cval=255.0),
        Keras(brightness_range=(0.2, 0.2), zoom_range=(2.0, 0.5), interpolation_order=0),
    )


def draws(transform: Keras, count: int, size: Size = SIZE) -> list[Params]:
    return [transform.draw(Streams(0, "photograph", copy).at("keras"), size) for copy in range(count)]


def theirs(dialect: str, params: Params, image: Any, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return real(dialect).ImageDataGenerator(**arguments).apply_transform(image.copy(), params)


@pytest.mark.parametrize(("dialect", "fill_mode", "order"), list(itertools.product(DIALECTS, MODES, (0, 1, 3))))
def test_pixels_equal_those_of_the_library(dialect: Any, fill_mode: Any, order: int) -> None:
    arguments = {**EVERYTHING, "brightness_range": None}
    settings = {"fill_mode": fill_mode, "cval": 17.0, "interpolation_order": order}
    transform = Keras(**arguments, **settings, dialect=dialect)
    for seed, params in enumerate(draws(transform, 12)):
        image = photograph(seed=seed, channels=(1, 3)[seed % 2])
        expected = theirs(dialect, params, image, **settings)
        exact = transform.perform(image, params)
        off = np.abs(exact - expected)
        # Where a place lies on a rounding or wrapping edge, the last bit of its arithmetic decides.
        assert np.mean(off > 0.05) <= (0.002 if order == 0 or fill_mode in ("wrap", "constant") else 0)
        made = transform.apply(image.astype(np.uint8), **params).astype(np.float32)
        off = np.abs(made - np.clip(expected, 0, 255))
        assert np.mean(off > 0.56) <= (0.002 if order == 0 or fill_mode in ("wrap", "constant") else 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_brightness_and_channel_shift_equal_those_of_the_library(dialect: Any) -> None:
    transform = Keras(**EVERYTHING, dialect=dialect)
    for seed, params in enumerate(draws(transform, 20)):
        image = photograph(seed=seed, channels=(1, 3)[seed % 2])
        expected = theirs(dialect, params, image)
        assert np.abs(transform.perform(image, params) - expected).max() <= 1
        made = transform.apply(image.astype(np.uint8), **params).astype(np.float32)
        assert np.abs(made - np.clip(expected, 0, 255)).max() <= 1
        plain = {**params, "theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}
        assert np.array_equal(transform.perform(image, plain), theirs(dialect, plain, image))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["theta", "tx", "ty", "shear", "zx", "zy"])
def test_each_parameter_alone_equals_the_library(dialect: Any, name: str) -> None:
    image = photograph()
    for value in (-7, 0.3, 1.25, 5):
        params = {name: value}
        off = np.abs(Keras(dialect=dialect).perform(image, params) - theirs(dialect, params, image))
        assert off.max() < 0.05


def test_the_shifts_are_exchanged_in_keras3_alone() -> None:
    image = photograph()
    down = move(image, "classic", "nearest", 0, 1, tx=4)
    assert np.array_equal(down[:-4], image[4:])
    sideways = move(image, "keras3", "nearest", 0, 1, tx=4)
    assert np.array_equal(sideways[:, :-4], image[:, 4:])


def test_brightness_stretches_the_contrast_in_classic_alone() -> None:
    image = photograph()
    assert np.array_equal(Keras(dialect="keras3").perform(image, {"brightness": 1.0}), image)
    made = Keras(dialect="classic").perform(image, {"brightness": 1.0})
    assert (made.min(), made.max()) == (0, 255)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (40, 2, 3), (9, 8, 2), (9, 8, 4), (9, 8, 6)])
@pytest.mark.parametrize("fill_mode", MODES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_odd_shapes_equal_the_library(shape: tuple[int, int, int], fill_mode: Any, dialect: Any) -> None:
    image = photograph(*shape)
    params = {"theta": 31.7, "tx": 1.3, "ty": -0.7, "shear": 9, "zx": 1.21, "zy": 0.83}
    made = Keras(fill_mode=fill_mode, dialect=dialect).perform(image, params)
    assert np.abs(made - theirs(dialect, params, image, fill_mode=fill_mode)).max() < 0.05


def observed(name: str, **arguments: Any) -> list[float]:
    return [params[name] for params in draws(Keras(**arguments), 400, Size(100, 50))]


def test_draws_lie_where_the_documentation_says() -> None:
    assert -20 <= min(observed("theta", rotation_range=20)) < -18
    assert 18 < max(observed("theta", rotation_range=20)) <= 20
    assert set(observed("tx", height_shift_range=3)) == {-2, -1, 0, 1, 2}
    assert set(observed("ty", width_shift_range=(1, 4))) == {-4, -1, 1, 4}
    assert set(observed("ty", width_shift_range=(0.1, 0.5))) == {-25, -5, 5, 25}
    assert set(observed("ty", width_shift_range=(0.5, 2))) == {-2, -0.5, 0.5, 2}
    shares, pixels = observed("tx", height_shift_range=0.3), observed("tx", height_shift_range=3.0)
    assert 29 < max(shares) <= 30
    assert 2.9 < max(pixels) <= 3
    zooms = observed("zx", zoom_range=0.4)
    assert 0.6 <= min(zooms) < 0.62
    assert 1.38 < max(zooms) <= 1.4
    assert observed("zx", zoom_range=0.4) != observed("zy", zoom_range=0.4)
    assert set(observed("zy", zoom_range=(0.7, 0.7))) == {0.7}
    assert 0.4 < np.mean(observed("flip_horizontal", horizontal_flip=True)) < 0.6
    assert not any(observed("flip_vertical", horizontal_flip=True))
    bright = observed("brightness", brightness_range=(0.5, 2.0))
    assert 0.5 <= min(bright) < 0.52
    assert 1.97 < max(bright) <= 2
    assert set(observed("brightness")) == {None}
    assert set(observed("channel_shift_intensity")) == {None}
    assert -30 <= min(observed("channel_shift_intensity", channel_shift_range=30)) < -29


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "arguments",
    [
        {"height_shift_range": 3},
        {"height_shift_range": [1, 4]},
        {"height_shift_range": [0.1, 0.5]},
        {"height_shift_range": [0.5, 2]},
    ],
)
def test_finite_draws_are_those_of_the_library(dialect: str, arguments: dict[str, Any]) -> None:
    generator = real(dialect).ImageDataGenerator(**arguments)
    they = {float(generator.get_random_transform((100, 50, 3), seed)["tx"]) for seed in range(200)}
    ours = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    assert set(observed("tx", **ours)) == they


def test_an_argument_leaves_the_draws_of_the_others() -> None:
    one = Keras(rotation_range=30, horizontal_flip=True)
    two = Keras(rotation_range=30, horizontal_flip=True, zoom_range=0.2, width_shift_range=(1, 2))
    for before, after in zip(draws(one, 5), draws(two, 5), strict=True):
        kept = {key: value for key, value in after.items() if key not in ("zx", "zy", "ty")}
        assert kept == {key: before[key] for key in kept}


@pytest.mark.parametrize(
    "wrong",
    [
        {"fill_mode": "mirror"},
        {"rotation_range": -1},
        {"zoom_range": 1.5},
        {"zoom_range": [0, 1]},
        {"brightness_range": 0.5},
        {"interpolation_order": 6},
        {"dialect": "keras2"},
        {"rescale": 2},
    ],
)
def test_a_recipe_with_a_wrong_argument_is_refused(wrong: dict[str, Any]) -> None:
    assert [fault.path[-1] for fault in check(Keras, wrong, ())] == list(wrong)


@pytest.mark.parametrize("right", [{"width_shift_range": 2}, {"width_shift_range": 2.0}, {"width_shift_range": [1, 2]}])
def test_whole_numbers_floats_and_lists_stay_apart(right: dict[str, Any]) -> None:
    assert check(Keras, json.loads(json.dumps(right)), ()) == []


def test_what_labels_may_bear_is_said() -> None:
    assert Keras(rotation_range=40, zoom_range=0.2).breaks == ()
    assert Keras(rotation_range=50).breaks == ("orientation",)
    assert Keras(horizontal_flip=True).breaks == ("handedness",)
    assert Keras(vertical_flip=True).breaks == ("orientation", "handedness")
