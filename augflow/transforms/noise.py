"""Noise, drawn for each pixel from exact tables: the draw holds a seed, the pixels follow from it and the image.

Every value gets 16 random bits of its own, so that probabilities are exact to 1/65,536 and pixels are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, TypeAlias

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

from augflow.kernels.noise import add_noise
from augflow.symmetry import Breaks
from augflow.transform import Ascending, Image, Params, Rng, Share, ShareRange, Size, uniform

_Photons: TypeAlias = Annotated[float, at.Ge(0.01), at.Le(50)]
_Levels: TypeAlias = Annotated[float, at.Ge(0), at.Le(255)]
_Relative: TypeAlias = Annotated[float, at.Ge(0), at.Le(1)]
_Bytes: TypeAlias = NDArray[np.uint8]
_Words: TypeAlias = NDArray[np.uint64]

_OUTCOMES = 1 << 16
_STRIP = 64 * 1024  # values worked on at once: they and their tables stay in a core's second cache


@dataclass(frozen=True)
class PoissonNoise:
    """Count photons as a sensor does: a gray level v becomes Poisson(v · scale) / scale, rounded, at most 255.

    `scale` is a range of photons per gray level, 0.01 to 50: the variance at level v is v / scale, and 1 is
    `poisson(image)`. Draws are uniform in its logarithm and lie on the grid 2^(k/16) or at an end of the range, so that
    images share tables. Black stays black; channels are independent. Each level has a table by Walker's alias method
    (Electronics Letters 10, 1974), exact to 1/65,536 in every cumulative probability.
    """

    scale: Annotated[tuple[_Photons, _Photons], Ascending] = (1.0, 1.0)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        low, high = self.scale
        exponent = round(16 * uniform(rng, np.log2(low), np.log2(high))) / 16
        return {"scale": float(min(max(2.0**exponent, low), high)), "seed": _seed(rng)}

    def apply(self, image: Image, scale: float, seed: int) -> Image:
        import cv2

        look_up = _look_up()
        keep, other = _poisson_aliases(float(scale))
        levels, noisy = image.reshape(1, -1), np.empty((1, image.size), np.uint8)
        index, limit = np.empty((1, _STRIP), np.uint16), np.empty((1, _STRIP), np.uint8)
        for strip, words in _strips(image.size, seed):
            count = strip.stop - strip.start
            column, chance = words.view(np.uint8)[: 2 * count].reshape(2, 1, count)
            entry = np.left_shift(levels[:, strip], 8, out=index[:, :count], dtype=np.uint16)
            entry |= column
            kept = look_up(entry, keep, limit[:, :count])
            out = look_up(entry, other, noisy[:, strip])
            cv2.copyTo(column, cv2.compare(kept, chance, cv2.CMP_GT, kept), out)
        return noisy.reshape(image.shape)


@dataclass(frozen=True)
class GaussianNoise:
    """Add normal noise of standard deviation `sigma`, a range in gray levels, independent in every pixel and channel.

    Sums are rounded and cut to 0–255.
    """

    sigma: Annotated[tuple[_Levels, _Levels], Ascending] = (2.0, 10.0)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"sigma": uniform(rng, *self.sigma), "seed": _seed(rng)}

    def apply(self, image: Image, sigma: float, seed: int) -> Image:
        import cv2

        upper = cv2.convertScaleAbs(_normal_quantiles()[_OUTCOMES // 2 :], alpha=sigma)
        return add_noise(np.ascontiguousarray(image), seed, np.asarray(upper, np.uint8))


@dataclass(frozen=True)
class SpeckleNoise:
    """Multiply each value by 1 + noise, as coherent light does: normal, of standard deviation `sigma` (a range).

    Independent in every pixel and channel; products are rounded and cut to 0–255.
    """

    sigma: Annotated[tuple[_Relative, _Relative], Ascending] = (0.05, 0.15)

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"sigma": uniform(rng, *self.sigma), "seed": _seed(rng)}

    def apply(self, image: Image, sigma: float, seed: int) -> Image:
        import cv2

        look_up, table = _look_up(), 1 + _normal_quantiles() * np.float32(sigma)
        levels, noisy = image.reshape(1, -1), np.empty((1, image.size), np.uint8)
        noise = np.empty((1, _STRIP), np.float32)
        for strip, index in _indices(image.size, seed):
            factors = look_up(index, table, noise[:, : index.size])
            cv2.multiply(levels[:, strip], factors, noisy[:, strip], dtype=cv2.CV_8U)
        return noisy.reshape(image.shape)


@dataclass(frozen=True)
class SaltAndPepper:
    """Turn single pixels white or black, as dead sensor cells do.

    `amount` is a range of the share of pixels hit, `salt` the share of white among them; both hold in expectation. All
    channels of a pixel turn together.
    """

    amount: ShareRange = (0.005, 0.02)
    salt: Share = 0.5

    version: ClassVar[int] = 1
    breaks: ClassVar[Breaks] = ()

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"amount": uniform(rng, *self.amount), "salt": float(self.salt), "seed": _seed(rng)}

    def apply(self, image: Image, amount: float, salt: float, seed: int) -> Image:
        pixels = image.shape[0] * image.shape[1]
        chance = np.random.SFC64(seed).random_raw((pixels + 1) // 2).view(np.uint32)[:pixels]
        hit = np.flatnonzero(chance < round(amount * 2**32))
        noisy = image.copy()
        white = chance[hit] < round(amount * salt * 2**32)
        noisy.reshape(pixels, -1)[hit] = np.where(white, np.uint8(255), np.uint8(0))[:, None]
        return noisy


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**63))


def _strips(values: int, seed: int) -> Iterator[tuple[slice, _Words]]:
    """Cut `values` into strips, each with random words that hold two bytes for every value."""
    source = np.random.SFC64(seed)
    for start in range(0, values, _STRIP):
        stop = min(start + _STRIP, values)
        yield slice(start, stop), source.random_raw((stop - start + 3) // 4)


def _indices(values: int, seed: int) -> Iterator[tuple[slice, NDArray[np.uint16]]]:
    """Cut `values` into strips, each with a random number of 16 bits for every value."""
    for strip, words in _strips(values, seed):
        yield strip, words.view(np.uint16)[: strip.stop - strip.start].reshape(1, -1)


@cache
def _look_up() -> Callable[..., Any]:
    """`table[index]` for 16-bit indices, into `out`; OpenCV is twice as fast where it can (from 4.13 on)."""
    import cv2

    if tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= (4, 13):
        return lambda index, table, out: cv2.LUT(index, table, out)
    return lambda index, table, out: np.take(table, index, mode="clip", out=out)


@cache
def _normal_quantiles() -> NDArray[np.float32]:
    """The standard normal's quantiles in the middle of 65,536 equally likely intervals (up to ±4.3)."""
    quantile = NormalDist().inv_cdf
    lower = np.array([quantile((i + 0.5) / _OUTCOMES) for i in range(_OUTCOMES // 2)], np.float32)
    return np.concatenate([lower, -lower[::-1]])


@lru_cache(maxsize=64)
def _poisson_aliases(scale: float) -> tuple[_Bytes, _Bytes]:
    return _aliases(np.array([_poisson_shares(level, scale) for level in range(256)]))


def _poisson_shares(level: int, scale: float) -> NDArray[np.int64]:
    """How many of 65,536 outcomes fall on each of the 256 results at one gray level."""
    mean = level * scale
    if mean == 0:
        return np.bincount([0], minlength=256) * _OUTCOMES
    first = max(0, int(mean - 12 * mean**0.5))
    photons = np.arange(first, int(mean + 12 * mean**0.5) + 24)
    logs = photons * np.log(mean) - mean - _log_factorials()[photons]
    cumulative = np.cumsum(np.exp(logs))
    below = np.ceil((np.arange(256) + 0.5) * scale).astype(np.int64) - first  # photons that round to at most a result
    share = np.concatenate(([0.0], cumulative / cumulative[-1]))[np.clip(below, 0, len(photons))]
    share[255] = 1
    outcomes: NDArray[np.int64] = np.diff(np.rint(share * _OUTCOMES).astype(np.int64), prepend=0)
    return outcomes


@cache
def _log_factorials() -> NDArray[np.float64]:
    most = 255 * 50
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 12 * most**0.5 + 25)))))


