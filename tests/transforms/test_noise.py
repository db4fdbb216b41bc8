from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from augflow.testing import TransformContract
from augflow.transform import Image, Size
from augflow.transforms import noise
from augflow.transforms.noise import GaussianNoise, PoissonNoise, SaltAndPepper, SpeckleNoise

SAMPLES = (400, 500)


class TestPoissonNoise(TransformContract):
    transform = PoissonNoise(), PoissonNoise(scale=(0.5, 2.0))


class TestGaussianNoise(TransformContract):
    transform = GaussianNoise(), GaussianNoise(sigma=(0.0, 255.0))


class TestSpeckleNoise(TransformContract):
    transform = SpeckleNoise()


class TestSaltAndPepper(TransformContract):
    transform = SaltAndPepper(), SaltAndPepper(amount=(0.0, 1.0), salt=1.0)


def flat(level: int, shape: tuple[int, ...] = (*SAMPLES, 1)) -> Image:
    return np.full(shape, level, np.uint8)


def photons_cdf(level: int, scale: float) -> NDArray[np.float64]:
    """P(result ≤ m) for m = 0…255 where round(Poisson(level · scale) / scale), halves up, is cut at 255."""
    below = np.array([math.ceil((m + 0.5) * scale) - 1 for m in range(256)])
    cdf: NDArray[np.float64] = stats.poisson.cdf(below, level * scale)
    cdf[255] = 1
    return cdf


def normal_cdf(level: int, sigma: float) -> NDArray[np.float64]:
    cdf: NDArray[np.float64] = stats.norm.cdf(np.arange(256) + 0.5, level, sigma)
    cdf[255] = 1
    return cdf


def p_value(counts: NDArray[np.int64], cdf: NDArray[np.float64]) -> float:
    """Chi-square of counts against a distribution on 0…255, results pooled until each group expects five."""
    expected = np.diff(cdf, prepend=0) * counts.sum()
    groups: list[list[float]] = [[0, 0]]
    for count, expectation in zip(counts, expected, strict=True):
        if groups[-1][1] >= 5:
            groups.append([0, 0])
        groups[-1][0] += count
        groups[-1][1] += expectation
    if groups[-1][1] < 5 and len(groups) > 1:
        count, expectation = groups.pop()
        groups[-1][0] += count
        groups[-1][1] += expectation
    if len(groups) == 1:
        return 1.0 if groups[0][0] == counts.sum() else 0.0
    observed, wanted = np.array(groups).T
    return float(stats.chi2.sf(((observed - wanted) ** 2 / wanted).sum(), len(groups) - 1))


@pytest.mark.parametrize("scale", [1.0, 0.3, 4.0])
def test_poisson_matches_the_closed_form_at_every_level(scale: float) -> None:
    step = 1 if scale == 1 else 15
    values = []
    for level in range(0, 256, step):
        counts = np.bincount(PoissonNoise().apply(flat(level), scale, seed=level).ravel(), minlength=256)
        values.append(p_value(counts, photons_cdf(level, scale)))
    assert min(values) > 1e-5
    assert stats.kstest([value for value in values if value < 1], "uniform").pvalue > 1e-3


def test_poisson_is_exact_where_levels_change_from_row_to_row() -> None:
    """Pixels are independent: what a level gets does not hang on where its pixels lie or on its neighbours."""
    rows: Image = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 1000, axis=1)[..., None]
    made = np.concatenate([PoissonNoise().apply(rows, 1.0, seed) for seed in range(100)], axis=1)
    values = [p_value(np.bincount(made[v].ravel(), minlength=256), photons_cdf(v, 1.0)) for v in range(0, 256, 5)]
    assert min(values) > 1e-5
    levels = flat(128, (1000, 1000, 1))
    field = PoissonNoise().apply(levels, 1.0, 3)[..., 0].astype(float) - 128
    for other in (np.roll(field, 1, axis=1), np.roll(field, 1, axis=0)):
        assert abs(np.corrcoef(field.ravel(), other.ravel())[0, 1]) < 5 / 1000
        assert abs(np.corrcoef((field**2).ravel(), (other**2).ravel())[0, 1]) < 5 / 1000


def test_the_chi_square_can_fail() -> None:
    """A distribution that is off by one part in a hundred is told from the right one."""
    counts = np.bincount(PoissonNoise().apply(flat(100), 1.0, seed=1).ravel(), minlength=256)
    assert p_value(counts, stats.poisson.cdf(np.arange(256), 101.0)) < 1e-9
    rough = np.rint(np.diff(photons_cdf(100, 1.0), prepend=0) * 256) / 256 * counts.sum()
    assert p_value(rough.astype(np.int64), photons_cdf(100, 1.0)) < 1e-9


@pytest.mark.parametrize("scale", [0.01, 1.0, 7.7, 50.0])
def test_the_alias_tables_give_every_result_its_share(scale: float) -> None:
    keep, other = (table.reshape(256, 256).astype(int) for table in noise._poisson_aliases(scale))
    columns = np.arange(256)
    for level in range(256):
        given = np.where(other[level] == columns, 256, keep[level])
        shares = given + np.bincount(other[level], weights=256 - given, minlength=256)
        assert abs(np.cumsum(shares) / 65536 - photons_cdf(level, scale)).max() <= 0.5001 / 65536


