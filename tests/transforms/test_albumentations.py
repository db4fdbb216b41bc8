from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from augflow.errors import RecipeError
from augflow.registry import Registry
from augflow.transform import Image, Size
from augflow.transforms.albumentations import REFUSED, Adapted, adapt, catalogue

NEEDED: dict[str, dict[str, Any]] = {
    "AtLeastOneBBoxRandomCrop": {"height": 20, "width": 30},
    "CenterCrop": {"height": 20, "width": 30},
    "Crop": {"x_max": 30, "y_max": 20},
    "CropAndPad": {"percent": 0.1},
    "GridElasticDeform": {"num_grid_xy": [4, 4], "magnitude": 5},
    "LongestMaxSize": {"max_size": 40},
    "RandomCrop": {"height": 20, "width": 30},
    "RandomResizedCrop": {"size": [20, 30]},
    "RandomSizedCrop": {"min_max_height": [10, 20], "size": [20, 30]},
    "Resize": {"height": 20, "width": 30},
    "SmallestMaxSize": {"max_size": 40},
}
"""Arguments for those that cannot do without."""

REFUSE_GRAY = set(
    "ChannelDropout ChromaticAberration HEStain ISONoise PlanckianJitter RandomFog RandomGravel RandomRain RandomSnow "
    "RandomSunFlare Spatter".split()
)
LISTED = catalogue()
USABLE = [name for name, _, reason in LISTED if reason is None]


def photograph(channels: int = 3) -> Image:
    rows, columns = np.mgrid[0:48, 0:64]
    waves = [128 + 70 * np.sin(rows / (5 + c)) + 50 * np.cos(columns / (9 - 2 * c)) for c in range(channels)]
    grain = np.random.default_rng(0).integers(-8, 9, (48, 64, channels))
    image: Image = np.clip(np.stack(waves, axis=2) + grain, 0, 255).astype(np.uint8)
    return image


def build(name: str) -> Any:
    return Registry().build(f"albumentations.{name}", NEEDED.get(name, {}))


def test_every_concrete_transform_is_listed() -> None:
    assert len(LISTED) == 116
    assert len({name for name, _, _ in LISTED}) == 116
    assert all(summary and "\n" not in summary for _, summary, _ in LISTED)
    assert set(REFUSED) == {name for name, _, reason in LISTED if reason}
    assert len(USABLE) == 93


@pytest.mark.parametrize("name", USABLE)
def test_pixels_follow_from_the_seed_alone(name: str) -> None:
    """…whatever the instance changed before, on another instance, and on one that came from another process."""
    image = photograph()
    transform = build(name)
    draw = transform.draw(np.random.default_rng(5), Size(48, 64))
    assert json.loads(json.dumps(draw)) == draw
    first = transform.apply(image, **draw)
    for seed in range(3):
        transform.apply(np.flip(image).copy(), seed=seed)
    assert np.array_equal(transform.apply(image, **draw), first)
    assert np.array_equal(build(name).apply(image, **draw), first)
    twin = pickle.loads(pickle.dumps(transform))
    assert twin == transform
    assert hash(twin) == hash(transform)
    assert np.array_equal(twin.apply(image, **draw), first)
    assert np.array_equal(image, photograph())
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.flags.c_contiguous
    assert first.shape == image.shape or transform.geometric


@pytest.mark.parametrize("name", USABLE)
def test_gray_images_stay_gray_or_are_refused_in_words(name: str) -> None:
    image = photograph(1)
    transform = build(name)
    if name in REFUSE_GRAY:
        with pytest.raises(RecipeError, match=rf"^albumentations.{name} does not take a gray image of 64×48 pixels: "):
            transform.apply(image, seed=1)
    else:
        made = transform.apply(image, seed=1)
        assert made.shape[2] == 1
        assert made.flags.c_contiguous
        assert np.array_equal(transform.apply(image, seed=1), made)
    assert np.array_equal(image, photograph(1))


@pytest.mark.parametrize(
    "name", ["Rotate", "GaussNoise", "CoarseDropout", "ElasticTransform", "RandomRain", "ShotNoise"]
)
def test_seeds_make_a_difference(name: str) -> None:
    made = {build(name).apply(photograph(), seed=seed).tobytes() for seed in range(5)}
    assert len(made) == 5


