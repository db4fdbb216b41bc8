"""The pictures of the source `demo`: finds from a walk, drawn.

Every picture follows from its class and number alone. An object is an implicit outline, a relief lit by one lamp and
a coloured skin; it lies on a ground that is drawn without regard to its class, so that the ground gives nothing away.
All arithmetic is in double precision, so that machines whose last bits differ still round to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.draw import Streams
from augflow.transform import Image, Rng, Size

_SIZES = (Size(120, 160), Size(160, 120), Size(132, 132), Size(120, 176), Size(144, 168), Size(168, 128))

_Field: TypeAlias = NDArray[np.float64]
"""One value per pixel; with a first axis of 3, linear red, green, blue from 0 to 1."""


@dataclass(frozen=True)
class _Thing:
    """What lies on the ground: `outline` is negative inside, `relief` a height in object units, `skin` colours."""

    outline: _Field
    relief: _Field
    skin: _Field
    gloss: float


def draw_image(label: str, index: int) -> Image:
    """Draw picture number `index` of class `label`, always the same: (height, width, 3), sizes mixed."""
    streams = Streams(0, f"demo/{label}", index)
    rng = streams.at("scene")
    size = _SIZES[int(rng.integers(len(_SIZES)))]
    turn, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    reach = min(size) * rng.uniform(0.38, 0.48)
    centre = np.array(size) * rng.uniform(0.45, 0.55, 2)
    lamp = np.array([np.cos(tilt), np.sin(tilt), rng.uniform(0.9, 1.5)])
    exposure = rng.uniform(0.8, 1.15) * (1 + rng.uniform(-0.08, 0.08, (3, 1, 1)))

    x, y = _grid(size)
    across, down = (x - centre[1]) / reach, (y - centre[0]) / reach
    u = across * np.cos(turn) - down * np.sin(turn)
    v = across * np.sin(turn) + down * np.cos(turn)
    picture, bumps = _ground(streams.at("ground"), size)
    thing = _DRAWERS[label](streams.at("object"), size, u, v)

    distance = _pixels(thing.outline)
    offset = -lamp[:2] / lamp[2] * reach * 0.13
    rows, columns = (np.clip(np.arange(n) - round(by), 0, n - 1) for n, by in zip(size, offset[::-1], strict=True))
    shadow = _step(-distance[rows[:, None], columns], -3.5, 4.5)
    picture *= _light(bumps, lamp)[0] * (1 - 0.62 * shadow)
    shade, glint = _light(thing.relief * reach, lamp, thing.gloss)
    picture += _step(-distance, -0.7, 0.7) * (thing.skin * shade + glint - picture)

    fall = (x - size.width / 2) * lamp[0] + (y - size.height / 2) * lamp[1]
    picture *= exposure * (1 + 0.22 / max(size) * fall)
    levels = np.sqrt(np.clip(picture, 0, 1)) * 255 + streams.at("grain").uniform(-3.5, 4.5, size)
    return np.ascontiguousarray(np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def _leaf(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    v = v + rng.uniform(-0.25, 0.25) * (u * u - 0.4)
    t = np.clip((u + 0.7) / 1.7, 0, 1)
    teeth, veins = rng.integers(11, 20), rng.uniform(6, 9)
    width = rng.uniform(2.0, 3.2) * t**0.65 * (1 - t) * (1 + rng.uniform(0.04, 0.12) * (t * teeth % 1))
    stalk = np.maximum(np.abs(v) - 0.024, np.abs(u + 0.75) - 0.35)
    side = np.abs(v)
    ribs = _ridge(t * veins - side * rng.uniform(2.2, 3.6) + (v > 0) * 0.5, 0.09)
    midrib = _step(-side, -0.04, -0.014)
    mottle = _noise(rng, size, 7) + 0.5 * _noise(rng, size, 24)
    first, second = _LEAVES[rng.permutation(len(_LEAVES))[:2]]
    skin = _mix(first, second, _step(mottle + rng.uniform(-1, 1) * (t - 0.5) + rng.uniform(-0.7, 0.7), -0.9, 0.9))
    skin = _mix(skin, _rgb(0.62, 0.55, 0.22), np.maximum(0.3 * ribs, 0.7 * midrib))
    relief = 0.014 * ribs + 0.03 * midrib - rng.uniform(0.1, 0.35) * side + 0.02 * mottle
    return _Thing(np.minimum(side - width / 2, stalk), relief, skin * (0.85 + 0.2 * (v > 0)), 0.12)


def _pebble(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    u, v = u / rng.uniform(0.8, 0.95), v / rng.uniform(0.5, 0.72)
    angle = np.arctan2(v, u)
    waves = [rng.uniform(-a, a) * np.cos(k * angle + rng.uniform(0, 6.3)) for k, a in ((1, 0.1), (2, 0.08), (3, 0.06))]
    radius = np.hypot(u, v) * (1 + sum(waves))
    skin = _STONES[rng.integers(len(_STONES))] * (1 + 0.22 * _noise(rng, size, 9) + 0.2 * _noise(rng, size, 60))
    bent = u + rng.uniform(-0.5, 0.5) * v + rng.uniform(-0.3, 0.3) * v * v + 0.06 * _noise(rng, size, 8)
    for _ in range(rng.integers(1, 4)):
        band = _step(-np.abs(bent - rng.uniform(-0.6, 0.6)), -rng.uniform(0.05, 0.14), -0.02)
        skin = _mix(skin, _rgb(0.7, 0.67, 0.6), band * rng.uniform(0.5, 0.95))
    relief = 0.55 * np.sqrt(np.clip(1 - radius**2, 0, None) + 0.02) + 0.006 * _noise(rng, size, 40)
    return _Thing(radius - 1, relief, skin, rng.uniform(0.05, 0.4))


def _shell(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    growth = rng.uniform(0.15, 0.2)
    scale = np.exp(2 * np.pi * growth) / 1.25
    u, v = scale * (u - 0.2), scale * rng.uniform(1.0, 1.2) * v
    angle = np.arctan2(v, u)
    whorl = (np.log(np.hypot(u, v) + 1e-3) / growth - angle) / (2 * np.pi) + 0.5
    turn = np.floor(whorl) + 1
    across = whorl - np.floor(whorl)
    along = angle + 2 * np.pi * turn
    ripples = np.cos(along * rng.integers(11, 19) + rng.uniform(0.5, 2) * across)
    stripes = _step(np.sin(along * rng.integers(3, 7) + 2.5 * across + _noise(rng, size, 8)), 0.0, 0.7)
    base, mark = _SHELLS[rng.permutation(len(_SHELLS))[:2]]
    skin = _mix(base, mark, stripes * rng.uniform(0.4, 0.9)) * (1 + 0.1 * _noise(rng, size, 30))
    seam = _step(-np.abs(across - 0.5), -0.5, -0.4)
    relief = np.exp(growth * np.minimum(along, 4)) * (
        0.3 * np.sqrt(np.clip(across * (1 - across), 0, None)) + 0.008 * ripples
    )
    return _Thing(whorl - 1, relief, skin * (0.35 + 0.65 * seam), 0.35)


def _feather(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    v = v + rng.uniform(0.1, 0.3) * (u * u - 0.35)
    t = np.clip((u + 0.62) / 1.6, 0, 1)
    left = v > 0
    width = np.where(left, rng.uniform(0.42, 0.54), rng.uniform(0.2, 0.3)) * t**0.45 * (1 - t**4) ** 0.7
    barbs = u - np.abs(v) * np.where(left, 1.1, 1.7)
    gaps = [
        _step(-np.abs(barbs - rng.uniform(-0.4, 0.7)), -0.03, 0.0) * (left == (rng.random() < 0.5)) for _ in range(3)
    ]
    fray = 0.02 * np.sin(barbs * 55) + sum(gaps) * 0.5 * np.abs(v)
    down = _step(-t, -0.22, -0.05)
    bars = _step(np.sin(barbs * rng.uniform(9, 18) + 0.5 * _noise(rng, size, 12)), -0.2, 0.3)
    base, mark = _PLUMES[rng.permutation(len(_PLUMES))[:2]]
    skin = _mix(base, mark, bars * rng.uniform(0.3, 1.0))
    skin = _mix(skin, _rgb(0.72, 0.7, 0.66), down)
    lines = np.sin(barbs * rng.uniform(60, 80)) * (1 + 0.5 * _noise(rng, size, 14))
    quill = _step(-np.abs(v), -0.04, -0.015)
    skin = _mix(skin * (1 + 0.13 * lines), _rgb(0.68, 0.6, 0.42), quill)
    stem = np.maximum(np.abs(v) - 0.022, np.abs(u) - 0.95 + 0.9 * (u > 0))
    relief = 0.1 * quill - 0.22 * np.abs(v) + 0.007 * lines
    vane = np.maximum(np.abs(v) - width + fray, np.abs(u - 0.18) - 0.79)
    return _Thing(np.minimum(vane, stem), relief, skin, 0.1)


def _acorn(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    plump = rng.uniform(0.46, 0.6)
    w = v / plump
    nut = np.maximum(np.hypot((u - 0.05) / 0.68, w) - 1, -u - 0.3)
    nut = np.minimum(nut, np.maximum(np.abs(v) - 0.09 * (1 - u), np.abs(u - 0.75) - 0.1))
    rim = -0.18 + 0.12 * w * w
    cap = np.maximum(np.hypot((u + 0.12) / 0.55, w / 1.12) - 1, u - rim)
    stem = np.maximum(np.abs(v + rng.uniform(-0.5, 0.5) * (u + 0.6) ** 2) - 0.05, np.abs(u + 0.75) - 0.2)
    body = np.sqrt(np.clip(1 - w * w / 1.25, 0.02, 1))
    lean = np.arcsin(np.clip(w / 1.13, -1, 1)) * rng.uniform(5, 7)
    scales = np.cos(lean + u * 26) * np.cos(lean - u * 26) * (u > -0.64)
    on_cap = (u < rim).astype(np.float64)
    streaks = _noise(rng, size, 5) + np.sin(lean * 3 + rng.uniform(0, 6))
    nutty = _mix(_NUTS[rng.integers(len(_NUTS))], _rgb(0.36, 0.16, 0.05), _step(streaks, -1.2, 2.4))
    woody = _rgb(0.24, 0.17, 0.1) * (1 + 0.5 * scales + 0.2 * _noise(rng, size, 40))
    skin = _mix(nutty, woody, on_cap) * (1 - 0.55 * _step(-np.abs(u - rim - 0.02), -0.07, 0.0) * (1 - on_cap))
    relief = body * (0.42 + 0.06 * on_cap) + 0.03 * scales * on_cap
    return _Thing(np.minimum(np.minimum(nut, cap), stem), relief, skin, 0.5)


def _key(rng: Rng, size: Size, u: _Field, v: _Field) -> _Thing:
    bow = rng.uniform(0.26, 0.33)
    ring = np.abs(np.hypot(u + 0.62, v * rng.uniform(0.85, 1.2)) - bow) - rng.uniform(0.075, 0.105)
    shaft = np.maximum(np.abs(v) - rng.uniform(0.07, 0.095), np.abs(u - 0.32) - 0.66)
    collar = np.maximum(np.abs(v) - 0.14, np.abs(np.abs(u + 0.18) - 0.06) - 0.028)
    length, wide = rng.uniform(0.4, 0.5), rng.uniform(0.19, 0.23)
    bit = np.maximum(np.abs(v - length / 2) - length / 2, np.abs(u - 0.72) - wide)
    notch = np.maximum(
        np.abs(v - length) - rng.uniform(0.08, 0.17), np.abs(u - 0.72 - rng.uniform(-0.05, 0.05)) - 0.035
    )
    slot = np.maximum(np.abs(v - 0.2) - 0.025, np.abs(u - 0.72 + wide) - 0.11)
    bit = np.maximum(np.maximum(bit, -notch), -slot)
    outline = np.minimum(np.minimum(ring, shaft), np.minimum(collar, bit))
    wear = _noise(rng, size, 10) + 0.6 * _noise(rng, size, 36)
    metal, rust = _METALS[rng.integers(len(_METALS))], _rgb(0.26, 0.1, 0.035)
    skin = _mix(metal, rust, _step(wear, rng.uniform(-0.1, 0.8), 1.3) * 0.9)
    relief = 0.9 * np.sqrt(np.clip(-outline, 0, 0.055) + 1e-3) * 0.5 + 0.006 * wear
    return _Thing(outline, relief, skin, 0.8)


def _ground(rng: Rng, size: Size) -> tuple[_Field, _Field]:
    """Colours and bumps (height in pixels) of wood, sand, linen or slate."""
    x, y = _grid(size)
    turn, kind = rng.uniform(0, np.pi), rng.integers(4)
    along = (x - size.width / 2) * np.cos(turn) + (y - size.height / 2) * np.sin(turn)
    over = (y - size.height / 2) * np.cos(turn) - (x - size.width / 2) * np.sin(turn)
    coarse, fine = _noise(rng, size, 4), _noise(rng, size, 70)
    if kind == 0:
        plank = rng.uniform(38, 60)
        board = np.floor(over / plank)
        rings = np.sin(over * 0.55 + 3.5 * coarse + 0.012 * along * np.cos(board * 2.4) + board * 1.7)
        seam = _step(-np.abs(over / plank - np.round(over / plank)), -1.6 / plank, 0)
        tone = (1 + 0.2 * rings + 0.1 * np.sin(board * 4.1) + 0.1 * fine) * (1 - 0.8 * seam)
        bumps = 0.3 * rings - 1.5 * seam + 0.25 * fine
    elif kind == 1:
        ripples = np.sin(over * rng.uniform(0.2, 0.3) + 2.2 * coarse)
        grains = rng.uniform(-1, 1, size)
        tone = 1 + 0.12 * ripples + 0.16 * grains + 0.12 * fine
        bumps = 1.1 * ripples + 0.45 * fine
    elif kind == 2:
        pitch = rng.uniform(1.5, 2.1)
        warp, weft = np.sin(along * pitch + coarse), np.sin(over * pitch + fine * 0.4)
        tone = 1 + 0.2 * warp * weft + 0.12 * fine + 0.06 * coarse
        bumps = 0.35 * warp * weft + 0.8 * coarse
    else:
        layers = coarse + 0.5 * _noise(rng, size, 12) + 0.3 * fine
        cracks = _ridge(layers * 1.3 + over * 0.012, 0.05)
        tone = 1 + 0.22 * layers - 0.35 * cracks
        bumps = 1.3 * layers - 0.8 * cracks
    colour = _GROUNDS[kind][rng.integers(len(_GROUNDS[kind]))] * rng.uniform(0.8, 1.2)
    return colour * tone, bumps


def _light(relief: _Field, lamp: _Field, gloss: float = 0) -> tuple[_Field, _Field | float]:
    """Lambert's shade (1 on level ground) and, where there is gloss, Blinn's highlight of a relief given in pixels."""
    slope_y, slope_x = np.gradient(relief)
    norm = np.sqrt(1 + slope_x**2 + slope_y**2)
    shade = np.clip((lamp[2] - slope_x * lamp[0] - slope_y * lamp[1]) / (norm * lamp[2]), 0.12, 1.9)
    if not gloss:
        return shade, 0
    half = lamp / np.linalg.norm(lamp) + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    eighth = (np.clip((half[2] - slope_x * half[0] - slope_y * half[1]) / norm, 0, 1) ** 2) ** 2
    eighth **= 2
    return shade, gloss * eighth * eighth * eighth


def _noise(rng: Rng, size: Size, cells: int) -> _Field:
    """Smooth value noise, about -1 to 1, with `cells` lattice points along the longer side."""
    (top, down), (left, right) = (_lattice(side, max(size), cells) for side in size)
    lattice = rng.uniform(-1.4, 1.4, (int(top[-1]) + 2, int(left[-1]) + 2))
    rows = lattice[top] + (lattice[top + 1] - lattice[top]) * down[:, None]
    noise: _Field = rows[:, left] + (rows[:, left + 1] - rows[:, left]) * right
    return noise


@cache
def _lattice(side: int, longest: int, cells: int) -> tuple[NDArray[np.int64], _Field]:
    """The lattice point before each pixel of a side, and the smoothstep share of the next."""
    place = np.arange(side) * cells / longest
    low = np.floor(place).astype(np.int64)
    return low, _step(place - low, 0, 1)


@cache
def _grid(size: Size) -> tuple[_Field, _Field]:
    y, x = np.mgrid[: size.height, : size.width].astype(np.float64)
    return x, y


def _pixels(outline: _Field) -> _Field:
    """An implicit outline's distance in pixels, to first order."""
    slope_y, slope_x = np.gradient(outline)
    distance: _Field = outline / np.maximum(np.hypot(slope_x, slope_y), 1e-3)
    return distance


