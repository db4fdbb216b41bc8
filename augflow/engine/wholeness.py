"""What decoders let pass: a file that ends too soon behind its first picture, or whose check sums do not hold.

Pillow stops where it has the pixels it wants: it neither looks for the end of a PNG or GIF nor sums up their data.
"""

from __future__ import annotations

import zlib

from augflow.errors import ImageError

_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")


def demand_whole(data: bytes) -> None:
    """Walk through a PNG to its IEND and through a GIF to its trailer; of other formats decoders tell.

    Raises:
        ImageError: `damaged`.
    """
    if data[:8] == _PNG:
        _walk_png(data)
    elif data[:6] in _GIF:
        _walk_gif(data)


def _walk_png(data: bytes) -> None:
    """PNG (third edition), 5.3: length, type, data and a CRC of the last two."""
    view, place, name = memoryview(data), 8, b""
    lacks = data[25:26] == b"\3"
    while name != b"IEND":
        end = place + 8 + int.from_bytes(data[place : place + 4])
        name = data[place + 4 : place + 8]
        if end + 4 > len(data):
            raise ImageError("damaged", "PNG: it ends before its IEND chunk")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ImageError("damaged", f"PNG: wrong check sum of its {name.decode('latin-1')!r} chunk")
        lacks &= name != b"PLTE"
        place = end + 4
    if lacks:
        raise ImageError("damaged", "PNG: it has no palette, and its pixels are numbers of one")


def _walk_gif(data: bytes) -> None:
    """GIF 89a: the screen with its colours, then extensions and images in blocks of up to 255 bytes, then a trailer."""
    place = 13 + _colours(data[10:11])
    try:
        while (kind := data[place]) != _TRAILER:
            if kind == _IMAGE:
                place += 11 + _colours(data[place + 9 : place + 10])
            elif kind == _EXTENSION:
                place += 2
            else:
                place += 1  # Some writers leave a byte too many between blocks.
                continue
            while size := data[place]:
                place += 1 + size
            place += 1
    except IndexError:
        raise ImageError("damaged", "GIF: it ends before its trailer") from None


_TRAILER, _IMAGE, _EXTENSION = 0x3B, 0x2C, 0x21


def _colours(packed: bytes) -> int:
    """Bytes of the colour table that a packed field tells of."""
    return 3 << (packed[0] & 7) + 1 if packed and packed[0] & 0x80 else 0
