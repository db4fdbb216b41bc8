"""Folders and tables, as the real libraries read them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augflow_keras import ImageDataGenerator
from augflow_keras.pixels import Dialect
from peers import photograph, quietly, real
from PIL import Image

pytest.importorskip("keras", reason="Keras 3 is not installed")

DIALECTS: tuple[Dialect, ...] = ("classic", "keras3")
COUNTS = {"boot": 7, "hat": 11, "skirt": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, with folders inside folders, links, other files, and images gray, with alpha and of 16 bits."""
    root: Path = tmp_path_factory.mktemp("photographs") / "train"
    for name, count in COUNTS.items():
        for number in range(count):
            image = photograph(20 + number, 31 - number, seed=number).astype(np.uint8)
            picture = Image.fromarray(image)
            if number == 3:
                picture = picture.convert("L")
            path = root / name / ("deep/er" if number % 3 == 1 else "") / f"{name[0]}{number}"
            path = path.with_suffix(".PNG" if number % 2 else ".jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
        (root / name / "notes.txt").write_text("no image")
    Image.fromarray(np.full((9, 9, 4), 90, np.uint8)).save(root / "hat" / "alpha.png")
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160).save(root / "hat" / "deep.png")
    os.symlink(root / "boot", root / "skirt" / "linked")
    (root / "loose.jpg").write_bytes(b"not in a class")
    return root


def assert_same_files(theirs: Any, ours: Any) -> None:
    assert theirs.filenames == ours.filenames
    assert [str(path) for path in theirs.filepaths] == ours.filepaths
    assert (theirs.n, theirs.samples, len(theirs)) == (ours.n, ours.samples, len(ours))


