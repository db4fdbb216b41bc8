"""Bytes ↔ pixels, by one policy.

Allowed formats are told by content, never by name. JPEG is read and written by libjpeg-turbo (simplejpeg), the usual
PNG read by zlib, all else by Pillow. EXIF orientation is applied; gray stays gray; palette, CMYK and the like become
RGB; alpha is laid over white; 16 bits are reduced to 8; of several frames the first counts. Whatever was converted is
noted, whatever cannot be trusted is refused with an `ImageError`.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
import stringzilla
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from augflow.engine.modes import converted
from augflow.engine.plain_png import read_plain_png
from augflow.engine.render import Render
from augflow.engine.time_limit import NONE, TimeLimit
from augflow.engine.wholeness import demand_whole
from augflow.errors import ImageError
from augflow.kernels.whole_jpeg import is_surely_whole
from augflow.transform import Pixels, Size

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_MOST_SCANS = 100
"""Encoders write a dozen. What has more is refused at once, not after `source.decode_timeout` for each such file."""


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say; `size` is (height, width) as stored, before orientation."""

    format: str
    size: tuple[int, int]
    mode: str


@dataclass(frozen=True)
class Decoded:
    """Pixels as the engine takes them, and what was converted on the way."""

    pixels: Pixels
    format: str
    notes: tuple[str, ...]


def probe(data: bytes, max_pixels: int) -> Header:
    """Read the header alone.

    Raises:
        ImageError: empty, no image of an allowed format, or more than `max_pixels`.
    """
    with _open(data, max_pixels) as image:
        return Header(_format(image), (image.height, image.width), image.mode)


def decode(data: bytes, max_pixels: int, limit: TimeLimit = NONE) -> Decoded:
    """Decode a whole file.

    Args:
        limit: ends this process where decoding takes longer.

    Raises:
        ImageError: as `probe`, and where anything in the data is missing or damaged.
    """
    opened = open_image(data, max_pixels, limit)
    return Decoded(opened.whole(), opened.format, opened.notes)


class Opened(NamedTuple):
    """A file whose header was read, decoded when it is asked for; JPEG also at a half, a quarter or an eighth.

    libjpeg reduces while it decodes, by averaging in the frequency domain, and reads all the data in doing so: what is
    damaged is refused at every scale.
    """

    size: Size
    """As seen: after orientation."""
    gray: bool
    format: str
    notes: tuple[str, ...]
    reduced: Callable[[int], Pixels] | None
    """Decodes at 1/2, 1/4 or 1/8, sides rounded up; None where that cannot be."""
    whole: Callable[[], Pixels]
    """Decodes at full size.

    Both raise `ImageError` where anything in the data is missing or damaged.
    """
    held: int = 0
    """Bytes of pixels that are there already: what has no quick header is decoded as it is opened."""
    proven: Callable[[], bool] = lambda: False
    """Whether the data is known to be sound without being decoded; where it is not, that says nothing."""

    def check(self) -> None:
        """Prove the data sound, decoding as little as does so.

        Raises:
            ImageError: it is not.
        """
        if self.proven():
            return
        if self.reduced:
            self.reduced(8)
        else:
            self.whole()


def open_image(data: bytes, max_pixels: int, limit: TimeLimit = NONE) -> Opened:
    """Read the header, and decode at once what has no quick header; `limit` is that of `decode`.

    Raises:
        ImageError: as `probe`; for what is no plain JPEG also as `decode`.
    """
    opened = _open_jpeg(data, max_pixels, limit) if data[:3] == b"\xff\xd8\xff" else None
    if opened is None:
        with limit:
            opened = _open_plain_png(data, max_pixels) or _open_with_pillow(data, max_pixels)
    return opened


def _decoded(pixels: Pixels, name: str, notes: Sequence[str] = ()) -> Opened:
    size = Size(pixels.shape[0], pixels.shape[1])
    return Opened(size, pixels.ndim == 2, name, tuple(notes), None, lambda: pixels, pixels.nbytes)