def test_probability_is_the_steps() -> None:
    image = photograph()
    assert all(np.array_equal(build("HorizontalFlip").apply(image, seed=s), image[:, ::-1]) for s in range(20))
    assert "p" not in adapt("Blur").json_schema()["properties"]
    assert (adapt("HorizontalFlip").p, adapt("Rotate").p) == (0.5, 1)


@pytest.mark.parametrize("name", [name for name, _, _ in LISTED])
def test_schema_tells_every_argument_and_default(name: str) -> None:
    cls = adapt(name)
    schema = cls.json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    assert "$defs" not in schema
    if name in USABLE:
        constructor = inspect.signature(cls.target).parameters
        own = {key for key in constructor if key != "p"} & set(cls.target.InitSchema.model_fields)
        assert set(schema["properties"]) == own
        required = {key for key in own if constructor[key].default is inspect.Parameter.empty}
        assert set(schema.get("required", [])) == required
        assert all("default" in schema["properties"][key] for key in own - required)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_a_step_says_why(name: str) -> None:
    cls = adapt(name)
    assert cls.check({}) == [("", f"albumentations.{name} {REFUSED[name]}.")]
    with pytest.raises(RecipeError, match=f"albumentations.{name} {REFUSED[name][:12]}"):
        cls()
    assert cls.json_schema()["properties"] == {}


@pytest.mark.parametrize("name", USABLE)
def test_arguments_that_are_right_pass(name: str) -> None:
    transform = build(name)
    assert type(transform).check(NEEDED.get(name, {})) == []
    given = dict(transform.arguments)
    assert type(transform).check(given) == []
    assert type(transform)(**given) == transform


@pytest.mark.parametrize(
    ("name", "arguments", "where", "said"),
    [
        ("Rotate", {"limt": 3}, "limt", "Did you mean 'limit'?"),
        ("Rotate", {"p": 0.5}, "p", "there is no such key"),
        ("HorizontalFlip", {"axis": 1}, "axis", "It takes no arguments."),
        ("Rotate", {"limit": "wide"}, "limit", '"wide" does not fit: Input should be'),
        ("Blur", {"blur_limit": 2.5}, "blur_limit", "Input should be a valid integer"),
        ("RandomRain", {"rain_type": "heaavy"}, "rain_type", "'heavy'"),
        ("RandomResizedCrop", {"size": [3, 4], "scale": [0.2, 3]}, "scale", "<= 1"),
        ("Resize", {"height": 3}, "width", "is missing."),
        ("LongestMaxSize", {}, "", "Either max_size or max_size_hw"),
        ("Crop", {"x_min": 30, "x_max": 3}, "", "x_max must be greater than x_min."),
        ("Rotate", {"limit": float("nan")}, "", "not JSON"),
    ],
)
def test_arguments_that_are_wrong_are_named(name: str, arguments: dict[str, Any], where: str, said: str) -> None:
    ((found, message),) = adapt(name).check(arguments)
    assert found == where
    assert said in message


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'HorizontalFlip'"):
        adapt("HorizontalFlop")
    for abstract in ("BasicTransform", "DualTransform", "Compose"):
        with pytest.raises(RecipeError):
            adapt(abstract)


def test_a_size_that_cannot_be_is_told() -> None:
    with pytest.raises(RecipeError, match="CenterCrop does not take an RGB image of 64×48 pixels: Crop size"):
        adapt("CenterCrop")(height=100, width=20).apply(photograph(), seed=0)


def test_one_name_is_one_class() -> None:
    assert adapt("Blur") is adapt("Blur")
    assert issubclass(adapt("Blur"), Adapted)
    assert inspect.getdoc(adapt("Blur"))


def test_import_is_late_silent_and_offline() -> None:
    """The library is imported when first asked for, without a warning and without a socket."""
    script = """
import socket, sys, warnings
warnings.simplefilter("error")
def refuse(*args, **kwargs):
    raise AssertionError("the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from augflow.transforms.albumentations import adapt
assert "albumentations" not in sys.modules and "cv2" not in sys.modules
adapt("Blur")()
assert "albumentations" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
