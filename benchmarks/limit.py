"""The limit: what a workload costs in the fastest library calls known, without framework, plan, check or record.

    python benchmarks/limit.py photos                        stage by stage on one core, then the loop on one and two
    python benchmarks/limit.py photos --source S --sink D    the loop alone, as throughput.py times it

Per sample: read, decode and, where its images are to be smaller, one 1-2-1 filter that all of them share (quality.py:
with it a single bilinear warp is nearer to the exact result than separate steps are). Per image: draw, one warp, one
table, noise, encode, hash, write, rename. Originals that are kept are hashed and written too. Each stage does all
images of a sample before the next begins, which keeps caches warm; buffers are reused; nothing is caught, so one bad
file ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import multiprocessing
import os
import random
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
import stringzilla
from numpy.typing import NDArray
from peers.jobs import Job, jobs, kept
from workloads import PHOTOGRAPHS, WORKLOADS, Workload, prepare, workplace

cv2.setNumThreads(1)

Pixels = NDArray[np.uint8]
BILINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
LEVELS = np.arange(256, dtype=np.uint8)
NORMAL = np.array([statistics.NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)])
LOG_RATIO = math.log(4 / 3)
ROOM = 1 << 24


class Window(NamedTuple):
    """What the output shows of the turned photograph, in pixels."""

    left: float
    top: float
    width: float
    height: float


class Draw(NamedTuple):
    """What chance gave one image; no noise where sigma is 0."""

    matrix: NDArray[np.float64]
    size: tuple[int, int]
    table: Pixels
    sigma: float
    seed: int


class Laps:
    """CPU seconds by stage, one entry per call: less disturbed by what else runs here than the wall clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._last = time.thread_time()

    def __call__(self, stage: str) -> None:
        now = time.thread_time()
        self.seconds[stage].append(now - self._last)
        self._last = now


def no_laps(stage: str) -> None:
    """Time nothing."""


