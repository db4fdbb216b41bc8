"""Sample a photograph through a matrix, once, without aliasing.

Enlarging and turning are bilinear. Reducing by s is a small separable filter on the photograph followed by one
bilinear warp: the filter's variance is that of an output pixel's footprint (s²/12 per axis, widened a little for what
bilinear sampling adds), so the pair stands for the average over the footprint. Beyond a reduction of about 2.4 the
warp is made finer by a whole factor and averaged; beyond 12 a JPEG is decoded at half its size, beyond 24 at a quarter.
Where a large output shows its photograph small, and so would take many samples, whole blocks are averaged first.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from augflow.transform import Border, Fill, Matrix, Pixels, Size

_BORDERS: dict[Border, int] = {
    "reflect": cv2.BORDER_REFLECT_101,
    "nearest": cv2.BORDER_REPLICATE,
    "wrap": cv2.BORDER_WRAP,
    "constant": cv2.BORDER_CONSTANT,
}
_NO_COLOUR = (0, 0, 0, 0)
_Rows: TypeAlias = list[list[float]]
"""A matrix as plain numbers."""
_AFFINE = [0, 0, 1]
"""The last row of a matrix that keeps parallels parallel."""
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_FLIPS = {(True, False): 0, (False, True): 1, (True, True): -1}
_FINEST = 2.4
"""Source pixels that one bilinear sample may stand for, after filtering."""
_COARSEST = 6
"""Source pixels across an output pixel that a scaled decode leaves."""
_FAR = 64
_MOST_SAMPLES = 4
"""For each pixel of the photograph; a million are always allowed."""
_VARIANCES = (0.0, 0.15, 0.26, 0.42, 0.6, 0.8)
"""Of the three-tap filters there are: few, so that copies of a sample share them."""


class Photograph:
    """Pixels to be sampled, with the reduced and filtered forms that several copies share."""

    def __init__(self, pixels: Pixels) -> None:
        self.size = Size(pixels.shape[0], pixels.shape[1])
        self.gray = pixels.ndim == 2
        self.reduction = 1
        """The smallest scale that was decoded for the last sampling: 1/`reduction`."""
        self._whole: Callable[[], Pixels] = lambda: pixels
        self._reduced: Callable[[int], Pixels] | None = None
        self._forms: dict[tuple[int, int, int], Pixels] = {_FULL: pixels}

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
        return self._form(_FULL)

    def holds(self, pixels: Pixels) -> bool:
        """Whether `pixels` may be memory of this photograph, which others share."""
        return any(np.may_share_memory(pixels, form) for form in self._forms.values())

    def scale_for(self, step: float) -> int:
        """The scale, 1/1 to 1/8, at which it can be decoded where `step` pixels across become one."""
        if self._reduced is None or step < 2 * _COARSEST:
            return 1
        return min(8, 1 << int(math.log2(step / _COARSEST)))

    def form(self, scale: int, kernel_x: int, kernel_y: int) -> Pixels:
        """Decoded or averaged to 1/`scale`, then filtered with the kernels numbered per axis."""
        self.reduction = min(scale, 8) if self._reduced else 1
        return self._form((scale, kernel_x, kernel_y))

    def _form(self, key: tuple[int, int, int]) -> Pixels:
        if key not in self._forms:
            scale, *kernel = key
            if any(kernel):
                self._forms[key] = _soften(self._form((scale, 0, 0)), *kernel)
            elif scale == 1:
                self._forms[key] = self._whole()
            elif self._reduced and scale <= 8:
                self._forms[key] = self._reduced(scale)
            else:
                decoded = 8 if self._reduced else 1
                self._forms[key] = _reduce(self._form((decoded, 0, 0)), scale // decoded)
        return self._forms[key]


_FULL = (1, 0, 0)


def warp(photograph: Photograph, matrix: Matrix, size: Size, border: Border = "reflect", fill: Fill = 0) -> Pixels:
    """Return `size` pixels, each taken where `matrix` (output → source pixel centres) says.

    A matrix that only moves whole pixels (flips, quarter turns, crops, whole shifts) copies them untouched. The result
    may share memory with the photograph.
    """
    rows = matrix.tolist()
    steps = _whole_steps(rows)
    if steps is not None:
        whole = _copy(photograph.pixels, steps, size, border, fill)
        if whole is not None:
            return whole
    a, b, d, e = _slopes(rows, size)
    height, width = photograph.size
    longest = max(height, width)
    across, down = min(math.hypot(a, d), longest), min(math.hypot(b, e), longest)
    scale = photograph.scale_for(min(math.hypot(a, b), math.hypot(d, e), height, width))
    fine_x, fine_y = _finer(across / scale), _finer(down / scale)
    most = max(_MOST_SAMPLES * height * width, 1 << 20)
    while fine_x * fine_y > 1 and fine_x * fine_y * size.height * size.width > most:
        scale *= 2
        fine_x, fine_y = _finer(across / scale), _finer(down / scale)
    pixels = photograph.form(
        scale,
        _kernel(min(math.hypot(a / fine_x, b / fine_y), width), scale),
        _kernel(min(math.hypot(d / fine_x, e / fine_y), height), scale),
    )
    if scale > 1:
        matrix = _scale(1 / scale, 1 / scale) @ matrix
    if fine_x == fine_y == 1:
        return _sample(pixels, matrix, size, border, fill)
    matrix = matrix @ _scale(1 / fine_x, 1 / fine_y)
    warped = _sample(pixels, matrix, Size(size.height * fine_y, size.width * fine_x), border, fill)
    return np.asarray(cv2.resize(warped, tuple(reversed(size)), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _finer(step: float) -> int:
    """How many samples an output pixel takes that is `step` pixels long."""
    return math.ceil(step / _FINEST) or 1


def _sample(pixels: Pixels, matrix: Matrix, size: Size, border: Border, fill: Fill) -> Pixels:
    colour = _colour(fill, pixels) if border == "constant" else _NO_COLOUR
    rows = matrix.tolist()
    if _reaches_far(rows, size, pixels):
        places = _folded(matrix, size, pixels, border)
        warped = cv2.remap(pixels, places[0], places[1], cv2.INTER_LINEAR, None, _BORDERS[border], colour)
    elif rows[2] == _AFFINE:
        warped = cv2.warpAffine(pixels, matrix[:2], (size.width, size.height), None, _FLAGS, _BORDERS[border], colour)
    else:
        warped = cv2.warpPerspective(pixels, matrix, (size.width, size.height), None, _FLAGS, _BORDERS[border], colour)
    return np.asarray(warped, dtype=np.uint8)


def _reaches_far(rows: _Rows, size: Size, pixels: Pixels) -> bool:
    """Whether a corner lies so far beyond the photograph that OpenCV, which folds borders step by step, never ends."""
    (a, b, c), (d, e, f), (g, h, i) = rows
    height, width = size
    far = _FAR * max(pixels.shape[:2])
    if g == h == 0 and i == 1:
        return not (abs(a) * width + abs(b) * height + abs(c) < far and abs(d) * width + abs(e) * height + abs(f) < far)
    for x, y in ((0, 0), (width, 0), (0, height), (width, height)):
        w = g * x + h * y + i
        if not (w > 1e-6 and abs(a * x + b * y + c) < far * w and abs(d * x + e * y + f) < far * w):
            return True
    return False


def _folded(matrix: Matrix, size: Size, pixels: Pixels, border: Border) -> list[NDArray[np.float32]]:
    """Where each output pixel is taken, x and y, brought back to the photograph by the border's rule."""
    if not np.isfinite(matrix).all():
        raise ValueError("a matrix that is not finite")
    y, x = np.mgrid[0 : size.height, 0 : size.width]
    u, v, w = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), 1)
    w = np.where(abs(w) < 1e-9, 1e-9, w)
    places = []
    for place, length in ((u / w, pixels.shape[1]), (v / w, pixels.shape[0])):
        if border == "wrap":
            place = place % length
        elif border == "reflect" and length > 1:
            place = place % (2 * length - 2)
            place = np.minimum(place, 2 * length - 2 - place)
        places.append(np.clip(place, -2, length + 1).astype(np.float32))
    return places