@pytest.mark.parametrize("split", [0.0, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("follow_links", [False, True])
def test_a_folder_is_listed_and_cut_as_in_the_library(
    folder: Path, split: float, subset: Any, follow_links: bool
) -> None:
    for dialect, classes in itertools.product(DIALECTS, (None, ["skirt", "boot"])):
        settings: dict[str, Any] = {"subset": subset, "follow_links": follow_links, "classes": classes}
        generator = real(dialect).ImageDataGenerator(validation_split=split)
        theirs = generator.flow_from_directory(str(folder), **settings)
        ours = ImageDataGenerator(validation_split=split, dialect=dialect).flow_from_directory(folder, **settings)
        assert_same_files(theirs, ours)
        assert theirs.class_indices == ours.class_indices
        assert np.array_equal(theirs.classes, ours.classes)
        assert theirs.classes.dtype == ours.classes.dtype
        assert np.array_equal(theirs.labels, ours.labels)
        assert theirs.num_classes == ours.num_classes


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_batches_of_a_folder_are_those_of_the_library(folder: Path, class_mode: Any, color_mode: Any) -> None:
    for dialect, data_format in itertools.product(DIALECTS, ("channels_last", "channels_first")):
        settings = {"class_mode": class_mode, "color_mode": color_mode, "target_size": (18, 22), "shuffle": False}
        arguments: dict[str, Any] = {"rescale": 1 / 255, "data_format": data_format}
        theirs = real(dialect).ImageDataGenerator(**arguments).flow_from_directory(str(folder), **settings)
        ours = ImageDataGenerator(**arguments, dialect=dialect).flow_from_directory(str(folder), **settings)
        assert_alike(quietly(theirs.__getitem__, 0), ours[0])
        assert theirs.image_shape == ours.image_shape


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"])
@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
def test_images_are_resized_as_in_the_library(folder: Path, interpolation: str, keep_aspect_ratio: bool) -> None:
    settings: dict[str, Any] = {
        "interpolation": interpolation,
        "keep_aspect_ratio": keep_aspect_ratio,
        "target_size": (40, 17),
        "shuffle": False,
    }
    theirs = real("keras3").ImageDataGenerator().flow_from_directory(str(folder), **settings)
    assert_alike(quietly(theirs.__getitem__, 0), ImageDataGenerator().flow_from_directory(str(folder), **settings)[0])


def assert_alike(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, tuple | list):
        assert len(one) == len(two)
        for inner, other in zip(one, two, strict=True):
            assert_alike(inner, other)
    else:
        assert one.dtype == two.dtype
        assert one.shape == two.shape
        assert np.allclose(one, two, atol=1e-4) if one.dtype.kind in "fiu" else np.array_equal(one, two)


def frame(folder: Path) -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    suffixes = (".jpg", ".PNG", ".png")
    paths = sorted(path for name in COUNTS for path in (folder / name).rglob("*") if path.suffix in suffixes)
    paths += [Path("hat/missing.png"), folder / "hat" / "notes.txt"]
    names = [str(path.relative_to(folder)) if path.is_absolute() else str(path) for path in paths]
    label = [name.split("/")[0] for name in names]
    other = [one if number % 3 else ["hat", one] for number, one in enumerate(label)]
    numbers = np.arange(len(names))
    return pandas.DataFrame(
        {
            "filename": names,
            "class": label,
            "several": other,
            "two": ["ab"[number % 2] for number in numbers],
            "number": numbers / 2,
            "weight": numbers * 1.5,
            "whole": numbers,
        }
    )


FRAMES: tuple[dict[str, Any], ...] = (
    {},
    {"class_mode": "sparse"},
    {"class_mode": "categorical", "y_col": "several"},
    {"class_mode": "categorical", "y_col": "several", "classes": ["skirt", "boot"]},
    {"class_mode": "sparse", "classes": ["skirt", "hat"], "weight_col": "weight"},
    {"class_mode": "binary", "y_col": "two"},
    {"class_mode": "raw", "y_col": "number", "weight_col": "whole"},
    {"class_mode": "raw", "y_col": ["number", "weight"]},
    {"class_mode": "multi_output", "y_col": ["number", "class"]},
    {"class_mode": "input"},
    {"class_mode": None},
    {"batch_size": 5, "color_mode": "grayscale", "interpolation": "bicubic"},
)


@pytest.mark.parametrize(("dialect", "settings"), list(itertools.product(DIALECTS, FRAMES)))
@pytest.mark.filterwarnings("ignore:Found 2 invalid")
def test_a_table_is_read_as_in_the_library(folder: Path, dialect: Any, settings: dict[str, Any]) -> None:
    table = frame(folder)
    for split, subset in ((0.0, None), (0.3, "training"), (0.3, "validation")):
        asked = {**settings, "directory": str(folder), "target_size": (9, 8), "shuffle": False, "subset": subset}
        generator = real(dialect).ImageDataGenerator(rescale=1 / 255, validation_split=split)
        theirs = generator.flow_from_dataframe(table, **asked)
        ours = ImageDataGenerator(rescale=1 / 255, validation_split=split, dialect=dialect).flow_from_dataframe(
            table, **asked
        )
        assert_same_files(theirs, ours)
        assert getattr(theirs, "class_indices", {}) == ours.class_indices
        if hasattr(theirs, "classes"):
            assert list(theirs.classes) == list(ours.classes)
        for number in range(len(ours)):
            assert_alike(quietly(theirs.__getitem__, number), ours[number])


def test_a_table_is_left_as_it_was(folder: Path) -> None:
    table = frame(folder)
    before = table.copy(deep=True)
    with pytest.warns(UserWarning, match=r"Found 2 invalid image filename\(s\) in x_col=\"filename\", the first"):
        ImageDataGenerator().flow_from_dataframe(table, str(folder), classes=["hat"])
    assert table.equals(before)
    flow = ImageDataGenerator().flow_from_dataframe(table, str(folder), validate_filenames=False)
    assert flow.samples == len(table)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"class_mode": "multi_output"}, TypeError, "y_col must be a list"),
        ({"x_col": "number"}, TypeError, "x_col=number must be strings"),
        ({"class_mode": "sparse", "y_col": "several"}, TypeError, "must be strings"),
        ({"class_mode": "categorical", "y_col": "number"}, TypeError, "strings, lists or tuples"),
        ({"class_mode": "binary"}, ValueError, "2 classes. Found 3"),
        ({"class_mode": "binary", "classes": ["a"]}, ValueError, "2 classes. Found 1"),
        ({"weight_col": "class"}, TypeError, "weight_col=class must be numeric"),
        ({"class_mode": "soft"}, ValueError, "class_mode: 'soft'"),
        ({"color_mode": "hsv"}, ValueError, "color_mode: 'hsv'"),
        ({"interpolation": "magic"}, ValueError, "interpolation: 'magic'"),
        ({"subset": "test"}, ValueError, "subset: 'test'"),
        ({"shufle": True}, ValueError, "'shufle'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Found 2 invalid")
