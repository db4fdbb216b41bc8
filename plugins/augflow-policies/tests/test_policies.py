from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from augflow_policies import AugMix, RandAugment, TrivialAugment
from augflow_policies.aug_mix import OPERATIONS as MIXED
from augflow_policies.operations import GEOMETRIC, OPERATIONS, carry_out, operation
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageOps

from augflow.testing import TransformContract
from augflow.transform import Image, Params, Size

SIZE = Size(60, 90)


class TestRandAugment(TransformContract):
    transform = RandAugment(), RandAugment(num_ops=14, magnitude=10.0), RandAugment(num_ops=0)


class TestTrivialAugment(TransformContract):
    transform = TrivialAugment(), TrivialAugment(border="constant", fill=(9, 80, 200))


class TestAugMix(TransformContract):
    transform = AugMix(), AugMix(severity=10.0, mixture_width=1, chain_depth=4, alpha=0.1)


def photograph(channels: int = 3) -> Image:
    rows, columns = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    waves = [120 + 60 * np.sin(rows / (6 + c)) + 40 * np.cos(columns / (9 - c)) for c in range(channels)]
    image: Image = np.stack(waves, axis=2).astype(np.uint8)
    return image


def drawn(transform: Any, count: int, size: Size = SIZE) -> list[Params]:
    rng = np.random.default_rng(0)
    return [transform.draw(rng, size) for _ in range(count)]


def flat(draws: list[Params]) -> list[Params]:
    return [one for draw in draws for one in draw["operations"]]


def magnitudes(operations: list[Params], name: str) -> set[float]:
    return {one["magnitude"] for one in operations if one["name"] == name}


def assert_uniform(names: list[str], choices: tuple[str, ...]) -> None:
    counts, expected = Counter(names), len(names) / len(choices)
    assert set(counts) == set(choices)
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < len(choices) + 5 * math.sqrt(2 * len(choices))


BY_PILLOW = [
    ("posterize", 3, lambda p: ImageOps.posterize(p, 3)),
    ("solarize", 100, lambda p: ImageOps.solarize(p, 100)),
    ("solarize", 256, lambda p: p),
    ("brightness", 0.4, lambda p: ImageEnhance.Brightness(p).enhance(0.4)),
    ("brightness", 1.72, lambda p: ImageEnhance.Brightness(p).enhance(1.72)),
    ("color", 0.3, lambda p: ImageEnhance.Color(p).enhance(0.3)),
    ("contrast", 1.6, lambda p: ImageEnhance.Contrast(p).enhance(1.6)),
    ("sharpness", 1.9, lambda p: ImageEnhance.Sharpness(p).enhance(1.9)),
    ("autocontrast", None, ImageOps.autocontrast),
    ("equalize", None, ImageOps.equalize),
    ("identity", None, lambda p: p),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "magnitude", "theirs"), BY_PILLOW)
def test_values_change_as_pillow_changes_them(name: str, magnitude: float | None, theirs: Any, channels: int) -> None:
    image = photograph(channels)
    picture = Pillow.fromarray(image[..., 0] if channels == 1 else image)
    made = carry_out(image, [operation(name, magnitude)], "reflect", 0)
    assert np.array_equal(made, np.asarray(theirs(picture)).reshape(image.shape))
    assert made.shape == image.shape


AFFINE = [
    ("shear_x", 0.3, (1, 0.3, 0, 0, 1, 0)),
    ("shear_x", -0.99, (1, -0.99, 0, 0, 1, 0)),
    ("shear_y", 0.3, (1, 0, 0, 0.3, 1, 0)),
    ("translate_x", 17, (1, 0, 17, 0, 1, 0)),
    ("translate_y", -9, (1, 0, 0, 0, 1, -9)),
]


@pytest.mark.parametrize(("name", "magnitude", "data"), AFFINE)
def test_geometry_moves_as_pillow_moves_it(name: str, magnitude: float, data: tuple[float, ...]) -> None:
    image = photograph()
    picture = Pillow.fromarray(image).transform(
        (SIZE.width, SIZE.height), Pillow.Transform.AFFINE, data, resample=Pillow.Resampling.BILINEAR
    )
    assert_near(carry_out(image, [operation(name, magnitude)], "constant", 0), np.asarray(picture))


@pytest.mark.parametrize("degrees", [25.0, -130.0])
def test_rotation_is_pillows_and_counter_clockwise(degrees: float) -> None:
    image = photograph()
    picture = Pillow.fromarray(image).rotate(degrees, resample=Pillow.Resampling.BILINEAR)
    assert_near(carry_out(image, [operation("rotate", degrees)], "constant", 0), np.asarray(picture))


def assert_near(ours: Image, theirs: Image) -> None:
    """Equal to within the two libraries' arithmetic, but for the rim, where they treat half-covered pixels apart."""
    difference = np.abs(ours.astype(int) - theirs).max(axis=2)
    assert (difference > 3).mean() < 0.04
    assert np.median(difference) <= 1


