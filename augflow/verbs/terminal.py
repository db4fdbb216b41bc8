"""A sheet in a terminal: true pictures where it can show them, else two pixels for each character."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from augflow.preview.png import strip
from augflow.preview.sheet import Sheet, Tile
from augflow.verbs.telling import printable

if TYPE_CHECKING:
    from PIL.Image import Image

_UPPER_HALF = "▀"
_WIDEST = 30
"""Columns for each picture."""


def cannot(console: Console) -> str:
    """Why pictures cannot be shown here; empty where they can."""
    if not sys.stdout.isatty():
        return "the output goes to a file or a pipe"
    if console.no_color or console.color_system not in ("truecolor", "256"):
        return "this terminal shows fewer than 256 colours"
    return ""


def show(sheet: Sheet, console: Console) -> None:
    """Print a sheet."""
    console.print(Text(sheet.heading, style="bold"))
    for note in sheet.notes:
        console.print(Text(printable(note), style="dim"))
    for group in sheet.groups:
        console.print()
        console.print(Text(printable(group.heading), style="bold"), Text(printable(group.note), style="dim"))
        for row in group.rows:
            each = max(1, console.width // _WIDEST)
            console.print(Text(printable(" · ".join(filter(None, (row.heading, row.note)))), style="dim"))
            for start in range(0, len(row.tiles), each):
                _show_tiles(row.tiles[start : start + each], min(each, len(row.tiles)), console)


def _show_tiles(tiles: tuple[Tile, ...], beside: int, console: Console) -> None:
    columns = min(console.width, _WIDEST * beside) * len(tiles) // beside
    picture = strip(tiles)
    true = _true_pictures()
    console.print(true(picture, width=columns) if true else HalfBlocks(picture, columns))
    for number, tile in enumerate(tiles, 1):
        told = "; ".join(tile.lines)
        console.print(
            Text(f" {number} "), Text(printable(tile.heading), style="bold"), Text(printable(told), style="dim")
        )


@cache
def _true_pictures() -> Any:
    """What prints true pictures, where the library is there and the terminal takes them (kitty's protocol, sixel)."""
    try:
        from textual_image import renderable
        from textual_image.renderable.sixel import Image as Sixel
        from textual_image.renderable.tgp import Image as Kitty
    except ImportError:
        return None
    if renderable.Image not in (Kitty, Sixel) or not os.get_terminal_size(sys.stdout.fileno()).columns:
        return None
    return renderable.Image


class HalfBlocks:
    """A picture as characters: the foreground of an upper half block is one pixel, its background the one below."""

    def __init__(self, picture: Image, columns: int) -> None:
        rows = max(1, round(picture.height * columns / picture.width / 2))
        self._pixels = picture.resize((columns, 2 * rows), reducing_gap=2.0)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = self._pixels.size
        for y in range(0, height, 2):
            yield from self._line(y, width)
            yield Segment.line()

    def _line(self, y: int, width: int) -> Iterator[Segment]:
        for x in range(width):
            above, below = (Color.from_rgb(*self._pixels.getpixel((x, row))) for row in (y, y + 1))  # type: ignore[misc]
            yield Segment(_UPPER_HALF, Style(color=above, bgcolor=below))
