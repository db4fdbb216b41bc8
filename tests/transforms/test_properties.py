"""What holds of every transform, for any arguments its own bounds allow and any size."""

from __future__ import annotations

import dataclasses
import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from augflow.transform import IDENTITY, Image, Size
from augflow.transforms import colour, filters, geometry, window


def classes(*modules: ModuleType) -> list[type[Any]]:
    return [
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__
    ]


EVERY = classes(geometry, window, colour, filters)
GEOMETRY = [cls for cls in EVERY if hasattr(cls, "matrix")]
POINT_WISE = [cls for cls in EVERY if hasattr(cls, "table")]
PIXEL_WISE = [cls for cls in EVERY if hasattr(cls, "apply")]

sides = st.integers(1, 600) | st.just(20_000)
sizes = st.builds(Size, sides, sides)
seeds = st.integers(0, 2**32)
FEW = settings(max_examples=25, deadline=None)


def transforms(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Build `cls` from arguments within the bounds that its fields declare."""
    return st.builds(cls, **{field.name: ... for field in dataclasses.fields(cls)})


def plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(plain, value))
    return type(value) in (int, float, bool, str, type(None))


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: cls.__name__)
def test_is_a_documented_frozen_dataclass_with_one_way(cls: type[Any]) -> None:
    assert dataclasses.fields(cls) is not None
    assert cls.__dataclass_params__.frozen
    assert not (cls.__doc__ or "").startswith(f"{cls.__name__}(")
    assert sum(hasattr(cls, way) for way in ("matrix", "table", "apply")) == 1
    assert cls.version >= 1
    assert "p" not in {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: cls.__name__)
@given(data=st.data(), size=sizes, seed=seeds)
@FEW
def test_draws_are_json_and_repeat(cls: type[Any], data: st.DataObject, size: Size, seed: int) -> None:
    transform = data.draw(transforms(cls))
    draw = transform.draw(np.random.default_rng(seed), size)
    assert all(type(name) is str and plain(value) for name, value in draw.items())
    assert json.loads(json.dumps(draw, allow_nan=False)) == draw
    assert transform.draw(np.random.default_rng(seed), size) == draw


@pytest.mark.parametrize("cls", GEOMETRY, ids=lambda cls: cls.__name__)
@given(data=st.data(), size=sizes, seed=seeds)
@FEW
def test_matrices_are_finite_and_invertible(cls: type[Any], data: st.DataObject, size: Size, seed: int) -> None:
    transform = data.draw(transforms(cls))
    draw = transform.draw(np.random.default_rng(seed), size)
    matrix = transform.matrix(size, **draw)
    assert matrix.shape == (3, 3)
    assert matrix.dtype == np.float64
    assert np.isfinite(matrix).all()
    assert abs(np.linalg.det(matrix)) > 1e-10  # one pixel enlarged to the largest side there is: 1 / 16384²
    if hasattr(cls, "resized"):
        resized = transform.resized(size, **draw)
        assert type(resized) is Size
        assert all(type(side) is int and side > 0 for side in resized)


@pytest.mark.parametrize("cls", POINT_WISE, ids=lambda cls: cls.__name__)
@given(data=st.data(), seed=seeds)
@FEW
def test_tables_hold_256_bytes(cls: type[Any], data: st.DataObject, seed: int) -> None:
    transform = data.draw(transforms(cls))
    table = transform.table(**transform.draw(np.random.default_rng(seed), Size(1, 1)))
    assert table.dtype == np.uint8
    assert table.shape in ((256,), (256, 3))
    assert np.array_equal(IDENTITY, np.arange(256))


@pytest.mark.parametrize("cls", PIXEL_WISE, ids=lambda cls: cls.__name__)
@given(
    data=st.data(), height=st.integers(1, 24), width=st.integers(1, 24), channels=st.sampled_from([1, 3]), seed=seeds
)
@FEW
def test_apply_returns_new_pixels_and_leaves_the_old(
    cls: type[Any], data: st.DataObject, height: int, width: int, channels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image: Image = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    before = image.copy()
    image.flags.writeable = False
    transform = data.draw(transforms(cls))
    result = transform.apply(image, **transform.draw(rng, Size(height, width)))
    assert result.dtype == np.uint8
    assert result.shape == image.shape
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (geometry.Rotate, {"limit": 181}),
        (geometry.Rotate, {"limit": (-181, 0)}),
        (geometry.Rotate, {"limit": (10, -10)}),
        (geometry.Rotate, {"border": "mirror"}),
        (geometry.Rotate, {"fill": 256}),
        (geometry.QuarterTurns, {"turns": ()}),
        (geometry.QuarterTurns, {"turns": (4,)}),
        (geometry.Shift, {"x": 1.1}),
        (geometry.Shear, {"y": 61}),
        (geometry.Zoom, {"scale": (0, 1)}),
        (geometry.Zoom, {"scale": (1.2, 0.8)}),
        (geometry.Affine, {"scale": (1, 11)}),
        (geometry.Perspective, {"scale": (0, 0.3)}),
        (window.Pad, {"share": -0.1}),
        (window.Crop, {"scale": (0, 1)}),
        (window.Crop, {"size": 0}),
        (window.RandomResizedCrop, {"ratio": (2, 1)}),
        (colour.BrightnessContrast, {"contrast": 1.5}),
        (colour.Gamma, {"gamma": (0, 1)}),
        (colour.HueSaturation, {"hue": -1}),
        (colour.ChannelShift, {"limit": 300}),
        (colour.Posterize, {"bits": (0, 4)}),
        (colour.Solarize, {"threshold": (0, 257)}),
        (colour.Autocontrast, {"cutoff": 50}),
        (filters.Sharpen, {"amount": (0.2, 1.2)}),
        (filters.Blur, {"sigma": (0.5, 21)}),
        (filters.JpegArtefacts, {"quality": (0, 80)}),
    ],
)
def test_arguments_out_of_bounds_are_refused(cls: type[Any], arguments: dict[str, Any]) -> None:
    adapter = TypeAdapter(cls)
    adapter.validate_json("{}", strict=True)
    with pytest.raises(ValidationError):
        adapter.validate_json(json.dumps(arguments), strict=True)
