"""A JPEG that is called surely whole is decoded without a complaint, however it was damaged before."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image as Pillow

from augflow.kernels.whole_jpeg import is_surely_whole
from augflow.transform import Pixels

SIZES = [(1, 1), (1, 9), (8, 8), (17, 1), (15, 33), (31, 64), (70, 51)]
QUALITIES = [1, 5, 20, 50, 75, 90, 95, 98, 100]
DAMAGES = 9_000


def decodes(data: bytes) -> bool:
    """Whether the decoder reads it as the codec has it read: the header, then pixels, whole and at an eighth."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        sides = -(-height // 8), -(-width // 8)
        for least in ((0, 0), sides):
            found = "GRAY" if space == "Gray" else "RGBX"
            simplejpeg.decode_jpeg(data, found, min_height=least[0], min_width=least[1])
    except (ValueError, RuntimeError):
        return False
    return True


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """Colours that change slowly, with noise over them."""
    rng = np.random.default_rng(seed)
    coarse = Pillow.fromarray(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Pillow.Resampling.BICUBIC)).astype(np.int16)
    made: Pixels = np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)
    return made


def by_pillow(pixels: Pixels, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_turbo(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    if subsampling == "Gray":
        return bytes(simplejpeg.encode_jpeg(pixels[..., :1].copy(), quality, "GRAY", "Gray"))
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "RGB", subsampling))


def profiled(pixels: Pixels) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    return by_pillow(pixels, exif=exif, icc_profile=bytes(range(256)) * 300, comment=b"some words")


KINDS: dict[str, Callable[[Pixels], bytes]] = {
    "4:2:0": lambda pixels: by_pillow(pixels, subsampling=2),
    "4:2:2": lambda pixels: by_pillow(pixels, subsampling=1),
    "4:4:4": lambda pixels: by_pillow(pixels, subsampling=0),
    "4:4:0": lambda pixels: by_turbo(pixels, 85, "440"),
    "gray": lambda pixels: by_pillow(pixels, "L"),
    "own tables": lambda pixels: by_pillow(pixels, optimize=True),
    "own tables, gray": lambda pixels: by_pillow(pixels, "L", optimize=True, quality=60),
    "restarts": lambda pixels: by_pillow(pixels, restart_marker_blocks=1),
    "restarts, gray": lambda pixels: by_pillow(pixels, "L", restart_marker_blocks=3),
    "restarts, own tables": lambda pixels: by_pillow(pixels, restart_marker_rows=1, optimize=True, subsampling=0),
    "kept as RGB": lambda pixels: by_pillow(pixels, keep_rgb=True),
    "profiled": profiled,
    "turbo, 4:2:0": lambda pixels: by_turbo(pixels, 85, "420"),
    "turbo, gray": lambda pixels: by_turbo(pixels, 85, "Gray"),
}


@cache
def sound() -> dict[str, bytes]:
    """Small files of every kind."""
    return {
        f"{name}, {height}×{width}": make(picture(height, width, seed))
        for seed, (name, make) in enumerate(KINDS.items())
        for height, width in ((9, 20), (40, 33))
    }


# Sound ones.


@pytest.mark.parametrize("kind", KINDS)
def test_usual_files_are_proven(kind: str) -> None:
    for height, width in SIZES:
        data = KINDS[kind](picture(height, width, height))
        assert decodes(data)
        assert is_surely_whole(data), (height, width)


@pytest.mark.parametrize("subsampling", ["420", "422", "444", "440", "Gray"])
def test_every_quality_is_proven(subsampling: str) -> None:
    for quality in QUALITIES:
        for noise in (False, True):
            pixels = picture(48, 37, quality)
            if noise:
                pixels = np.random.default_rng(quality).integers(0, 256, pixels.shape, dtype=np.uint8)
            for data in (by_turbo(pixels, quality, subsampling), by_pillow(pixels, quality=quality, optimize=True)):
                assert is_surely_whole(data), (quality, noise)


def test_photographs_are_proven(photographs: Path) -> None:
    files = sorted(photographs.glob("*/*.jpg"))[::60]
    assert files
    assert all(is_surely_whole(file.read_bytes()) for file in files)


def test_of_what_is_unusual_nothing_is_claimed() -> None:
    pixels = picture(40, 40)
    assert not is_surely_whole(by_pillow(pixels, progressive=True))
    assert not is_surely_whole(by_pillow(pixels, "L", progressive=True))
    assert not is_surely_whole(by_pillow(pixels, "CMYK"))
    for data in (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"GIF89a", bytes(1000)):
        assert not is_surely_whole(data)


# Damaged ones.


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_never_claimed(kind: str) -> None:
    data = KINDS[kind](picture(19, 22))
    assert is_surely_whole(data)
    assert not any(is_surely_whole(data[:size]) for size in range(len(data)))


def test_what_follows_the_end_does_not_matter() -> None:
    for data in sound().values():
        for behind in (b"\0", b"\xff", b"\xff\xd9", b"\xff\xd0", b"words" * 100, data):
            assert is_surely_whole(data + behind)
            assert decodes(data + behind)
        assert not is_surely_whole(data[:-2] + b"\0" + data[-2:])


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, beginning of what it holds, and end; the last is the scan's header."""
    place, marker = 2, 0
    while marker != 0xDA:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        yield marker, place + 4, place + 2 + length
        place += 2 + length


