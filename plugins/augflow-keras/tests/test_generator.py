"""ImageDataGenerator, method by method, against the real ones."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from augflow_keras import ImageDataGenerator
from peers import photograph, photographs, quietly, real

pytest.importorskip("keras", reason="Keras 3 is not installed")

DIALECTS = ("classic", "keras3")
STATISTICS = (
    {"featurewise_center": True},
    {"featurewise_center": True, "featurewise_std_normalization": True},
    {"featurewise_std_normalization": True, "rescale": 1 / 255},
    {"zca_whitening": True, "featurewise_center": True, "rescale": 1 / 255},
    {"zca_whitening": True, "featurewise_center": True, "zca_epsilon": 0.1},
    {"samplewise_center": True, "samplewise_std_normalization": True},
    {"samplewise_std_normalization": True, "rescale": 2.0, "featurewise_center": True},
)


@pytest.mark.parametrize(("dialect", "arguments"), list(itertools.product(DIALECTS, STATISTICS)))
def test_fit_and_standardize_equal_those_of_the_library(dialect: Any, arguments: dict[str, Any]) -> None:
    x = photographs(9, 6, 5)
    theirs = quietly(real(dialect).ImageDataGenerator, **arguments)
    ours = quietly(ImageDataGenerator, **arguments, dialect=dialect)
    quietly(theirs.fit, x)
    ours.fit(x)
    for name in ("mean", "std"):
        expected, found = getattr(theirs, name), getattr(ours, name)
        assert (expected is None) == (found is None), name
        assert expected is None or np.allclose(expected, found, rtol=1e-5)
    matrix = theirs.principal_components if dialect == "classic" else theirs.zca_whitening_matrix
    assert (matrix is None) == (ours.zca_whitening_matrix is None)
    if matrix is not None:
        scale = np.abs(matrix).max()
        assert np.abs(matrix - ours.zca_whitening_matrix).max() < 2e-3 * scale
        assert ours.principal_components is ours.zca_whitening_matrix
        ours.zca_whitening_matrix = matrix
    for sample in (x[3], x[2:6]):
        expected = quietly(theirs.standardize, sample.copy())
        assert np.allclose(ours.standardize(sample.copy()), expected, rtol=1e-4, atol=1e-3)


def test_fit_on_augmented_views_depends_on_the_seed_alone() -> None:
    x = photographs(4)
    settings: dict[str, Any] = {"featurewise_center": True, "rotation_range": 30, "brightness_range": (0.5, 1.5)}
    one, two, other = (ImageDataGenerator(**settings, dialect="keras3") for _ in range(3))
    one.fit(x, augment=True, rounds=3, seed=5)
    np.random.seed(99)  # noqa: NPY002
    two.fit(x, augment=True, rounds=3, seed=5)
    other.fit(x, augment=True, rounds=3, seed=6)
    assert one.mean is not None
    assert two.mean is not None
    assert other.mean is not None
    assert np.array_equal(one.mean, two.mean)
    assert not np.array_equal(one.mean, other.mean)


def test_fit_on_augmented_views_sees_what_training_sees() -> None:
    """Keras rescales before it brightens, and brightens zeros: its mean is 0."""
    x = photographs(5)
    settings: dict[str, Any] = {"featurewise_center": True, "brightness_range": (1.0, 1.0), "rescale": 1 / 255}
    theirs = real("keras3").ImageDataGenerator(**settings)
    quietly(theirs.fit, x, augment=True)
    ours = ImageDataGenerator(**settings, dialect="keras3")
    ours.fit(x, augment=True)
    assert not theirs.mean.any()
    assert ours.mean is not None
    assert np.allclose(ours.mean, x.mean(axis=(0, 1, 2)) / 255, atol=1e-4)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_apply_transform_equals_that_of_the_library(dialect: Any, data_format: Any) -> None:
    arguments: dict[str, Any] = {
        "rotation_range": 30,
        "width_shift_range": 0.2,
        "height_shift_range": [2, 3],
        "shear_range": 12,
        "zoom_range": [0.8, 1.1],
        "channel_shift_range": 20,
        "horizontal_flip": True,
        "vertical_flip": True,
        "fill_mode": "reflect",
        "data_format": data_format,
    }
    image = photograph() if data_format == "channels_last" else np.moveaxis(photograph(), 2, 0).copy()
    theirs = real(dialect).ImageDataGenerator(**arguments)
    ours = ImageDataGenerator(**arguments, dialect=dialect)
    for seed in range(10):
        params = ours.get_random_transform(image.shape, seed)
        assert params.keys() == theirs.get_random_transform(image.shape).keys()
        made = ours.apply_transform(image, params)
        assert np.abs(made - quietly(theirs.apply_transform, image.copy(), params)).max() < 0.05
        assert np.array_equal(made, ours.random_transform(image, seed))


def test_brightness_works_with_channels_first() -> None:
    image = photograph()
    params = {"brightness": 1.2}
    last = ImageDataGenerator(dialect="keras3").apply_transform(image, params)
    first = ImageDataGenerator(dialect="keras3", data_format="channels_first")
    assert np.array_equal(np.moveaxis(first.apply_transform(np.moveaxis(image, 2, 0), params), 0, 2), last)


def test_without_a_seed_numpys_global_generator_decides() -> None:
    generator = ImageDataGenerator(rotation_range=30)
    drawn = []
    for seed in (1, 1, 2):
        np.random.seed(seed)  # noqa: NPY002
        drawn.append([generator.get_random_transform((9, 9, 3))["theta"] for _ in range(3)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 3


def test_whole_numbers_come_back_as_they_went() -> None:
    generator = ImageDataGenerator(rotation_range=30, dialect="keras3")
    image = photograph()
    made = generator.random_transform(image.astype(np.uint8), 3)
    assert made.dtype == np.uint8
    assert np.abs(made - generator.random_transform(image, 3)).max() <= 0.5


def test_defaults_and_names_are_those_of_the_library() -> None:
    import inspect

    for dialect in DIALECTS:
        theirs = inspect.signature(real(dialect).ImageDataGenerator).parameters
        ours = inspect.signature(ImageDataGenerator).parameters
        assert list(theirs) == [name for name in ours if name != "dialect"]
        same = {name for name in theirs if theirs[name].default == ours[name].default}
        assert set(theirs) - same <= {"data_format", "dtype"}
        for method in ("flow", "flow_from_directory", "flow_from_dataframe", "fit", "standardize"):
            asked = inspect.signature(getattr(real(dialect).ImageDataGenerator, method)).parameters
            taken = inspect.signature(getattr(ImageDataGenerator, method)).parameters
            for name, parameter in asked.items():
                assert name == "kwargs" or taken[name].default == parameter.default
            # Keras 3 put `ignore_class_split` before `subset`; where the order differs, names are what scripts use.
            if dialect == "keras3":
                positions = [name for name in taken if name in asked]
                assert positions == [name for name in asked if name != "kwargs"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fill_mode": "mirror"},
        {"data_format": "channels_middle"},
        {"validation_split": 1.0},
        {"zoom_range": [0.1, 0.2, 0.3]},
        {"brightness_range": 0.5},
        {"dialect": "keras2"},
        {"preprocessing_function": {"use": "posterize", "bitz": 4}},
    ],
)
def test_a_wrong_argument_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ImageDataGenerator(**wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zca_whitening": True}, "`zca_whitening`, which overrides `featurewise_center`"),
        ({"featurewise_std_normalization": True}, "overrides `featurewise_center`"),
        ({"samplewise_std_normalization": True}, "overrides `samplewise_center`"),
    ],
)
def test_what_is_overruled_is_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        ImageDataGenerator(**arguments)


def test_what_was_not_fitted_is_told() -> None:
    with pytest.warns(UserWarning, match="featurewise_center"):
        made = ImageDataGenerator(featurewise_center=True).standardize(photograph())
    assert np.array_equal(made, photograph())


def test_a_preprocessing_function_sees_the_augmented_image_before_it_is_rescaled() -> None:
    seen = []

    def negative(image: Any) -> Any:
        seen.append(image.copy())
        return 255 - image

    generator = ImageDataGenerator(preprocessing_function=negative, rescale=0.5, horizontal_flip=True)
    batch = generator.flow(photographs(3), batch_size=3, shuffle=False, seed=1)[0]
    assert np.allclose(batch, (255 - np.stack(seen)) / 2)


def test_a_transform_by_name_is_drawn_for_each_image_and_recorded() -> None:
    step = {"use": "gaussian_noise"}
    flow = ImageDataGenerator(preprocessing_function=step).flow(photographs(4), batch_size=4, shuffle=False, seed=1)
    first = flow[0]
    again = ImageDataGenerator(preprocessing_function=step).flow(photographs(4), batch_size=1, shuffle=False, seed=1)
    assert np.array_equal(first, np.concatenate([again[number] for number in range(4)]))
    assert not np.array_equal(first[0], photographs(4)[0])
    draws = [record["steps"][1]["draw"] for record in flow.records()]
    assert len({str(draw) for draw in draws}) == 4
    posterised = ImageDataGenerator(preprocessing_function="posterize", rescale=1 / 255).standardize(photograph())
    assert len(np.unique(posterised)) <= 2**6


def test_a_transform_refuses_what_are_no_bytes() -> None:
    with pytest.raises(ValueError, match="values from 0 to 255"):
        ImageDataGenerator(preprocessing_function="posterize").standardize(photograph() * 2)
