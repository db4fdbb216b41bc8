from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from augflow.testing import TransformContract
from augflow.transform import Image, Size
from augflow.transforms.occlusion import Erase, GridDrop


class TestErase(TransformContract):
    transform = Erase(), Erase(count=(0, 4), fill="random"), Erase(scale=(0.0, 1.0), fill=(9, 200, 7))


class TestGridDrop(TransformContract):
    transform = GridDrop(), GridDrop(unit=(0.01, 1.0), ratio=1.0, fill=(9, 200, 7)), GridDrop(ratio=0.0)


def photograph(height: int = 60, width: int = 80, channels: int = 3) -> Image:
    return np.random.default_rng(1).integers(1, 250, (height, width, channels), dtype=np.uint8)


def test_rectangles_lie_inside_and_cover_the_share_asked() -> None:
    rng, size = np.random.default_rng(0), Size(300, 500)
    shares, aspects = [], []
    for _ in range(2000):
        ((top, left, height, width),) = Erase(scale=(0.1, 0.4), ratio=(0.2, 5.0)).draw(rng, size)["rectangles"]
        assert min(top, left) >= 0
        assert top + height <= 300
        assert left + width <= 500
        shares.append(height * width / (300 * 500))
        aspects.append(height / width)
    assert stats.kstest(shares, stats.uniform(0.1, 0.3).cdf).pvalue > 1e-3
    assert np.median(np.log(aspects)) == pytest.approx(0, abs=0.1)


def test_a_rectangle_that_would_not_fit_keeps_its_area() -> None:
    rng, size = np.random.default_rng(0), Size(20, 400)
    for _ in range(200):
        ((_, _, height, width),) = Erase(scale=(0.5, 0.5), ratio=(3.0, 3.0)).draw(rng, size)["rectangles"]
        assert (height, width) == (20, 200)


def test_every_place_is_covered() -> None:
    rng, size = np.random.default_rng(0), Size(6, 9)
    covered = np.zeros(size, int)
    for _ in range(500):
        for top, left, height, width in Erase(count=(2, 3)).draw(rng, size)["rectangles"]:
            covered[top : top + height, left : left + width] += 1
    assert covered.min() > 0


def test_erase_covers_its_rectangles_and_nothing_else() -> None:
    image = photograph()
    inside = np.zeros(image.shape[:2], bool)
    inside[5:15, 10:40] = inside[12:20, 30:50] = True
    rectangles = [[5, 10, 10, 30], [12, 30, 8, 20]]
    plain = Erase().apply(image, rectangles, fill=[255, 0, 251], seed=0)
    assert (plain[inside] == (255, 0, 251)).all()
    assert np.array_equal(plain[~inside], image[~inside])
    mean = Erase().apply(image, rectangles, fill="mean", seed=0)
    assert (mean[inside] == np.rint(image.reshape(-1, 3).mean(axis=0))).all()
    random = Erase().apply(image, rectangles, fill="random", seed=0)
    assert len(np.unique(random[inside])) > 200
    assert np.array_equal(random[~inside], image[~inside])


def test_a_colour_becomes_its_luma_on_gray() -> None:
    gray = photograph(channels=1)
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert Erase().apply(gray, [[0, 0, 1, 1]], fill=[200, 100, 50], seed=0)[0, 0, 0] == luma
    assert GridDrop().apply(gray, period=4, side=2, top=0, left=0, fill=[200, 100, 50])[0, 0, 0] == luma


def test_grid_drop_covers_squares_at_the_period() -> None:
    image = photograph()
    made = GridDrop().apply(image, period=10, side=4, top=3, left=8, fill=0)
    black = (made == 0).all(axis=2)
    rows, columns = np.nonzero(black.any(axis=1))[0], np.nonzero(black.any(axis=0))[0]
    assert list(rows[:8]) == [0, 7, 8, 9, 10, 17, 18, 19]
    assert list(columns[:8]) == [2, 3, 4, 5, 12, 13, 14, 15]
    assert black.sum() == len(rows) * len(columns)
    assert np.array_equal(made[~black], image[~black])


def test_grid_drop_covers_the_share_asked() -> None:
    rng, size = np.random.default_rng(0), Size(200, 300)
    transform, image = GridDrop(unit=(0.1, 0.2), ratio=0.6), photograph(200, 300)
    draws = [transform.draw(rng, size) for _ in range(200)]
    assert {draw["period"] for draw in draws} == set(range(20, 41))
    shares = [(transform.apply(image, **draw) == 0).mean() for draw in draws]
    assert np.mean(shares) == pytest.approx(0.36, abs=0.01)
