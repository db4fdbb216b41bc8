"""Sampling: what only moves is moved without loss, what is reduced does not alias, and one pass beats many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from augflow.engine.codec import encode, open_image
from augflow.engine.performing import finish, perform
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph, warp
from augflow.source.demo import CLASSES
from augflow.source.finds import draw_image
from augflow.transform import Border, Image, Matrix, Pixels, Size
from augflow.transforms.geometry import Affine, Flip, Perspective, QuarterTurns, Rotate, Shear, Shift, Transpose, Zoom
from augflow.transforms.window import Crop, Pad, RandomResizedCrop

Exact = NDArray[np.float64]
Mask = NDArray[np.bool_]

SHAPES = [(40, 56, 3), (40, 56, 4), (40, 56), (1, 1, 3), (1, 30), (30, 1, 3), (2, 2, 3)]


def random_pixels(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def size_of(pixels: NDArray[Any]) -> Size:
    return Size(*pixels.shape[:2])


# Without loss.


def moved(pixels: Pixels, transform: Any, **params: Any) -> Pixels:
    size = size_of(pixels)
    resized = transform.resized(size, **params) if hasattr(transform, "resized") else size
    border: Border = getattr(transform, "border", "reflect")
    fill = getattr(transform, "fill", 0)
    return warp(Photograph(pixels), transform.matrix(size, **params), resized, border, fill)


@pytest.mark.parametrize("shape", SHAPES)
def test_mirrors_and_quarter_turns_lose_nothing(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    wanted: list[tuple[Any, dict[str, Any], Pixels]] = [
        (Flip(), {"axis": "horizontal"}, pixels[:, ::-1]),
        (Flip(), {"axis": "vertical"}, pixels[::-1]),
        (Flip(), {"axis": "both"}, pixels[::-1, ::-1]),
        (Transpose(), {}, pixels.swapaxes(0, 1)),
        *((QuarterTurns(), {"turns": turns}, np.rot90(pixels, turns)) for turns in range(4)),
        (Rotate(), {"angle": 180.0}, pixels[::-1, ::-1]),
    ]
    for transform, params, exact in wanted:
        assert np.array_equal(moved(pixels, transform, **params), exact), (transform, params)


def test_a_square_turned_by_right_angles_loses_nothing() -> None:
    pixels = random_pixels(31, 31, 3)
    for quarters in range(-2, 3):
        assert np.array_equal(moved(pixels, Rotate(), angle=90.0 * quarters), np.rot90(pixels, quarters))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("border", ["reflect", "nearest", "wrap", "constant"])
def test_nothing_asked_is_nothing_done(shape: tuple[int, ...], border: Border) -> None:
    pixels = random_pixels(*shape)
    assert np.array_equal(warp(Photograph(pixels), np.eye(3), size_of(pixels), border), pixels)


def test_mirrors_and_turns_that_cancel_lose_nothing() -> None:
    pixels = random_pixels(40, 56, 3)
    there: list[tuple[Any, dict[str, Any]]] = [
        (Rotate(), {"angle": 33.3}),
        (Flip(), {"axis": "horizontal"}),
        (Rotate(), {"angle": 33.3}),
        (Flip(), {"axis": "horizontal"}),
    ]
    assert np.array_equal(perform(pixels, there), pixels)


@pytest.mark.parametrize("window", [(0, 0, 40, 56), (3, 5, 20, 30), (39, 55, 1, 1), (0, 7, 40, 2)])
def test_a_crop_is_a_window(window: tuple[int, int, int, int]) -> None:
    top, left, height, width = window
    params = {"top": top, "left": left, "height": height, "width": width}
    for channels in ((3,), (4,), ()):
        pixels = random_pixels(40, 56, *channels)
        exact = pixels[top : top + height, left : left + width]
        assert np.array_equal(moved(pixels, Crop(), **params), exact)
        same_size = moved(pixels, RandomResizedCrop(), **params, to=[height, width])
        assert np.array_equal(same_size, exact)


MODES = {"reflect": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("sides", [(3, 4, 5, 6), (0, 0, 0, 9), (39, 0, 0, 55), (100, 130, 90, 70)])
def test_whole_pixels_around_are_those_of_numpy(border: Border, sides: tuple[int, int, int, int]) -> None:
    top, right, bottom, left = sides
    for shape in ((40, 56, 3), (40, 56, 4), (40, 56), (1, 7, 3), (5, 1)):
        pixels = random_pixels(*shape)
        margins = ((top, bottom), (left, right), *[(0, 0)] * (len(shape) - 2))
        made = moved(pixels, Pad(border=border), top=top, right=right, bottom=bottom, left=left)
        assert np.array_equal(made, np.pad(pixels, margins, MODES[border]))  # type: ignore[call-overload]


def test_a_window_beyond_the_photograph_is_all_border() -> None:
    pixels = random_pixels(10, 10, 3)
    aside = np.array([[1.0, 0, 25], [0, 1, 0], [0, 0, 1]])
    size = Size(10, 10)
    assert (warp(Photograph(pixels), aside, size, "constant", 7) == 7).all()
    assert np.array_equal(warp(Photograph(pixels), aside, size, "nearest"), np.repeat(pixels[:, -1:], 10, axis=1))
    assert np.array_equal(warp(Photograph(pixels), aside, size, "wrap"), np.roll(pixels, 5, axis=1))
    columns = np.pad(np.arange(10), (0, 30), "reflect")[25:35]
    assert np.array_equal(warp(Photograph(pixels), aside, size, "reflect"), pixels[:, columns])


@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30, 4), (20, 30)])
def test_fill_is_a_colour_and_its_luma_on_gray(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    whole = moved(pixels, Pad(border="constant", fill=(255, 0, 0)), top=2, right=0, bottom=0, left=0)[:2]
    turned = moved(pixels, Rotate(border="constant", fill=(255, 0, 0)), angle=45.0)[:1, :1]
    for corner in (whole, turned):
        assert (corner[..., :3] == ((255, 0, 0) if len(shape) == 3 else round(0.299 * 255))).all()


# Against the exact result.


def exactly(pixels: Pixels, matrix: Matrix, size: Size, finer: int = 8) -> Exact:
    """Mean of finer × finer bilinear samples within every output pixel, mirrored at the edges, in float64."""
    source = pixels.astype(np.float64).reshape(*pixels.shape[:2], -1)
    x, y = np.meshgrid(np.arange(size.width), np.arange(size.height))
    total: Exact = np.zeros((*size, source.shape[2]))
    offsets = (np.arange(finer) + 0.5) / finer - 0.5
    for down in offsets:
        for across in offsets:
            u, v, w = np.tensordot(matrix, np.stack([x + across, y + down, np.ones(x.shape)]), 1)
            total += _bilinear(source, u / w, v / w)
    return (total / finer**2).reshape(*size, *pixels.shape[2:])


def _bilinear(source: Exact, x: Exact, y: Exact) -> Exact:
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    columns = [_mirrored(left + step, source.shape[1]) for step in (0, 1)]
    rows = [_mirrored(top + step, source.shape[0]) for step in (0, 1)]
    upper = source[rows[0], columns[0]] * (1 - across) + source[rows[0], columns[1]] * across
    lower = source[rows[1], columns[0]] * (1 - across) + source[rows[1], columns[1]] * across
    result: Exact = upper * (1 - down) + lower * down
    return result


def _mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    folded = index % max(2 * length - 2, 1)
    return np.minimum(folded, 2 * length - 2 - folded)


def psnr(made: Pixels | Exact, exact: Exact, where: Mask | None = None) -> float:
    error = (made.astype(np.float64) - exact) ** 2
    return float(10 * np.log10(255**2 / np.mean(error if where is None else error[where])))


def plainly(pixels: Pixels, matrix: Matrix, size: Size) -> Pixels:
    """cv2's bilinear warp, as most would call it."""
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REFLECT_101
    whole = (size.width, size.height)
    if matrix[2, 0] or matrix[2, 1]:
        return np.asarray(cv2.warpPerspective(pixels, matrix, whole, flags=flags, borderMode=border), np.uint8)
    return np.asarray(cv2.warpAffine(pixels, matrix[:2], whole, flags=flags, borderMode=border), np.uint8)


