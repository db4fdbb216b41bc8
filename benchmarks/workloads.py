"""The three workloads: what they are called, and the source each starts from, laid into a folder in memory."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.jobs import ORIGINALS, Originals, census, jobs, kept
from PIL import Image

HERE = Path(__file__).parent
PHOTOGRAPHS = HERE.parent.parent / "shared" / "data" / "clothing" / "train"
TINY = (5000, 3500, 2600, 2000, 1600, 1200, 1000, 800, 600, 400)


@dataclass(frozen=True)
class Workload:
    """One kind of work; `photographs` says whether it needs the folder of photographs."""

    name: str
    title: str
    photographs: bool = True

    @property
    def recipe(self) -> Path:
        return HERE / "recipes" / f"{self.name}.yaml"

    @property
    def originals(self) -> Originals:
        return ORIGINALS[self.name]

    def made(self, source: Path) -> int:
        """Images to make; those copied unchanged do not count."""
        return sum(1 for _ in jobs(source, self.originals))

    def copied(self, source: Path) -> int:
        return len(kept(source, self.originals))


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("photos", "photographs to 224 × 224: flip, rotate, crop, brightness and contrast, noise"),
        Workload("original", "photographs at their own size: flip, rotate, brightness"),
        Workload("tiny", "32 × 32 pixels, PNG and JPEG: flip, shift, brightness", photographs=False),
    )
}


def memory_folder() -> Path:
    """A fresh folder in memory where there is such a thing, else among the temporary files."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="augflow-bench-", dir=memory if memory.is_dir() else None))


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """`memory_folder`, removed in the end."""
    folder = memory_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(workload: Workload, photographs: Path, share: float, folder: Path) -> Path:
    """Lay the workload's source into `folder`: the first `share` of every class, two images at least."""
    source = folder / f"source-{workload.name}"
    if workload.photographs:
        for label, samples in census(photographs).items():
            (source / label).mkdir(parents=True)
            for sample in samples[: _some(len(samples), share)]:
                shutil.copyfile(sample, source / label / sample.name)
    else:
        rng = np.random.default_rng(0)
        for number, size in enumerate(TINY):
            folder = source / f"class-{number}"
            folder.mkdir(parents=True)
            for index, pixels in enumerate(_draw(rng, _some(size, share))):
                if index % 2:
                    Image.fromarray(pixels).save(folder / f"{index:05d}.jpg", quality=90)
                else:
                    Image.fromarray(pixels).save(folder / f"{index:05d}.png")
    return source


def _some(count: int, share: float) -> int:
    return min(count, max(2, math.ceil(count * share)))


def _draw(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Soft patches of colour with some grain, (count, 32, 32, 3): they compress about as small photographs do."""
    coarse = rng.integers(30, 226, (count, 4, 4, 3)).astype(np.float32)
    soft = coarse.repeat(8, axis=1).repeat(8, axis=2)
    for axis in (1, 2):
        for _ in range(2):
            soft = (np.roll(soft, 2, axis) + 2 * soft + np.roll(soft, -2, axis)) * np.float32(0.25)
    grain = rng.standard_normal((count, 32, 32, 3), dtype=np.float32) * 6
    drawn: NDArray[np.uint8] = np.clip(soft + grain, 0, 255).astype(np.uint8)
    return drawn
