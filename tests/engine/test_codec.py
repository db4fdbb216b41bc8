"""One policy for every file: what is converted is noted, what cannot be trusted is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from augflow.engine import modes
from augflow.engine.codec import FORMATS, Decoded, decode, encode, open_image, probe
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph, warp
from augflow.errors import ImageError
from augflow.source.finds import draw_image
from augflow.transform import Pixels, Size
from augflow.transforms.geometry import Rotate
from tests.bad_input.jpeg import many_scans
from tests.bad_input.pictures import blank_png

MOST = 1_000_000
ORIENTATIONS = range(1, 9)


@cache
def picture() -> Pillow.Image:
    return Pillow.fromarray(draw_image("feather", 3)[20:68, 30:93])  # 63 × 48


def save(image: Pillow.Image, how: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, how, **options)
    return buffer.getvalue()


def turned(how: str, orientation: int, image: Pillow.Image | None = None, **options: Any) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return save(image or picture(), how, exif=exif, **options)


def by_pillow(data: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert(mode))


def colours(pixels: Pixels) -> Pixels:
    return pixels[..., :3] if pixels.ndim == 3 else pixels


def read(data: bytes) -> Decoded:
    decoded = decode(data, MOST)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.ndim == 2 or decoded.pixels.shape[2] == 4
    assert decoded.pixels.flags.c_contiguous
    return decoded


def refused(data: bytes, most: int = MOST) -> str:
    kinds = []
    for _ in range(2):  # Pillow forgives a second time
        with pytest.raises(ImageError) as error:
            decode(data, most)
        kinds.append(error.value.kind)
    assert kinds[0] == kinds[1]
    return kinds[0]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("how", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_orientation_is_applied_and_noted(how: str, orientation: int, mode: str) -> None:
    data = turned(how, orientation, picture().convert(mode))
    decoded = read(data)
    assert decoded.format == how
    assert decoded.notes == ((f"orientation {orientation} applied",) if orientation > 1 else ())
    exact = by_pillow(data, mode if how != "WEBP" else "RGB")
    assert colours(decoded.pixels).shape == exact.shape
    assert np.array_equal(colours(decoded.pixels), exact)
    if how != "TIFF":  # which Pillow tells as seen
        assert probe(data, MOST).size == (48, 63)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_there_is_not_is_passed_over(orientation: int) -> None:
    for how in ("JPEG", "PNG"):
        decoded = read(turned(how, orientation))
        assert decoded.notes == ()
        assert decoded.pixels.shape[:2] == (48, 63)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_of_what_is_converted_as_well(orientation: int) -> None:
    cmyk = turned("JPEG", orientation, picture().convert("CMYK"))
    assert np.array_equal(colours(read(cmyk).pixels), by_pillow(cmyk))
    wide = turned("TIFF", orientation, Pillow.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257))
    assert "16 bits reduced to 8" in read(wide).notes
    gray = turned("PNG", orientation, picture().convert("L"))
    assert np.array_equal(read(wide).pixels, by_pillow(gray, "L"))


def test_gray_stays_gray() -> None:
    gray = picture().convert("L")
    for how in ("JPEG", "PNG", "BMP", "TIFF"):
        data = save(gray, how)
        decoded = read(data)
        assert decoded.pixels.shape == (48, 63)
        assert decoded.notes == ()
        assert np.array_equal(decoded.pixels, by_pillow(data, "L"))
    black_and_white = read(save(gray.convert("1"), "PNG")).pixels
    assert black_and_white.ndim == 2
    assert set(np.unique(black_and_white)) == {0, 255}


def over_white(image: Pillow.Image) -> NDArray[np.float64]:
    values = np.asarray(image.convert("RGBA"), dtype=np.float64)
    alpha = values[..., 3:] / 255
    return values[..., :3] * alpha + 255 * (1 - alpha)


def with_alpha() -> Pillow.Image:
    image = picture().convert("RGBA")
    alpha = np.asarray(Pillow.linear_gradient("L").resize(image.size)).copy()
    alpha[0], alpha[-1] = 0, 255
    image.putalpha(Pillow.fromarray(alpha))
    return image


@pytest.mark.parametrize("how", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_over_white(how: str) -> None:
    data = save(with_alpha(), how, **({"lossless": True, "exact": True} if how == "WEBP" else {}))
    decoded = read(data)
    assert decoded.notes == ("alpha laid over white",)
    assert abs(colours(decoded.pixels) - over_white(with_alpha())).max() <= 1
    assert (colours(decoded.pixels)[0] == 255).all()


def test_gray_with_alpha_stays_gray() -> None:
    decoded = read(save(with_alpha().convert("LA"), "PNG"))
    assert decoded.pixels.shape == (48, 63)
    assert decoded.notes == ("alpha laid over white",)
    assert abs(decoded.pixels - over_white(with_alpha().convert("LA"))[..., 0]).max() <= 1


def test_a_palette_becomes_rgb() -> None:
    data = save(picture().quantize(16), "PNG")
    decoded = read(data)
    assert decoded.notes == ("palette converted to RGB",)
    assert np.array_equal(colours(decoded.pixels), by_pillow(data))


@pytest.mark.parametrize("how", ["PNG", "GIF"])
def test_a_transparent_colour_becomes_white(how: str) -> None:
    image = picture().quantize(16)
    first = image.getpixel((0, 0))
    decoded = read(save(image, how, transparency=first))
    assert decoded.notes[-1] == "alpha laid over white"
    see_through = np.asarray(image) == first
    assert (colours(decoded.pixels)[see_through] == 255).all()
    assert np.array_equal(colours(decoded.pixels)[~see_through], np.asarray(image.convert("RGB"))[~see_through])


def test_a_transparent_gray_or_rgb_value_becomes_white() -> None:
    gray = picture().convert("L")
    decoded = read(save(gray, "PNG", transparency=int(np.asarray(gray)[0, 0])))
    assert decoded.pixels.ndim == 2
    assert decoded.pixels[0, 0] == 255
    colour = tuple(int(value) for value in np.asarray(picture())[0, 0])
    assert (colours(read(save(picture(), "PNG", transparency=colour)).pixels)[0, 0] == 255).all()


@pytest.mark.parametrize(("mode", "how"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("LAB", "TIFF")])
def test_other_colour_spaces_become_rgb(mode: str, how: str) -> None:
    data = save(picture().convert(mode) if mode != "LAB" else _lab(), how)
    decoded = read(data)
    assert decoded.notes == ({"LAB": "Lab"}.get(mode, mode) + " converted to RGB",)
    assert np.array_equal(colours(decoded.pixels), by_pillow(data))


def _lab() -> Pillow.Image:
    return Pillow.merge("LAB", picture().split())


def in_16_bits(channels: int) -> NDArray[np.uint16]:
    values = np.random.default_rng(0).integers(0, 65_536, (48, 63, channels), dtype=np.uint16)
    values[0, :3] = [[0], [32_767], [65_535]]
    return values.squeeze()


@pytest.mark.parametrize("how", ["png", "tiff"])
def test_16_bits_gray_are_reduced_to_the_nearest_of_8(how: str) -> None:
    values = in_16_bits(1)
    decoded = read(cv2.imencode(f".{how}", values)[1].tobytes())
    assert decoded.notes == ("16 bits reduced to 8",)
    assert np.array_equal(decoded.pixels, np.floor(values / 257 + 0.5))


@pytest.mark.parametrize("how", ["png", "tiff"])
def test_16_bits_a_colour_are_reduced_and_noted(how: str) -> None:
    values = in_16_bits(3)
    decoded = read(cv2.imencode(f".{how}", values)[1].tobytes())
    assert decoded.notes == ("16 bits reduced to 8",)
    assert abs(colours(decoded.pixels)[..., ::-1] - values / 257).max() <= 1
    notes = read(cv2.imencode(".png", in_16_bits(4))[1].tobytes()).notes
    assert notes == ("16 bits reduced to 8", "alpha laid over white")


def test_values_without_an_agreed_range_are_refused() -> None:
    values = np.asarray(picture().convert("L"))
    assert refused(save(Pillow.fromarray(values.astype(np.float32) / 255), "TIFF")) == "unsupported"
    assert refused(save(Pillow.fromarray(values.astype(np.int32) * 1000), "TIFF")) == "unsupported"
    assert refused(save(Pillow.fromarray(values.astype(np.int32) - 300), "TIFF")) == "unsupported"


@pytest.mark.parametrize("how", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_counts(how: str) -> None:
    frames = [picture(), picture().rotate(90).resize(picture().size), ImageOps.invert(picture())]
    options = {"lossless": True} if how == "WEBP" else {}
    data = save(frames[0], how, save_all=True, append_images=frames[1:], duration=100, **options)
    decoded = read(data)
    assert decoded.notes[0] == "first of 3 frames"
    alone = read(save(frames[0], how, **options))
    assert set(decoded.notes[1:]) >= set(alone.notes)
    assert np.array_equal(decoded.pixels, alone.pixels)


def test_of_a_multi_picture_file_the_first_counts() -> None:
    data = save(picture(), "MPO", save_all=True, append_images=[ImageOps.invert(picture())])
    decoded = read(data)
    assert (decoded.format, probe(data, MOST).format) == ("JPEG", "JPEG")
    assert np.array_equal(colours(decoded.pixels), by_pillow(data))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [20, 92])
def test_jpeg_has_pillow_s_pixels(subsampling: str, progressive: bool, quality: int) -> None:
    data = save(picture(), "JPEG", subsampling=subsampling, progressive=progressive, quality=quality)
    assert abs(colours(read(data).pixels).astype(int) - by_pillow(data)).max() <= 1


def test_jpeg_of_other_kinds_has_pillow_s_pixels() -> None:
    for data in (save(picture(), "JPEG", keep_rgb=True), save(picture(), "JPEG", restart_marker_rows=1)):
        assert abs(colours(read(data).pixels).astype(int) - by_pillow(data)).max() <= 1


ALL: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: save(picture(), "JPEG"),
    "progressive": lambda: save(picture(), "JPEG", progressive=True),
    "gray JPEG": lambda: save(picture().convert("L"), "JPEG"),
    "CMYK JPEG": lambda: save(picture().convert("CMYK"), "JPEG"),
    "turned JPEG": lambda: turned("JPEG", 6),
    "PNG": lambda: save(picture(), "PNG"),
    "palette": lambda: save(picture().quantize(16), "PNG", transparency=3),
    "WEBP": lambda: turned("WEBP", 6),
    "lossless": lambda: save(picture(), "WEBP", lossless=True),
    "BMP": lambda: save(picture(), "BMP"),
    "TIFF": lambda: turned("TIFF", 6),
    "LZW": lambda: save(picture(), "TIFF", compression="tiff_lzw"),
    "deflated": lambda: save(picture(), "TIFF", compression="tiff_adobe_deflate"),
    "GIF": lambda: save(picture(), "GIF"),
    "frames": lambda: save(picture(), "GIF", save_all=True, append_images=[ImageOps.invert(picture())]),
    "MPO": lambda: save(picture(), "MPO", save_all=True, append_images=[ImageOps.invert(picture())]),
}


@pytest.mark.parametrize("name", ALL)
def test_reading_twice_gives_the_same(name: str) -> None:
    data = ALL[name]()
    assert np.array_equal(read(data).pixels, read(data).pixels)
    opened = open_image(data, MOST)
    assert opened.size == opened.whole().shape[:2]
    assert opened.gray == (opened.whole().ndim == 2)
    assert (opened.format, opened.notes) == (read(data).format, read(data).notes)
    opened.check()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("name", [name for name in ALL if name not in ("frames", "MPO")])
def test_what_is_cut_short_is_refused_for_good(name: str, share: float) -> None:
    data = ALL[name]()
    short = data[: int(len(data) * share)]
    assert refused(short) in ("damaged", "not an image")
    with pytest.raises(ImageError):
        open_image(short, MOST).check()


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_what_is_cut_short_is_refused_at_every_scale(reduction: int) -> None:
    data = ALL["JPEG"]()
    for length in (len(data) // 2, len(data) * 9 // 10, len(data) - 2):
        opened = open_image(data[:length], MOST)
        assert opened.reduced
        with pytest.raises(ImageError):
            opened.reduced(reduction)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"a text\n", "not an image"),
        (b"\0" * 100, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, kind: str) -> None:
    assert refused(data) == kind
    with pytest.raises(ImageError):
        probe(data, MOST)


@pytest.mark.parametrize("how", ["JPEG2000", "PPM", "ICO", "AVIF", "PDF", "EPS"])
def test_formats_not_asked_for_are_refused(how: str) -> None:
    assert how not in FORMATS
    assert refused(save(picture(), how)) == "not an image"


def png_of(width: int, height: int) -> bytes:
    """A few bytes that unpack to a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * min((width + 1) * height, 1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(save(picture(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png_of(20_000, 20_000),
        png_of(2_000_000_000, 2),
        jpeg_of(65_000, 65_000),
        save(Pillow.new("L", (2000, 2000)), "GIF"),
        save(Pillow.new("RGB", (2000, 2000)), "WEBP"),
        save(Pillow.new("1", (9000, 9000)), "TIFF", compression="group4"),
        struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
    ids=["PNG", "wide PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"],
)
def test_what_would_unpack_to_too_much_is_refused_before_it_does(data: bytes) -> None:
    tracemalloc.start()
    assert refused(data) == "too large"
    with pytest.raises(ImageError, match="too large"):
        probe(data, MOST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000 + 2 * len(data)


def test_the_limit_is_the_caller_s() -> None:
    data = save(picture(), "PNG")
    assert decode(data, 63 * 48).pixels.shape[:2] == (48, 63)
    with pytest.raises(ImageError, match=r"63×48 is more than source\.max_pixels=3023"):
        decode(data, 63 * 48 - 1)
    jpeg = save(picture(), "JPEG")
    assert refused(jpeg, 63 * 48 - 1) == "too large"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = save(picture(), "JPEG", progressive=True)
    start, end = data.rindex(b"\xff\xda"), len(data) - 2
    assert refused(data[:end] + data[start:end] * 150 + data[end:]) == "too many scans"


@pytest.mark.parametrize("scans", [100, 101])
def test_scans_are_those_of_the_picture_not_of_what_follows_it(scans: int) -> None:
    """Phones append a film to a photograph, and its bytes hold the marker of a scan by chance."""
    data = many_scans(scans)
    if scans > 100:
        assert refused(data, 3_000_000) == "too many scans"
    else:
        assert decode(data + b"\xff\xda\0\0film" * 300, 3_000_000).pixels.shape == (1208, 1736)


@pytest.mark.parametrize("name", ALL)
def test_strips_give_what_the_whole_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(ALL[name]())
    monkeypatch.setattr(modes, "_STRIP", 200)
    assert np.array_equal(read(ALL[name]()).pixels, whole.pixels)


def test_the_only_limit_of_pixels_is_ours() -> None:
    """Pillow has one of its own, which is lower than what may be asked for."""
    data = blank_png(14_000, 13_000, 1, 0)
    assert refused(data, 181_000_000) == "too large"
    assert decode(data, 182_000_000).pixels.shape == (13_000, 14_000)
    assert Pillow.MAX_IMAGE_PIXELS == 178_956_970 // 2


@pytest.mark.parametrize("how", ["PNG", "JPEG", "reading"])
def test_too_little_memory_is_not_told_as_damage(how: str, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(blank_png(9_000, 9_000, 8, 2) if how == "PNG" else many_scans(2, 40))
    if how == "reading":
        os.truncate(file, 700_000_000)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from augflow.engine.codec import decode\n"
        "from augflow.errors import ImageError\n"
        "from augflow.source.files import read_file\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000,) * 2)\n"
        "try:\n"
        "    decode(read_file(Path(sys.argv[1]), 100_000_000), 100_000_000)\n"
        "except ImageError as error:\n"
        "    print(error.kind)\n"
    )
    said = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert said.stdout == "too little memory\n"


@pytest.mark.parametrize("name", ALL)
def test_damage_is_told_as_an_image_error_and_nothing_else(name: str) -> None:
    """Bytes changed at random, mostly in headers: whatever the decoders raise, it is told as one thing."""
    data, rng = ALL[name](), np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(150):
            changed = bytearray(data)
            reach = min(300, len(data)) if rng.random() < 0.7 else len(data)
            for place in rng.integers(reach, size=rng.integers(1, 6)):
                changed[place] = rng.integers(256)
            for reader in (decode, probe):
                with contextlib.suppress(ImageError):
                    reader(bytes(changed), MOST)


def missing_dimensions() -> bytes:
    """A TIFF whose second directory has no size: Pillow raises TypeError for the number of frames."""
    data = bytearray(save(picture(), "TIFF"))
    (directory,) = struct.unpack("<I", data[4:8])
    (entries,) = struct.unpack("<H", data[directory : directory + 2])
    following = directory + 2 + 12 * entries
    data[following : following + 4] = struct.pack("<I", len(data))
    return bytes(data + struct.pack("<HHHIII", 1, 258, 3, 1, 8, 0))


def test_a_damaged_second_directory_is_told() -> None:
    assert refused(missing_dimensions()) == "damaged"


# Scaled decoding.


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(("width", "height"), [(641, 487), (640, 480)])
@pytest.mark.parametrize("gray", [False, True])
def test_decoding_at_a_smaller_scale_moves_nothing(width: int, height: int, orientation: int, gray: bool) -> None:
    """A steep slope: a shift by a pixel of the file would change it by a level or more.

    At the corners, which a turn fills with mirrored pixels, a mirror lies between larger pixels where less is decoded.
    """
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = [128 + 120 * np.sin(x / 50 + phase) * np.cos(y / 40) for phase in (0, 1, 2)]
    image = Pillow.fromarray(np.round(np.stack(waves, axis=-1)).astype(np.uint8))
    data = turned("JPEG", orientation, image.convert("L") if gray else image, quality=95)
    opened = open_image(data, MOST)
    for side in (70, 40, 20):
        matrix = Rotate().matrix(opened.size, angle=12.0) @ Render(size=side).matrix(opened.size)
        photograph = Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)
        made = colours(warp(photograph, matrix, Size(side, side))).astype(float)
        exact = colours(warp(Photograph(opened.whole()), matrix, Size(side, side))).astype(float)
        edge = -(-side // 10)
        assert abs(made - exact)[edge:-edge, edge:-edge].max() <= 3, side
        assert abs(made - exact).max() <= 12, side
        assert abs((made - exact).mean()) < 0.5


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("side", [(63, 48), (64, 48), (7, 3), (1, 1)])
def test_smaller_scales_round_up(side: tuple[int, int], orientation: int) -> None:
    opened = open_image(turned("JPEG", orientation, picture().resize(side)), MOST)
    for reduction in (2, 4, 8) if opened.reduced else ():
        assert opened.reduced
        made = opened.reduced(reduction)
        assert made.shape[:2] == tuple(-(-length // reduction) for length in opened.size)


# Encoding.


def test_jpeg_is_what_was_asked_for() -> None:
    pixels = np.asarray(picture().convert("RGBA"))
    data = encode(pixels, Render(quality=73))
    height, width, space, subsampling = simplejpeg.decode_jpeg_header(data)
    assert (height, width, space, subsampling) == (48, 63, "YCbCr", "420")
    with Pillow.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (63, 48))
        assert "progressive" not in image.info
        assert "exif" not in image.info
        with Pillow.open(io.BytesIO(save(picture(), "JPEG", quality=73))) as same:
            assert image.quantization == same.quantization  # type: ignore[attr-defined]
    assert np.array_equal(data, encode(np.ascontiguousarray(pixels[..., :3]), Render(quality=73)))


def test_gray_jpeg_has_one_channel() -> None:
    data = encode(np.asarray(picture().convert("L")), Render())
    assert simplejpeg.decode_jpeg_header(data)[2] == "Gray"
    with Pillow.open(io.BytesIO(data)) as image:
        assert image.mode == "L"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_is_lossless(channels: int) -> None:
    pixels = np.asarray(picture().convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    data = encode(pixels, Render(format="png"))
    with Pillow.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(image), colours(pixels))
    assert np.array_equal(colours(read(data).pixels), colours(pixels))


def test_webp_is_what_was_asked_for() -> None:
    pixels = np.asarray(picture().convert("RGBA"))
    small, large = (encode(pixels, Render(format="webp", quality=quality)) for quality in (20, 95))
    assert len(small) < len(large)
    with Pillow.open(io.BytesIO(large)) as image:
        assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (63, 48))
        assert abs(np.asarray(image).astype(int) - colours(pixels)).mean() < 6


@pytest.mark.parametrize("how", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_same_pixels_give_the_same_bytes(how: Any, mode: str) -> None:
    pixels = np.asarray(picture().convert(mode))
    data = encode(pixels, Render(format=how))
    assert encode(pixels.copy(), Render(format=how)) == data
    window = np.pad(pixels, ((3, 2), (1, 4), *[(0, 0)] * (pixels.ndim - 2)))[3:-2, 1:-4]
    assert encode(window, Render(format=how)) == data
    assert read(data).pixels.shape[:2] == pixels.shape[:2]


def test_quality_costs_bytes_and_buys_likeness() -> None:
    pixels = np.asarray(picture())
    files = [encode(pixels, Render(quality=quality)) for quality in (10, 50, 90, 100)]
    errors = [abs(by_pillow(data).astype(int) - pixels).mean() for data in files]
    assert sorted(map(len, files)) == list(map(len, files))
    assert sorted(errors, reverse=True) == errors
