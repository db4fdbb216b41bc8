"""What the README says Keras does otherwise: should Keras mend it, the README is to be mended too."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augflow_keras import ImageDataGenerator
from peers import photograph, photographs, quietly, real
from PIL import Image

pytest.importorskip("keras", reason="Keras 3 is not installed")

DIALECTS = ("classic", "keras3")


def fails(call: Any, *arguments: Any, **named: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call(*arguments, **named)
        except Exception:
            failed = True
        else:
            failed = False
        gc.collect()  # the pool that a failed iterator leaves open
    return failed


@pytest.fixture(params=DIALECTS)
def theirs(request: pytest.FixtureRequest) -> Any:
    return real(request.param).ImageDataGenerator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("hat", "shirt"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(photograph(30, 40).astype(np.uint8)).save(tmp_path / "photos" / name / "1.png")
    return tmp_path / "photos"


def test_brightness_fails_with_channels_first_in_keras3() -> None:
    generator = real("keras3").ImageDataGenerator(data_format="channels_first")
    assert fails(generator.apply_transform, np.moveaxis(photograph(), 2, 0), {"brightness": 1.2})


def test_a_wrong_fill_mode_is_met_late(theirs: Any) -> None:
    assert not fails(theirs, fill_mode="mirrored", rotation_range=9)
    assert fails(theirs(fill_mode="mirrored", rotation_range=9).random_transform, photograph())


def test_arrays_as_shifts_fail(theirs: Any) -> None:
    assert fails(theirs(height_shift_range=np.array([1, 2])).random_transform, photograph())
    shifts: Any = np.array([1, 2])
    generator = ImageDataGenerator(height_shift_range=shifts)
    drawn = {generator.get_random_transform((9, 9, 3), seed)["tx"] for seed in range(50)}
    assert drawn == {-2, -1, 1, 2}


def test_whole_numbers_fail_or_are_cut(theirs: Any) -> None:
    assert fails(theirs(rescale=1 / 255).standardize, photograph().astype(np.uint8))
    made = ImageDataGenerator(rescale=1 / 255).standardize(photograph().astype(np.uint8))
    assert np.allclose(made, photograph() / 255)
    assert fails(theirs(rotation_range=9, dtype="float16").flow(photographs(2)).__getitem__, 0)


def test_whole_numbers_wrap(folder: Path, theirs: Any) -> None:
    def beyond(x: Any) -> Any:
        return x * 0 + 300.7

    settings: dict[str, Any] = {"dtype": "uint8", "preprocessing_function": beyond}
    x = quietly(theirs(**settings).flow_from_directory(str(folder), class_mode=None).__getitem__, 0)
    assert set(np.unique(x)) == {44}
    ours = ImageDataGenerator(**settings).flow_from_directory(str(folder), class_mode=None)[0]
    assert set(np.unique(ours)) == {255}


def test_weights_go_to_the_wrong_images() -> None:
    generator = real("keras3").ImageDataGenerator(validation_split=0.5)
    labels = np.arange(4)
    flow = generator.flow(photographs(4), labels, sample_weight=labels, subset="training", ignore_class_split=True)
    _, given, weights = quietly(flow.__getitem__, 0)
    assert not np.array_equal(given, weights)


def test_a_class_without_folder_is_passed_over(folder: Path, theirs: Any) -> None:
    assert theirs().flow_from_directory(str(folder), classes=["coat", "hat"]).samples == 1


def test_folders_in_folders_fail_as_classes(folder: Path, theirs: Any) -> None:
    (folder / "more" / "coat").mkdir(parents=True)
    (folder / "hat" / "1.png").rename(folder / "more" / "coat" / "1.png")
    assert fails(theirs().flow_from_directory, str(folder), classes=["more/coat"])
    flow = ImageDataGenerator().flow_from_directory(str(folder), classes=["more/coat"], target_size=(9, 9))
    assert flow.filenames == ["more/coat/1.png"]
    assert flow[0][0].shape == (1, 9, 9, 3)


def test_an_aspect_ratio_to_keep_is_ignored_in_tables(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"filename": ["hat/1.png"], "class": ["hat"]})
    settings: dict[str, Any] = {"target_size": (20, 20), "class_mode": None}

    def made(generator: Any, keep: bool) -> Any:
        flow = generator.flow_from_dataframe(table, str(folder), keep_aspect_ratio=keep, **settings)
        return quietly(flow.__getitem__, 0)

    theirs = real("keras3").ImageDataGenerator()
    assert np.array_equal(made(theirs, True), made(theirs, False))
    assert not np.array_equal(made(ImageDataGenerator(), True), made(ImageDataGenerator(), False))
    assert not fails(theirs.flow_from_dataframe, table, str(folder), shufle=True)


def test_saved_files_are_stretched_and_alpha_fails(tmp_path: Path, theirs: Any) -> None:
    assert fails(theirs().flow(photographs(1), save_to_dir=str(tmp_path / "absent")).__getitem__, 0)
    quietly(theirs().flow(photographs(1), save_to_dir=str(tmp_path)).__getitem__, 0)
    (file,) = tmp_path.iterdir()
    saved = np.asarray(Image.open(file))
    assert (saved.min(), saved.max()) == (0, 255)
    alpha = theirs().flow(photographs(1, channels=4), save_to_dir=str(tmp_path), save_format="jpeg")
    assert fails(alpha.__getitem__, 0)


def test_a_file_that_is_no_image_is_not_named(folder: Path, theirs: Any) -> None:
    (folder / "hat" / "1.png").write_bytes(b"no image")
    flow = theirs().flow_from_directory(str(folder), shuffle=False)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - what it does not say
        quietly(flow.__getitem__, 0)
    assert "1.png" not in str(caught.value)


def test_an_interpolation_is_looked_up_late(folder: Path, theirs: Any) -> None:
    flow = theirs().flow_from_directory(str(folder), interpolation="magic")
    assert fails(flow.__getitem__, 0)


def test_reset_draws_anew(theirs: Any) -> None:
    flow = theirs(rotation_range=40).flow(photographs(2), shuffle=False)
    first = quietly(next, flow)
    flow.reset()
    assert not np.array_equal(first, quietly(next, flow))
    ours = ImageDataGenerator(rotation_range=40).flow(photographs(2), batch_size=1, shuffle=False)
    first = next(ours)
    ours.reset()
    assert np.array_equal(first, next(ours))


def test_kerass_own_queue_carries_batches_over() -> None:
    import keras

    flow = real("keras3").ImageDataGenerator().flow(photographs(12), np.arange(12), batch_size=4)
    flow.workers = 2
    seen: list[Any] = []

    class Seen(keras.losses.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            seen.extend(keras.ops.convert_to_numpy(y_true).ravel().tolist())
            return keras.ops.mean(y_pred)

    model = keras.Sequential([keras.layers.Input((12, 15, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", Seen())
    quietly(model.fit, flow, epochs=3, verbose=0, shuffle=False)
    epochs = [sorted(seen[start : start + 12]) for start in range(len(seen) - 36, len(seen), 12)]
    assert epochs != [list(range(12))] * 3
