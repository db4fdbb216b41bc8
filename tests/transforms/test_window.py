from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.transform import Params, Size
from augflow.transforms.window import Crop, Pad, RandomResizedCrop

SIZES = [Size(1, 1), Size(1, 20_000), Size(20_000, 1), Size(2, 3), Size(400, 533), Size(224, 224)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def inside(draw: Params, size: Size) -> bool:
    top, left, height, width = (int(draw[name]) for name in ("top", "left", "height", "width"))
    return 0 <= top < top + height <= size.height and 0 <= left < left + width <= size.width


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "transform",
    [Crop(), Crop((0.01, 0.02)), Crop(size=7), Crop(size=(3, 900)), Crop(position="centre")],
)
def test_crop_is_a_whole_window_inside_the_image(transform: Crop, size: Size) -> None:
    stream = rng()
    for _ in range(50):
        draw = transform.draw(stream, size)
        assert inside(draw, size)
        assert transform.resized(size, **draw) == (draw["height"], draw["width"])
        matrix = transform.matrix(size, **draw)
        assert np.array_equal(matrix, [[1, 0, draw["left"]], [0, 1, draw["top"]], [0, 0, 1]])


def test_crop_keeps_the_asked_share_and_the_aspect_ratio() -> None:
    stream, size = rng(), Size(1000, 1500)
    draws = [Crop((0.25, 0.5)).draw(stream, size) for _ in range(500)]
    shares = [draw["height"] * draw["width"] / 1_500_000 for draw in draws]
    assert 0.249 < min(shares) < 0.26
    assert 0.49 < max(shares) < 0.501
    assert np.mean(shares) == pytest.approx(0.375, abs=0.01)
    assert all(abs(draw["width"] / draw["height"] - 1.5) < 0.005 for draw in draws)


def test_crop_reaches_every_position() -> None:
    stream = rng()
    draws = [Crop(size=(4, 3)).draw(stream, Size(6, 5)) for _ in range(200)]
    assert {(draw["top"], draw["left"]) for draw in draws} == {(top, left) for top in range(3) for left in range(3)}


def test_crop_takes_pixels_from_the_centre_and_no_more_than_there_are() -> None:
    draw = Crop(size=(100, 50), position="centre").draw(rng(), Size(80, 151))
    assert draw == {"top": 0, "left": 50, "height": 80, "width": 50}


def test_whole_crop_changes_nothing() -> None:
    for size in SIZES:
        draw = Crop((1, 1)).draw(rng(), size)
        assert draw == {"top": 0, "left": 0, "height": size.height, "width": size.width}
        assert np.array_equal(Crop().matrix(size, **draw), np.eye(3))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("to", [None, 96, (60, 120)])
def test_random_resized_crop_stretches_a_window_inside_the_image(size: Size, to: int | tuple[int, int] | None) -> None:
    transform, stream = RandomResizedCrop(size=to), rng()
    for _ in range(50):
        draw = transform.draw(stream, size)
        assert inside(draw, size)
        resized = transform.resized(size, **draw)
        assert resized == {None: size, 96: (96, 96), (60, 120): (60, 120)}[to]
        matrix = transform.matrix(size, **draw)
        edges = np.array([[-0.5, resized.width - 0.5], [-0.5, resized.height - 0.5], [1, 1]])
        left, top = draw["left"] - 0.5, draw["top"] - 0.5
        expected = [[left, left + draw["width"]], [top, top + draw["height"]], [1, 1]]
        np.testing.assert_allclose(matrix @ edges, expected, atol=1e-8)


def test_random_resized_crop_draws_area_and_ratio_as_asked() -> None:
    stream, size = rng(), Size(2000, 2000)
    draws = [RandomResizedCrop((0.1, 0.4), (0.5, 2)).draw(stream, size) for _ in range(1000)]
    shares = [draw["height"] * draw["width"] / 4_000_000 for draw in draws]
    ratios = [draw["width"] / draw["height"] for draw in draws]
    assert 0.099 < min(shares) < max(shares) < 0.401
    assert np.mean(shares) == pytest.approx(0.25, abs=0.01)
    assert 0.49 < min(ratios) < max(ratios) < 2.01
    assert np.mean(np.array(ratios) > 1) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("size", "ratio", "window"),
    [
        (Size(10, 1000), (3 / 4, 4 / 3), (10, 13)),
        (Size(1000, 10), (3 / 4, 4 / 3), (13, 10)),
        (Size(1, 20_000), (3 / 4, 4 / 3), (1, 1)),
        (Size(20_000, 1), (5, 10), (1, 1)),
    ],
)
def test_random_resized_crop_falls_back_to_the_centre(
    size: Size, ratio: tuple[float, float], window: tuple[int, int]
) -> None:
    height, width = window
    assert RandomResizedCrop((1, 1), ratio).draw(rng(), size) == {
        "top": (size.height - height) // 2,
        "left": (size.width - width) // 2,
        "height": height,
        "width": width,
        "to": [*size],
    }


def test_whole_random_resized_crop_changes_nothing() -> None:
    size = Size(48, 48)
    transform = RandomResizedCrop((1, 1), (1, 1))
    assert np.array_equal(transform.matrix(size, **transform.draw(rng(), size)), np.eye(3))


@given(height=st.integers(1, 300), width=st.integers(1, 300), share=st.floats(0, 1))
@settings(deadline=None)
def test_pad_puts_the_photograph_inside_a_wider_canvas(height: int, width: int, share: float) -> None:
    size, transform = Size(height, width), Pad(share)
    draw = transform.draw(rng(), size)
    assert draw["top"] == draw["bottom"] == round(share * height)
    assert draw["left"] == draw["right"] == round(share * width)
    assert transform.resized(size, **draw) == (height + 2 * draw["top"], width + 2 * draw["left"])
    first = transform.matrix(size, **draw) @ (draw["left"], draw["top"], 1)
    assert first.tolist() == [0, 0, 1]


def test_pad_tells_the_sides_apart() -> None:
    size, transform = Size(100, 200), Pad((0.1, 0.2, 0.3, 0.4))
    draw = transform.draw(rng(), size)
    assert draw == {"top": 10, "right": 40, "bottom": 30, "left": 80}
    assert transform.resized(size, **draw) == (140, 320)
