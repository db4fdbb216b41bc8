from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from augflow.transform import Image, Matrix, Size
from augflow.transforms.geometry import (
    Affine,
    Flip,
    Perspective,
    QuarterTurns,
    Rotate,
    Shear,
    Shift,
    Transpose,
    Zoom,
)

EYE = np.eye(3)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photograph(height: int, width: int) -> Image:
    return rng().integers(0, 256, (height, width, 1), dtype=np.uint8)


def seen(image: Image, matrix: Matrix, size: Size | None = None) -> Image:
    """Sample the nearest pixel, the edge where there is none: the plainest reading of what a matrix means."""
    height, width = size or image.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    u, v, w = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), axes=1)
    column = np.clip(np.rint(u / w), 0, image.shape[1] - 1).astype(int)
    row = np.clip(np.rint(v / w), 0, image.shape[0] - 1).astype(int)
    pixels: Image = image[row, column]
    return pixels


def marked(height: int, width: int, row: int, column: int) -> Image:
    image = np.zeros((height, width, 1), dtype=np.uint8)
    image[row, column] = 255
    return image


def where(image: Image) -> list[tuple[int, int]]:
    return [(int(row), int(column)) for row, column, _ in np.argwhere(image == 255)]


def source_of(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    u, v, w = matrix @ (x, y, 1)
    return u / w, v / w


@pytest.mark.parametrize(
    ("axis", "mirrored"),
    [
        ("horizontal", np.fliplr),
        ("vertical", np.flipud),
        ("both", lambda image: image[::-1, ::-1]),
    ],
)
@pytest.mark.parametrize("size", [Size(5, 8), Size(1, 1), Size(1, 7)])
def test_flip_mirrors_and_undoes_itself(axis: Any, mirrored: Any, size: Size) -> None:
    image = photograph(*size)
    transform = Flip(axis)
    matrix = transform.matrix(size, **transform.draw(rng(), size))
    assert np.array_equal(seen(image, matrix), mirrored(image))
    assert np.array_equal(matrix @ matrix, EYE)


def test_flip_of_any_axis_draws_each_as_often() -> None:
    stream = rng()
    drawn = [Flip("any").draw(stream, Size(2, 2))["axis"] for _ in range(300)]
    assert {axis: drawn.count(axis) > 70 for axis in set(drawn)} == dict.fromkeys(
        ("horizontal", "vertical", "both"), True
    )


def test_transpose_swaps_rows_and_columns() -> None:
    image, size = photograph(5, 8), Size(5, 8)
    resized = Transpose().resized(size)
    assert resized == (8, 5)
    assert np.array_equal(seen(image, Transpose().matrix(size), resized), image.swapaxes(0, 1))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [Size(5, 8), Size(1, 1), Size(9, 1)])
def test_quarter_turns_are_numpys(turns: int, size: Size) -> None:
    image, transform = photograph(*size), QuarterTurns()
    matrix, resized = transform.matrix(size, turns=turns), transform.resized(size, turns=turns)
    assert np.array_equal(seen(image, matrix, resized), np.rot90(image, turns))
    assert np.array_equal(matrix, np.rint(matrix))
    back = transform.matrix(resized, turns=-turns % 4)
    assert np.array_equal(matrix @ back, EYE)


def test_quarter_turns_draw_only_what_is_listed() -> None:
    stream = rng()
    drawn = {QuarterTurns((1, 3)).draw(stream, Size(2, 2))["turns"] for _ in range(50)}
    assert drawn == {1, 3}


def test_rotation_is_counter_clockwise() -> None:
    top_right = marked(9, 9, 0, 8)
    assert where(seen(top_right, Rotate().matrix(Size(9, 9), angle=90))) == [(0, 0)]
    assert where(seen(top_right, Rotate().matrix(Size(9, 9), angle=-90))) == [(8, 8)]
    even = photograph(6, 6)
    assert np.array_equal(seen(even, Rotate().matrix(Size(6, 6), angle=90)), np.rot90(even))


@pytest.mark.parametrize("angle", [-140.0, -33.3, 12.5, 71.0])
def test_rotation_is_pillows(angle: float) -> None:
    image = photograph(61, 84)
    ours = seen(image, Rotate().matrix(Size(61, 84), angle=angle))
    inside = np.asarray(Pillow.new("L", (84, 61), 255).rotate(angle)) == 255
    pillows = np.asarray(Pillow.fromarray(image[..., 0]).rotate(angle))
    assert np.mean(ours[..., 0][inside] == pillows[inside]) > 0.99


def test_positive_shifts_go_right_and_down() -> None:
    shifted = seen(marked(20, 30, 5, 6), Shift().matrix(Size(20, 30), x=0.1, y=0.2))
    assert where(shifted) == [(9, 9)]


def test_upright_lines_lean_counter_clockwise() -> None:
    line = np.zeros((41, 41, 1), dtype=np.uint8)
    line[:, 20] = 255
    points = where(seen(line, Shear().matrix(Size(41, 41), x=45, y=0)))
    assert set(points) >= {(0, 0), (20, 20), (40, 40)}


def test_level_lines_tilt_counter_clockwise() -> None:
    line = np.zeros((41, 41, 1), dtype=np.uint8)
    line[20, :] = 255
    points = where(seen(line, Shear().matrix(Size(41, 41), x=0, y=45)))
    assert set(points) >= {(40, 0), (20, 20), (0, 40)}