def _colour(fill: Fill, pixels: Pixels) -> tuple[int, int, int, int]:
    red, green, blue = fill if isinstance(fill, tuple) else (fill, fill, fill)
    if pixels.ndim == 2:
        luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
        return luma, luma, luma, 0
    return red, green, blue, 0


def _whole_steps(rows: _Rows) -> tuple[int, int, int, int, int, int] | None:
    """The matrix in whole numbers where it is a signed permutation with whole offsets, else None."""
    (a, b, c), (d, e, f), last = rows
    if last != _AFFINE or abs(abs(a) + abs(b) - 1) > 1e-9:
        return None
    for value in (c, f, a, b, d, e):
        if not abs(value - round(value)) <= 1e-9:
            return None
    a, b, c, d, e, f = map(round, (a, b, c, d, e, f))
    return (a, b, c, d, e, f) if (abs(d), abs(e)) == (abs(b), abs(a)) else None


def _copy(
    pixels: Pixels, steps: tuple[int, int, int, int, int, int], size: Size, border: Border, fill: Fill
) -> Pixels | None:
    """Copy whole pixels; None where none of them lies in the photograph."""
    a, b, c, d, e, f = steps
    far_x = a * (size.width - 1) + b * (size.height - 1) + c
    far_y = d * (size.width - 1) + e * (size.height - 1) + f
    left, right = min(c, far_x), max(c, far_x) + 1
    top, bottom = min(f, far_y), max(f, far_y) + 1
    height, width = pixels.shape[:2]
    inside = pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left < 0 or top < 0 or right > width or bottom > height:
        if not inside.size:
            return None
        margins = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
        inside = _extend(pixels, inside, (left, top, right, bottom), margins, border, fill)
    down, across = e, a
    if not down:
        inside = np.asarray(cv2.transpose(inside), dtype=np.uint8)
        down, across = b, d
    if down > 0 and across > 0:
        return inside
    return np.asarray(cv2.flip(inside, _FLIPS[down < 0, across < 0]), dtype=np.uint8)


