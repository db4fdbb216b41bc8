"""The usual PNG, read without Pillow: for small images, opening one with it costs ten times what its pixels do.

Usual is: 8 bits, gray or RGB, in rows from top to bottom, and no chunk that could say how to see them otherwise.
"""

from __future__ import annotations

import zlib

from augflow.kernels.png import unfilter
from augflow.transform import Pixels, Size

_MARK = b"\x89PNG\r\n\x1a\n"
_LENGTHS = {b"IHDR": 13, b"IEND": 0, b"pHYs": 9, b"tIME": 7, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}
_HARMLESS = frozenset({*_LENGTHS, b"IDAT", b"bKGD", b"tEXt"})
_MOST_PIXELS = 4_000_000
_TEXT = 10_000


def read_plain_png(data: bytes, max_pixels: int) -> Pixels | None:
    """The pixels of a usual PNG that is whole, gray or RGB with a spare byte; None for any other, sound or not."""
    if data[:8] != _MARK or data[8:16] != b"\0\0\0\x0dIHDR" or data[24:29] not in _LAYOUTS:
        return None
    size, gray = Size(int.from_bytes(data[20:24]), int.from_bytes(data[16:20])), data[25] == 0
    pixels = size.height * size.width
    if not 0 < pixels <= min(max_pixels, _MOST_PIXELS):
        return None
    squeezed = _squeezed(data)
    if squeezed is None:
        return None
    row = 1 + size.width * (1 if gray else 3)
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(squeezed, row * size.height + 1)
    except zlib.error:
        return None
    if len(raw) != row * size.height or not inflate.eof or inflate.unused_data or max(raw[::row]) > 4:
        return None
    return unfilter(raw, size, gray)


_LAYOUTS = frozenset({b"\x08\0\0\0\0", b"\x08\2\0\0\0"})
"""Bits, colours, compression, filters and interlacing as the header has them."""


def _squeezed(data: bytes) -> bytes | None:
    """What all IDAT chunks hold together; None where a chunk is damaged, unusual or out of its place."""
    view, place, name, parts, over = memoryview(data), 8, b"", [], False
    while name != b"IEND":
        end = place + 8 + int.from_bytes(data[place : place + 4])
        name = data[place + 4 : place + 8]
        if name not in _HARMLESS or end + 4 > len(data):
            return None
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return None
        if name == b"IDAT":
            if over:
                return None
            parts.append(data[place + 8 : end])
        elif (
            end - place > _TEXT or _LENGTHS.get(name) not in (None, end - place - 8) or (name == b"IHDR" and place > 8)
        ):
            return None
        over = bool(parts) and name != b"IDAT"
        place = end + 4
    return parts[0] if len(parts) == 1 and place == len(data) else b"".join(parts) if place == len(data) else None
