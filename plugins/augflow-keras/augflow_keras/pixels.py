"""What Keras does to the pixels of one image by parameters it has drawn, in the arithmetic of either dialect.

`classic` is keras-preprocessing 1.1.2: the centre lies a pixel too far to the right and down, `tx` moves rows.
`keras3` is Keras 3: the centre is right, rows and columns are exchanged, brightness leaves the contrast alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

Dialect: TypeAlias = Literal["classic", "keras3"]
FillMode: TypeAlias = Literal["constant", "nearest", "reflect", "wrap"]
Floats: TypeAlias = NDArray[np.floating[Any]]
"""Pixels of shape (height, width, channels), float32 or float64."""

Values: TypeAlias = NDArray[Any]
"""The same, or bytes."""

_MOST_SIDE = 32_000
"""OpenCV counts places in 16 bits; and of float64 it rounds them to 1/32."""


def computed(values: NDArray[Any]) -> Floats:
    """As numbers to compute with: float32 and float64 are left as they are, anything else becomes float32."""
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)


def cast(values: Floats, dtype: Any) -> NDArray[Any]:
    """Give values a type: whole numbers are rounded, and kept within what they can hold."""
    kind = np.dtype(dtype)
    if np.issubdtype(kind, np.integer):
        bounds = np.iinfo(kind)
        return np.clip(np.rint(values), bounds.min, bounds.max).astype(kind)
    return values.astype(kind, copy=False)


def tell_channels(shape: tuple[int, ...], axis: int, data_format: str) -> None:
    """Warn where a batch of `shape` has other than 1, 3 or 4 channels."""
    if shape[axis] not in {1, 3, 4}:
        warnings.warn(
            f'Expected 1, 3 or 4 channels on axis {axis}, as "{data_format}" has them; the shape is {shape}.',
            stacklevel=4,
        )


def move(
    image: Values,
    dialect: Dialect,
    fill_mode: FillMode,
    cval: float,
    order: int,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    to_the_bit: bool = False,
) -> Values:
    """Turn, shift, shear and zoom, as `apply_affine_transform` does; nothing is sampled where nothing moves.

    Bytes are taken too, of which places between are rounded, unless `order` is above 1. `to_the_bit` takes the time to
    sample with SciPy as Keras does, for what cuts values to bytes afterwards.
    """
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return image
    matrix = _matrix(image.shape, dialect, theta, tx, ty, shear, zx, zy)
    if order > 1 or to_the_bit or max(image.shape[:2]) > _MOST_SIDE or image.dtype == np.float64:
        return _spline(image, matrix, fill_mode, cval, order)
    if order == 1 and fill_mode == "nearest":
        return _each(lambda part: _warp(part, matrix), image)
    rows, columns, outside = _places(image.shape, matrix, fill_mode)
    if order == 0:
        moved: Values = image[np.floor(rows + 0.5).astype(np.intp), np.floor(columns + 0.5).astype(np.intp)]
    else:
        maps = columns.astype(np.float32), rows.astype(np.float32)
        moved = _each(lambda part: cv2.remap(part, *maps, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE), image)
    if outside is not None:
        moved[outside] = cval
    return moved


def shift_channels(image: Floats, intensity: float) -> Floats:
    """Add `intensity`, within the least and the greatest value of the image."""
    shifted: Floats = np.clip(image + intensity, image.min(), image.max()).astype(image.dtype)
    return shifted


def brighten(image: Floats, dialect: Dialect, factor: float) -> Floats:
    """Multiply by `factor` in bytes, as Pillow does.

    `classic` first stretches the image's contrast to 0 to 255; `keras3` does so only where values lie outside of it,
    and takes it back afterwards.
    """
    low, high = image.min(), image.max()
    beyond = bool(low < 0 or high > 255)
    ready = _stretched(image) if dialect == "classic" or beyond else image
    data = ready.astype(np.uint8)
    picture = Image.fromarray(data[..., 0] if data.shape[2] == 1 else data)
    made = np.asarray(ImageEnhance.Brightness(picture).enhance(factor), dtype=image.dtype).reshape(image.shape)
    if dialect == "keras3" and beyond:
        made = made / 255 * (high - low) + low
    result: Floats = made.astype(image.dtype, copy=False)
    return result


def _stretched(image: Floats) -> Floats:
    ready: Floats = image - image.min()
    if (most := ready.max()) != 0:
        ready /= most
    ready *= 255
    return ready


def _matrix(
    shape: tuple[int, ...], dialect: Dialect, theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> NDArray[np.float64]:
    """3×3: output (row, column, 1) to source."""
    turn, lean = np.deg2rad(theta), np.deg2rad(shear)
    matrix = (
        np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        @ np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
        @ np.array([[1, -np.sin(lean), 0], [0, np.cos(lean), 0], [0, 0, 1]])
        @ np.diag([zx, zy, 1.0])
    )
    half = 0.5 if dialect == "classic" else -0.5
    to, back = np.eye(3), np.eye(3)
    to[:2, 2] = shape[0] / 2 + half, shape[1] / 2 + half
    back[:2, 2] = -to[:2, 2]
    matrix = to @ matrix @ back
    if dialect == "keras3":
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    return np.asarray(matrix, dtype=np.float64)


def _places(
    shape: tuple[int, ...], matrix: NDArray[np.float64], fill_mode: FillMode
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Where each output pixel comes from, within the image; and which come from beyond, for `constant`."""
    row, column = np.ogrid[0.0 : shape[0], 0.0 : shape[1]]
    (a, b, c), (d, e, f) = matrix[:2]
    rows, columns = a * row + b * column + c, d * row + e * column + f
    outside = None
    if fill_mode == "constant":
        outside = (rows < 0) | (rows > shape[0] - 1) | (columns < 0) | (columns > shape[1] - 1)
    return _folded(rows, shape[0], fill_mode), _folded(columns, shape[1], fill_mode), outside


def _folded(places: NDArray[np.float64], count: int, fill_mode: FillMode) -> NDArray[np.float64]:
    last = count - 1
    if fill_mode == "reflect":
        edges = np.abs(places + 0.5)
        if edges.max() > 2 * count:
            edges = np.mod(edges, 2 * count)
        places = count - np.abs(count - edges) - 0.5
    elif fill_mode == "wrap" and last:
        # Of a whole turn SciPy makes the last place coming from below, the first coming from above.
        below, above = places < 0, places > last
        places[below] = last - np.mod(-places[below], last)
        places[above] = np.mod(places[above], last)
    return np.clip(places, 0, last)


def _warp(image: Values, matrix: NDArray[np.float64]) -> Any:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    across_first = matrix[[1, 0]][:, [1, 0, 2]]
    return cv2.warpAffine(image, across_first, image.shape[1::-1], None, flags, cv2.BORDER_REPLICATE)


def _each(sample: Callable[[Values], Any], image: Values) -> Values:
    """Sample the channels together, where OpenCV does so exactly."""
    if image.shape[2] not in (1, 3, 4):
        return np.concatenate([_each(sample, image[..., c : c + 1]) for c in range(image.shape[2])], axis=2)
    return np.asarray(sample(np.ascontiguousarray(image)), dtype=image.dtype).reshape(image.shape)


def _spline(image: Values, matrix: NDArray[np.float64], fill_mode: FillMode, cval: float, order: int) -> Values:
    from scipy.ndimage import affine_transform

    return np.stack(
        [
            affine_transform(image[..., c], matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
            for c in range(image.shape[2])
        ],
        axis=2,
    )
