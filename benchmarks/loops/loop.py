"""What every script of this folder shares: its arguments, and a training loop that only takes batches."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BATCH, SIZE = 32, 224


def arguments() -> tuple[Path, int]:
    """Read `SOURCE IMAGES` from the command line."""
    return Path(sys.argv[1]), int(sys.argv[2])


def take(batches: Iterable[Any], images: int) -> None:
    """Take batches of (images, …) until there are so many images; print what that took, workers' CPU included."""
    before, start = _cpu(), time.perf_counter()
    taken, total = 0, 0.0
    iterator = iter(batches)
    for batch in iterator:
        pixels = batch[0]
        if SIZE not in pixels.shape or len(pixels.shape) != 4:
            raise SystemExit(f"a batch of shape {tuple(pixels.shape)}")
        total += float(pixels[0, SIZE // 2, SIZE // 2, 0])
        taken += len(pixels)
        if taken >= images:
            break
    seconds = time.perf_counter() - start
    del iterator, batches, batch
    print(json.dumps({"images": taken, "seconds": seconds, "cpu": _cpu() - before}))


def _cpu() -> float:
    """Seconds of this process's, and of all that descend from it, those that have ended too."""
    ticks, parents = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It ended just now.
            fields = path.read_text().rpartition(")")[2].split()
            process = int(path.parent.name)
            parents[process], ticks[process] = int(fields[1]), sum(map(int, fields[11:15]))
    ours = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks[process] for process in ours) / os.sysconf("SC_CLK_TCK")