def test_poisson_leaves_black_and_cuts_at_white() -> None:
    assert not PoissonNoise().apply(flat(0), 1.0, 5).any()
    bright = PoissonNoise().apply(flat(255), 1.0, 5)
    assert (bright == 255).mean() == pytest.approx(1 - stats.poisson.cdf(254, 255), abs=0.005)


def test_poisson_scales_lie_on_the_grid_and_in_the_range() -> None:
    rng, drawer = np.random.default_rng(0), PoissonNoise(scale=(0.3, 3.2))
    scales = sorted({drawer.draw(rng, Size(1, 1))["scale"] for _ in range(2000)})
    assert (scales[0], scales[-1]) == (0.3, 3.2)
    assert np.allclose(np.log2(scales[1:-1]) * 16, range(-27, 27))
    assert PoissonNoise(scale=(0.7, 0.7)).draw(rng, Size(1, 1))["scale"] == 0.7


@pytest.mark.parametrize("sigma", [0.4, 5.0, 60.0])
@pytest.mark.parametrize("level", [2, 128, 250])
def test_gaussian_matches_the_closed_form(level: int, sigma: float) -> None:
    counts = np.bincount(GaussianNoise().apply(flat(level), sigma, seed=7).ravel(), minlength=256)
    assert p_value(counts, normal_cdf(level, sigma)) > 1e-4


@pytest.mark.parametrize("level", [10, 77, 128, 250])
def test_speckle_matches_the_closed_form(level: int) -> None:
    counts = np.bincount(SpeckleNoise().apply(flat(level), 0.1, seed=7).ravel(), minlength=256)
    assert p_value(counts, normal_cdf(level, 0.1 * level)) > 1e-4
    assert not SpeckleNoise().apply(flat(0), 0.1, seed=7).any()


def test_channels_get_noise_of_their_own() -> None:
    cases: list[tuple[Any, dict[str, float]]] = [
        (PoissonNoise(), {"scale": 1.0}),
        (GaussianNoise(), {"sigma": 9.0}),
        (SpeckleNoise(), {"sigma": 0.1}),
    ]
    for transform, params in cases:
        made = transform.apply(flat(128, (300, 300, 3)), **params, seed=1).reshape(-1, 3).astype(float)
        off_diagonal = np.corrcoef(made.T)[~np.eye(3, dtype=bool)]
        assert abs(off_diagonal).max() < 0.02


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (2, 2, 1), (3, 1, 3), (181, 363, 1), (211, 313, 3)])
def test_every_value_reads_its_own_sixteen_bits(shape: tuple[int, int, int]) -> None:
    """Also where vectors end, and where a large image is cut into strips."""
    image: Image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    words = np.random.SFC64(3).random_raw(image.size // 4 + 1).view(np.uint16)[: image.size].reshape(shape)
    normal = noise._normal_quantiles()[words]
    sums = np.clip(np.rint(image + normal * np.float32(8)), 0, 255)
    products = np.clip(np.rint(image * (1 + normal * np.float32(0.1))), 0, 255)
    assert np.array_equal(GaussianNoise().apply(image, 8.0, 3), sums)
    assert np.array_equal(SpeckleNoise().apply(image, 0.1, 3), products)
    first = image.ravel()[: noise._STRIP]
    column, chance = words.view(np.uint8).ravel()[: 2 * len(first)].reshape(2, -1)
    keep, other = (table[0, first.astype(int) * 256 + column] for table in noise._poisson_aliases(1.0))
    counted = PoissonNoise().apply(image, 1.0, 3).ravel()[: len(first)]
    assert np.array_equal(counted, np.where(chance < keep, column, other))


def test_older_opencv_makes_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    image: Image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    newer = PoissonNoise().apply(image, 1.0, 3), GaussianNoise().apply(image, 5.0, 3)
    noise._look_up.cache_clear()
    monkeypatch.setattr(cv2, "__version__", "4.11.0")
    try:
        older = PoissonNoise().apply(image, 1.0, 3), GaussianNoise().apply(image, 5.0, 3)
    finally:
        noise._look_up.cache_clear()
    assert all(np.array_equal(a, b) for a, b in zip(newer, older, strict=True))


@pytest.mark.parametrize("channels", [1, 3])
def test_salt_and_pepper_hits_whole_pixels_in_the_share_asked(channels: int) -> None:
    image = flat(100, (1000, 1000, channels))
    made = SaltAndPepper().apply(image, amount=0.02, salt=0.3, seed=4)
    white, black = ((made == level).all(axis=2) for level in (255, 0))
    assert np.array_equal(white | black, (made != 100).any(axis=2))
    for hits, share in ((white, 0.006), (black, 0.014)):
        assert stats.binomtest(int(hits.sum()), 1_000_000, share).pvalue > 1e-4
    assert (SaltAndPepper().apply(image, amount=1.0, salt=1.0, seed=4) == 255).all()
    assert np.array_equal(SaltAndPepper().apply(image, amount=0.0, salt=1.0, seed=4), image)
