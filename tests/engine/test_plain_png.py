"""The usual PNG, read without Pillow, is what Pillow reads; of all else nothing is said."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import PngImagePlugin

from augflow.engine.codec import _open_with_pillow
from augflow.engine.plain_png import read_plain_png
from augflow.transform import Pixels

MARK = b"\x89PNG\r\n\x1a\n"
MOST = 1_000_000
SIZES = [(1, 1), (1, 2), (1, 37), (41, 1), (2, 3), (9, 16), (17, 31), (64, 65)]
MIXED = 5
"""Among the filters: another in every row."""


def chunk(name: bytes, held: bytes = b"") -> bytes:
    return len(held).to_bytes(4) + name + held + zlib.crc32(name + held).to_bytes(4)


def header(height: int, width: int, gray: bool, rest: bytes = b"") -> bytes:
    """With `rest`, all that follows the size."""
    return chunk(b"IHDR", struct.pack(">II", width, height) + (rest or bytes([8, 0 if gray else 2, 0, 0, 0])))


def filtered(pixels: Pixels, kind: int) -> bytes:
    """Rows behind their filters, by the rules of PNG (third edition), 9.2."""
    rows = pixels.reshape(len(pixels), -1).astype(np.int64)
    step = 1 if pixels.ndim == 2 else 3
    made = b""
    for y, row in enumerate(rows):
        filter_ = (y * 7 + y // 5) % 5 if kind == MIXED else kind
        up = rows[y - 1] if y else np.zeros_like(row)
        left, corner = (np.concatenate([np.zeros(step, np.int64), line[:-step]]) for line in (row, up))
        near = [abs(left + up - corner - one) for one in (left, up, corner)]
        by_corner = np.where(near[1] <= near[2], up, corner)
        paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, by_corner)
        guess = (0 * row, left, up, (left + up) // 2, paeth)[filter_]
        made += bytes([filter_]) + ((row - guess) % 256).astype(np.uint8).tobytes()
    return made


def picture(height: int, width: int, gray: bool, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    shape = (height, width) if gray else (height, width, 3)
    if seed % 2:  # extremes, where sums run over
        return rng.choice(np.array([0, 1, 127, 128, 255], np.uint8), shape)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def written(
    pixels: Pixels, kind: int = MIXED, before: bytes = b"", between: bytes = b"", after: bytes = b"", parts: int = 1
) -> bytes:
    """Around and between its IDAT chunks, others."""
    return around(
        header(pixels.shape[0], pixels.shape[1], pixels.ndim == 2),
        zlib.compress(filtered(pixels, kind)),
        before,
        between,
        after,
        parts,
    )


def around(
    head: bytes, squeezed: bytes, before: bytes = b"", between: bytes = b"", after: bytes = b"", parts: int = 1
) -> bytes:
    length = -(-len(squeezed) // parts)
    pieces = [chunk(b"IDAT", squeezed[at : at + length]) for at in range(0, len(squeezed), length)]
    return MARK + head + before + between.join(pieces) + after + chunk(b"IEND")


def by_pillow(data: bytes) -> Pixels:
    return _open_with_pillow(data, MOST).whole()


def demand_equal(found: Pixels | None, data: bytes) -> None:
    assert found is not None
    wanted = by_pillow(data)
    assert found.dtype == np.uint8
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found, wanted)


# What is read.


@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("kind", range(6))
def test_every_filter_is_undone(kind: int, gray: bool) -> None:
    for seed, (height, width) in enumerate([*SIZES, *SIZES]):
        pixels = picture(height, width, gray, seed)
        data = written(pixels, kind)
        found = read_plain_png(data, MOST)
        demand_equal(found, data)
        assert found is not None
        if gray:
            np.testing.assert_array_equal(found, pixels)
        else:
            np.testing.assert_array_equal(found[..., :3], pixels)
            assert (found[..., 3] == 255).all()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}, {"compress_level": 1}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_pillow_writes_is_read(mode: str, options: dict[str, Any]) -> None:
    y, x = np.mgrid[:83, :71]
    slopes = np.stack([x * 3, y * 2, x + y], -1).astype(np.uint8)
    image = Pillow.fromarray(slopes).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", dpi=(72, 72), **options)
    demand_equal(read_plain_png(buffer.getvalue(), MOST), buffer.getvalue())


HARMLESS = {
    "pHYs": chunk(b"pHYs", bytes(9)),
    "tIME": chunk(b"tIME", b"\x07\xea\1\1\0\0\0"),
    "gAMA": chunk(b"gAMA", (45_455).to_bytes(4)),
    "cHRM": chunk(b"cHRM", struct.pack(">8I", *range(30_000, 38_000, 1000))),
    "sRGB": chunk(b"sRGB", b"\0"),
    "bKGD": chunk(b"bKGD", bytes(6)),
    "tEXt": chunk(b"tEXt", b"Title\0some words"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_some_chunks_do_no_harm(name: str) -> None:
    pixels = picture(9, 12, False)
    for data in (written(pixels, before=HARMLESS[name]), written(pixels, after=HARMLESS[name])):
        demand_equal(read_plain_png(data, MOST), data)


def test_data_may_lie_in_many_parts() -> None:
    for parts in (2, 3, 7, 50):
        data = written(picture(20, 30, False), parts=parts)
        demand_equal(read_plain_png(data, MOST), data)


# What is not.


def saved(image: Pillow.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def turned() -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return saved(colours(), exif=exif)


def animated() -> bytes:
    other = Pillow.fromarray(picture(9, 12, False, 5))
    return saved(colours(), save_all=True, append_images=[other])


def colours() -> Pillow.Image:
    return Pillow.fromarray(picture(9, 12, False))


def zipped_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "words", zip=True)
    return saved(colours(), pnginfo=info)


OTHERS: dict[str, Callable[[], bytes]] = {
    "palette": lambda: saved(colours().convert("P")),
    "alpha": lambda: saved(colours().convert("RGBA")),
    "gray and alpha": lambda: saved(colours().convert("LA")),
    "one bit": lambda: saved(colours().convert("1")),
    "16 bits": lambda: saved(Pillow.fromarray(np.arange(99, dtype=np.uint16).reshape(9, 11))),
    "tRNS": lambda: saved(colours(), transparency=(1, 2, 3)),
    "tRNS, gray": lambda: saved(colours().convert("L"), transparency=7),
    "eXIf": turned,
    "acTL": animated,
    "iCCP": lambda: saved(colours(), icc_profile=b"profile"),
    "zTXt": zipped_text,
    "no PNG": lambda: b"\xff\xd8\xff\xe0",
    "nothing": lambda: b"",
    "only a mark": lambda: MARK,
}
PIXELS = picture(9, 12, False)
RAW = filtered(PIXELS, MIXED)
FAULTY = {
    "interlaced": around(header(9, 12, False, b"\x08\2\0\0\1"), zlib.compress(RAW)),
    "another compression": around(header(9, 12, False, b"\x08\2\1\0\0"), zlib.compress(RAW)),
    "another filter method": around(header(9, 12, False, b"\x08\2\0\1\0"), zlib.compress(RAW)),
    "a long header": around(header(9, 12, False, b"\x08\2\0\0\0\0"), zlib.compress(RAW)),
    "two headers": written(PIXELS, before=header(9, 12, False)),
    "no pixels": around(header(0, 12, False), zlib.compress(b"")),
    "trailing bytes": written(PIXELS) + b"\0",
    "two in a row": written(PIXELS) * 2,
    "too little": around(header(9, 12, False), zlib.compress(RAW[:-1])),
    "a row too little": around(header(9, 12, False), zlib.compress(RAW[:-37])),
    "too much": around(header(9, 12, False), zlib.compress(RAW + b"\0")),
    "far too much": around(header(9, 12, False), zlib.compress(RAW + bytes(1_000_000))),
    "none": MARK + header(9, 12, False) + chunk(b"IEND"),
    "wrong sum of the data": around(header(9, 12, False), zlib.compress(RAW)[:-1] + b"\0"),
    "data without its sum": around(header(9, 12, False), zlib.compress(RAW)[:-4]),
    "bytes behind the data": around(header(9, 12, False), zlib.compress(RAW) + b"\0"),
    "no data": around(header(9, 12, False), b"no data"),
    "filter 5": around(header(9, 12, False), zlib.compress(RAW[:37] + b"\5" + RAW[38:])),
    "filter 255": around(header(9, 12, False), zlib.compress(b"\xff" + RAW[1:])),
    "IDATs apart": written(PIXELS, between=HARMLESS["tIME"], parts=2),
    "an unknown chunk": written(PIXELS, before=chunk(b"abcd", b"?")),
    "a long text": written(PIXELS, before=chunk(b"tEXt", b"Title\0" + bytes(20_000))),
    "no end": written(PIXELS)[:-12],
    "another end": written(PIXELS)[:-12] + chunk(b"IENE"),
    "an end that holds something": written(PIXELS)[:-12] + chunk(b"IEND", b"?"),
    "too short pHYs": written(PIXELS, before=chunk(b"pHYs", b"12")),
    "too short gAMA": written(PIXELS, before=chunk(b"gAMA", b"12")),
    "empty sRGB": written(PIXELS, before=chunk(b"sRGB")),
    "crooked cHRM": written(PIXELS, before=chunk(b"cHRM", b"12345")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_of_other_kinds_nothing_is_said(name: str) -> None:
    assert read_plain_png(OTHERS[name](), MOST) is None


def test_the_file_that_is_made_faulty_is_sound() -> None:
    demand_equal(read_plain_png(written(PIXELS), MOST), written(PIXELS))


@pytest.mark.parametrize("name", FAULTY)
def test_of_what_is_faulty_nothing_is_said(name: str) -> None:
    assert read_plain_png(FAULTY[name], MOST) is None


def test_of_more_than_is_allowed_nothing_is_said() -> None:
    data = written(picture(10, 10, False))
    assert read_plain_png(data, 100) is not None
    assert read_plain_png(data, 99) is None
    huge = around(header(2**31 - 1, 2**31 - 1, True), zlib.compress(bytes(100)))
    assert read_plain_png(huge, 2**62) is None


def test_of_a_part_or_a_wrong_sum_nothing_is_said() -> None:
    data = written(picture(5, 7, True), before=HARMLESS["tEXt"])
    assert not any(read_plain_png(data[:size], MOST) is not None for size in range(len(data)))
    for place in range(len(data)):
        for bit in (1, 0x20, 0x80):
            wrong = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            assert read_plain_png(wrong, MOST) is None, place


# Anything.


@cache
def sound() -> list[bytes]:
    return [
        written(picture(height, width, gray, number), kind, HARMLESS[name], parts=1 + number % 4)
        for number, (name, (height, width)) in enumerate(zip(HARMLESS, SIZES[:7], strict=True))
        for gray in (True, False)
        for kind in (number % 5, MIXED)
    ]


def pieces(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(MARK)
    while place < len(data):
        length = int.from_bytes(data[place : place + 4])
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return rng.bytes(int(rng.integers(3)))
    made = bytearray(data)
    made[int(rng.integers(len(made)))] = int(rng.choice([0, 1, 2, 3, 4, 8, 255, int(rng.integers(256))]))
    return bytes(made)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Chunks changed, lost, doubled and moved; their check sums are right, or no damage would get far."""
    found = list(pieces(data))
    way, at, to = int(rng.integers(8)), int(rng.integers(len(found))), int(rng.integers(len(found)))
    name, held = found[at]
    if way <= 1:
        found[at] = name, flipped(held, rng)
    elif way == 2:
        found.insert(to, found[at])
    elif way == 3:
        found.insert(to, found.pop(at))
    elif way == 4:
        del found[at]
    elif way == 5:
        found[at] = name, held[: int(rng.integers(len(held) + 1))] + rng.bytes(int(rng.integers(3)))
    elif way == 6:
        found[at] = bytes(rng.choice([b"IDAT", b"tEXt", b"pHYs", b"sRGB", b"gAMA", b"cHRM", b"bKGD", b"tIME"])), held
    else:  # what was filtered
        squeezed = b"".join(held for name, held in found if name == b"IDAT")
        raw = flipped(zlib.decompress(squeezed), rng) + bytes(int(rng.integers(8) == 0))
        places = [number for number, (name, _) in enumerate(found) if name == b"IDAT"]
        found[places[0] : places[-1] + 1] = [(b"IDAT", zlib.compress(raw))]
    return MARK + b"".join(chunk(*one) for one in found)


def test_whatever_is_read_is_what_pillow_reads() -> None:
    rng = np.random.default_rng(3)
    files = sound()
    read = 0
    for number in range(4000):
        data = damaged(files[number % len(files)], rng)
        found = read_plain_png(data, MOST)
        if found is not None:
            read += 1
            demand_equal(found, data)
    assert 800 < read < 3200