def segment(marker: int, held: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(held) + 2).to_bytes(2) + held


HEADERS = [0xC4, 0xC4, 0xC4, 0xDB, 0xC0, 0xC0, 0xC0, 0xDA, 0xDD, 0xE0, 0xE2, 0xEE]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """In one of many ways, of which some do no harm."""
    made = bytearray(data)
    found = list(segments(data))
    behind = found[-1][2]

    def place(least: int = 2) -> int:
        return int(rng.integers(least, len(made)))

    way = int(rng.integers(13))
    if way == 0:
        made[place()] ^= 1 << int(rng.integers(8))
    elif way == 1:
        for _ in range(int(rng.integers(1, 5))):
            made[place(behind)] = int(rng.choice([0, 0xFF, 0xD9, 0xD0, int(rng.integers(256))]))
    elif way == 2:
        del made[place() :]
        made += b"\xff\xd9" * int(rng.integers(2))
    elif way == 3:
        start = place(behind)
        del made[start : start + int(rng.integers(1, 6))]
    elif way == 4:
        start = place()
        made[start:start] = rng.bytes(int(rng.integers(1, 4)))
    elif way == 5:
        start = place()
        end = min(len(made), start + int(rng.integers(1, 40)))
        made[end:end] = made[start:end]
    elif way == 6:  # restart markers: another number, none, one more
        marks = [at for at in range(behind, len(made) - 1) if made[at] == 0xFF and 0xD0 <= made[at + 1] <= 0xD7]
        at = int(rng.choice(marks)) if marks else place(behind)
        change = int(rng.integers(3))
        made[at : at + 2] = (bytes([0xFF, int(rng.integers(0xD0, 0xD8))]), b"", bytes(made[at : at + 2]) * 2)[change]
    elif way == 7:  # a whole segment twice, or gone, or elsewhere
        _, start, end = found[int(rng.integers(len(found)))]
        segment = bytes(made[start - 4 : end])
        if rng.integers(2):
            del made[start - 4 : end]
        _, start, _ = found[int(rng.integers(len(found)))]
        made[start - 4 : start - 4] = segment
    elif way == 8:  # bits behind the last code
        made[-3] ^= 1 << int(rng.integers(8))
    else:  # within a header: Huffman and quantization tables, sizes, sampling, what components take
        chosen = [(start, end) for marker, start, end in found if marker == rng.choice(HEADERS)]
        start, end = chosen[int(rng.integers(len(chosen)))] if chosen else (2, behind)
        for _ in range(int(rng.integers(1, 3))):
            at = int(rng.integers(start, min(end, start + 40)))
            made[at] = int(
                rng.choice([made[at] ^ 1, made[at] ^ 0x10, made[at] + 1 & 255, int(rng.integers(256)), 0x11])
            )
    return bytes(made)


def test_what_is_claimed_is_decoded_without_a_complaint() -> None:
    rng = np.random.default_rng(1)
    files = list(sound().values())
    claimed = complaints = changed = 0
    for number in range(DAMAGES):
        before = files[number % len(files)]
        data = damaged(before, rng)
        changed += data != before
        if data != before and is_surely_whole(data):
            claimed += 1
            assert decodes(data), data.hex()
        elif number % 8 == 0:
            complaints += not decodes(data)
    assert changed > 0.9 * DAMAGES
    assert 0.05 * changed < claimed < 0.6 * changed  # some damages do no harm
    assert complaints > 0.05 * DAMAGES / 8


def test_a_colour_profile_is_looked_at_as_the_decoder_does() -> None:
    """It collects the pieces of a profile, and complains where one lacks; what is no profile does not matter."""
    data = sound()["4:2:0, 9×20"]

    def piece(number: int, parts: int, held: bytes = b"profile") -> bytes:
        return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, parts]) + held)

    for behind in (b"", piece(1, 1), piece(1, 2) + piece(2, 2), segment(0xE2, b"ICC_PROFILE"), segment(0xE2, b"")):
        assert is_surely_whole(data[:2] + behind + data[2:])
        assert decodes(data[:2] + behind + data[2:])
    faulty = (piece(0, 1), piece(1, 2), piece(2, 2), piece(1, 1) * 2, piece(1, 2) + piece(2, 3), piece(1, 1, b""))
    for behind in faulty:
        assert not is_surely_whole(data[:2] + behind + data[2:])
        assert not decodes(data[:2] + behind + data[2:])


# Invented ones: any codes, and blocks of whatever they say.


