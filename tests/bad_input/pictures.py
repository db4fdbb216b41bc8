"""Pictures in every format and variety that is met with, and what damage does to them; all built here, byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

WIDTH, HEIGHT = 60, 44


@cache
def picture() -> Image.Image:
    """Slopes with a coarse pattern: neither flat nor noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pattern = np.random.default_rng(4).integers(0, 60, (HEIGHT // 4, WIDTH // 4)).repeat(4, 0).repeat(4, 1)
    colours = np.stack([x * 3 + pattern, y * 4 + pattern, 200 - x - y + pattern // 2], axis=-1)
    return Image.fromarray(colours.astype(np.uint8))


def gray() -> Image.Image:
    return picture().convert("L")


def alpha(mode: str = "RGBA") -> Image.Image:
    image = picture().convert(mode)
    image.putalpha(gray().point(lambda value: 255 - value // 2))
    return image


def wide() -> NDArray[np.uint16]:
    """Sixteen bits, whose low ones say something."""
    return np.asarray(picture()).astype(np.uint16) * np.uint16(257) ^ np.uint16(0x55)


def palette(colours: int = 64) -> Image.Image:
    return picture().quantize(colours)


def save(image: Image.Image, how: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, how, **options)
    return buffer.getvalue()


def frames(how: str, count: int = 3, **options: Any) -> bytes:
    others = [picture().rotate(90 * number) for number in range(1, count)]
    return save(picture(), how, save_all=True, append_images=others, **options)


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def by_opencv(ending: str, pixels: NDArray[Any]) -> bytes:
    return cv2.imencode(ending, pixels)[1].tobytes()


# PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    return found


def joined(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def png(pixels: NDArray[Any], kind: int, interlaced: bool = False) -> bytes:
    """A PNG of 8 or 16 bits; `kind` is its colour type."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    big = pixels.astype(pixels.dtype.newbyteorder(">"))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [
        b"\0" + row.tobytes()
        for left, top, across, down in (passes if interlaced else [(0, 0, 1, 1)])
        for row in big[top::down, left::across]
        if row.size
    ]
    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, kind, 0, 0, interlaced)
    return joined([(b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")])


def blank_png(width: int, height: int, bits: int, kind: int, tail: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of zeros, as small as can be: deflated twice over it would be smaller still."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    row = 1 + (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind] + 7) // 8
    packer, parts = zlib.compressobj(9), []
    block = bytes(1 << 20)
    left = row * height
    while left > 0:
        parts.append(packer.compress(block[: min(left, len(block))]))
        left -= len(block)
    parts.append(packer.flush())
    return joined([(b"IHDR", head), *tail, (b"IDAT", b"".join(parts)), (b"IEND", b"")])


def huge_png(side: int) -> bytes:
    """A header that promises a large picture, and little behind it."""
    return joined([(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)), (b"IDAT", b"x"), (b"IEND", b"")])


def without(data: bytes, name: bytes) -> bytes:
    return joined(part for part in chunks(data) if part[0] != name)


def with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    head, *rest = chunks(data)
    return joined([head, (name, body), *rest])


def with_wrong_sum(data: bytes, name: bytes) -> bytes:
    place = data.index(name) + 4 + struct.unpack(">I", data[data.index(name) - 4 : data.index(name)])[0]
    return flipped(data, place)


# Others


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def cut(data: bytes, percent: int) -> bytes:
    return data[: len(data) * percent // 100]


def bmp(width: int, height: int, bits: int, body: bytes, compression: int = 0, colours: int = 0) -> bytes:
    start = 54 + 4 * colours
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 2835, 2835, colours, 0)
    table = b"".join(bytes([value, value, value, 0]) for value in range(colours))
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + table + body


def rle_bmp(width: int, height: int) -> bytes:
    """Eight bits, run-length encoded, all of one colour."""
    row = bytes([255, 7]) * (width // 255) + (bytes([width % 255, 7]) if width % 255 else b"") + b"\0\0"
    return bmp(width, height, 8, row * height + b"\0\1", compression=1, colours=256)


def tiff(entries: dict[int, tuple[int, list[int]]], body: bytes = b"", order: str = "<") -> bytes:
    """A TIFF of one directory; each entry is a type and values, `body` begins at 8 bytes."""
    sizes = {1: "B", 3: "H", 4: "I"}
    start, more, rows = 8 + len(body), b"", b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", behind + len(more))
            more += packed
        else:
            place = packed.ljust(4, b"\0")
        rows += struct.pack(f"{order}HHI", tag, kind, len(values)) + place
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HI", 42, start)
    return head + body + struct.pack(f"{order}H", len(entries)) + rows + bytes(4) + more


def huge_tiff(side: int) -> bytes:
    short = {258: 8, 259: 1, 262: 1, 277: 1}
    long = {256: side, 257: side, 273: 8, 278: side, 279: 4}
    return tiff({tag: (3, [value]) for tag, value in short.items()} | {t: (4, [v]) for t, v in long.items()}, b"abcd")


def huge_webp(side: int) -> bytes:
    """The header of a lossless picture of up to 16,384 pixels a side."""
    bits = (side - 1) | (side - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(9)
    part = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


def huge_gif(side: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    return screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00\x3b"


def huge_jpeg(side: int) -> bytes:
    data = save(picture(), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", side, side) + data[place + 4 :]


def no_adobe(data: bytes) -> bytes:
    """Take the Adobe marker out of a JPEG."""
    place = data.index(b"\xff\xee")
    return data[:place] + data[place + 2 + struct.unpack(">H", data[place + 2 : place + 4])[0] :]


def many_frames(count: int) -> bytes:
    """A GIF of so many frames of one pixel."""
    data = save(Image.new("P", (1, 1)), "GIF")
    frame = data[data.index(b"\x2c", 13) : -1]
    return data[:-1] + frame * (count - 1) + b"\x3b"
