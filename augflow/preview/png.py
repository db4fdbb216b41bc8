"""A sheet as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from augflow.preview.sheet import SIDE, Group, Row, Sheet, Tile
from augflow.report.picture import Picture

PAPER, INK, MUTED, LINE, MARK = "#ffffff", "#1a1e26", "#565e6c", "#dfe2e8", "#3b6ea8"
GAP, MARGIN, LINES, LEADING = 12, 28, 9, 15
_TALLEST = 20_000
"""Pixels to a column; a sheet that needs more gets more columns."""

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def png(sheet: Sheet) -> bytes:
    """Draw a sheet: its groups below each other, in two columns where their rows are short."""
    title, heading, text = (ImageFont.load_default(size) for size in (30, 20, 12))
    longest = max((len(row.tiles) for group in sheet.groups for row in group.rows), default=1)
    width = max(longest, 2) * (SIDE + GAP) - GAP
    blocks = [_group(group, width, heading, text) for group in sheet.groups]
    wanted = 2 if longest <= 6 and len(blocks) > 1 else 1
    columns = _columns(blocks, max(wanted, -(-sum(block.height for block in blocks) // _TALLEST)))
    across = len(columns) * (width + 2 * GAP) - 2 * GAP
    notes = [line for note in _notes(sheet) for line in _wrapped(note, across, text)]
    top = MARGIN + 44 + LEADING * len(notes) + 2 * GAP
    tall = max((sum(block.height + 2 * GAP for block in column) for column in columns), default=0)
    whole = Image.new("RGB", (across + 2 * MARGIN, top + tall + MARGIN), PAPER)
    pen = ImageDraw.Draw(whole)
    pen.text((MARGIN, MARGIN), _plain(sheet.heading), INK, title)
    for number, line in enumerate(notes):
        pen.text((MARGIN, MARGIN + 44 + LEADING * number), line, MUTED, text)
    for number, column in enumerate(columns):
        y = top
        for block in column:
            whole.paste(block, (MARGIN + number * (width + 2 * GAP), y))
            y += block.height + 2 * GAP
    buffer = io.BytesIO()
    whole.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def strip(tiles: Sequence[Tile], height: int = SIDE) -> Image.Image:
    """The pictures of a row beside each other, without words."""
    row = Image.new("RGB", (len(tiles) * (SIDE + GAP) - GAP, height), PAPER)
    for number, tile in enumerate(tiles):
        if tile.picture:
            _place(row, tile.picture, number * (SIDE + GAP), 0)
    return row


def _notes(sheet: Sheet) -> list[str]:
    return [*sheet.notes, *(f"Set aside: {item.key}: {item.kind}; {item.detail}" for item in sheet.aside)]


def _columns(blocks: Sequence[Image.Image], count: int) -> list[list[Image.Image]]:
    """Fill columns from the left, each to about its share of the height."""
    share = sum(block.height for block in blocks) / count
    columns: list[list[Image.Image]] = [[] for _ in range(count)]
    done = 0.0
    for block in blocks:
        columns[min(count - 1, int((done + block.height / 2) / share))].append(block)
        done += block.height
    return [column for column in columns if column]


def _group(group: Group, width: int, heading: Font, text: Font) -> Image.Image:
    heights = [_height(row, text) for row in group.rows]
    block = Image.new("RGB", (width, 52 + sum(heights)), PAPER)
    pen = ImageDraw.Draw(block)
    pen.line((0, 0, width, 0), LINE)
    pen.text((0, 8), _cut(group.heading, width, heading), INK, heading)
    pen.text((0, 32), _cut(group.note, width, text), MUTED, text)
    y = 52
    for row, height in zip(group.rows, heights, strict=True):
        pen.text((0, y), _cut(" · ".join(filter(None, (row.heading, row.note))), width, text), MUTED, text)
        for number, tile in enumerate(row.tiles):
            _tile(block, tile, number * (SIDE + GAP), y + LEADING + 2, text)
        y += height
    return block


def _height(row: Row, text: Font) -> int:
    lines = max((len(_words(tile, text)) for tile in row.tiles), default=0)
    return LEADING + 2 + SIDE + (lines + 1) * LEADING + 2 * GAP


def _tile(block: Image.Image, tile: Tile, x: int, y: int, text: Font) -> None:
    pen = ImageDraw.Draw(block)
    pen.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), "#eef0f4")
    if tile.picture:
        _place(block, tile.picture, x, y)
    if tile.original:
        pen.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), outline=MARK, width=2)
    y += SIDE + 4
    pen.text((x, y), _cut(tile.heading, SIDE, text), INK, text)
    for number, line in enumerate(_words(tile, text), 1):
        pen.text((x, y + number * LEADING), line, MUTED, text)


def _words(tile: Tile, text: Font) -> list[str]:
    return [line for told in tile.lines for line in _wrapped(told, SIDE, text)][:LINES]


def _place(onto: Image.Image, picture: Picture, x: int, y: int) -> None:
    with Image.open(io.BytesIO(picture.jpeg)) as image:
        onto.paste(image.convert("RGB"), (x + (SIDE - picture.width) // 2, y + (SIDE - picture.height) // 2))


def _cut(line: str, width: int, font: Font) -> str:
    """As much of a line as fits, on one line."""
    line = _plain(line)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"


def _wrapped(note: str, width: int, font: Font) -> list[str]:
    lines = [""]
    for word in _plain(note).split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, width, font))
    return lines


def _plain(text: str) -> str:
    """Text in what Pillow's own font has, which is the one font that is there everywhere."""
    return "".join(c if c.isprintable() else "?" for c in text.translate(_SPELT))


_SPELT = str.maketrans({"×": "x", "−": "-", "→": "->", "\u202f": " "})
