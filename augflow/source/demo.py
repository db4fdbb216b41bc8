"""The source `demo`: an imbalanced data set that our own code draws, many of one class and few of another."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import numpy as np

from augflow.errors import ImageError
from augflow.source import Sample
from augflow.source.finds import draw_image
from augflow.transform import Image

CLASSES: dict[str, int] = {"leaf": 120, "pebble": 72, "shell": 44, "feather": 27, "acorn": 16, "key": 10}


class DemoSource:
    """289 photographs that nobody took: JPEG, but every ninth a PNG and every thirteenth gray."""

    max_pixels = 100_000

    def labels(self) -> list[str]:
        return list(CLASSES)

    def scan(self) -> Iterator[Sample]:
        for label, count in CLASSES.items():
            for index in range(count):
                yield Sample(label, _key(label, index))

    def read(self, key: str) -> bytes:
        """Draw and encode one file; the same bytes every time."""
        label, number = key.partition("/")[0], key[-8:-4]
        if not number.isdecimal() or int(number) >= CLASSES.get(label, 0) or key != _key(label, int(number)):
            raise ImageError("unreadable", "no such picture is drawn")
        with _drawing:
            image = draw_image(label, int(number))
        if int(number) % 13 == 12:
            image = ((image @ np.array([299, 587, 114]) + 500) // 1000).astype(np.uint8)[..., None]
        return _png(image) if key.endswith(".png") else _jpeg(image)


_drawing = threading.Lock()  # Random streams share one generator.


def _key(label: str, index: int) -> str:
    return f"{label}/{label}-{index:04}.{'png' if index % 9 == 8 else 'jpg'}"


def _jpeg(image: Image) -> bytes:
    import simplejpeg

    spaces = ("GRAY", "Gray") if image.shape[2] == 1 else ("RGB", "420")
    return bytes(simplejpeg.encode_jpeg(image, 92, *spaces))


def _png(image: Image) -> bytes:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()
