"""Sampling in C against the same rules in NumPy: byte for byte, for gray pixels and for such of four bytes."""

from __future__ import annotations

import ctypes
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from augflow.kernels import warp as module
from augflow.kernels.build import compile_kernels, system_compiler
from augflow.kernels.warp import warp
from augflow.transform import Border, Pixels, Size

Rows: TypeAlias = list[list[float]]
Whole: TypeAlias = NDArray[np.int64]
Exact: TypeAlias = NDArray[np.float64]

PHASES = 32
BORDERS: tuple[Border, ...] = ("reflect", "nearest", "wrap", "constant")
TAPS = [(2, 2), (2, 4), (4, 2), (4, 4), (4, 6), (6, 4), (6, 6), (8, 4), (2, 8), (8, 8)]


class Case(NamedTuple):
    """All arguments of `warp` but the pixels."""

    matrix: Rows
    size: Size
    edges: tuple[float, float, float, float]
    taps: tuple[int, int]
    border: Border
    fill: bytes


# The rules.


def shares(taps: int, phase: int, first: float, second: float) -> list[float]:
    """What each tap of one axis has of an output pixel whose two edges are so long, `phase` behind its first half."""
    places = [i - (taps // 2 - 1) - phase / PHASES for i in range(taps)]
    if taps == 2:
        found = [1 - abs(place) for place in places]
    else:  # two boxes, one after the other, and the tent: the second difference of the boxes' second integral
        found = [
            boxes(place + 1, first, second) - 2 * boxes(place, first, second) + boxes(place - 1, first, second)
            for place in places
        ]
    found = [max(share, 0.0) for share in found]
    total = 0.0
    for share in found:
        total += share
    return [share / total for share in found]


def boxes(t: float, first: float, second: float) -> float:
    """The second integral of the convolution of two boxes of area 1: cubes, cut at nothing, at their four corners."""
    total = 0.0
    for sign, corner in (
        (1, t + (first + second) / 2),
        (-1, t + (first - second) / 2),
        (-1, t - (first - second) / 2),
        (1, t - (first + second) / 2),
    ):
        total += sign * max(corner, 0.0) * corner * corner
    return total / (6 * first * second)


def weights(taps: int, first: float, second: float, whole: int) -> Whole:
    """Shares in whole numbers, a row for each phase: running sums, rounded."""
    made = []
    for phase in range(PHASES):
        so_far, sums = 0.0, [0]
        for share in shares(taps, phase, first, second):
            so_far += share
            sums.append(int(so_far * whole + 0.5))
        made.append(np.diff(sums))
    return np.array(made)


def places(case: Case, length: Size) -> tuple[Whole, Whole]:
    """Where every output pixel lies in the source, x and y, in phases."""
    (a, b, c), (d, e, f), (g, h, i) = case.matrix
    x, y = np.meshgrid(np.arange(case.size.width), np.arange(case.size.height))
    reach = (case.size.width + 8, case.size.height, 1)
    near = all(sum(abs(m) * n for m, n in zip(row, reach, strict=True)) < 1 << 29 for row in case.matrix[:2])
    if (g, h, i) == (0, 0, 1) and near:
        whole = [math.trunc(m * 2**32 + math.copysign(0.5, m)) for m in (a, b, c, d, e, f)]
        half = 1 << 26
        return (
            (whole[0] * x + whole[1] * y + whole[2] + half) >> 27,
            (whole[3] * x + whole[4] * y + whole[5] + half) >> 27,
        )
    with np.errstate(all="ignore"):
        w = g * x + h * y + i
        w = np.where(np.abs(w) < 1e-9, 1e-9, w)
        u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
    return phases(u, length.width, case.border), phases(v, length.height, case.border)


def phases(place: Exact, length: int, border: Border) -> Whole:
    most = float(1 << 29)
    period = float(length if border == "wrap" else 2 * length - 2)
    if border in ("nearest", "constant") or period <= 0:
        place = np.where(place < 0, np.maximum(place, -most), np.where(place < most, place, most))
    else:
        with np.errstate(all="ignore"):
            turns = place / period
            back = np.where(np.abs(turns) <= 9e15, place - np.trunc(turns) * period, 0)
            place = np.where(np.abs(place) < most, place, back)
    return np.floor(place * PHASES + 0.5 + 2.0**40).astype(np.int64) - (1 << 40)


def folded(index: Whole, length: int, border: Border) -> Whole:
    """The pixel that stands for each; -1 for the fill."""
    if border == "constant":
        return np.where((index >= 0) & (index < length), index, -1)
    if border == "wrap":
        return index % length
    if border == "nearest" or length == 1:
        return np.clip(index, 0, length - 1)
    back = index % (2 * length - 2)
    return np.minimum(back, 2 * length - 2 - back)


def sampled(pixels: Pixels, case: Case) -> Pixels:
    """What `warp` shall make."""
    values = pixels.reshape(*pixels.shape[:2], -1)
    length = Size(*pixels.shape[:2])
    (columns, rows), (right_x, down_x, right_y, down_y) = case.taps, case.edges
    shift = 6 if rows > 2 else 5
    across, down = weights(columns, right_x, down_x, 1 << 14), weights(rows, right_y, down_y, 2 << shift)
    x, y = places(case, length)
    taken_x = folded((x // PHASES)[..., None] + np.arange(columns) - (columns // 2 - 1), length.width, case.border)
    taken_y = folded((y // PHASES)[..., None] + np.arange(rows) - (rows // 2 - 1), length.height, case.border)
    taken_x, taken_y = taken_x[..., None, :], taken_y[..., :, None]
    taken = values[taken_y, taken_x].astype(np.int64)
    fill = np.frombuffer(case.fill, np.uint8)[: values.shape[2]]
    taken = np.where(((taken_x < 0) | (taken_y < 0))[..., None], fill, taken)
    lines = np.einsum("yxrcn,yxr->yxcn", taken, down[y % PHASES])
    total = ((lines * across[x % PHASES][..., None] + (1 << 14)) >> 15).sum(2) + (1 << shift - 1)
    made: Pixels = np.clip(total >> shift, 0, 255).astype(np.uint8)
    return made.reshape(*case.size, *pixels.shape[2:])


# What is asked.


def of(numbers: float) -> st.SearchStrategy[float]:
    return st.floats(-numbers, numbers, allow_subnormal=False)


@st.composite
def matrices(draw: st.DrawFn) -> Rows:
    """Flips, turns and scales, near and far; any numbers; and perspective, the horizon included."""
    kind = draw(st.sampled_from(["turn", "turn", "turn", "step", "any", "tilt", "tilt", "huge"]))
    last = [0.0, 0.0, 1.0]
    if kind == "tilt":
        last = [draw(of(0.1)), draw(of(0.1)), draw(st.sampled_from([1.0, 1.0, 0.5, -0.25, 0.0]))]
    if kind == "huge":
        any_of = st.sampled_from([0.0, 1.0, -1e7, 3e8, -6e8, 1e12, -1e17, 1e30, 1e200, -1e308])
        last = draw(st.sampled_from([last, [1e-3, 0.0, 1.0], [1e200, -1e200, 1.0], [0.0, 0.0, 1e-300]]))
        return [[draw(any_of) for _ in range(3)], [draw(any_of) for _ in range(3)], last]
    if kind == "step":
        steps = draw(st.sampled_from([(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0)]))
        a, b, d, e = map(float, steps)
    elif kind == "any":
        a, b, d, e = (draw(of(9)) for _ in range(4))
    else:
        angle, scale, mirror = draw(of(4)), draw(st.floats(0.05, 4)), draw(st.sampled_from([1, -1]))
        a, b = mirror * scale * math.cos(angle), -scale * math.sin(angle)
        d, e = mirror * scale * math.sin(angle), scale * math.cos(angle)
    shift = st.one_of(of(30), of(30), of(30).map(lambda number: round(number * 32) / 32), of(1e6))
    return [[a, b, draw(shift)], [d, e, draw(shift)], last]


edges = st.floats(1 / 16, 3.5)
few = st.one_of(st.integers(1, 9), st.integers(1, 80))


@st.composite
def cases(draw: st.DrawFn, taps: tuple[int, int]) -> Case:
    size = Size(draw(st.integers(1, 12)), draw(few))
    around = (draw(edges), draw(edges), draw(edges), draw(edges))
    return Case(
        draw(matrices()), size, around, taps, draw(st.sampled_from(BORDERS)), draw(st.binary(min_size=4, max_size=4))
    )


def random_pixels(*shape: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    if seed % 2:  # extremes, where rounding and saturation show
        return rng.choice(np.array([0, 255], np.uint8), shape)
    return rng.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("taps", TAPS)
@given(data=st.data(), height=few, width=few, seed=st.integers(0, 1 << 20))
@settings(max_examples=45, deadline=None)
def test_every_byte_follows_the_rules(
    taps: tuple[int, int], data: st.DataObject, height: int, width: int, seed: int
) -> None:
    case = data.draw(cases(taps))
    for shape in ((height, width), (height, width, 4)):
        pixels = random_pixels(*shape, seed=seed)
        np.testing.assert_array_equal(warp(pixels, *case), sampled(pixels, case))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The plain path, which processors without AVX2 take."""
    compiler = system_compiler()
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("plain") / "plain.so"
    compile_kernels([*compiler, "-DPLAIN"], library)
    function = ctypes.CDLL(str(library)).warp
    function.argtypes, function.restype = module._warp.argtypes, None
    return function


@pytest.mark.parametrize("taps", TAPS)
@given(data=st.data(), height=few, width=few, seed=st.integers(0, 1 << 20))
@settings(max_examples=25, deadline=None)
def test_the_plain_path_follows_the_rules_too(
    plain: Any, taps: tuple[int, int], data: st.DataObject, height: int, width: int, seed: int
) -> None:
    case = data.draw(cases(taps))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_warp", plain)
        for shape in ((height, width), (height, width, 4)):
            pixels = random_pixels(*shape, seed=seed)
            np.testing.assert_array_equal(warp(pixels, *case), sampled(pixels, case))


@pytest.mark.parametrize("taps", [(2, 2), (2, 4), (4, 4), (8, 6)])
@pytest.mark.parametrize("turn", [(1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 1.0, 0.0), (0.0, 0.9, -0.9, 0.0)])
def test_a_constant_border_begins_where_the_last_tap_leaves_the_photograph(
    turn: tuple[float, float, float, float], taps: tuple[int, int]
) -> None:
    """Turned by a quarter, whole rows of the output leave it at once."""
    a, b, d, e = turn
    for shape in ((9, 11), (9, 11, 4)):
        pixels = random_pixels(*shape)
        for quarter in range(-60, 60):
            case = Case(
                [[a, b, quarter / 4], [d, e, quarter / 4], [0, 0, 1]],
                Size(5, 16), (1.5, 0.1, 0.1, 1.5), taps, "constant", b"\x40\x80\xc0\xff",
            )  # fmt: skip
            np.testing.assert_array_equal(warp(pixels, *case), sampled(pixels, case))


GUARDED = """
import ctypes, mmap
import numpy as np
from tests.kernels.test_warp import BORDERS, TAPS, Case, turned, warp
from augflow.transform import Size

def between(count, at_the_end):
    \"\"\"So many bytes, and beside them a page that cannot be read.\"\"\"
    page, pages = mmap.PAGESIZE, -(-count // mmap.PAGESIZE)
    room = mmap.mmap(-1, (pages + 2) * page)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(room))
    for guard in (begin, begin + (pages + 1) * page):
        assert not ctypes.CDLL(None).mprotect(ctypes.c_void_p(guard), page, 0)
    return np.frombuffer(room, np.uint8, count, (pages + 1) * page - count if at_the_end else page)

rng = np.random.default_rng(0)
for height, width in ((1, 1), (1, 9), (9, 1), (2, 3), (3, 5), (5, 4), (8, 8), (40, 33)):
    for shape in ((height, width), (height, width, 4)):
        for at_the_end in (True, False):
            pixels = between(int(np.prod(shape)), at_the_end).reshape(shape)
            for taps in TAPS:
                for border in BORDERS:
                    for angle in (0, 0.3, np.pi / 2, np.pi, 4.0):
                        matrix = turned(angle, rng.uniform(0.1, 1.5), rng.choice([0, 0.002]), Size(height, width))
                        warp(pixels, *Case(matrix, Size(24, 24), (1.0, 0.2, 0.2, 1.0), taps, border, bytes(4)))
print("sound")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages are guarded as Linux does")
def test_nothing_is_read_beyond_the_pixels(checkout: Path) -> None:
    done = subprocess.run([sys.executable, "-c", GUARDED], cwd=checkout, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr


@pytest.mark.parametrize("taps", [(2, 2), (4, 4)])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("width", range(1, 10))
def test_borders_are_right_however_narrow_the_photograph_is(border: Border, width: int, taps: tuple[int, int]) -> None:
    """Also a period or more away from it."""
    for height in (1, 2, 5):
        pixels = random_pixels(height, width, 4)
        for step in (1.0, -1.0, 0.97):
            matrix: Rows = [[step, 0, -13.25], [0, -step, 6.5], [0, 0, 1]]
            case = Case(matrix, Size(12, 29), (1.5, 0.1, 0.1, 1.5), taps, border, b"\1\2\3\4")
            np.testing.assert_array_equal(warp(pixels, *case), sampled(pixels, case))


def turned(angle: float, step: float, tilt: float, size: Size) -> Rows:
    cos, sin = step * math.cos(angle), step * math.sin(angle)
    return [[cos, -sin, size.width / 3], [sin, cos, -size.height / 5], [tilt, -tilt / 2, 1]]


@pytest.mark.parametrize("seed", range(12))
def test_four_equal_channels_are_sampled_as_one(seed: int) -> None:
    """They go by vectors of their own, where the processor has them."""
    rng = np.random.default_rng(seed)
    size = Size(*rng.integers(40, 400, 2).tolist())
    gray = random_pixels(*rng.integers(1, 300, 2), seed=seed)
    four = np.repeat(gray[..., None], 4, axis=2)
    for taps in TAPS:
        matrix = turned(rng.uniform(0, 7), rng.uniform(0.2, 3), rng.choice([0, 0.002]), size)
        around = tuple(rng.uniform(1 / 16, 3.5, 4).tolist())
        case = Case(matrix, size, around, taps, BORDERS[seed % 4], b"\x77" * 4)
        one, many = warp(gray, *case), warp(four, *case)
        np.testing.assert_array_equal(many, np.repeat(one[..., None], 4, axis=2))


@pytest.mark.parametrize("taps", TAPS)
@given(data=st.data(), level=st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_what_is_even_stays_as_it_is(taps: tuple[int, int], data: st.DataObject, level: int) -> None:
    case = data.draw(cases(taps))._replace(fill=bytes([level] * 4))
    for shape in ((7, 11), (7, 11, 4)):
        assert (warp(np.full(shape, level, np.uint8), *case) == level).all()


@pytest.mark.parametrize("taps", [2, 4, 6, 8])
def test_weights_hold_whatever_the_footprint(taps: int) -> None:
    """They add up, and fit the bytes and words that the vectors hold them in."""
    rng = np.random.default_rng(taps)
    for first, second in [(1 / 16, 1 / 16), (3.5, 3.5), (6.9, 1 / 16), *rng.uniform(1 / 16, 3.5, (10, 2)).tolist()]:
        whole = 64 if taps == 2 else 128
        made = weights(taps, first, second, whole)
        assert (made.sum(1) == whole).all()
        assert made.min() >= 0
        assert made.max() < 128


def test_pixels_need_not_lie_side_by_side() -> None:
    wide: Any = random_pixels(20, 60, 4)
    case = Case(turned(0.3, 1.2, 0, Size(9, 9)), Size(9, 9), (1.0, 0.5, 0.5, 1.0), (4, 4), "reflect", bytes(4))
    np.testing.assert_array_equal(warp(wide[::2, ::-3], *case), warp(wide[::2, ::-3].copy(), *case))


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 2), (8, 8, 3), (8, 8, 4, 1), (0, 8), (8,)])
def test_what_is_no_such_image_is_refused_and_not_read(shape: tuple[int, ...]) -> None:
    edges = (1.0, 1 / 16, 1 / 16, 1.0)
    with pytest.raises(ValueError, match="neither gray bytes nor four"):
        warp(np.zeros(shape, np.uint8), np.eye(3).tolist(), Size(8, 8), edges, (2, 2), "reflect", bytes(4))
    with pytest.raises(ValueError, match="float32"):
        warp(np.zeros((8, 8), np.float32), np.eye(3).tolist(), Size(8, 8), edges, (2, 2), "reflect", bytes(4))