class Worker:
    """One process's hands: its buffers serve every image."""

    def __init__(self, workload: Workload, sink: Path, name: str, lap: Callable[[str], None] = no_laps) -> None:
        self.workload = workload.name
        self.sink = str(sink)
        self.temporary = f"{sink}/.{name}"
        self.lap = lap
        self.chance = random.Random(name)
        self.decoded, self.softened = np.empty(ROOM, np.uint8), np.empty(ROOM, np.uint8)
        self.warped: list[Pixels] = []
        # Four bytes a pixel decode, warp and encode faster than three, but OpenCV's PNGs come with three.
        self.colours, self.channels = ("BGR", 3) if workload.name == "tiny" else ("RGBX", 4)

    def sample(self, path: Path, wanted: list[Job], keep: bool) -> None:
        """Make every image that is wanted of one sample."""
        with open(path, "rb", buffering=0) as file:
            data = file.read()
        self.lap("read")
        if keep:
            self.write(f"{self.sink}/{path.parent.name}/{path.name}", data)
            self.lap("keep original")
        if not wanted:
            return
        image = self.decode(data)
        self.lap("decode")
        height, width = image.shape[:2]
        draws = [self.draw(width, height) for _ in wanted]
        self.lap("draw")
        if self.workload == "photos":
            image = soften(image, self.softened[: image.size].reshape(image.shape))
            self.lap("soften")
        warped = [self.warp(image, draw, number) for number, draw in enumerate(draws)]
        self.lap("warp")
        for made, draw in zip(warped, draws, strict=True):
            translate(made, draw.table)
        self.lap("table")
        for made, draw in zip(warped, draws, strict=True):
            if draw.sigma:
                add_noise(made, draw.sigma, draw.seed)
        self.lap("noise")
        files = [simplejpeg.encode_jpeg(made, 90, self.colours, "420") for made in warped]
        self.lap("encode")
        for job, data in zip(wanted, files, strict=True):
            self.write(f"{self.sink}/{job.label}/{path.stem}-{job.copy}.jpg", data)
        self.lap("hash, write, rename")

    def decode(self, data: bytes) -> Pixels:
        if data[:2] == b"\xff\xd8":
            return np.asarray(simplejpeg.decode_jpeg(data, self.colours, buffer=self.decoded), np.uint8)
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def draw(self, width: int, height: int) -> Draw:
        """Draw one image's parameters."""
        chance = self.chance
        flip = chance.random() < 0.5
        angle = 0.0 if self.workload == "tiny" else chance.uniform(-25, 25)
        size = (224, 224) if self.workload == "photos" else (width, height)
        matrix = inverse(width, height, flip, angle, self.window(width, height), size)
        brightness = chance.uniform(-0.2, 0.2) * 255
        contrast = chance.uniform(0.8, 1.2) if self.workload == "photos" else 1.0
        table = cv2.addWeighted(LEVELS, contrast, LEVELS, 0, 127.5 * (1 - contrast) + brightness)
        sigma = chance.uniform(2, 10) if self.workload == "photos" and chance.random() < 0.3 else 0.0
        return Draw(matrix, size, np.asarray(table, np.uint8), sigma, chance.getrandbits(63))

    def window(self, width: int, height: int) -> Window:
        chance = self.chance
        if self.workload == "tiny":
            return Window(chance.uniform(-0.1, 0.1) * width, chance.uniform(-0.1, 0.1) * height, width, height)
        if self.workload == "original":
            return Window(0, 0, width, height)
        for _ in range(10):
            area = (0.8 + 0.2 * chance.random()) * width * height
            ratio = math.exp((2 * chance.random() - 1) * LOG_RATIO)
            across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if across <= width and down <= height:
                left, top = int(chance.random() * (width - across + 1)), int(chance.random() * (height - down + 1))
                return Window(left, top, across, down)
        return Window(0, 0, width, height)

    def warp(self, image: Pixels, draw: Draw, number: int) -> Pixels:
        """Sample the image of `draw` into the `number`-th buffer."""
        (across, down), length = draw.size, math.prod(draw.size) * self.channels
        while len(self.warped) <= number:
            self.warped.append(np.empty(ROOM, np.uint8))
        out = self.warped[number][:length].reshape(down, across, self.channels)
        return sample(image, draw.matrix, draw.size, out)

    def write(self, path: str, data: bytes) -> None:
        """Hash the bytes and put them under `path`, all or nothing."""
        hashlib.sha256(data).digest()
        file = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(file, data)
        os.close(file)
        os.rename(self.temporary, path)