def zone_plate(side: int) -> Pixels:
    """Rings whose frequency grows with the radius, up to Nyquist's at the middle of each edge."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    rings: Pixels = np.round(127.5 + 127.5 * np.cos(np.pi / side * (x * x + y * y))).astype(np.uint8)
    return rings


SIDE, SCALE = 400, 0.4


def beyond_nyquist() -> Mask:
    """Where the reduced zone plate has only frequencies that it cannot show: it ought to be flat gray."""
    side = round(SIDE * SCALE)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius: NDArray[np.float64] = np.hypot(x, y) / (side / 2)
    mask: Mask = (radius > 1.25 * SCALE) & (radius < 1)
    return mask


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0])
def test_a_reduced_zone_plate_shows_no_moire(angle: float) -> None:
    plate, size = zone_plate(SIDE), Size(round(SIDE * SCALE), round(SIDE * SCALE))
    matrix = Rotate().matrix(Size(SIDE, SIDE), angle) @ Render(size=size.width).matrix(Size(SIDE, SIDE))
    exact, band = exactly(plate, matrix, size), beyond_nyquist()
    ours, plain = warp(Photograph(plate), matrix, size), plainly(plate, matrix, size)
    rings = {"exact": exact[band].std(), "ours": ours[band].std(), "plain": plain[band].std()}
    figures = f"{psnr(ours, exact):.1f} dB, plain bilinear {psnr(plain, exact):.1f} dB; false rings {rings}"

    def is_clean(made: Pixels, false_rings: float) -> bool:
        return psnr(made, exact) > 33 and false_rings < 1.25 * rings["exact"]

    assert is_clean(ours, rings["ours"]), figures
    assert not is_clean(plain, rings["plain"]), figures
    assert rings["plain"] > 3 * rings["ours"], figures


@pytest.mark.parametrize("reduction", [1.0, 1.3, 1.7, 2.1, 2.5, 3.3, 5.0, 8.0, 13.0])
def test_reducing_keeps_the_light(reduction: float) -> None:
    """Neither shifted nor brightened: a slope stays the slope it is, a flat level stays to the level."""
    size = Size(130, 156)
    slope = np.round(20 + np.arange(size.width) * 1.3 + np.arange(size.height)[:, None] * 0.15).astype(np.uint8)
    render = Render(size=(round(size.height / reduction), round(size.width / reduction)), fit="stretch")
    target, matrix = render.target(size), render.matrix(size)
    made = warp(Photograph(slope), matrix, target)
    x, y = np.meshgrid(np.arange(target.width), np.arange(target.height))
    u, v, _ = np.tensordot(matrix, np.stack([x, y, np.ones(x.shape)]), 1)
    inner = (u > reduction) & (u < size.width - 1 - reduction)
    assert abs((made - (20 + 1.3 * u + 0.15 * v))[inner].mean()) < 0.5
    assert abs(made - (20 + 1.3 * u + 0.15 * v))[inner].max() < 1.5
    flat = np.full((*size, 3), 201, np.uint8)
    turned = Rotate().matrix(size, angle=11.0) @ matrix
    assert (warp(Photograph(flat), turned, target) == 201).all()


POOL: list[Any] = [
    Rotate(limit=40), Shift(), Shear(), Zoom(scale=(0.9, 1.3)), Flip(), Crop(scale=(0.5, 0.9)), Perspective(),
    Affine(rotate=20, shift=0.05, scale=(0.9, 1.2), shear=8),
]  # fmt: skip
WINDOW = Size(84, 100)


class Trial:
    """A photograph with a random chain of geometry: done at once, step by step, and exactly."""

    def __init__(self, number: int, pool: list[Any], reduction: float | None) -> None:
        label = list(CLASSES)[number % len(CLASSES)]
        self.pixels = np.ascontiguousarray(draw_image(label, number // 6)[: WINDOW.height, : WINDOW.width])
        rng = np.random.default_rng(number)
        size = size_of(self.pixels)
        self.steps: list[tuple[Matrix, Size]] = []
        drawn = []
        for index in rng.integers(len(pool), size=rng.integers(2, 5)):
            transform = pool[index]
            params = transform.draw(rng, size)
            matrix = transform.matrix(size, **params)
            size = transform.resized(size, **params) if hasattr(transform, "resized") else size
            self.steps.append((matrix, size))
            drawn.append((0, transform, params))
        aim = [max(8, round(side / reduction)) for side in size] if reduction else None
        self.render = Render(size=(aim[0], aim[1]) if aim else None, fit="stretch")
        self.last = size
        self.fused = finish(Photograph(self.pixels), drawn, 0, self.render)
        self.reduces = bool(reduction and reduction > 1)

    @property
    def size(self) -> Size:
        return self.render.target(self.last)

    def one_after_another(self) -> Pixels:
        made = self.pixels
        for matrix, size in self.steps:
            made = plainly(made, matrix, size)
        if self.size == self.last:
            return made
        way = cv2.INTER_AREA if self.reduces else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(made, (self.size.width, self.size.height), interpolation=way), np.uint8)

    def exact(self) -> Exact:
        matrix = np.eye(3)
        for step, _ in self.steps:
            matrix = matrix @ step
        return exactly(self.pixels, matrix @ self.render.matrix(self.last), self.size)

    def inner(self) -> Mask:
        """Where no step looks beyond its own canvas: elsewhere the two ways mean different pixels."""
        x, y = np.meshgrid(np.arange(self.size.width), np.arange(self.size.height))
        points = np.tensordot(self.render.matrix(self.last), np.stack([x, y, np.ones(x.shape)]), 1)
        inside: Mask = np.ones(x.shape, bool)
        befores = [WINDOW, *(size for _, size in self.steps)]
        for (matrix, _), before in reversed(list(zip(self.steps, befores, strict=False))):
            points = np.tensordot(matrix, points, 1)
            u, v, _ = points = points / points[2]
            inside &= (u > 2) & (u < before.width - 3) & (v > 2) & (v < before.height - 3)
        return inside


def trials(count: int, pool: list[Any], reduction: Callable[[int], float | None]) -> Iterator[tuple[Trial, Mask]]:
    number = found = 0
    while found < count:
        trial = Trial(number, pool, reduction(found))
        number += 1
        if (inner := trial.inner()).mean() > 0.3:
            found += 1
            yield trial, inner


@pytest.mark.parametrize(
    ("low", "high", "pool"),
    [
        (None, None, [Rotate(limit=30)]),
        (None, None, [Rotate(limit=30), Shift(), Shear(x=5, y=5)]),
        (0.5, 1.0, POOL),
        (1.0, 2.0, POOL),
        (2.0, 3.0, POOL),
        (3.0, 4.0, POOL),
    ],
    ids=["turns", "turns and moves", "enlarged", "to a half", "to a third", "to a quarter"],
)
def test_at_once_is_nearer_to_the_exact_than_step_by_step(low: float | None, high: float, pool: list[Any]) -> None:
    count = 12
    at_once, apart = [], []
    for trial, inner in trials(count, pool, lambda n: None if low is None else low + (high - low) * n / (count - 1)):
        exact = trial.exact()
        at_once.append(psnr(trial.fused, exact, inner))
        apart.append(psnr(trial.one_after_another(), exact, inner))
    figures = (
        f"at once {np.mean(at_once):.2f} dB (worst {min(at_once):.2f}), step by step {np.mean(apart):.2f} dB "
        f"(worst {min(apart):.2f}); chain by chain {np.round(np.subtract(at_once, apart), 2).tolist()}"
    )
    assert np.mean(at_once) > np.mean(apart), figures
    assert min(at_once) > 36, figures


def mosaic() -> Pixels:
    """A larger photograph, put together of nine."""
    tiles = [draw_image(label, number)[:120, :120] for number, label in enumerate([*CLASSES, "leaf", "shell", "key"])]
    return np.concatenate([np.concatenate(tiles[row : row + 3], axis=1) for row in (0, 3, 6)])


@pytest.mark.parametrize("reduction", [5.0, 9.0, 13.0, 26.0])
def test_large_reductions_stay_near_also_where_less_is_decoded(reduction: float) -> None:
    opened = open_image(encode(mosaic(), Render(quality=95)), 1_000_000)
    pixels, size = opened.whole(), opened.size
    render = Render(size=round(size.width / reduction))
    matrix = Rotate().matrix(size, angle=15.0) @ render.matrix(size)
    exact = exactly(pixels[..., :3], matrix, render.target(size))[2:-2, 2:-2]
    smaller = Photograph.undeveloped(size, opened.gray, opened.whole, opened.reduced)
    whole, reduced = (
        warp(photo, matrix, render.target(size))[2:-2, 2:-2, :3] for photo in (Photograph(pixels), smaller)
    )
    figures = f"{psnr(whole, exact):.1f} dB; decoded at 1/{smaller.reduction}: {psnr(reduced, exact):.1f} dB"
    assert smaller.reduction == {5.0: 1, 9.0: 1, 13.0: 2, 26.0: 4}[reduction], figures
    assert psnr(whole, exact) > 45, figures
    assert psnr(reduced, exact) > 43, figures


@pytest.mark.parametrize("share", [0.11, 0.2, 0.3])
def test_a_large_output_that_shows_the_photograph_small(share: float) -> None:
    """A view from afar of the same size takes a bounded number of samples, by blocks averaged first."""
    pixels = mosaic()
    size = size_of(pixels)
    matrix = Rotate().matrix(size, angle=9.0) @ Zoom().matrix(size, x=share, y=share)
    made, exact = warp(Photograph(pixels), matrix, size), exactly(pixels, matrix, size)
    middle = tuple(slice(round(side * (0.5 - share / 4)), round(side * (0.5 + share / 4))) for side in size)
    assert psnr(made[middle], exact[middle]) > 38


# Extremes.


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (1, 300, 3), (300, 1, 4), (1, 300), (2, 3, 3)])
def test_the_smallest_photographs(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    image = pixels[..., None] if pixels.ndim == 2 else pixels[..., :3]
    rng = np.random.default_rng(0)
    for transform in [
        *POOL,
        Pad(),
        Pad(share=1.0),
        QuarterTurns(),
        Transpose(),
        RandomResizedCrop(size=9),
        Crop(size=5),
    ]:
        for border in ("reflect", "nearest", "wrap", "constant"):
            chosen = transform.__class__(border=border) if hasattr(transform, "border") else transform
            for size in (None, 1, 7, 50):
                drawn = [(0, chosen, chosen.draw(rng, size_of(image)))]
                made = finish(Photograph(pixels), drawn, 0, Render(size=size))
                assert size is None or made.shape[:2] == (size, size)
                assert made.shape[2:] == pixels.shape[2:]
                if border != "constant" and len(shape) == 3:
                    assert pixels[..., :3].min() <= made[..., :3].min()
                    assert made[..., :3].max() <= pixels[..., :3].max()


@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 1), (40, 56, 3), (40, 56, 4)])
def test_pixels_keep_their_number_of_channels(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    made = moved(pixels, Rotate(), angle=20.0)
    assert made.shape == shape
    if shape[2:] == (1,):
        assert np.array_equal(made[..., 0], moved(pixels[..., 0], Rotate(), angle=20.0))


def test_one_pixel_is_that_pixel_everywhere() -> None:
    pixels = np.array([[[10, 200, 30]]], np.uint8)
    for size in (1, 5, 40):
        made = finish(Photograph(pixels), [(0, Rotate(), {"angle": 20.0})], 0, Render(size=size))
        assert (made == pixels[0, 0]).all()


def test_the_horizon_does_no_harm() -> None:
    """A steep view with a far shift may put the output's centre on the horizon, where w is 0."""
    pixels = random_pixels(48, 64, 3)
    size = size_of(pixels)
    rng = np.random.default_rng(1)
    steep, far = Perspective(scale=(0.25, 0.25)), Affine(shift=1, scale=(0.1, 0.1), rotate=180)
    for _ in range(150):
        matrix = steep.matrix(size, **steep.draw(rng, size)) @ far.matrix(size, **far.draw(rng, size))
        assert warp(Photograph(pixels), matrix, size).shape == pixels.shape
    centre_at_the_horizon = np.array([[1.0, 0, 0], [0, 1, 0], [1 / 31.5, 0, -1]])
    assert warp(Photograph(pixels), centre_at_the_horizon, size).shape == pixels.shape
    assert warp(Photograph(pixels), centre_at_the_horizon, size, "constant", 9).shape == pixels.shape


