"""JPEGs that no encoder writes."""

from __future__ import annotations

import struct

_BLOCKS = 32_767  # as many as one end-of-band run passes over


def many_scans(scans: int, high: int = 1) -> bytes:
    """A blank gray progressive JPEG, valid, of 1736 × 1208·high pixels: each coefficient has scans of its own."""
    height, width = 1208 * high, 1736
    parts = [
        b"\xff\xd8",
        _segment(0xDB, b"\0" + b"\1" * 64),
        _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        _segment(0xC4, b"\0\1" + bytes(15) + b"\0"),
        _segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0"),
        _segment(0xDA, b"\1\1\0\0\0\0") + _bits("0" * _BLOCKS * high),
    ]
    data = _bits(("0" + "1" * 14) * high)
    steps = [(coefficient, level) for level in range(13, -1, -1) for coefficient in range(1, 64)]
    for coefficient, level in steps[: scans - 1]:
        before = 0 if level == 13 else level + 1
        parts += [_segment(0xDA, bytes([1, 1, 0, coefficient, coefficient, before << 4 | level])), data]
    return b"".join([*parts, b"\xff\xd9"])


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _bits(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