def inverse(
    width: int, height: int, flip: bool, angle: float, window: Window, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Source ← output pixel centres (2×3) of: flip, turn by `angle` degrees about the centre, cut `window`, resize."""
    scale_x, scale_y = window.width / size[0], window.height / size[1]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    left = window.left + scale_x / 2 - 0.5 - centre_x
    top = window.top + scale_y / 2 - 0.5 - centre_y
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    way = -1 if flip else 1
    return np.array(
        [
            [way * cos * scale_x, -way * sin * scale_y, way * (cos * left - sin * top) + centre_x],
            [sin * scale_x, cos * scale_y, sin * left + cos * top + centre_y],
        ]
    )


def soften(image: Pixels, out: Pixels) -> Pixels:
    """Filter by 1 2 1 along both axes, so that one bilinear warp may then reduce by 1.5 to 2.5 without aliasing."""
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0, dst=out, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def sample(image: Pixels, matrix: NDArray[np.float64], size: tuple[int, int], out: Pixels) -> Pixels:
    cv2.warpAffine(image, matrix, size, dst=out, flags=BILINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return out


def translate(image: Pixels, table: Pixels) -> None:
    """Send every byte of `image` through `table`, in place."""
    stringzilla.translate(image.reshape(-1).data, table.data, inplace=True)


def add_noise(image: Pixels, sigma: float, seed: int) -> None:
    """Add Gaussian noise in place: random bytes through its inverse distribution, upward and downward part apart."""
    up = np.random.SFC64(seed).random_raw(-(-image.size // 8)).view(np.uint8)[: image.size].reshape(image.shape)
    down = up.copy()
    deviation = np.rint(NORMAL * sigma)
    translate(up, np.clip(deviation, 0, 255).astype(np.uint8))
    translate(down, np.clip(-deviation, 0, 255).astype(np.uint8))
    cv2.subtract(cv2.add(image, up, dst=image), down, dst=image)


Task = tuple[Path, list[Job], bool]


def tasks(workload: Workload, source: Path) -> list[Task]:
    """Every sample with the images wanted of it and whether it stays itself."""
    keep = set(kept(source, workload.originals))
    ordered = sorted(jobs(source, workload.originals), key=lambda job: job.sample)
    wanted = {sample: list(group) for sample, group in groupby(ordered, key=lambda job: job.sample)}
    return [(sample, wanted.get(sample, []), sample in keep) for sample in sorted(keep | wanted.keys())]


def make_folders(todo: list[Task], sink: Path) -> None:
    for label in {path.parent.name for path, _, _ in todo}:
        (sink / label).mkdir(parents=True, exist_ok=True)


def work(worker: Worker, todo: list[Task]) -> None:
    for task in todo:
        worker.sample(*task)


def loop(workload: Workload, source: Path, sink: Path, workers: int) -> None:
    """Do the whole workload on `workers` processes, every one with each `workers`-th sample."""
    todo = tasks(workload, source)
    make_folders(todo, sink)
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=work, args=(Worker(workload, sink, f"worker-{number}"), todo[number::workers]))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("limit.py: a worker failed")


def stages(workload: Workload, source: Path, sink: Path, passes: int = 3) -> None:
    """Print what each stage costs on one core: the quickest of some passes over the whole workload."""
    todo = tasks(workload, source)
    make_folders(todo, sink)
    made = workload.made(source)
    found = []
    for _ in range(passes):
        laps = Laps()
        work(Worker(workload, sink, "worker", laps), todo)
        found.append(laps.seconds)
    print(f"{'stage':<22}{'times':>8}{'µs each':>10}{'µs per image':>14}")
    total = 0.0
    for stage, entries in found[0].items():
        spent = min(sum(seconds[stage]) for seconds in found)
        total += spent / made
        print(f"{stage:<22}{len(entries):>8}{spent / len(entries) * 1e6:>10.1f}{spent / made * 1e6:>14.1f}")
    print(f"{'sum':<40}{total * 1e6:>14.1f}  = {1 / total:,.0f} images/s on one core")


def report(workload: Workload, photographs: Path, share: float) -> None:
    with workplace() as folder:
        source = prepare(workload, photographs, share, folder)
        made, copied = workload.made(source), workload.copied(source)
        print(f"{workload.title}\n{made:,} images to make, {copied:,} originals to copy\n")
        stages(workload, source, folder / "stages")
        shutil.rmtree(folder / "stages")
        rates = []
        for workers in (1, 2):
            start = time.perf_counter()
            loop(workload, source, folder / "sink", workers)
            rates.append(made / (time.perf_counter() - start))
            shutil.rmtree(folder / "sink")
        print(f"loop: {rates[0]:,.0f} images/s in one process, {rates[1]:,.0f} in two ({rates[1] / rates[0]:.2f} ×)")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a workload costs at least.")
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="folder of class folders")
    parser.add_argument("--sink", type=Path, help="do the loop alone, into this folder")
    parser.add_argument("--workers", type=int, default=2, help="processes of the loop alone")
    parser.add_argument("--share", type=float, default=1.0, help="use the first share of every class")
    options = parser.parse_args()
    workload = WORKLOADS[options.workload]
    if options.sink:
        loop(workload, options.source, options.sink, options.workers)
    else:
        report(workload, options.source, options.share)


if __name__ == "__main__":
    main()
