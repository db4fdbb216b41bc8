"""What may lie in a class folder, and what becomes of it: the parameters of the tests, and the table in the docs."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.bad_input.jpeg import many_scans
from tests.bad_input.pictures import (
    alpha,
    blank_png,
    bmp,
    by_opencv,
    chunks,
    cut,
    exif,
    flipped,
    frames,
    gray,
    huge_gif,
    huge_jpeg,
    huge_png,
    huge_tiff,
    huge_webp,
    joined,
    many_frames,
    no_adobe,
    palette,
    picture,
    png,
    profile,
    rle_bmp,
    save,
    wide,
    with_chunk,
    with_wrong_sum,
    without,
)

LARGE = 9_990
"""A side just within `source.max_pixels`."""


class Case(NamedTuple):
    """One file: its name, what it is, how it is built, and what becomes of it."""

    name: str
    what: str
    make: Callable[[], bytes]
    outcome: str = "sound"
    """`sound`, or the kind under which it is set aside."""
    format: str = ""
    notes: tuple[str, ...] = ()
    """What is noted as converted."""


RGB, TO_8, WHITE = "palette converted to RGB", "16 bits reduced to 8", "alpha laid over white"
CMYK, FIRST = "CMYK converted to RGB", "first of 3 frames"


def _sound() -> list[Case]:
    """Varieties of every allowed format."""
    pixels, values = np.asarray(picture()), wide()
    with_alpha = np.concatenate([values, values[..., :1]], axis=2)
    black, exotic = picture().convert("1"), picture().convert("CMYK")
    blank = Image.new("L", (8, 8), 90)

    def jpeg(name: str, what: str, image: Image.Image, *notes: str, **options: object) -> Case:
        return Case(f"{name}.jpg", f"JPEG: {what}", lambda: save(image, "JPEG", **options), "sound", "JPEG", notes)

    def a_png(name: str, what: str, make: Callable[[], bytes], *notes: str) -> Case:
        return Case(f"{name}.png", f"PNG: {what}", make, "sound", "PNG", notes)

    def tiff(name: str, what: str, image: Image.Image, *notes: str, **options: object) -> Case:
        return Case(f"{name}.tif", f"TIFF: {what}", lambda: save(image, "TIFF", **options), "sound", "TIFF", notes)

    def webp(name: str, what: str, make: Callable[[], bytes], *notes: str) -> Case:
        return Case(f"{name}.webp", f"WebP: {what}", make, "sound", "WEBP", notes)

    def a_bmp(name: str, what: str, make: Callable[[], bytes], *notes: str) -> Case:
        return Case(f"{name}.bmp", f"BMP: {what}", make, "sound", "BMP", notes)

    def gif(name: str, what: str, make: Callable[[], bytes], *notes: str) -> Case:
        return Case(f"{name}.gif", f"GIF: {what}", make, "sound", "GIF", (*notes, RGB))

    return [
        jpeg("baseline", "baseline", picture()),
        jpeg("full-colour", "without subsampling", picture(), subsampling=0),
        jpeg("progressive", "progressive", picture(), progressive=True),
        jpeg("gray-jpeg", "gray", gray()),
        jpeg("gray-progressive", "gray, progressive", gray(), progressive=True),
        jpeg("restarts", "restart markers", picture(), restart_marker_rows=1),
        jpeg("rgb-jpeg", "RGB without a colour transform", picture(), keep_rgb=True),
        jpeg("adobe-inverted", "CMYK with inverted values, as Adobe writes it", exotic, CMYK),
        Case("cmyk.jpg", "JPEG: CMYK without Adobe's marker", lambda: no_adobe(save(exotic, "JPEG")), format="JPEG",
             notes=(CMYK,)),
        jpeg("icc-jpeg", "an ICC profile", picture(), icc_profile=profile()),
        jpeg("comment", "a comment of 60 kB", picture(), comment=b"words " * 10_000),
        jpeg("one-pixel", "1×1", picture().resize((1, 1))),
        jpeg("thin", "1×20000", gray().resize((1, 20_000))),
        jpeg("flat", "20000×1", picture().resize((20_000, 1))),
        *(jpeg(f"orientation-{n}", f"EXIF orientation {n}", picture(), f"orientation {n} applied", exif=exif(n))
          if n > 1 else jpeg("orientation-1", "EXIF orientation 1", picture(), exif=exif(1)) for n in range(1, 9)),
        jpeg("orientation-0", "EXIF orientation 0, which there is not", picture(), exif=exif(0)),
        jpeg("orientation-9", "EXIF orientation 9, which there is not", picture(), exif=exif(9)),
        jpeg("exif-garbage", "EXIF of random bytes", picture(), exif=b"Exif\0\0" + bytes(range(256))),
        jpeg("exif-empty", "EXIF of a header alone", picture(), exif=b"Exif\0\0MM\0*"),
        Case("with-film.jpg", "JPEG with a film behind it",
             lambda: save(picture(), "JPEG") + b"\xff\xda\0\0ftypmp42" * 400, format="JPEG"),
        Case("several.jpg", "MPO: several pictures in a JPEG", lambda: frames("MPO"), format="JPEG"),
        Case("scans-99.jpg", "JPEG: 99 scans of 2 million pixels", lambda: many_scans(99), format="JPEG"),
        a_png("colour", "colour", lambda: save(picture(), "PNG")),
        a_png("interlaced", "interlaced", lambda: png(pixels, 2, interlaced=True)),
        a_png("interlaced-16", "interlaced, 16 bits", lambda: png(values, 2, interlaced=True), TO_8),
        a_png("gray-png", "gray", lambda: save(gray(), "PNG")),
        a_png("black-and-white", "1 bit", lambda: save(black, "PNG")),
        a_png("la", "gray with alpha (LA)", lambda: save(alpha("LA"), "PNG"), WHITE),
        a_png("rgba", "colour with alpha (RGBA)", lambda: save(alpha(), "PNG"), WHITE),
        a_png("clear", "wholly transparent", lambda: save(Image.new("RGBA", (9, 9), (9, 9, 9, 0)), "PNG"), WHITE),
        a_png("palette-1", "palette, 1 bit", lambda: save(palette(2), "PNG", bits=1), RGB),
        a_png("palette-2", "palette, 2 bits", lambda: save(palette(4), "PNG", bits=2), RGB),
        a_png("palette-4", "palette, 4 bits", lambda: save(palette(16), "PNG", bits=4), RGB),
        a_png("palette-8", "palette, 8 bits", lambda: save(palette(200), "PNG"), RGB),
        a_png("palette-transparency", "palette with one clear colour", lambda: save(palette(), "PNG", transparency=3),
              WHITE),
        a_png("palette-alpha", "palette with alpha for each colour",
              lambda: save(palette(), "PNG", transparency=bytes(range(64))), WHITE),
        a_png("clear-colour", "RGB with one clear colour",
              lambda: save(picture(), "PNG", transparency=(9, 9, 9)), WHITE),
        a_png("clear-gray", "gray with one clear value", lambda: save(gray(), "PNG", transparency=90), WHITE),
        a_png("gray-16", "gray, 16 bits", lambda: png(values[..., 0], 0), TO_8),
        a_png("colour-16", "colour, 16 bits", lambda: png(values, 2), TO_8),
        a_png("rgba-16", "colour with alpha, 16 bits", lambda: png(with_alpha, 6), TO_8, WHITE),
        a_png("la-16", "gray with alpha, 16 bits", lambda: png(values[..., :2], 4), TO_8, WHITE),
        a_png("icc-png", "an ICC profile", lambda: save(picture(), "PNG", icc_profile=profile())),
        a_png("turned", "EXIF orientation 6", lambda: save(picture(), "PNG", exif=exif(6)), "orientation 6 applied"),
        a_png("animated-png", "animated", lambda: frames("PNG"), FIRST),
        a_png("text", "a text of 100 kB", lambda: with_chunk(save(picture(), "PNG"), b"tEXt", b"k\0" + b"x" * 100_000)),
        a_png("after-the-end", "bytes after its end", lambda: save(picture(), "PNG") + b"more"),
        a_png("one-pixel-png", "1×1", lambda: save(picture().resize((1, 1)), "PNG")),
        a_png("thin-png", "1×20000", lambda: save(picture().resize((1, 20_000)), "PNG")),
        a_png("large-gray", "1 bit, 99.8 million pixels, 12 kB", lambda: blank_png(LARGE, LARGE, 1, 0)),
        a_png("large-16", "16 bits, 99.8 million pixels", lambda: blank_png(LARGE, LARGE, 16, 0), TO_8),
        a_png("large-colour", "colour, 99.8 million pixels", lambda: blank_png(LARGE, LARGE, 8, 2)),
        webp("lossy", "lossy", lambda: save(picture(), "WEBP")),
        webp("lossless", "lossless", lambda: save(picture(), "WEBP", lossless=True)),
        webp("webp-alpha", "with alpha", lambda: save(alpha(), "WEBP"), WHITE),
        webp("animated", "animated", lambda: frames("WEBP"), FIRST),
        webp("webp-icc", "an ICC profile", lambda: save(picture(), "WEBP", icc_profile=profile())),
        webp("webp-turned", "EXIF orientation 8",
             lambda: save(picture(), "WEBP", exif=exif(8)), "orientation 8 applied"),
        webp("webp-gray", "gray, which WebP stores as colour", lambda: save(gray(), "WEBP")),
        a_bmp("bmp-24", "24 bits", lambda: save(picture(), "BMP")),
        a_bmp("bmp-8", "gray, 8 bits", lambda: save(gray(), "BMP")),
        a_bmp("bmp-palette", "palette", lambda: save(palette(), "BMP"), RGB),
        a_bmp("bmp-1", "1 bit", lambda: save(black, "BMP")),
        a_bmp("bmp-16", "16 bits a pixel", lambda: bmp(4, 2, 16, bytes(range(16)))),
        a_bmp("bmp-32", "32 bits a pixel, the last 8 spare", lambda: bmp(4, 2, 32, bytes(range(32)))),
        a_bmp("top-down", "rows from the top", lambda: bmp(4, -2, 24, bytes(range(24)))),
        a_bmp("run-lengths", "run-length encoded", lambda: rle_bmp(60, 44)),
        a_bmp("large-runs", "run-length encoded, 99.8 million pixels", lambda: rle_bmp(LARGE, LARGE)),
        tiff("plain", "uncompressed", picture()),
        *(tiff(name, what, picture(), compression=how) for name, what, how in (
            ("lzw", "LZW", "tiff_lzw"), ("deflated", "deflated", "tiff_adobe_deflate"),
            ("packed", "PackBits", "packbits"), ("jpeg-inside", "JPEG inside", "jpeg"))),
        tiff("fax", "fax, 1 bit", black, compression="group4"),
        tiff("gray-tiff", "gray", gray()),
        tiff("tiff-palette", "palette", palette(), RGB),
        tiff("tiff-cmyk", "CMYK", exotic, CMYK),
        tiff("lab", "Lab", picture().convert("LAB"), "Lab converted to RGB"),
        tiff("ycbcr", "YCbCr", picture().convert("YCbCr"), "YCbCr converted to RGB"),
        tiff("tiff-rgba", "with alpha", alpha(), WHITE),
        tiff("tiff-la", "gray with alpha", alpha("LA"), WHITE),
        tiff("tiff-16", "gray, 16 bits", Image.fromarray(values[..., 0]), TO_8),
        tiff("tiff-turned", "orientation 3", picture(), "orientation 3 applied", exif=exif(3)),
        tiff("big-tiff", "BigTIFF", picture(), big_tiff=True),
        tiff("tiff-icc", "an ICC profile", picture(), icc_profile=profile()),
        Case("tiff-16-colour.tif", "TIFF: colour, 16 bits", lambda: by_opencv(".tiff", values), format="TIFF",
             notes=(TO_8,)),
        Case("pages.tif", "TIFF: three pages", lambda: frames("TIFF"), format="TIFF", notes=(FIRST,)),
        gif("gif", "one frame", lambda: save(palette(), "GIF")),
        gif("gif-interlaced", "interlaced", lambda: save(palette(), "GIF", interlace=1)),
        gif("gif-spare", "spare bytes between its blocks", lambda: save(palette(), "GIF")[:-1] + bytes(2) + b"\x3b"),
        gif("gif-animated", "animated", lambda: frames("GIF"), FIRST),
        gif("gif-gray", "gray, which GIF stores as a palette", lambda: save(gray(), "GIF")),
        Case("gif-transparent.gif", "GIF: one clear colour", lambda: save(palette(), "GIF", transparency=3),
             format="GIF", notes=(WHITE,)),
        gif("frames", "300,000 frames of one pixel", lambda: many_frames(300_000), "first of 300000 frames"),
        *(Case(f"{what}-named.{ending}", f"{what.upper()} named .{ending}",
               lambda what=what: save(blank, what.upper()), format=what.upper())  # type: ignore[misc]
          for what, ending in (("png", "jpg"), ("jpeg", "png"), ("webp", "jpg"), ("bmp", "jpeg"), ("tiff", "jpg"))),
    ]  # fmt: skip


def _cut() -> list[Case]:
    """Every kind of file, cut short at 10, 50 and 90 percent and by its last byte."""
    exotic = picture().convert("CMYK")
    whole: dict[str, Callable[[], bytes]] = {
        "jpeg.jpg": lambda: save(picture(), "JPEG"),
        "progressive-jpeg.jpg": lambda: save(picture(), "JPEG", progressive=True),
        "cmyk-jpeg.jpg": lambda: save(exotic, "JPEG"),
        "png.png": lambda: save(picture(), "PNG"),
        "interlaced-png.png": lambda: png(np.asarray(picture()), 2, interlaced=True),
        "animated-png.png": lambda: frames("PNG"),
        "lossy-webp.webp": lambda: save(picture(), "WEBP"),
        "lossless-webp.webp": lambda: save(picture(), "WEBP", lossless=True),
        "animated-webp.webp": lambda: frames("WEBP"),
        "bmp.bmp": lambda: save(picture(), "BMP"),
        "tiff.tif": lambda: save(picture(), "TIFF"),
        "lzw-tiff.tif": lambda: save(picture(), "TIFF", compression="tiff_lzw"),
        "pages-tiff.tif": lambda: frames("TIFF"),
        "gif.gif": lambda: save(palette(), "GIF"),
        "animated-gif.gif": lambda: frames("GIF"),
    }
    found = []
    for name, make in whole.items():
        what = name.partition(".")[0]
        for percent in (10, 50, 90):
            found.append(
                Case(f"cut-{percent}-{name}", f"{what} cut at {percent} %", _cutting(make, percent), "damaged")
            )
        if "tiff" not in name:  # Its directory need not come last.
            found.append(Case(f"cut-1-{name}", f"{what} without its last byte", _cutting(make), "damaged"))
    return found


def _cutting(make: Callable[[], bytes], percent: int = 0) -> Callable[[], bytes]:
    return lambda: cut(make(), percent) if percent else make()[:-1]


def _wrong() -> list[Case]:
    """Damaged otherwise, too large, unsupported, or no image at all."""
    values = np.asarray(picture()).astype(np.float32) / 255
    plain, exotic = save(picture(), "JPEG"), picture().convert("CMYK")
    middle = len(plain) * 2 // 3
    sound = save(picture(), "PNG")
    other: dict[str, tuple[str, bytes]] = {
        "text.jpg": ("a text named .jpg", b"a picture says more than these\n" * 40),
        "page.jpg": ("a web page named .jpg", b"<!DOCTYPE html><html><body>403 Forbidden</body></html>"),
        "drawing.png": ("SVG named .png", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
        "postscript.jpg": ("EPS named .jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
        "document.jpg": ("PDF named .jpg", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"),
        "archive.jpg": ("ZIP named .jpg", b"PK\x03\x04" + bytes(60)),
        "program.jpg": ("a program named .jpg", b"\x7fELF\x02\x01\x01" + bytes(60)),
        "film.jpg": ("MP4 named .jpg", b"\0\0\0\x18ftypmp42" + bytes(60)),
        "heic.jpg": ("HEIC named .jpg", b"\0\0\0\x18ftypheic" + bytes(60)),
        "avif.jpg": ("AVIF named .jpg", b"\0\0\0\x1cftypavif" + bytes(60)),
        "zeros.jpg": ("4 kB of zeros", bytes(4096)),
        "ones.jpg": ("4 kB of 0xff", b"\xff" * 4096),
        "noise.jpg": ("4 kB of noise", np.random.default_rng(0).bytes(4096)),
        "byte.jpg": ("one byte", b"x"),
        "ppm.png": ("PPM named .png", save(picture(), "PPM")),
        "tga.bmp": ("TGA named .bmp", save(picture(), "TGA")),
        "ico.png": ("ICO named .png", save(picture(), "ICO")),
        "jpeg2000.jpg": ("JPEG 2000 named .jpg", save(picture(), "JPEG2000")),
        "pickle.png": ("a pickle named .png", b"\x80\x04\x95" + bytes(40)),
    }

    def damaged(name: str, what: str, make: Callable[[], bytes]) -> Case:
        return Case(name, what, make, "damaged")

    def large(name: str, what: str, make: Callable[[], bytes]) -> Case:
        return Case(name, what, make, "too large")

    def unsupported(name: str, what: str, make: Callable[[], bytes]) -> Case:
        return Case(name, what, make, "unsupported")

    return [
        Case("empty.jpg", "no bytes", lambda: b"", "empty"),
        *(Case(name, what, lambda data=data: data, "not an image")  # type: ignore[misc]
          for name, (what, data) in other.items()),
        damaged("start.jpg", "a JPEG's first three bytes", lambda: b"\xff\xd8\xff"),
        damaged("head.png", "a PNG's signature alone", lambda: b"\x89PNG\r\n\x1a\n"),
        damaged("marker-inside.jpg", "JPEG with a stray marker in its middle",
                lambda: plain[:middle] + b"\xff\xd5" + plain[middle + 2:]),
        damaged("marker-inside-cmyk.jpg", "CMYK JPEG with a stray marker in its middle",
                lambda: (data := save(exotic, "JPEG"))[:1100] + b"\xff\xd5" + data[1102:]),
        damaged("tables.jpg", "JPEG without its tables", lambda: plain[:2] + plain[plain.index(b"\xff\xc0"):]),
        damaged("no-size.jpg", "JPEG of no pixels", lambda: huge_jpeg(0)),
        damaged("no-end.png", "PNG without IEND", lambda: without(sound, b"IEND")),
        damaged("no-data.png", "PNG without IDAT", lambda: without(sound, b"IDAT")),
        damaged("no-palette.png", "PNG without its palette", lambda: without(save(palette(), "PNG"), b"PLTE")),
        damaged("sum-head.png", "PNG: wrong check sum of its header", lambda: with_wrong_sum(sound, b"IHDR")),
        damaged("sum-data.png", "PNG: wrong check sum of its data", lambda: with_wrong_sum(sound, b"IDAT")),
        damaged("sum-end.png", "PNG: wrong check sum of its end", lambda: with_wrong_sum(sound, b"IEND")),
        damaged("flipped.png", "PNG with one bit flipped", lambda: flipped(sound, len(sound) // 2)),
        damaged("short-data.png", "PNG with rows missing, all sums right", _short_png),
        damaged("no-size.png", "PNG of no pixels", lambda: huge_png(0)),
        damaged("icc-bomb.png", "PNG with a profile of 200 MB in 200 kB",
                lambda: with_chunk(sound, b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000)))),
        damaged("text-bomb.png", "PNG with a text of 200 MB in 200 kB",
                lambda: with_chunk(sound, b"zTXt", b"x\0\0" + zlib.compress(bytes(200_000_000)))),
        damaged("flipped.webp", "lossless WebP, its size field wrong",
                lambda: flipped(save(picture(), "WEBP", lossless=True), 17)),
        damaged("palette.bmp", "BMP whose palette ends too soon", lambda: bmp(9, 9, 8, b"", colours=0)),
        unsupported("float.tif", "TIFF: floating-point gray",
                    lambda: save(Image.fromarray(values[..., 0]), "TIFF")),
        unsupported("float-colour.tif", "TIFF: floating-point colour", lambda: by_opencv(".tiff", values)),
        unsupported("int-32.tif", "TIFF: gray, 32 bits",
                    lambda: save(Image.fromarray(np.full((9, 9), 1_000_000, np.int32)), "TIFF")),
        Case("scans.jpg", "JPEG: 800 scans", lambda: many_scans(800), "too many scans"),
        Case("scans-gray.jpg", "JPEG: 101 scans", lambda: many_scans(101), "too many scans"),
        large("bomb.jpg", "JPEG of 65500×65500", lambda: huge_jpeg(65_500)),
        large("bomb.png", "PNG of 200000×200000", lambda: huge_png(200_000)),
        large("bomb-deflated.png", "PNG of 12000×12000, whole, in 18 kB", lambda: blank_png(12_000, 12_000, 1, 0)),
        large("bomb.webp", "WebP of 16384×16384, in 34 bytes", lambda: huge_webp(16_384)),
        large("bomb.gif", "GIF of 65535×65535", lambda: huge_gif(65_535)),
        large("bomb.tif", "TIFF of 1000000×1000000", lambda: huge_tiff(1_000_000)),
        large("bomb.bmp", "BMP of 60000×60000", lambda: bmp(60_000, 60_000, 24, b"abc")),
        large("bomb-runs.bmp", "BMP of 11000×11000, run-length encoded", lambda: rle_bmp(11_000, 11_000)),
        large("bomb-32.bmp", "BMP of 2147483647×2147483647", lambda: bmp(2**31 - 1, 2**31 - 1, 32, b"abc")),
    ]  # fmt: skip


def _short_png() -> bytes:
    head, (_, body), end = chunks(png(np.asarray(picture()), 2))
    return joined([head, (b"IDAT", zlib.compress(zlib.decompress(body)[:2000])), end])


def cases() -> list[Case]:
    """Every file; names are unlike one another."""
    return [*_sound(), *_cut(), *_wrong()]