def _open_plain_png(data: bytes, max_pixels: int) -> Opened | None:
    pixels = read_plain_png(data, max_pixels)
    if pixels is None:
        return None
    return _decoded(pixels, "PNG")


def _open_jpeg(data: bytes, max_pixels: int, limit: TimeLimit) -> Opened | None:
    """Open the usual JPEG; None where it needs Pillow (CMYK and other colour spaces)."""
    if stringzilla.count(data, b"\xff\xda") > _MOST_SCANS < _scans(data):
        raise ImageError("too many scans", f"more than {_MOST_SCANS}: decoding would take minutes")
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except Exception as error:
        raise _fault("JPEG", error) from error
    _limit(height, width, max_pixels)
    if space not in ("YCbCr", "RGB", "Gray"):
        _demand_sound(data, limit)
        return None
    turned = 1 if stringzilla.find(data, b"Exif\0\0", 0, 65_536) < 0 else _orientation(data)
    gray = space == "Gray"

    def load(reduction: int) -> Pixels:
        try:
            sides = (0, 0) if reduction == 1 else (-(-height // reduction), -(-width // reduction))
            space = "GRAY" if gray else "RGBX"
            with limit:
                image = simplejpeg.decode_jpeg(data, space, min_height=sides[0], min_width=sides[1])
        except Exception as error:
            raise _fault("JPEG", error) from error
        return _orient(image[..., 0] if gray else image, turned)

    size = Size(width, height) if turned >= 5 else Size(height, width)
    notes = (f"orientation {turned} applied",) if turned > 1 else ()
    # Mirrored, a last block that the side does not fill would come first and move all the others.
    aligned = turned in (1, 5) or height % 8 == width % 8 == 0
    reduced = load if aligned else None
    return Opened(size, gray, "JPEG", notes, reduced, lambda: load(1), proven=lambda: is_surely_whole(data))


def _fault(what: str, error: Exception) -> ImageError:
    if isinstance(error, MemoryError):
        return ImageError("too little memory", "decoding it takes more than there is")
    return ImageError("damaged", f"{what}: {error}")


def _demand_sound(data: bytes, limit: TimeLimit) -> None:
    """Decode for nothing but the faults of which Pillow says nothing."""
    try:
        with limit:
            simplejpeg.decode_jpeg(data, "CMYK")
    except Exception as error:
        raise _fault("JPEG", error) from error


def _scans(data: bytes) -> int:
    """Count the scans of the first picture; what follows its end may be a film of many megabytes."""
    found, place = 0, 2
    while (marker := _MARKER.search(data, place)) and marker[0][1] != _END:
        found += marker[0][1] == _SCAN
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return found


_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_SCAN, _END = 0xDA, 0xD9


def _orientation(data: bytes) -> int:
    try:
        with _quiet(), Pillow.open(io.BytesIO(data), formats=["JPEG"]) as image:
            turned = image.getexif().get(0x0112, 1)
    except Exception:
        return 1
    return turned if isinstance(turned, int) and 1 <= turned <= 8 else 1


def _orient(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation (Exif 2.32, tag 0x0112)."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    across = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::down, ::across])


def _open(data: bytes, max_pixels: int) -> Pillow.Image:
    if not data:
        raise ImageError("empty", "the file has no bytes")
    try:
        with _quiet():
            image = Pillow.open(io.BytesIO(data), formats=list(FORMATS))
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:
        raise _fault(type(error).__name__, error) from error
    _limit(image.height, image.width, max_pixels)
    return image


def _unidentified(data: bytes) -> ImageError:
    """Why Pillow knows nothing of a file."""
    known = next((name for name, mark in _MARKS if mark.match(data)), None)
    if known is None:
        return ImageError("not an image", f"no {', '.join(FORMATS)} begins like this")
    with contextlib.suppress(Exception), _quiet():
        try:
            TiffImageFile(io.BytesIO(data))
        except SyntaxError as error:
            if known == "TIFF" and "unknown pixel mode" in str(error):
                return ImageError("unsupported", "a TIFF of values that are not read, such as floating-point colour")
    return ImageError("damaged", f"it begins like a {known}, and its header makes no sense")


_MARKS = [
    (name, re.compile(mark, re.DOTALL))
    for name, mark in {
        "JPEG": rb"\xff\xd8\xff",
        "PNG": rb"\x89PNG\r\n\x1a\n",
        "WEBP": rb"RIFF....WEBP",
        "TIFF": rb"II[*+]\0|MM\0[*+]",
        "GIF": rb"GIF8[79]a",
    }.items()
]


def _format(image: Pillow.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)


def _limit(height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise ImageError("too large", f"{width}×{height} is more than source.max_pixels={max_pixels}")
    if height * width == 0:
        raise ImageError("damaged", "no pixels")


def _open_with_pillow(data: bytes, max_pixels: int) -> Opened:
    with _open(data, max_pixels) as image, _quiet():
        demand_whole(data)
        name, notes = _format(image), []
        try:
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and name != "JPEG":
                notes.append(f"first of {frames} frames")
                if isinstance(image, TiffImageFile):
                    _demand_pages(image, frames, len(data))
            turned, bits = image.getexif().get(0x0112, 1), _bits(image, data)
            image.load()
            if turned in range(2, 9):
                notes.append(f"orientation {turned} applied")
                image = ImageOps.exif_transpose(image)  # of a TIFF Pillow has done it by now
            pixels = converted(image, bits, notes)
        except ImageError:
            raise
        except Exception as error:
            raise _fault(f"{name}: {type(error).__name__}", error) from error
    return _decoded(pixels, name, notes)


def _demand_pages(image: TiffImageFile, pages: int, size: int) -> None:
    """See whether the pages behind the first lie within the file."""
    for page in range(1, pages):
        image.seek(page)
        for starts, lengths in (("StripOffsets", "StripByteCounts"), ("TileOffsets", "TileByteCounts")):
            places = (image.tag_v2.get(_TIFF_TAGS[name], ()) for name in (starts, lengths))
            if any(start + length > size for start, length in zip(*places, strict=False)):
                raise ImageError("damaged", f"TIFF: page {page + 1} ends behind the end of the file")
    image.seek(0)


_TIFF_TAGS = {"StripOffsets": 273, "StripByteCounts": 279, "TileOffsets": 324, "TileByteCounts": 325}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What Pillow only warns of is either refused here or does no harm, and `max_pixels` is the only limit."""
    limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Pillow.MAX_IMAGE_PIXELS = limit


def _bits(image: Pillow.Image, data: bytes) -> int:
    """Bits of one value as stored; Pillow says nothing where it reduces 16 to 8 by itself."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return data[24]
    return int(max(image.tag_v2.get(258, (8,)))) if isinstance(image, TiffImageFile) else 8


def encode(pixels: Pixels, render: Render) -> bytes:
    """Encode finished pixels as the render says; JPEG is baseline, 4:2:0, without metadata."""
    if render.format == "jpeg":
        return _encode_jpeg(pixels, render.quality)
    image = Pillow.fromarray(pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3]))
    options: dict[str, Any] = {"png": {"compress_level": 6}, "webp": {"quality": render.quality, "method": 4}}
    buffer = io.BytesIO()
    image.save(buffer, render.format.upper(), **options[render.format])
    return buffer.getvalue()


def _encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    pixels = np.ascontiguousarray(pixels)
    if pixels.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(pixels[..., None], quality, "GRAY", "Gray"))
    space = "RGBX" if pixels.shape[2] == 4 else "RGB"
    return bytes(simplejpeg.encode_jpeg(pixels, quality, space, "420"))
