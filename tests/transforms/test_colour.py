from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageOps

from augflow.transform import IDENTITY, Image, Size
from augflow.transforms.colour import (
    Autocontrast,
    BrightnessContrast,
    ChannelShift,
    Equalize,
    Gamma,
    Gray,
    HueSaturation,
    Invert,
    Posterize,
    Solarize,
)

RAMP: Image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
ANY_SIZE = Size(1, 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photograph(height: int = 40, width: int = 60) -> Image:
    return rng().integers(0, 256, (height, width, 3), dtype=np.uint8)


def pillow(image: Image) -> Pillow.Image:
    return Pillow.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def pixels(image: Pillow.Image) -> Image:
    values = np.asarray(image)
    return values[..., None] if values.ndim == 2 else values


def worst(a: Image, b: Image) -> int:
    return int(np.abs(a.astype(int) - b).max())


images = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


@pytest.mark.parametrize(("brightness", "contrast"), [(0, 0.5), (0.2, 0), (-0.3, -0.7), (1, 1), (-1, -1), (0.1, -1)])
def test_brightness_contrast_follows_its_formula(brightness: float, contrast: float) -> None:
    table = BrightnessContrast().table(brightness=brightness, contrast=contrast)
    for value in range(256):
        exact = (value - 127.5) * (1 + contrast) + 127.5 + 255 * brightness
        assert table[value] == min(max(round(exact), 0), 255)


def test_gamma_bends_the_middle_and_keeps_the_ends() -> None:
    table = Gamma().table(gamma=2)
    assert [table[0], table[128], table[255]] == [0, 64, 255]
    assert Gamma().table(gamma=0.5)[64] == 128


@given(hue=st.floats(-180, 180), colours=arrays(np.uint8, (3, 5, 3)))
@settings(deadline=None, max_examples=60)
def test_hue_turns_as_colorsys_says(hue: float, colours: Image) -> None:
    turned = HueSaturation().apply(colours, hue=hue, saturation=0)
    for ours, before in zip(turned.reshape(-1, 3), colours.reshape(-1, 3) / 255, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*before)
        exact = np.array(colorsys.hsv_to_rgb((h + hue / 360) % 1, s, v)) * 255
        assert np.abs(ours - exact).max() < 0.51


def test_hue_goes_from_red_to_green_to_blue() -> None:
    red: Image = np.array([[[200, 0, 0]]], dtype=np.uint8)
    assert HueSaturation().apply(red, hue=120, saturation=0).tolist() == [[[0, 200, 0]]]
    assert HueSaturation().apply(red, hue=-120, saturation=0).tolist() == [[[0, 0, 200]]]


@pytest.mark.parametrize("saturation", [-1, -0.5, 0.3, 1])
def test_saturation_is_pillows_colour_enhancement(saturation: float) -> None:
    image = photograph()
    enhanced = pixels(ImageEnhance.Color(Pillow.fromarray(image)).enhance(1 + saturation))
    # Pillow rounds the luma before it blends and cuts fractions off after.
    assert worst(HueSaturation().apply(image, hue=0, saturation=saturation), enhanced) <= 1


def test_saturation_comes_before_hue() -> None:
    image = photograph()
    both = HueSaturation().apply(image, hue=50, saturation=-0.6)
    first = HueSaturation().apply(image, hue=0, saturation=-0.6)
    assert worst(both, HueSaturation().apply(first, hue=50, saturation=0)) <= 2


def test_hue_and_saturation_leave_grays_alone() -> None:
    grays = np.repeat(RAMP, 3, axis=2)
    assert np.array_equal(HueSaturation().apply(grays, hue=77, saturation=0.8), grays)


def test_channel_shift_adds_to_each_channel() -> None:
    table = ChannelShift().table(shift=[10, 0, -30])
    assert table[100].tolist() == [110, 100, 70]
    assert table[0].tolist() == [10, 0, 0]
    assert table[250].tolist() == [255, 250, 220]


def test_channel_shift_draws_whole_levels_up_to_its_limit() -> None:
    stream = rng()
    drawn = np.array([ChannelShift(2).draw(stream, ANY_SIZE)["shift"] for _ in range(200)])
    assert [set(channel) for channel in drawn.T.tolist()] == [{-2, -1, 0, 1, 2}] * 3
    assert not np.array_equal(drawn[:, 0], drawn[:, 1])


def test_gray_is_pillows_luma_in_three_channels() -> None:
    image = photograph()
    gray = Gray().apply(image)
    assert np.array_equal(gray[..., :1], gray[..., 1:2])
    assert np.array_equal(gray[..., :1], gray[..., 2:])
    assert worst(gray[..., :1], pixels(Pillow.fromarray(image).convert("L"))) <= 1


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_is_pillows(bits: int) -> None:
    table = Posterize().table(bits=bits)
    assert np.array_equal(table[RAMP], pixels(ImageOps.posterize(pillow(RAMP), bits)))


@pytest.mark.parametrize("threshold", [0, 1, 128, 200, 255, 256])
def test_solarize_is_pillows(threshold: int) -> None:
    table = Solarize().table(threshold=threshold)
    assert np.array_equal(table[RAMP], pixels(ImageOps.solarize(pillow(RAMP), threshold)))


def test_invert_is_pillows() -> None:
    assert np.array_equal(Invert().table()[RAMP], pixels(ImageOps.invert(pillow(RAMP))))


@given(image=images)
@settings(deadline=None)
def test_equalize_is_pillows(image: Image) -> None:
    assert np.array_equal(Equalize().apply(image), pixels(ImageOps.equalize(pillow(image))))


@pytest.mark.parametrize("spread", [3, 30, 100])
@pytest.mark.parametrize("cutoff", [0, 2.5, 40])
def test_equalize_and_autocontrast_are_pillows_on_larger_images(spread: int, cutoff: float) -> None:
    image: Image = np.clip(rng().normal((90, 128, 160), spread, (50, 70, 3)), 0, 255).astype(np.uint8)
    assert np.array_equal(Equalize().apply(image), pixels(ImageOps.equalize(pillow(image))))
    assert np.array_equal(
        Autocontrast().apply(image, cutoff=cutoff), pixels(ImageOps.autocontrast(pillow(image), cutoff))
    )


@given(image=images, cutoff=st.sampled_from([0.0, 1.0, 10.0, 33.3, 49.0]))
@settings(deadline=None)
def test_autocontrast_is_pillows(image: Image, cutoff: float) -> None:
    assert np.array_equal(
        Autocontrast().apply(image, cutoff=cutoff), pixels(ImageOps.autocontrast(pillow(image), cutoff))
    )


def test_no_strength_is_the_exact_identity() -> None:
    for transform in (BrightnessContrast(0, 0), Gamma((1, 1)), Posterize((8, 8)), Solarize((256, 256))):
        assert np.array_equal(transform.table(**transform.draw(rng(), ANY_SIZE)), IDENTITY)
    shift = ChannelShift(0)
    assert np.array_equal(shift.table(**shift.draw(rng(), ANY_SIZE)), np.stack([IDENTITY] * 3, axis=-1))
    image, hue_saturation = photograph(), HueSaturation(0, 0)
    assert np.array_equal(hue_saturation.apply(image, **hue_saturation.draw(rng(), ANY_SIZE)), image)


def test_whole_numbers_reach_both_ends_of_their_range() -> None:
    stream = rng()
    assert {Posterize((4, 6)).draw(stream, ANY_SIZE)["bits"] for _ in range(60)} == {4, 5, 6}
    assert {Solarize((255, 256)).draw(stream, ANY_SIZE)["threshold"] for _ in range(60)} == {255, 256}


def test_gamma_is_drawn_evenly_about_one() -> None:
    stream = rng()
    drawn = np.array([Gamma((0.5, 2)).draw(stream, ANY_SIZE)["gamma"] for _ in range(1000)])
    assert 0.5 <= drawn.min() < 0.51
    assert 1.96 < drawn.max() <= 2
    assert np.mean(drawn > 1) == pytest.approx(0.5, abs=0.05)