def _aliases(shares: NDArray[np.int64]) -> tuple[_Bytes, _Bytes]:
    """Turn outcomes of 65,536 per result, a row per level, into Walker's tables, indexed by level · 256 + column.

    A result is its column where the table `keep` exceeds a random byte, else the entry of `other`. All rows are swept
    at once: light columns are filled up from the current heavy one, which gives way to the next when it is used up.
    """
    rows, columns = np.arange(len(shares)), 256
    heavy_last = np.argsort(shares > columns, axis=1, kind="stable")
    lights = (shares <= columns).sum(axis=1)
    keep = np.minimum(shares, 255)
    other = np.tile(np.arange(columns), (len(shares), 1))
    light, heavy = np.zeros_like(lights), lights.copy()
    left = shares[rows, heavy_last[rows, np.minimum(heavy, columns - 1)]]
    for _ in range(columns):
        giver = heavy_last[rows, np.minimum(heavy, columns - 1)]
        fill = (light < lights) & (heavy < columns) & (left > columns)
        taker = heavy_last[rows, np.minimum(light, columns - 1)]
        other[rows[fill], taker[fill]] = np.where(shares[rows, taker] == columns, taker, giver)[fill]
        left = np.where(fill, left - columns + shares[rows, taker], left)
        light += fill
        spent = ~fill & (heavy < columns - 1)
        follower = heavy_last[rows, np.minimum(heavy + 1, columns - 1)]
        keep[rows[spent], giver[spent]] = np.minimum(left, 255)[spent]
        other[rows[spent], giver[spent]] = np.where(left == columns, giver, follower)[spent]
        left = np.where(spent, left + shares[rows, follower] - columns, left)
        heavy += spent
    return keep.astype(np.uint8).reshape(1, -1), other.astype(np.uint8).reshape(1, -1)