def test_neighbouring_geometry_is_sampled_once() -> None:
    image = photograph()
    there_and_back = [operation("rotate", 40.0), operation("rotate", -40.0)]
    assert np.array_equal(carry_out(image, there_and_back, "reflect", 0), image)


def test_rand_augment_draws_each_operation_equally_often() -> None:
    operations = flat(drawn(RandAugment(num_ops=3), 2000))
    assert len(operations) == 6000
    assert_uniform([one["name"] for one in operations], OPERATIONS)


def test_rand_augment_reaches_the_ends_of_the_ranges_at_ten() -> None:
    operations = flat(drawn(RandAugment(magnitude=10.0), 2000))
    assert magnitudes(operations, "rotate") == {-30.0, 30.0}
    assert magnitudes(operations, "shear_x") == magnitudes(operations, "shear_y") == {-0.3, 0.3}
    assert magnitudes(operations, "translate_x") == {-40, 40}
    assert magnitudes(operations, "translate_y") == {-27, 27}
    assert magnitudes(operations, "posterize") == {4}
    assert magnitudes(operations, "solarize") == {0}
    for name in ("color", "contrast", "brightness", "sharpness"):
        assert sorted(magnitudes(operations, name)) == pytest.approx([0.1, 1.9])
    for name in ("identity", "autocontrast", "equalize"):
        assert magnitudes(operations, name) == {None}


def test_rand_augment_at_zero_changes_nothing_that_has_a_magnitude() -> None:
    image = photograph()
    for one in flat(drawn(RandAugment(magnitude=0.0), 200)):
        if one["name"] not in ("autocontrast", "equalize"):
            assert np.array_equal(RandAugment().apply(image, [one]), image), one


def test_trivial_augment_draws_operations_and_strengths_equally_often() -> None:
    draws = drawn(TrivialAugment(), 20_000)
    assert {len(draw["operations"]) for draw in draws} == {1}
    operations = flat(draws)
    assert_uniform([one["name"] for one in operations], OPERATIONS)
    assert magnitudes(operations, "rotate") == {s * int(4.5 * m) for m in range(31) for s in (1, -1)}
    assert magnitudes(operations, "posterize") == set(range(2, 9))
    factors = sorted(magnitudes(operations, "brightness"))
    assert len(factors) == 31
    assert (factors[0], factors[-1]) == pytest.approx((0.01, 2.0))
    assert (min(magnitudes(operations, "solarize")), max(magnitudes(operations, "solarize"))) == (0, 256)
    for name, end in (("shear_x", 0.99), ("translate_y", 32)):
        found = magnitudes(operations, name)
        assert (min(found), max(found)) == pytest.approx((-end, end))


def test_aug_mix_mixes_as_drawn() -> None:
    image = photograph()
    chains = [[operation("rotate", 10.0), operation("solarize", 100)], [operation("posterize", 2)]]
    first, second = (carry_out(image, chain, "reflect", 0).astype(float) for chain in chains)
    made = AugMix().apply(image, original=0.25, weights=[0.6, 0.4], chains=chains)
    assert np.abs(made - (0.25 * image + 0.75 * (0.6 * first + 0.4 * second))).max() < 0.5 + 1e-9
    assert np.array_equal(AugMix().apply(image, original=1.0, weights=[0.6, 0.4], chains=chains), image)


def test_aug_mix_draws_weights_depths_and_operations() -> None:
    draws = drawn(AugMix(), 2000)
    weights = np.array([draw["weights"] for draw in draws])
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.02)
    originals = np.array([draw["original"] for draw in draws])
    assert np.histogram(originals, bins=4, range=(0, 1))[0] == pytest.approx([500] * 4, abs=100)
    chains = [chain for draw in draws for chain in draw["chains"]]
    assert Counter(len(chain) for chain in chains) == {d: pytest.approx(2000, abs=200) for d in (1, 2, 3)}
    operations = [one for chain in chains for one in chain]
    assert_uniform([one["name"] for one in operations], MIXED)
    assert max(map(abs, magnitudes(operations, "rotate"))) == 8
    assert magnitudes(operations, "posterize") == {3, 4}
    assert max(map(abs, magnitudes(operations, "shear_x"))) == pytest.approx(0.09, abs=0.001)
    assert max(map(abs, magnitudes(operations, "translate_x"))) == 8


def test_nothing_leaves_the_photograph_black() -> None:
    """Reflection by default: a bright photograph stays bright into its corners, whatever is turned or moved."""
    bright: Image = np.full((*SIZE, 3), 200, np.uint8)
    for name in GEOMETRIC:
        assert np.array_equal(RandAugment().apply(bright, [operation(name, 5.0)]), bright)
    dark = RandAugment(border="constant").apply(bright, [operation("translate_x", 20)])
    assert (dark == 0).all(axis=2).mean() == pytest.approx(20 / 90)
