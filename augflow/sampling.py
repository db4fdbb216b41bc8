"""Sample a photograph through a matrix, once, without aliasing.

Enlarging and turning are bilinear. Reducing by s is a small separable filter on the photograph followed by one
bilinear warp: the filter's variance is that of an output pixel's footprint (s²/12 per axis, widened a little for what
bilinear sampling adds), so the pair stands for the average over the footprint. Beyond a reduction of about 2.2 the
warp is made finer by a whole factor and averaged; beyond about 6 the photograph is first averaged over whole blocks.
"""

from __future__ import annotations

import math
from typing import Any

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
_FLIPS = {(True, False): 0, (False, True): 1, (True, True): -1}
_FINEST = 2.2
_COARSEST = 3.2
_KERNELS = 16


class Photograph:
    """Pixels to be sampled, with the filtered forms that several copies share."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._forms: dict[tuple[int, int, int, int], Pixels] = {}

    @property
    def size(self) -> Size:
        return Size(*self.pixels.shape[:2])

    def form(self, block: tuple[int, int], kernel: tuple[int, int]) -> Pixels:
        """Average over blocks of (width, height) pixels, then filter with the kernels numbered per axis."""
        key = (*block, *kernel)
        if key not in self._forms:
            pixels = self.pixels if block == (1, 1) else _reduce(self.pixels, *block)
            self._forms[key] = _soften(pixels, *kernel) if any(kernel) else pixels
        return self._forms[key]


def warp(photograph: Photograph, matrix: Matrix, size: Size, border: Border = "reflect", fill: Fill = 0) -> Pixels:
    """Return `size` pixels, each taken where `matrix` (output → source pixel centres) says.

    A matrix that only moves whole pixels (flips, quarter turns, crops, whole shifts) copies them untouched. The result
    may share memory with the photograph.
    """
    whole = _whole(photograph.pixels, matrix, size, border, fill)
    if whole is not None:
        return whole
    step_x, step_y = _steps(matrix, size)
    block_x, fine_x = _split(step_x)
    block_y, fine_y = _split(step_y)
    fine = max(fine_x, fine_y)
    pixels = photograph.form((block_x, block_y), (_kernel(step_x / fine, block_x), _kernel(step_y / fine, block_y)))
    total = _scale(1 / block_x, 1 / block_y) @ matrix @ _scale(1 / fine, 1 / fine)
    warped = _sample(pixels, total, Size(size.height * fine, size.width * fine), border, fill)
    if fine > 1:
        return np.asarray(cv2.resize(warped, tuple(reversed(size)), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return warped


def _sample(pixels: Pixels, matrix: Matrix, size: Size, border: Border, fill: Fill) -> Pixels:
    options: dict[str, Any] = {
        "dsize": (size.width, size.height),
        "flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        "borderMode": _BORDERS[border],
        "borderValue": _colour(fill, pixels),
    }
    if np.array_equal(matrix[2], (0, 0, 1)):
        return np.asarray(cv2.warpAffine(pixels, matrix[:2], **options), dtype=np.uint8)
    return np.asarray(cv2.warpPerspective(pixels, matrix, **options), dtype=np.uint8)


def _colour(fill: Fill, pixels: Pixels) -> tuple[int, int, int, int]:
    red, green, blue = fill if isinstance(fill, tuple) else (fill, fill, fill)
    if pixels.ndim == 2:
        luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
        return luma, luma, luma, 0
    return red, green, blue, 0


def _whole(pixels: Pixels, matrix: Matrix, size: Size, border: Border, fill: Fill) -> Pixels | None:
    """Copy whole pixels where the matrix is a signed permutation with whole offsets, else return None."""
    linear, offset = matrix[:2, :2], matrix[:2, 2]
    corner = np.rint(offset)
    if matrix[2, 2] != 1 or matrix[2, 0] or matrix[2, 1] or abs(offset - corner).max() > 1e-6:
        return None
    signs = np.rint(linear)
    if abs(linear - signs).max() * max(size) > 1e-6 or not np.array_equal(abs(signs).sum(0), (1, 1)):
        return None
    if not np.array_equal(abs(signs).sum(1), (1, 1)):
        return None
    far = signs @ (size.width - 1, size.height - 1) + corner
    left, top = (int(v) for v in np.minimum(corner, far))
    right, bottom = (int(v) + 1 for v in np.maximum(corner, far))
    height, width = pixels.shape[:2]
    inside = pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left < 0 or top < 0 or right > width or bottom > height:
        if not inside.size:
            return None
        margins = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
        inside = _extend(pixels, inside, (left, top, right, bottom), margins, border, fill)
    down, across = signs[1, 1], signs[0, 0]
    if not down:
        inside = np.asarray(cv2.transpose(inside), dtype=np.uint8)
        down, across = signs[0, 1], signs[1, 0]
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


def _steps(matrix: Matrix, size: Size) -> tuple[float, float]:
    """How many source pixels one output pixel spans along the source's x and y axes, at the output's centre."""
    x, y = (size.width - 1) / 2, (size.height - 1) / 2
    u, v, w = matrix @ (x, y, 1.0)
    jacobian = (matrix[:2, :2] - np.outer((u / w, v / w), matrix[2, :2])) / w
    return math.hypot(*jacobian[0]), math.hypot(*jacobian[1])


def _split(step: float) -> tuple[int, int]:
    """Split a reduction into whole blocks averaged beforehand and a whole factor averaged afterwards."""
    block = max(1, int(step / _COARSEST))
    return block, max(1, math.ceil(step / block / _FINEST))


def _kernel(step: float, block: int) -> int:
    """Number the filter for a warp whose samples lie `step` source pixels apart, `block` of which were averaged."""
    step /= block
    ramp = min(max((step - 1.05) / 0.25, 0.0), 1.0)
    wider = 1.2 - 0.2 * min(max((step - 1.7) / 0.6, 0.0), 1.0)
    variance = ramp * wider * (step * step - (block > 1)) / 12
    return min(round(variance * _KERNELS), _KERNELS)


def _soften(pixels: Pixels, kernel_x: int, kernel_y: int) -> Pixels:
    taps = [np.array([v / 2, 1 - v, v / 2]) for v in (kernel_x / _KERNELS, kernel_y / _KERNELS)]
    return np.asarray(cv2.sepFilter2D(pixels, -1, taps[0], taps[1], borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)


def _reduce(pixels: Pixels, block_x: int, block_y: int) -> Pixels:
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % block_y, 0, -width % block_x, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // block_x, padded.shape[0] // block_y)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scale(x: float, y: float) -> Matrix:
    """Matrix of pixel centres when `x` by `y` pixels of the left side stand for one of the right."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]], dtype=np.float64)
