"""`augflow import`: what it makes of other tools' settings does the same, the rest is listed, nothing is executed."""

from __future__ import annotations

import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.cli import main
from augflow.config import strict
from augflow.config.compose import compose
from augflow.errors import RecipeError
from augflow.importing.calls import Call, Name, parse
from augflow.importing.reader import read
from augflow.importing.result import Imported
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.transform import Size

REGISTRY = Registry()


def imported(text: str) -> Imported:
    """What is made of a text; its recipe gets through the strict door and the reader."""
    found = read(text)
    found.settle(REGISTRY)
    data = strict.parse(found.written().encode(), "recipe").data
    if "extends" not in data:
        read_recipe(data, REGISTRY)
    assert data == json.loads(json.dumps(found.whole()))
    return found


def steps(text: str) -> dict[str, Any]:
    return imported(text).chains["imported"]


# albumentations


PIPELINE = albumentations.Compose(
    [
        albumentations.HorizontalFlip(p=0.3),
        albumentations.OneOf([albumentations.Blur(p=1), albumentations.GaussNoise(p=0.5)], p=0.4),
        albumentations.Rotate(limit=15, p=1),
        albumentations.Rotate(limit=5, p=0.2),
        albumentations.Normalize(),
        albumentations.SomeOf([albumentations.CLAHE()], n=1),
        albumentations.Sequential([albumentations.ToGray(p=1)], p=0.5),
    ]
)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_albumentations_to_dict(form: str, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    albumentations.save(PIPELINE, file, data_format=form)
    found = imported(file.read_text(encoding="utf-8"))
    chain = found.chains["imported"]
    assert list(chain) == [
        "albumentations.HorizontalFlip",
        "oneof",
        "albumentations.Rotate",
        "albumentations.Rotate_2",
        "sequential_1",
    ]
    assert chain["albumentations.HorizontalFlip"] == {"p": 0.3}
    assert chain["oneof"]["p"] == 0.4
    weights = {name: (option["weight"], option["p"]) for name, option in chain["oneof"]["one_of"].items()}
    assert weights == {"albumentations.Blur": (1, 1), "albumentations.GaussNoise": (0.5, 1)}
    assert chain["albumentations.Rotate_2"]["use"] == "albumentations.Rotate"
    assert found.chains["sequential_1"] == {
        "albumentations.ToGray": {"p": 1.0, "method": "weighted_average", "num_output_channels": 3}
    }
    assert [item.partition(":")[0] for item in found.left] == ["SomeOf of CLAHE", "albumentations.Normalize"]


def test_an_imported_transform_makes_the_pixels_of_the_original() -> None:
    original = albumentations.Rotate(limit=(20, 40), border_mode=2, p=1)
    text = json.dumps(albumentations.to_dict(albumentations.Compose([original])))
    recipe = read_recipe(imported(text).whole(), REGISTRY)
    (step,) = recipe.chains["imported"]
    ours = REGISTRY.build(step["use"], step["arguments"])
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    seed = ours.draw(np.random.default_rng(1), Size(40, 50))["seed"]
    original.set_random_seed(seed)
    assert np.array_equal(ours.apply(image, seed), original(image=image)["image"])


def test_albumentations_in_a_script_and_of_other_versions() -> None:
    chain = steps(
        "import albumentations as A\nt = A.Compose([A.HorizontalFlip(p=0.5), A.Blur(blur_limit=5, p=1)], p=1.0)"
    )
    assert chain == {"albumentations.HorizontalFlip": {"p": 0.5}, "albumentations.Blur": {"blur_limit": 5, "p": 1.0}}
    old = {"__class_fullname__": "albumentations.augmentations.transforms.GaussNoise", "var_limit": [1, 2], "p": 0.5}
    own = {"__class_fullname__": "mine.Fog", "p": 0.5}
    both = {"__class_fullname__": "Compose", "p": 1.0, "transforms": [old, own]}
    found = imported(json.dumps({"transform": both}))
    assert found.chains["imported"] == {"albumentations.GaussNoise": {"p": 0.5}}
    assert found.left[0].startswith("mine.Fog")
    assert found.left[1].startswith("albumentations.GaussNoise: var_limit: there is no such key")


# Keras


KERAS = """\
from keras.preprocessing.image import ImageDataGenerator
train = ImageDataGenerator(
    rescale=1.0 / 255, rotation_range=40, width_shift_range=0.2, height_shift_range=0.2, shear_range=0.2,
    zoom_range=0.2, horizontal_flip=True, fill_mode='nearest', validation_split=0.1, preprocessing_function=f,
).flow_from_directory('train', batch_size=32)
"""


def test_keras_is_the_recipe_that_ships() -> None:
    found = imported(KERAS)
    assert found.chains["imported"] == compose(["source=demo", "recipe=keras"]).recipe["chains"]["generator"] | {
        "zoom": {"scale": [0.8, 1.2], "separate": True, "border": "nearest"}
    }
    assert [item.partition("=")[0] for item in found.left] == ["rescale", "validation_split", "preprocessing_function"]


def test_keras_arguments_as_json() -> None:
    found = imported(
        '{"rotation_range": 10, "width_shift_range": 20, "brightness_range": [0.5, 1.5], "channel_shift_range": 51,'
        ' "vertical_flip": true, "fill_mode": "constant", "cval": 7.0, "zca_whitening": true, "horizontal_flip": false}'
    )
    even = {"contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}
    assert found.chains["imported"] == {
        "rotate": {"limit": 10, "border": "constant", "fill": 7},
        "flip_vertical": {"use": "flip", "axis": "vertical", "p": 0.5},
        "brightness_contrast": {"brightness": 0.2, "contrast": 0},
        "albumentations.ColorJitter": {"brightness": [0.5, 1.5], **even, "p": 1.0},
    }
    assert [item.split("=")[0] for item in found.left] == ["width_shift_range", "zca_whitening"]


# torchvision


PRINTED = """\
Compose(
      RandomResizedCrop(size=[224, 224], scale=(0.08, 1.0), ratio=(0.75, 1.3333), antialias=True)
      RandomHorizontalFlip(p=0.5)
      RandomRotation(degrees=[-10.0, 10.0], interpolation=<InterpolationMode.NEAREST: 'nearest'>, expand=False, fill=0)
      RandomApply(    ColorJitter(brightness=(0.8, 1.2), contrast=(0.5, 1.5), hue=(-0.1, 0.1)))
      RandomChoice(
            RandomVerticalFlip(p=1.0)
            RandomPosterize(p=1.0, bits=4)
      )
      RandomErasing(p=0.25, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=[0.0], inplace=False)
      ElasticTransform(alpha=[50.0, 50.0])
      ToDtype(scale=True)
      Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], inplace=False)
)
"""
CHANGED = {"brightness": [0.8, 1.2], "contrast": [0.5, 1.5], "saturation": [1, 1], "hue": [-0.1, 0.1], "p": 1.0}
TURNED = {"limit": [-10.0, 10.0], "border": "constant", "fill": 0}


def test_what_torchvision_prints() -> None:
    found = imported(PRINTED)
    assert found.chains == {
        "imported": {
            "random_resized_crop": {"size": 224, "scale": [0.08, 1.0], "ratio": [0.75, 1.3333]},
            "flip": {"axis": "horizontal", "p": 0.5},
            "rotate": TURNED,
            "randomapply_1": {"p": 0.5},
            "randomchoice": {
                "one_of": {
                    "flip_vertical": {"use": "flip", "axis": "vertical", "p": 1.0, "weight": 1},
                    "posterize": {"bits": [4, 4], "p": 1.0, "weight": 1},
                }
            },
            "erase": {"scale": [0.02, 0.33], "ratio": [0.3, 3.3], "fill": 0, "p": 0.25},
        },
        "randomapply_1": {"albumentations.ColorJitter": CHANGED},
    }
    assert [item.split()[0] for item in found.left] == ["ElasticTransform:", "ToDtype", "Normalize"]


def test_what_the_older_torchvision_prints_and_what_stands_in_a_script() -> None:
    turn = "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)"
    old = f"Compose(\n    {turn}\n    ToTensor()\n)"
    assert steps(old) == {"rotate": TURNED}
    script = (
        "from torchvision.transforms import v2\nsize = 64\n"
        "train = v2.Compose([\n  v2.RandomAffine(10, translate=(0.1, 0.2), shear=5),\n  v2.ColorJitter(0.2, 0.5),\n"
        "  v2.RandomApply([v2.Grayscale(3)], p=0.3),\n  v2.CenterCrop(50), v2.RandomInvert(),\n"
        "  v2.Resize(size), v2.Resize((30, 40)), v2.RandomOrder([v2.RandomInvert()]), v2.ToTensor()])\n"
    )
    found = imported(script)
    chain = found.chains["imported"]
    assert chain["affine"] == {"rotate": 10, "scale": [1, 1], "shear": 5, "border": "constant", "fill": 0}
    assert chain["shift"] == {"x": 0.1, "y": 0.2, "border": "constant", "fill": 0}
    assert chain["albumentations.ColorJitter"]["brightness"] == [0.8, 1.2]
    assert chain["randomapply_1"] == {"p": 0.3}
    assert chain["crop"] == {"size": 50, "position": "centre"}
    assert chain["invert"] == {"p": 0.5}
    assert chain["albumentations.Resize"] == {"height": 30, "width": 40}
    assert [item.split(":")[0].split()[0] for item in found.left] == ["Resize", "RandomOrder", "ToTensor"]


def test_angles_of_random_affine_are_clockwise() -> None:
    chain = steps("Compose([RandomAffine(degrees=(-10, 30), shear=(0, 5)), RandomRotation((-10, 30))])")
    assert chain["affine"]["rotate"] == [-30, 10]
    assert chain["affine"]["shear"] == [-5, 0]
    assert chain["rotate"]["limit"] == [-10, 30]


def test_a_probability_that_is_not_written_out_is_told() -> None:
    found = imported("Compose([RandomApply([RandomInvert()], p=chance)])")
    assert found.left == ["RandomApply: p=chance is not written out; 0.5 is assumed."]


# Augmentor


AUGMENTOR = """\
import Augmentor
p = Augmentor.Pipeline("photos", output_directory="out")
p.rotate(probability=0.7, max_left_rotation=10, max_right_rotation=5)
p.flip_left_right(0.5)
p.flip_random(probability=0.2)
p.rotate_random_90(1)
p.zoom(probability=0.3, min_factor=1.1, max_factor=1.6)
p.crop_by_size(1, 30, 20, centre=False)
p.shear(0.5, 10, 15)
p.random_brightness(0.4, 0.5, 1.5)
p.random_distortion(probability=1, grid_width=4, grid_height=4, magnitude=8)
for turn in range(3):
    p.greyscale(0.1)
p.rotate180(probability=chance)
p.sample(500)
other.flip_top_bottom(1)
"""


def test_an_augmentor_pipeline() -> None:
    found = imported(AUGMENTOR)
    chain = found.chains["imported"]
    assert list(chain) == [
        "rotate",
        "flip",
        "flip_random",
        "rotate_random_90",
        "zoom",
        "crop_by_size",
        "shear_either",
        "random_brightness",
        "gray",
    ]
    assert chain["rotate"] == {"limit": [-5, 10], "p": 0.7}
    assert chain["flip"] == {"axis": "horizontal", "p": 0.5}
    assert chain["rotate_random_90"] == {"use": "quarter_turns", "turns": [1, 2, 3], "p": 1}
    assert chain["crop_by_size"] == {"use": "crop", "size": [20, 30], "position": "random", "p": 1}
    assert chain["shear_either"]["one_of"]["x"] == {"use": "shear", "x": [-15, 10], "y": 0}
    assert [item.partition(": ")[2].split("(")[0].split(":")[0] for item in found.left] == [
        "random_distortion",
        "rotate180",
        "sample",
    ]
    assert any("greyscale stands in a loop" in item for item in found.close)


# imbalanced-learn


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ('"not majority"', {"target": "not majority"}),
        ("'minority'", {"target": "minority"}),
        ("0.5", {"target": "0.5max"}),
        ('{"cat": 500, "no": 80}', {"target": "keep", "classes": {"cat": {"target": 500}, "no": {"target": 80}}}),
        ("{0: 500, 1: 80}", {"target": "keep", "classes": {"0": {"target": 500}, "1": {"target": 80}}}),
        ("RandomOverSampler(random_state=3)", {"seed": 3, "target": "auto"}),
        ("ros = RandomOverSampler(sampling_strategy='all')", {"target": "all"}),
        ("RandomUnderSampler(sampling_strategy=0.5)", {"surplus": "drop", "target": "2min"}),
        ("RandomUnderSampler()", {"surplus": "drop", "target": "min"}),
        ("sampling_strategy = {'cat': 5}", {"target": "keep", "classes": {"cat": {"target": 5}}}),
    ],
)
def test_imbalanced_learns_sampling_strategy(text: str, recipe: dict[str, Any], tmp_path: Path) -> None:
    found = imported(text)
    assert found.whole() == {"extends": "balance", **recipe}
    assert found.left == []
    file = tmp_path / "mine.yaml"
    file.write_text(found.written(), encoding="utf-8")
    read_recipe(compose([str(file), "source=demo"]).recipe, REGISTRY)


