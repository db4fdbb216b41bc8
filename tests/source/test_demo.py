"""The demo: unequal classes, the same bytes every time, pictures in which a flip, a turn and noise can be seen."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image as Pillow

from augflow.errors import ImageError
from augflow.source import Sample
from augflow.source.demo import CLASSES, DemoSource
from augflow.source.finds import draw_image
from augflow.transform import Image

GOLDEN = "7080fe628f10325846fb1401e2f050dab0c795554ff81652c95878c160eef5cf"


def samples() -> list[Sample]:
    return list(DemoSource().scan())


def pixels(data: bytes) -> Image:
    with Pillow.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_lists_every_class_with_its_count() -> None:
    found = samples()
    assert DemoSource().labels() == list(CLASSES)
    assert Counter(sample.label for sample in found) == CLASSES
    assert len({sample.key for sample in found}) == sum(CLASSES.values())
    assert all(sample.key.startswith(f"{sample.label}/{sample.label}-") for sample in found)
    assert max(CLASSES.values()) >= 10 * min(CLASSES.values())


def test_reads_the_same_bytes_in_any_order_and_process() -> None:
    keys = [sample.key for sample in samples()][::23]
    first = [DemoSource().read(key) for key in keys]
    again = [DemoSource().read(key) for key in reversed(keys)][::-1]
    assert first == again
    code = (
        "import sys, hashlib; from augflow.source.demo import DemoSource;"
        "print(hashlib.sha256(b''.join(map(DemoSource().read, sys.argv[1:]))).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code, *keys], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == sha256(b"".join(first)).hexdigest()


def test_golden_pixels() -> None:
    digest = sha256()
    for label in CLASSES:
        image = draw_image(label, 0)
        digest.update(repr(image.shape).encode() + image.tobytes())
    assert digest.hexdigest() == GOLDEN


def test_files_hold_what_is_drawn() -> None:
    kinds: Counter[tuple[bytes, int]] = Counter()
    for sample in samples():
        index = int(sample.key[-8:-4])
        if sample.label != "pebble":
            continue
        data = DemoSource().read(sample.key)
        drawn, read = draw_image("pebble", index).astype(np.float64), pixels(data).astype(np.float64)
        if read.ndim == 2:
            drawn = drawn @ [0.299, 0.587, 0.114]
        error = np.sqrt(np.mean((drawn - read) ** 2))
        assert error < (0.5 if sample.key.endswith(".png") else 8)
        kinds[data[:2], read.ndim] += 1
    assert kinds == {(b"\xff\xd8", 3): 59, (b"\xff\xd8", 2): 5, (b"\x89P", 3): 8}


@pytest.mark.parametrize("label", CLASSES)
def test_pictures_show_what_is_done_to_them(label: str) -> None:
    for index in range(3):
        image = draw_image(label, index).astype(np.float64)
        assert image.ndim == 3
        assert image.shape[2] == 3
        for turned in (image[::-1], image[:, ::-1], image[::-1, ::-1]):
            assert np.abs(image - turned).mean() > 8
        smooth = (image[1:-1, 1:-1] * 4 + image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]) / 8
        assert np.abs(image[1:-1, 1:-1] - smooth).mean() > 1
        assert 40 < image.mean() < 215


def test_pictures_differ_in_size_and_content() -> None:
    images = [draw_image("leaf", index) for index in range(24)]
    assert len({image.shape for image in images}) >= 4
    assert len({image.tobytes() for image in images}) == 24


@pytest.mark.parametrize(
    "key", ["leaf/leaf-0120.jpg", "leaf/leaf-0000.png", "cat/cat-0000.jpg", "leaf/shell-0000.jpg", "leaf", ""]
)
def test_refuses_keys_it_does_not_hold(key: str) -> None:
    with pytest.raises(ImageError, match="no such picture"):
        DemoSource().read(key)


def test_draws_fast() -> None:
    """Two seconds of one core for all, measured; a machine half as fast must still pass."""
    keys = [sample.key for sample in samples()][::9]
    times = []
    for _ in range(2):
        start = time.process_time()
        for key in keys:
            DemoSource().read(key)
        times.append(time.process_time() - start)
    assert min(times) * sum(CLASSES.values()) / len(keys) < 4