class Table:
    """Codes as a file may have them: symbols, each with the bits that say it."""

    def __init__(self, lengths: list[int], symbols: list[int]) -> None:
        self.codes: list[tuple[str, int]] = []
        code, before = 0, 0
        for length, symbol in zip(sorted(lengths), symbols, strict=True):
            code <<= length - before
            self.codes.append((f"{code:0{length}b}", symbol))
            code, before = code + 1, length
        counts = bytes(lengths.count(length) for length in range(1, 17))
        self.held = counts + bytes(symbols)

    @classmethod
    def invent(cls, rng: np.random.Generator, symbols: list[int]) -> Table:
        """Lengths that leave the code of ones alone unused, short ones as often as long ones."""
        symbols = rng.permutation(symbols).tolist()[: int(rng.integers(1, len(symbols) + 1))]
        lengths: list[int] = []
        free = (1 << 16) - 1
        for number in range(len(symbols)):
            others = len(symbols) - number - 1
            fit = [length for length in range(1, 17) if (1 << 16 - length) <= free - others]
            lengths.append(int(rng.choice(fit[: int(rng.integers(1, 6))])))
            free -= 1 << 16 - lengths[-1]
        return cls(lengths, symbols)

    def any_bits(self, rng: np.random.Generator) -> tuple[str, int]:
        """A code with a value, and what it stands for."""
        code, symbol = self.codes[int(rng.integers(len(self.codes)))]
        size = symbol & 15
        return code + (f"{int(rng.integers(1 << size)):0{size}b}" if size else ""), symbol


def drawn(size: tuple[int, int], dc: Table, ac: Table, bits: str, factors: Sequence[int] = (0x11,)) -> bytes:
    """A file of those bits, gray but for further factors: how many blocks of a unit each component has."""
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    sides = size[0].to_bytes(2) + size[1].to_bytes(2)
    tables = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC4, b"\0" + dc.held) + segment(0xC4, b"\x10" + ac.held)
    count = bytes([len(factors)])
    frame = segment(0xC0, b"\x08" + sides + count + b"".join(bytes([i, one, 0]) for i, one in enumerate(factors, 1)))
    scan = segment(0xDA, count + b"".join(bytes([i, 0]) for i in range(1, len(factors) + 1)) + b"\0\x3f\0")
    return b"\xff\xd8" + tables + frame + scan + body + b"\xff\xd9"


DC_SYMBOLS = list(range(12))
AC_SYMBOLS = [run << 4 | size for run in range(16) for size in range(1, 11)]


def invented(rng: np.random.Generator) -> bytes:
    """Blocks that a decoder which says nothing of too long runs goes through without a fault."""
    few = [0x00, 0xF0, 0xF1, 0xE1, 0x01, 0xF2]
    symbols = few if rng.integers(2) else [*few, *AC_SYMBOLS]
    dc, ac = Table.invent(rng, DC_SYMBOLS), Table.invent(rng, symbols)
    width = int(rng.integers(1, 6))
    bits = ""
    for _ in range(width):
        bits += dc.any_bits(rng)[0]
        coefficient = 1
        while coefficient < 64:
            more, symbol = ac.any_bits(rng)
            bits += more
            coefficient += 64 if symbol == 0 else (symbol >> 4) + 1
    return drawn((8, 8 * width), dc, ac, bits)


def test_of_any_codes_what_is_claimed_is_decoded() -> None:
    rng = np.random.default_rng(2)
    claimed = 0
    for _ in range(800):
        data = invented(rng)
        if is_surely_whole(data):
            claimed += 1
            assert decodes(data), data.hex()
    assert 80 < claimed < 720


def test_only_such_shares_of_colour_are_claimed_as_are_known() -> None:
    dc, ac = Table([1], [0]), Table([1], [0])
    usual = {(0x22, 0x11, 0x11), (0x21, 0x11, 0x11), (0x12, 0x11, 0x11), (0x11, 0x11, 0x11)}
    for factors in itertools.product((0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x31, 0x10, 0x01), repeat=3):
        blocks = sum((one >> 4) * (one & 15) for one in factors)
        data = drawn((8, 8), dc, ac, "00" * max(1, blocks), factors)
        if is_surely_whole(data):
            assert decodes(data), factors
        assert factors not in usual or is_surely_whole(data)
    for factor in (0x11, 0x12, 0x21, 0x22):  # of a single component they say nothing
        data = drawn((17, 9), dc, ac, "00" * 6, (factor,))
        assert is_surely_whole(data)
        assert decodes(data)


@pytest.mark.parametrize("wanted", range(2, 12))
def test_no_block_takes_more_than_it_has_room_for(wanted: int) -> None:
    """However many long runs are looked up at once: a decoder would read what follows them as the next block."""
    dc, ac = Table([1], [0]), Table([1, 2], [0xF0, 0x00])
    runs = drawn((8, 8), dc, ac, "0" + "0" * wanted + "10")
    assert is_surely_whole(runs) == (wanted <= 3)  # four of sixteen are one coefficient too many
    for number in (1, 2, 3, 40):
        assert not is_surely_whole(drawn((8, 8 * number), dc, ac, "0" * 5 * number + "0" * wanted))


def test_no_picture_is_claimed_that_is_larger_than_decoders_take() -> None:
    dc, ac = Table([1], [0]), Table([1], [0])
    for side, sure in ((65_500, True), (65_501, False), (65_535, False)):
        for size in ((side, 8), (8, side)):
            data = drawn(size, dc, ac, "00" * -(-side // 8))
            assert is_surely_whole(data) == sure == decodes(data)
