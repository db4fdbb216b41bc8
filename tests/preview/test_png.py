"""A sheet as a picture, and in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from augflow.preview.contact import contact
from augflow.preview.png import PAPER, png, strip
from augflow.preview.sheet import SIDE, Group, Row, Sheet, Tile
from augflow.report.picture import shrunk
from augflow.source import Aside
from augflow.verbs.terminal import HalfBlocks, cannot, show

ODD = "naïve 帽子 <b> \x1b[31m ‮evil" + "x" * 300


def sheet(tiles: int = 3, groups: int = 2) -> Sheet:
    rng = np.random.default_rng(2)

    def tile(number: int) -> Tile:
        pixels = rng.integers(0, 256, (SIDE, 90 + 10 * number, 3), np.uint8)
        return Tile(ODD, (ODD, "rotate: angle −3"), shrunk(pixels, SIDE), number == 0)

    row = Row(ODD, tuple(tile(number) for number in range(tiles)))
    return Sheet("Preview", [ODD], [Group(ODD, ODD, (row,)) for _ in range(groups)], [Aside(ODD, "damaged", ODD)])


@pytest.mark.parametrize(("tiles", "groups"), [(3, 2), (1, 1), (9, 3), (0, 1), (2, 0)])
def test_any_sheet_can_be_drawn(tiles: int, groups: int) -> None:
    with Image.open(io.BytesIO(png(sheet(tiles, groups)))) as image:
        assert image.format == "PNG"
        assert image.getpixel((0, 0)) == (255, 255, 255)


def test_the_pictures_are_on_it(begin: Callable[..., Any]) -> None:
    with begin() as (plan, bench):
        made = contact(plan, bench)
    with Image.open(io.BytesIO(png(made))) as image:
        whole = np.asarray(image.convert("RGB")).astype(int)
    tile = made.groups[0].rows[0].tiles[1].picture
    assert tile
    with Image.open(io.BytesIO(tile.jpeg)) as image:
        wanted = np.asarray(image.convert("RGB")).astype(int)
    height, width = wanted.shape[:2]
    windows = np.argwhere((whole[: -height + 1, : -width + 1] == wanted[0, 0]).all(axis=2))
    assert any((whole[y : y + height, x : x + width] == wanted).all() for y, x in windows)


def test_half_blocks_are_the_pixels() -> None:
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 256, (8, 6, 3), np.uint8)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=20)
    segments = [*console.render(HalfBlocks(Image.fromarray(pixels), 6), console.options)]
    rows: list[list[tuple[tuple[int, ...], tuple[int, ...]]]] = [[]]
    for segment in segments:
        if segment.text == "\n":
            rows.append([])
        elif segment.style and segment.style.color and segment.style.bgcolor:
            rows[-1].append((tuple(segment.style.color.triplet or ()), tuple(segment.style.bgcolor.triplet or ())))
    shown = np.array([[pair[half] for pair in row] for row in rows if row for half in (0, 1)])
    assert (shown == pixels).all()


def test_a_terminal_is_told_names_it_does_not_obey() -> None:
    out = io.StringIO()
    show(sheet(), Console(file=out, force_terminal=True, color_system="truecolor", width=80, legacy_windows=False))
    said = out.getvalue()
    assert "▀" in said
    assert "\x1b[31m ‮" not in said
    assert r"\x1b[31m" in said
    assert all(len(line) < 10**5 for line in said.splitlines())


def test_where_pictures_cannot_be_shown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "file or a pipe" in cannot(Console(file=io.StringIO()))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "256 colours" in cannot(Console(file=io.StringIO(), force_terminal=True, color_system="standard"))
    assert cannot(Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")) == ""


def test_a_strip_has_a_place_for_each_tile() -> None:
    with_gap = strip([Tile("a"), Tile("b")])
    assert with_gap.width > 2 * SIDE
    assert with_gap.getpixel((0, 0)) == (255, 255, 255)
    assert PAPER == "#ffffff"