@pytest.mark.parametrize("shape", [(4, 40_000, 3), (40_000, 3), (3, 33_000, 4)])
def test_very_long_photographs(shape: tuple[int, ...]) -> None:
    """Longer than 32,767 pixels, where 16-bit coordinates end."""
    pixels = np.zeros(shape, np.uint8)
    long_axis = int(np.argmax(shape[:2]))
    slope = (np.arange(shape[long_axis]) * 255 // shape[long_axis]).astype(np.uint8)
    pixels[:] = slope.reshape([-1 if axis == long_axis else 1 for axis in range(len(shape))])
    half = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    half[1 - long_axis, 2] = 0.5
    made = warp(Photograph(pixels), half, size_of(pixels))
    assert abs(made.astype(int) - pixels).max() <= 1


def test_forms_are_shared_and_right() -> None:
    """Copies of one sample, in whatever order, are as if each were the only one."""
    pixels = draw_image("key", 0)
    shared = Photograph(pixels)
    rng = np.random.default_rng(0)
    matrices: list[tuple[Matrix, Size]] = []
    for _ in range(20):
        side = int(rng.integers(10, 200))
        render = Render(size=side)
        size = size_of(pixels)
        matrices.append(
            (Rotate().matrix(size, angle=float(rng.uniform(-40, 40))) @ render.matrix(size), Size(side, side))
        )
    alone: list[Image] = [warp(Photograph(pixels), *matrix) for matrix in matrices]
    for order in (range(20), reversed(range(20))):
        for index in order:
            assert np.array_equal(warp(shared, *matrices[index]), alone[index])
    assert np.array_equal(pixels, draw_image("key", 0))