@pytest.mark.parametrize(("x", "y"), [(60, -60), (45, -45), (45, 45), (-10, 25)])
def test_shear_keeps_areas(x: float, y: float) -> None:
    assert np.linalg.det(Shear().matrix(Size(30, 50), x=x, y=y)) == pytest.approx(1)


def test_zoom_by_two_shows_the_central_half() -> None:
    matrix = Zoom().matrix(Size(40, 80), x=2, y=2)
    assert source_of(matrix, -0.5, -0.5) == (19.5, 9.5)
    assert source_of(matrix, 79.5, 39.5) == (59.5, 29.5)
    image = photograph(40, 80)
    assert np.array_equal(seen(image, matrix), image[10:30, 20:60].repeat(2, axis=0).repeat(2, axis=1))


def test_zoom_keeps_the_aspect_ratio_unless_told() -> None:
    together, apart = Zoom((0.5, 2)), Zoom((0.5, 2), separate=True)
    stream = rng()
    draws = [together.draw(stream, Size(9, 9)) for _ in range(1000)]
    assert all(draw["x"] == draw["y"] for draw in draws)
    assert 0.47 < np.mean([draw["x"] > 1 for draw in draws]) < 0.53
    other = apart.draw(rng(), Size(9, 9))
    assert other["x"] == together.draw(rng(), Size(9, 9))["x"]
    assert other["x"] != other["y"]


def test_affine_shears_scales_rotates_then_shifts() -> None:
    size = Size(33, 58)
    whole = Affine().matrix(size, angle=25, x=0.1, y=-0.2, scale=1.3, shear=14)
    steps = (
        Shear().matrix(size, x=14, y=0)
        @ Zoom().matrix(size, x=1.3, y=1.3)
        @ Rotate().matrix(size, angle=25)
        @ Shift().matrix(size, x=0.1, y=-0.2)
    )
    np.testing.assert_allclose(whole, steps, atol=1e-12)


CORNERS = [[0.1, 0.02], [0.2, 0.05], [0.0, 0.25], [0.07, 0.11]]


def test_perspective_is_the_solution_of_its_four_pairs() -> None:
    height, width = 37, 64
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = CORNERS
    shares = [(x0, y0), (1 - x1, y1), (1 - x2, 1 - y2), (x3, 1 - y3)]
    pairs = [
        ((x * width - 0.5, y * height - 0.5), (u * width - 0.5, v * height - 0.5))
        for (x, y), (u, v) in zip([(0, 0), (1, 0), (1, 1), (0, 1)], shares, strict=True)
    ]
    rows, right = [], []
    for (x, y), (u, v) in pairs:
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    solved = np.append(np.linalg.solve(rows, right), 1).reshape(3, 3)
    matrix = Perspective().matrix(Size(height, width), corners=CORNERS)
    np.testing.assert_allclose(matrix / matrix[2, 2], solved, atol=1e-10)


@pytest.mark.parametrize("size", [Size(1, 1), Size(1, 20_000), Size(300, 200)])
def test_perspective_never_looks_beyond_the_photograph(size: Size) -> None:
    transform, stream = Perspective((0.25, 0.25)), rng()
    ends = [(x, y) for x in (-0.5, size.width - 0.5) for y in (-0.5, size.height - 0.5)]
    for _ in range(100):
        matrix = transform.matrix(size, **transform.draw(stream, size))
        for x, y in ends:
            assert matrix[2] @ (x, y, 1) > 0
            u, v = source_of(matrix, x, y)
            assert -0.5 - 1e-6 <= u <= size.width - 0.5 + 1e-6
            assert -0.5 - 1e-6 <= v <= size.height - 0.5 + 1e-6


@pytest.mark.parametrize(
    "transform",
    [
        Rotate(0),
        Shift(0, 0),
        Shear(0, 0),
        Zoom((1, 1), separate=True),
        Affine(),
        Perspective((0, 0)),
        QuarterTurns((0,)),
    ],
    ids=lambda transform: type(transform).__name__,
)
@pytest.mark.parametrize("size", [Size(1, 1), Size(7, 49), Size(20_000, 1), Size(333, 500)])
def test_no_strength_is_the_exact_identity(transform: Any, size: Size) -> None:
    assert np.array_equal(transform.matrix(size, **transform.draw(rng(), size)), EYE)


@pytest.mark.parametrize(
    ("transform", "name", "low", "high"),
    [
        (Rotate(30), "angle", -30, 30),
        (Rotate((10, 20)), "angle", 10, 20),
        (Shift(y=(0, 0.3)), "y", 0, 0.3),
        (Shear(20), "x", -20, 20),
        (Zoom((0.5, 0.9)), "x", 0.5, 0.9),
        (Affine(shift=0.2), "x", -0.2, 0.2),
        (Affine(shear=(5, 6)), "shear", 5, 6),
    ],
)
def test_draws_fill_their_range(transform: Any, name: str, low: float, high: float) -> None:
    stream = rng()
    drawn = [transform.draw(stream, Size(9, 9))[name] for _ in range(400)]
    margin = (high - low) * 0.03
    assert low <= min(drawn) < low + margin
    assert high - margin < max(drawn) <= high