def test_samplers_that_make_up_samples_are_told_of() -> None:
    found = imported("SMOTE(sampling_strategy='minority', k_neighbors=3)")
    assert found.left == ["k_neighbors=3 of SMOTE: copies are made by a chain."]
    assert "between others" in found.close[0]


# Anything else


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 + 1",
        "print('hello')",
        "{}",
        "[1, 2]",
        "not python at all",
        "\x00",
        "x = 5",
        "((((",
        "lambda: 0",
        "{1: 'a'}",
        '{"a": "b"}',
        '"most"',
        "1.5",
        "true",
        "Compose()",
        "def f(): pass",
        "ImageDataGenerator(horizontal_flip=x)",
    ],
)
def test_what_is_none_of_these_is_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        imported(text)


def test_nothing_is_executed(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    evil = f"__import__('pathlib').Path({str(touched)!r}).touch()"
    texts = [
        f"ImageDataGenerator(rotation_range={evil}, horizontal_flip=True)",
        f"Compose([RandomHorizontalFlip(p={evil}), RandomInvert()])",
        f"p = Augmentor.Pipeline({evil})\np.invert(1)\np.rotate90({evil})",
        f"A.Compose([A.Blur(blur_limit={evil}), A.InvertImg()])",
        f"RandomOverSampler(random_state={evil})",
        f"{evil}\nImageDataGenerator(horizontal_flip=True)",
        f'__class_fullname__: !!python/object/apply:eval ["{evil}"]',
    ]
    for text in texts:
        with contextlib.suppress(RecipeError):
            assert imported(text).left or "flip" in text
        assert not touched.exists(), text


def test_hostile_texts_are_answered_at_once() -> None:
    laughs = "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)])
    texts = [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "[" * 90 + "]" * 90,
        '{"a":' * 100_000,
        "ImageDataGenerator(" * 5_000,
        f"__class_fullname__: Compose\na0: x\n{laughs}",
        "ImageDataGenerator(rotation_range=9**9**9**9, horizontal_flip=True)",
        f"ImageDataGenerator(rotation_range={'9' * 5_000}, horizontal_flip=True)",
        "Compose([" + "RandomInvert(p=9)," * 5_000 + "RandomInvert()])",
        "x" * 2_000_000,
    ]
    for text in texts:
        start = time.process_time()
        with contextlib.suppress(RecipeError):
            imported(text)
        assert time.process_time() - start < 4, text[:40]


PIECES = [*"()[]{},=:'-.", "None", "1e9", "True", "x", "\n", "9" * 30, "**a", "*", "lambda: 0", "1j", "b''", "..."]
TEXTS = [KERAS, PRINTED, AUGMENTOR, json.dumps(albumentations.to_dict(PIPELINE)), "{'cat': 500, 'no': 80}"]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_to_a_text_breaks_the_import(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:]
    with contextlib.suppress(RecipeError):
        imported(text)


def test_calls_are_read_as_data() -> None:
    call = parse("a.b(1, [2, -3], key={'x': None}, other=c.d, worked=1 / 4)")[0]
    assert (call.name, call.positional) == ("a.b", [1, [2, -3]])
    assert call.keywords == {"key": {"x": None}, "other": Name("c.d"), "worked": 0.25}
    assert [one.last for one in parse("x = A(1).b(2)")] == ["b", "A"]
    assert parse("for i in y:\n  f()")[0].repeated
    assert isinstance(parse("f(g(1))")[0].positional[0], Call)


def test_the_verb_reads_a_file_or_what_is_piped_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train.py"
    file.write_text(KERAS, encoding="utf-8")
    assert main(["import", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("# Imported from Keras's ImageDataGenerator.\n# yaml-language-server: $schema=")
    assert "# No equal here: rescale=" in printed.out
    assert "augflow: no equal here: rescale=" in printed.err
    mine = tmp_path / "mine.yaml"
    mine.write_text(printed.out, encoding="utf-8")
    assert main(["check", str(mine)]) == 0
    capsys.readouterr()

    class Piped:
        buffer = io.BytesIO(b'{"horizontal_flip": true}')

    monkeypatch.setattr("sys.stdin", Piped)
    assert main(["import", "-", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recipe"]["chains"] == {"imported": {"flip": {"axis": "horizontal", "p": 0.5}}}
    assert main(["import", str(tmp_path / "none.py")]) == 2
    assert main(["import"]) == 2
