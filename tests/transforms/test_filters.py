from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from augflow.transform import Image, Size
from augflow.transforms.filters import Blur, JpegArtefacts, Sharpen


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int, width: int, channels: int) -> Image:
    return rng().integers(0, 256, (height, width, channels), dtype=np.uint8)


def waves(height: int, width: int, channels: int) -> Image:
    """Draw smooth pixels, as codecs expect them."""
    y, x = np.mgrid[:height, :width]
    values = [128 + 60 * np.sin(x / (9 + channel)) + 60 * np.cos(y / (7 + channel)) for channel in range(channels)]
    image: Image = np.clip(np.stack(values, axis=-1), 0, 255).astype(np.uint8)
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("amount", [0.2, 1.0])
def test_sharpen_adds_the_difference_from_the_eight_around(channels: int, amount: float) -> None:
    image = noise(20, 31, channels)
    wide = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    around = sum(wide[y : y + 20, x : x + 31] for y in range(3) for x in range(3)) - image
    exact = np.clip(image + amount * (8.0 * image - around), 0, 255)
    assert np.abs(Sharpen().apply(image, amount=amount) - exact).max() < 0.51


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.5, 1.5, 4.0])
def test_blur_is_a_gaussian_with_mirrored_edges(channels: int, sigma: float) -> None:
    image = noise(41, 53, channels)
    reach = round(3 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    exact = np.pad(image.astype(float), ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    for axis in (0, 1):
        exact = np.apply_along_axis(np.convolve, axis, exact, weights, mode="valid")
    assert np.abs(Blur().apply(image, sigma=sigma) - exact).max() < 2


def loss(before: Image, after: Image) -> float:
    return float(np.abs(before.astype(int) - after).mean())


@pytest.mark.parametrize("quality", [5, 10, 50, 90])
def test_jpeg_loses_what_pillow_loses_at_the_same_quality(quality: int) -> None:
    image, file = waves(64, 96, 3), io.BytesIO()
    Pillow.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    theirs = np.asarray(Pillow.open(file))
    ours = JpegArtefacts().apply(image, quality=quality)
    assert loss(image, ours) == pytest.approx(loss(image, theirs), rel=0.1)
    assert loss(theirs, ours) < 1


def test_jpeg_halves_the_resolution_of_colour_not_of_luma() -> None:
    stripes: Image = np.zeros((32, 32, 3), dtype=np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 60, 60), (60, 115, 150)
    result = JpegArtefacts().apply(stripes, quality=100).astype(int)
    assert np.ptp((result[..., 0] - result[..., 2])[:, 4:-4]) < 20
    stripes[:, ::2], stripes[:, 1::2] = 200, 60
    assert loss(stripes, JpegArtefacts().apply(stripes, quality=100)) < 2


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_artefacts_grow_as_quality_falls(channels: int) -> None:
    image = waves(50, 70, channels)
    light, middle, heavy = (loss(image, JpegArtefacts().apply(image, quality=quality)) for quality in (95, 50, 10))
    assert 0 < light < middle < heavy


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (1, 40, 3), (40, 1, 1), (2, 2, 3)])
def test_tiny_images_keep_their_shape(shape: tuple[int, int, int]) -> None:
    image: Image = np.full(shape, 90, dtype=np.uint8)
    assert np.array_equal(Blur().apply(image, sigma=20), image)
    assert np.array_equal(Sharpen().apply(image, amount=1), image)
    assert JpegArtefacts().apply(image, quality=1).shape == shape


@pytest.mark.parametrize("channels", [1, 3])
def test_no_strength_is_the_exact_identity(channels: int) -> None:
    image = noise(17, 23, channels)
    for transform in (Sharpen((0, 0)), Blur((0, 0))):
        result = transform.apply(image, **transform.draw(rng(), Size(17, 23)))
        assert np.array_equal(result, image)
        assert not np.shares_memory(result, image)


def test_draws_fill_their_range() -> None:
    stream, size = rng(), Size(5, 5)
    amounts = [Sharpen((0.2, 0.8)).draw(stream, size)["amount"] for _ in range(400)]
    sigmas = [Blur((1, 2)).draw(stream, size)["sigma"] for _ in range(400)]
    assert 0.2 <= min(amounts) < 0.22 < 0.78 < max(amounts) <= 0.8
    assert 1 <= min(sigmas) < 1.05 < 1.95 < max(sigmas) <= 2
    assert {JpegArtefacts((40, 42)).draw(stream, size)["quality"] for _ in range(60)} == {40, 41, 42}