def test_a_wrong_argument_is_named(folder: Path, settings: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ImageDataGenerator().flow_from_dataframe(frame(folder), str(folder), **settings)


def test_what_is_out_of_use_is_told(folder: Path) -> None:
    table = frame(folder)
    gone: list[dict[str, Any]] = [{"sort": True}, {"has_ext": True}, {"drop_duplicates": True}]
    for settings in gone:
        with pytest.warns(DeprecationWarning, match="changes nothing"):
            ImageDataGenerator().flow_from_dataframe(table, str(folder), validate_filenames=False, **settings)
    with pytest.warns(DeprecationWarning, match='use "raw"'):
        ImageDataGenerator().flow_from_dataframe(table, str(folder), class_mode="other", validate_filenames=False)
    with pytest.warns(UserWarning, match="`classes` will be ignored"):
        ImageDataGenerator().flow_from_dataframe(
            table, str(folder), class_mode=None, classes=["hat"], validate_filenames=False
        )


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(OSError, match=r"broken\.jpg cannot be read as an image"):
        ImageDataGenerator().flow_from_directory(str(tmp_path))[0]


def test_a_class_without_folder_is_told(folder: Path) -> None:
    with pytest.warns(UserWarning, match="no folder .*coat"):
        flow = ImageDataGenerator().flow_from_directory(str(folder), classes=["coat", "hat"])
    assert flow.class_indices == {"coat": 0, "hat": 1}


def test_views_follow_the_name_of_the_file(folder: Path) -> None:
    """Listed by folder or by table, alone or among others, in any batch: the same image, of each row its own."""
    generator = ImageDataGenerator(rotation_range=30, zoom_range=0.2)
    settings: dict[str, Any] = {"target_size": (20, 20), "seed": 4}
    every = generator.flow_from_directory(str(folder), **settings)
    few = generator.flow_from_directory(str(folder), classes=["skirt"], batch_size=3, **settings)
    for index, name in enumerate(few.filenames):
        assert np.array_equal(few.image(index), every.image(every.filenames.index(name)))
    pandas = pytest.importorskip("pandas")
    name = few.filenames[0]
    table = pandas.DataFrame({"filename": [name, name], "class": ["skirt", "skirt"]})
    twice = generator.flow_from_dataframe(table, str(folder), **settings)
    assert np.array_equal(twice.image(0), few.image(0))
    assert not np.array_equal(twice.image(1), few.image(0))


def test_records_tell_file_and_label(folder: Path) -> None:
    flow = ImageDataGenerator(horizontal_flip=True).flow_from_directory(str(folder), target_size=(8, 9), shuffle=False)
    first = next(flow.records())
    assert first["key"] == flow.filenames[0]
    assert first["path"] == flow.filepaths[0]
    assert first["label"] == "boot"
    table = frame(folder)
    asked: dict[str, Any] = {"directory": str(folder), "validate_filenames": False}
    labels = [
        ImageDataGenerator().flow_from_dataframe(table, **asked, **settings).record(6)["label"]
        for settings in (
            {"y_col": "several"},
            {"class_mode": "raw", "y_col": "number"},
            {"class_mode": "multi_output", "y_col": ["number", "class"]},
            {"class_mode": None},
        )
    ]
    assert labels == [["hat", "boot"], 3.0, [3.0, "boot"], None]


def test_saved_files_show_the_photographs(folder: Path, tmp_path: Path) -> None:
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(folder), target_size=(20, 20), save_to_dir=str(tmp_path), classes=["boot"], batch_size=3
    )
    for number in range(len(flow)):
        flow[number]
    files = sorted(tmp_path.iterdir(), key=lambda path: int(path.name.split("_")[1]))
    assert len(files) == flow.samples
    for index, file in enumerate(files):
        assert np.abs(np.asarray(Image.open(file)) / 255 - flow.image(index)).max() < 1e-6


def test_gray_of_16_bits_is_saved_whole(folder: Path, tmp_path: Path) -> None:
    flow = ImageDataGenerator().flow_from_directory(
        str(folder), target_size=(20, 20), color_mode="grayscale", shuffle=False, save_to_dir=str(tmp_path)
    )
    flow[0]
    index = flow.filenames.index("hat/deep.png")
    (file,) = tmp_path.glob(f"_{index}_*")
    assert np.abs(np.asarray(Image.open(file)) - flow.image(index)[..., 0] / 257).max() <= 0.51