def _extend(
    pixels: Pixels,
    inside: Pixels,
    window: tuple[int, int, int, int],
    margins: tuple[int, int, int, int],
    border: Border,
    fill: Fill,
) -> Pixels:
    if border == "constant":
        return np.asarray(
            cv2.copyMakeBorder(inside, *margins, cv2.BORDER_CONSTANT, value=_colour(fill, pixels)), dtype=np.uint8
        )
    left, top, right, bottom = window
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


def _slopes(rows: _Rows, size: Size) -> tuple[float, float, float, float]:
    """Source pixels, across and down, that a step across and one down the output span, at the output's centre.

    In the order across by across, across by down, down by across, down by down.
    """
    (a, b, c), (d, e, f), (g, h, i) = rows
    if g or h or i != 1:
        x, y = (size.width - 1) / 2, (size.height - 1) / 2
        w = g * x + h * y + i or 1e-9  # behind the horizon, or on it, no step is right, and none may be endless
        u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
        a, b, d, e = (a - u * g) / w, (b - u * h) / w, (d - v * g) / w, (e - v * h) / w
    return a, b, d, e


def _kernel(step: float, scale: int) -> int:
    """Number the filter for a warp whose samples lie `step` pixels apart in a photograph decoded at 1/`scale`."""
    step /= scale
    if scale > 1:
        return _nearest((step * step - 1) / 12)
    return _nearest(step * step / 12 * (1.2 - 0.2 * min(max((step - 1.7) / 0.6, 0.0), 1.0))) if step > 1.1 else 0


def _nearest(variance: float) -> int:
    return bisect.bisect(_BETWEEN, variance)


_BETWEEN = [(low + high) / 2 for low, high in itertools.pairwise(_VARIANCES)]


def _soften(pixels: Pixels, kernel_x: int, kernel_y: int) -> Pixels:
    taps = [np.array([v / 2, 1 - v, v / 2]) for v in (_VARIANCES[kernel_x], _VARIANCES[kernel_y])]
    return np.asarray(cv2.sepFilter2D(pixels, -1, taps[0], taps[1], borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)


def _reduce(pixels: Pixels, block: int) -> Pixels:
    """Average over blocks of `block` × `block` pixels; the last are filled up with the edge."""
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // block, padded.shape[0] // block)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scale(x: float, y: float) -> Matrix:
    """Matrix of pixel centres when `x` by `y` pixels of the left side stand for one of the right."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]], dtype=np.float64)
