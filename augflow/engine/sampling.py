"""Sample a photograph through a matrix, once, without aliasing.

Turning and enlarging are bilinear. Where the photograph is reduced, every output pixel is the mean of the bilinear
photograph over the pixel's footprint, by weights taken apart by axis (`kernels/warp.c`). Beyond a reduction of about
3.4 it is the mean of several such samples; beyond 12 a JPEG is decoded at half its size, beyond 24 at a quarter. Where
a large output shows its photograph small, and so would take many samples, whole blocks are averaged first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from augflow.engine.footprint import Footprint
from augflow.engine.product import Rows, product
from augflow.kernels import warp as kernel
from augflow.transform import Border, Fill, Matrix, Pixels, Size

_AFFINE = [0, 0, 1]
"""The last row of a matrix that keeps parallels parallel."""
_FLIPS = {(True, False): 0, (False, True): 1, (True, True): -1}
_FARTHEST = 2.0**40
"""Pixels up to which whole steps are told apart."""
_COARSEST = 6
"""Source pixels across an output pixel that a scaled decode leaves."""
_FINEST = 3.4
"""Source pixels across that one sample may stand for."""
_MOST_SAMPLES = 4
"""For each pixel of the photograph; a million are always allowed."""


class Photograph:
    """Pixels to be sampled, with the reduced and filtered forms that several copies share."""

    def __init__(self, pixels: Pixels) -> None:
        self.size = Size(pixels.shape[0], pixels.shape[1])
        self.gray = pixels.ndim == 2
        self.reduction = 1
        """The smallest scale that was decoded for the last sampling: 1/`reduction`."""
        self._whole: Callable[[], Pixels] = lambda: pixels
        self._reduced: Callable[[int], Pixels] | None = None
        self._forms: dict[int, Pixels] = {1: pixels}

    @classmethod
    def undeveloped(
        cls, size: Size, gray: bool, whole: Callable[[], Pixels], reduced: Callable[[int], Pixels] | None
    ) -> Photograph:
        """A photograph that is decoded when, and at the scale, it is first needed."""
        made = cls.__new__(cls)
        made.size, made.gray, made.reduction = size, gray, 1
        made._whole, made._reduced, made._forms = whole, reduced, {}
        return made

    @property
    def pixels(self) -> Pixels:
        self.reduction = 1
        return self._form(1)

    def scale_for(self, footprint: Footprint) -> int:
        """The scale, 1/1 to 1/8, at which it can be decoded where output pixels have this footprint."""
        step = min(footprint.narrowest, *self.size) if self._reduced else 0
        return min(8, 1 << int(math.log2(step / _COARSEST))) if step >= 2 * _COARSEST else 1

    def form(self, scale: int) -> Pixels:
        """Decoded or averaged to 1/`scale`."""
        self.reduction = min(scale, 8) if self._reduced else 1
        return self._form(scale)

    def _form(self, scale: int) -> Pixels:
        if scale not in self._forms:
            if scale == 1:
                self._forms[scale] = self._whole()
            elif self._reduced and scale <= 8:
                self._forms[scale] = self._reduced(scale)
            else:
                decoded = 8 if self._reduced else 1
                self._forms[scale] = _reduce(self._form(decoded), scale // decoded)
        return self._forms[scale]


def warp(
    photograph: Photograph, matrix: Matrix | Rows, size: Size, border: Border = "reflect", fill: Fill = 0
) -> Pixels:
    """Return `size` pixels, each taken where `matrix` (output → source pixel centres) says.

    A matrix that only moves whole pixels (flips, quarter turns, crops, whole shifts) copies them untouched. The result
    may share memory with the photograph; then it has a `base`.

    Raises:
        ValueError: the matrix is not finite.
    """
    rows: Rows = matrix if isinstance(matrix, list) else matrix.tolist()
    (a, b, c), (d, e, f), (g, h, i) = rows
    if not math.isfinite(a + b + c + d + e + f + g + h + i):
        raise ValueError("a matrix that is not finite")
    steps = _whole_steps(rows)
    if steps is not None:
        return _copy(photograph.pixels, steps, size, border, fill)
    footprint = Footprint.at_the_centre(rows, size)
    across, down = footprint.edges
    if across <= _FINEST >= down:
        return _sample(photograph.form(1), rows, size, footprint, border, fill)
    if not math.isfinite(across + down):
        raise ValueError("a matrix too steep to be sampled")
    longest = max(photograph.size)
    across, down = min(across, longest), min(down, longest)
    scale = photograph.scale_for(footprint)
    fine_x, fine_y = _finer(across / scale), _finer(down / scale)
    most = max(_MOST_SAMPLES * math.prod(photograph.size), 1 << 20)
    while fine_x * fine_y > 1 and fine_x * fine_y * size.height * size.width > most:
        scale *= 2
        fine_x, fine_y = _finer(across / scale), _finer(down / scale)
    pixels = photograph.form(scale)
    if scale == fine_x == fine_y == 1:
        return _sample(pixels, rows, size, footprint, border, fill)
    rows = product(product(_scale(1 / scale, 1 / scale), rows), _scale(1 / fine_x, 1 / fine_y))
    sample = footprint.cut(fine_x, fine_y).within(scale)
    samples = _sample(pixels, rows, Size(size.height * fine_y, size.width * fine_x), sample, border, fill)
    return np.asarray(cv2.resize(samples, tuple(reversed(size)), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _finer(step: float) -> int:
    """How many samples an output pixel takes that is `step` pixels long."""
    return math.ceil(step / _FINEST) or 1


def _sample(pixels: Pixels, rows: Rows, size: Size, footprint: Footprint, border: Border, fill: Fill) -> Pixels:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        return _sample(pixels[..., 0], rows, size, footprint, border, fill)[..., None]
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        padded = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA), dtype=np.uint8)
        made = _sample(padded, rows, size, footprint, border, fill)
        return np.asarray(cv2.cvtColor(made, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
    colour = bytes(_colour(fill, pixels)) if border == "constant" else bytes(4)
    return kernel.warp(pixels, rows, size, *footprint.fitted(), border, colour)


def _colour(fill: Fill, pixels: Pixels) -> tuple[int, int, int, int]:
    red, green, blue = fill if isinstance(fill, tuple) else (fill, fill, fill)
    if pixels.ndim == 2:
        luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
        return luma, luma, luma, 0
    return red, green, blue, 0


def _whole_steps(rows: Rows) -> tuple[int, int, int, int, int, int] | None:
    """The matrix in whole numbers where it is a signed permutation with whole offsets, else None."""
    (a, b, c), (d, e, f), last = rows
    if last != _AFFINE or abs(abs(a) + abs(b) - 1) > 1e-9:
        return None
    for value in (c, f, a, b, d, e):
        if abs(value) > _FARTHEST or abs(value - round(value)) > 1e-9:
            return None
    a, b, c, d, e, f = map(round, (a, b, c, d, e, f))
    return (a, b, c, d, e, f) if (abs(d), abs(e)) == (abs(b), abs(a)) else None


def _copy(pixels: Pixels, steps: tuple[int, int, int, int, int, int], size: Size, border: Border, fill: Fill) -> Pixels:
    a, b, c, d, e, f = steps
    far_x = a * (size.width - 1) + b * (size.height - 1) + c
    far_y = d * (size.width - 1) + e * (size.height - 1) + f
    left, right = min(c, far_x), max(c, far_x) + 1
    top, bottom = min(f, far_y), max(f, far_y) + 1
    inside = pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if inside.shape[:2] != (bottom - top, right - left):
        inside = _extend(pixels, inside, (left, top, right, bottom), border, fill)
    down, across = e, a
    if not down:
        inside = np.asarray(cv2.transpose(inside), dtype=np.uint8)
        down, across = b, d
    if down > 0 and across > 0:
        return inside
    return np.asarray(cv2.flip(inside, _FLIPS[down < 0, across < 0]), dtype=np.uint8)


def _extend(pixels: Pixels, inside: Pixels, window: tuple[int, int, int, int], border: Border, fill: Fill) -> Pixels:
    left, top, right, bottom = window
    if border == "constant":
        made: Pixels = np.empty((bottom - top, right - left, *pixels.shape[2:]), np.uint8)
        made[...] = _colour(fill, pixels)[: 1 if pixels.ndim == 2 else pixels.shape[2]]
        height, width = inside.shape[:2]
        made[max(-top, 0) :, max(-left, 0) :][:height, :width] = inside
        return made
    rows = _mirror(np.arange(top, bottom), pixels.shape[0], border)
    columns = _mirror(np.arange(left, right), pixels.shape[1], border)
    taken: Pixels = pixels[rows[:, None], columns]
    return taken


def _mirror(index: NDArray[np.int64], length: int, border: Border) -> NDArray[np.int64]:
    if border == "wrap":
        return index % length
    if border == "nearest" or length == 1:
        return np.clip(index, 0, length - 1)
    folded = index % (2 * length - 2)
    return np.minimum(folded, 2 * length - 2 - folded)


def _reduce(pixels: Pixels, block: int) -> Pixels:
    """Average over blocks of `block` × `block` pixels; the last are filled up with the edge."""
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // block, padded.shape[0] // block)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scale(x: float, y: float) -> Rows:
    """Matrix of pixel centres when `x` by `y` pixels of the left side stand for one of the right."""
    return [[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]]