def _step(value: _Field, low: float, high: float) -> _Field:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _ridge(phase: _Field, width: float) -> _Field:
    """1 where `phase` is a whole number, 0 from `width` away."""
    return _step(-np.abs(phase - np.round(phase)), -width, 0)


def _mix(first: _Field, second: _Field, share: _Field) -> _Field:
    return first + (second - first) * share


def _rgb(*code: float) -> _Field:
    return np.array(code).reshape(3, 1, 1)


def _colours(*codes: str) -> _Field:
    """Read `rrggbb` codes as linear light (gamma 2), one after another."""
    return np.array([_rgb(*bytes.fromhex(code)) / 255 for code in codes]) ** 2


_LEAVES = _colours("4f7f2a", "86a332", "c9a227", "d2691e", "a8321f", "6b4a22")
_STONES = _colours("8a8f94", "6f6a64", "a5806a", "5f7480", "9a9278", "7d5a55")
_SHELLS = _colours("ecd9b8", "c98f62", "8c5a3c", "e3b7a0", "b9a48c", "6e4b45")
_PLUMES = _colours("8b6b4a", "3c3a3d", "c9bba6", "3f6a9e", "d8d5cf", "5c4433")
_NUTS = _colours("b07a35", "94602a", "a38b3d")
_METALS = _colours("c9a34e", "8c8f94", "b57a4a")
_GROUNDS = (
    _colours("9a6f45", "7a5638", "b08d62"),
    _colours("cbb389", "b59f7c", "a8957e"),
    _colours("c8c0ae", "7f93a6", "a9b09a", "b98f86"),
    _colours("5d6468", "6c6762", "4e5a5c"),
)

_DRAWERS: dict[str, Callable[[Rng, Size, _Field, _Field], _Thing]] = {
    "leaf": _leaf,
    "pebble": _pebble,
    "shell": _shell,
    "feather": _feather,
    "acorn": _acorn,
    "key": _key,
}
