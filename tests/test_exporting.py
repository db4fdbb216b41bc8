"""Chains given to albumentations: it reads them, they do the same, and what has no equal is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from augflow import cli
from augflow.draw import Streams
from augflow.engine.chain import Chain
from augflow.engine.performing import perform
from augflow.engine.render import Render
from augflow.exporting.albumentations import Exported, export
from augflow.importing.reader import read
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source.finds import draw_image
from augflow.transform import Size
from augflow.transforms.albumentations import library

REGISTRY = Registry()
Pixels = NDArray[np.uint8]


def exported(steps: dict[str, Any], **chains: Any) -> Exported:
    recipe = read_recipe({"chain": "a", "chains": {"a": steps, **chains}}, REGISTRY)
    return export("a", recipe.chains["a"])


def ours(steps: dict[str, Any], image: Pixels, copies: int = 1) -> list[Pixels]:
    recipe = read_recipe({"chain": "a", "chains": {"a": steps}}, REGISTRY)
    chain = Chain("a", recipe.chains["a"], REGISTRY)
    made = []
    for copy in range(copies):
        drawn = chain.draw(Size(*image.shape[:2]), Render(), Streams(0, "a", copy))[1]
        made.append(perform(image, [(transform, params) for _, transform, params in drawn]))
    return made


def theirs(steps: dict[str, Any], image: Pixels, copies: int = 1) -> list[Pixels]:
    compose = library().from_dict(json.loads(json.dumps(exported(steps).transform)))
    compose.set_random_seed(1)
    return [compose(image=image)["image"] for _ in range(copies)]


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    """Something that is alike under no turn, flip or exchange of colours."""
    return np.asarray(draw_image("acorn", 3), dtype=np.uint8)


FIXED: dict[str, tuple[dict[str, Any], float]] = {
    "flip horizontal": ({"flip": {"p": 1}}, 0),
    "flip vertical": ({"flip": {"axis": "vertical", "p": 1}}, 0),
    "flip both": ({"flip": {"axis": "both", "p": 1}}, 0),
    "transpose": ({"transpose": {"p": 1}}, 0),
    "half a turn": ({"quarter_turns": {"turns": [2]}}, 0),
    "rotate": ({"rotate": {"limit": [20, 20]}}, 2),
    "rotate, constant": ({"rotate": {"limit": [-35, -35], "border": "constant", "fill": [200, 30, 60]}}, 2),
    "shift": ({"shift": {"x": [0.25, 0.25], "y": [-0.25, -0.25], "border": "nearest"}}, 2),
    "zoom in": ({"zoom": {"scale": [1.25, 1.25]}}, 2),
    "zoom out": ({"zoom": {"scale": [0.75, 0.75], "border": "wrap"}}, 2.5),
    "affine, turn": ({"affine": {"rotate": [15, 15], "border": "constant"}}, 2),
    "affine, scale and shift": ({"affine": {"scale": [1.2, 1.2], "shift": [0.25, 0.25]}}, 2),
    "affine, shear": ({"affine": {"shear": [10, 10], "border": "constant"}}, 2),
    "shear": ({"shear": {"x": [12, 12], "border": "constant"}}, 2),
    "shear upwards": ({"shear": {"x": 0, "y": [-12, -12], "border": "constant"}}, 2),
    "crop": ({"crop": {"size": [40, 60], "position": "centre"}}, 0),
    "brightness": ({"brightness_contrast": {"brightness": [0.2, 0.2], "contrast": 0}}, 1),
    "gamma": ({"gamma": {"gamma": [1.5, 1.5]}}, 1),
    "hue": ({"hue_saturation": {"hue": [40, 40], "saturation": 0}}, 3),
    "saturation": ({"hue_saturation": {"hue": 0, "saturation": [-0.5, -0.5]}}, 1),
    "gray": ({"gray": {"p": 1}}, 1),
    "posterize": ({"posterize": {"bits": [3, 3]}}, 0),
    "solarize": ({"solarize": {"threshold": [128, 128]}}, 0.5),
    "equalize": ({"equalize": {"p": 1}}, 3),
    "autocontrast": ({"autocontrast": {"p": 1, "cutoff": 2}}, 1),
    "invert": ({"invert": {"p": 1}}, 0),
    "sharpen": ({"sharpen": {"amount": [0.5, 0.5]}}, 1),
    "blur": ({"blur": {"sigma": [1.5, 1.5]}}, 1),
    "jpeg": ({"jpeg_artefacts": {"quality": [20, 20]}}, 5.5),
    "albumentations' own": ({"albumentations.ToSepia": {"p": 1}}, 0),
}


@pytest.mark.parametrize("name", FIXED)
def test_where_nothing_is_drawn_the_pixels_are_the_same(name: str, photograph: Pixels) -> None:
    steps, tolerance = FIXED[name]
    assert not exported(steps).left
    (here,), (there,) = ours(steps, photograph), theirs(steps, photograph)
    assert here.shape == there.shape
    assert np.abs(here.astype(int) - there).mean() <= tolerance
    unchanged = here.shape == photograph.shape and np.abs(here.astype(int) - photograph).mean() <= tolerance
    assert not unchanged, "this shows nothing"


DRAWN: dict[str, dict[str, Any]] = {
    "noise": {"gaussian_noise": {"sigma": [10, 30]}},
    "specks": {"salt_and_pepper": {"amount": [0.05, 0.1], "salt": 0.9}},
    "erased": {"erase": {"fill": 0, "scale": [0.1, 0.3]}},
    "lights": {"brightness_contrast": {"brightness": 0.3, "contrast": 0.3}},
    "several": {"flip": {}, "rotate": {"limit": 20}, "gamma": {}, "blur": {"p": 0.5}, "gaussian_noise": {}},
    "one of": {"x": {"p": 0.7, "one_of": {"invert": {"weight": 3, "p": 1}, "solarize": {"p": 0.5}}}},
}


@pytest.mark.parametrize("name", DRAWN)
def test_where_chance_draws_the_pixels_are_alike(name: str, photograph: Pixels) -> None:
    here, there = ours(DRAWN[name], photograph, 150), theirs(DRAWN[name], photograph, 150)
    means = [np.array([image.mean() for image in images]) for images in (here, there)]
    spreads = [np.array([image.std() for image in images]) for images in (here, there)]
    assert abs(means[0].mean() - means[1].mean()) < 6
    assert abs(spreads[0].mean() - spreads[1].mean()) < 6
    assert abs(means[0].std() - means[1].std()) < 8


def test_a_photograph_through_the_shipped_chains(photographs: Path) -> None:
    from PIL import Image

    image = np.asarray(Image.open(next(photographs.glob("*/*.jpg"))).convert("RGB"), dtype=np.uint8)
    steps = {"flip": {}, "rotate": {"limit": 25}, "shift": {"x": 0.05, "y": 0.05}, "brightness_contrast": {}}
    here, there = ours(steps, image, 60), theirs(steps, image, 60)
    assert abs(np.mean([one.mean() for one in here]) - np.mean([one.mean() for one in there])) < 8
    assert abs(np.mean([one.std() for one in here]) - np.mean([one.std() for one in there])) < 8


def test_what_comes_back_means_the_same(photograph: Pixels) -> None:
    steps: dict[str, Any] = {
        "albumentations.HorizontalFlip": {"p": 0.5},
        "albumentations.Blur": {"p": 0.3, "blur_limit": [3, 5]},
        "either": {"p": 0.4, "one_of": {"albumentations.InvertImg": {"weight": 2}, "albumentations.ToGray": {}}},
    }
    first = exported(steps)
    back = read(json.dumps(first.transform))
    back.settle(REGISTRY)
    assert not first.left + back.left
    again = read_recipe(back.whole(), REGISTRY)
    assert export("imported", again.chains["imported"]).transform == first.transform


@pytest.mark.parametrize("recipe", ["balance", "gentle", "strong", "keras", "article"])
def test_every_shipped_recipe_is_read_by_albumentations_and_comes_back(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["export", recipe, "--to", "albumentations"])
    said = capsys.readouterr()
    assert code == (1 if "no equal there" in said.err else 0)
    compose = library().from_dict(json.loads(said.out))
    assert compose(image=np.zeros((64, 64, 3), np.uint8))["image"].shape == (64, 64, 3)
    back = read(said.out)
    back.settle(REGISTRY)
    assert not back.left
    whole = read_recipe(back.whole(), REGISTRY)
    again = export("imported", whole.chains["imported"])
    assert [one["__class_fullname__"] for one in again.transform["transform"]["transforms"]] == [
        one["__class_fullname__"] for one in json.loads(said.out)["transform"]["transforms"]
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ({"poisson_noise": {}}, "a.poisson_noise: poisson_noise: ShotNoise counts photons in linear light."),
        ({"crop": {}}, "a.crop: crop: there, a crop has a size in pixels."),
        ({"erase": {}}, "a.erase: erase: there, nothing fills with the image's own mean."),
        ({"grid_drop": {}}, "a.grid_drop: grid_drop: albumentations has no transform like it."),
        ({"x": {"one_of": {"invert": {}, "pad": {}}}}, "a.x: an option has no equal"),
        ({"inner": {}}, "a.inner: none of its steps has an equal."),
    ],
)
def test_what_has_no_equal_is_listed_and_the_rest_is_kept(steps: dict[str, Any], told: str) -> None:
    made = exported({"flip": {}, **steps}, inner={"perspective": {}})
    assert any(item.startswith(told) for item in made.left), made.left
    assert len(made.transform["transform"]["transforms"]) == 1


def test_chains_in_chains_are_written_out() -> None:
    made = exported({"inner": {"p": 0.25}, "flip": {}}, inner={"invert": {}, "blur": {}})
    first, second = made.transform["transform"]["transforms"]
    assert (first["__class_fullname__"], first["p"], len(first["transforms"])) == ("Sequential", 0.25, 2)
    assert second["__class_fullname__"] == "HorizontalFlip"


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two = "weights: {a: 1, b: 1}\nchains: {a: {flip: {}}, b: {invert: {}, pad: {}}}\n"
    Path("mine.yaml").write_text(two, encoding="utf-8")
    assert cli.main(["export", "mine.yaml", "--to", "albumentations", "--chain", "a", "--format", "yaml"]) == 0
    assert "HorizontalFlip" in capsys.readouterr().out
    assert cli.main(["export", "mine.yaml", "--to", "albumentations", "--chain", "b"]) == 1
    assert "augflow: no equal there: b.pad" in capsys.readouterr().err
    for words, told in (
        (["mine.yaml"], "Say to what: augflow export RECIPE --to albumentations"),
        (["mine.yaml", "--to", "albumentatoins"], "Did you mean 'albumentations'?"),
        (["mine.yaml", "--to", "albumentations"], "Copies are made by several chains: a, b."),
        (["mine.yaml", "--to", "albumentations", "--chain", "c"], "there is no such chain"),
        (["--to", "albumentations"], "Name a recipe"),
        (["none.yaml", "--to", "albumentations"], "There is no recipe none.yaml"),
    ):
        assert cli.main(["export", *words]) == 2
        assert told in capsys.readouterr().err
