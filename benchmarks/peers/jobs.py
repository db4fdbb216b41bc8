"""What every script of this folder has to make, so that all of them make the same."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Literal, NamedTuple

Originals = Literal["keep", "augment"]

ORIGINALS: dict[str, Originals] = {"photos": "keep", "original": "keep", "tiny": "augment"}
"""For each workload, what becomes of the images that were there: copied beside the made ones, or one more input."""


class Job(NamedTuple):
    """One image to make: the `copy`-th of `sample`, in the class folder `label`."""

    sample: Path
    label: str
    copy: int

    def output(self, sink: Path) -> Path:
        return sink / self.label / f"{self.sample.stem}-{self.copy}.jpg"


def census(source: Path) -> dict[str, list[Path]]:
    """Files of every class folder, both sorted by name."""
    labels = sorted(entry.name for entry in os.scandir(source) if entry.is_dir())
    return {label: sorted(path for path in (source / label).iterdir() if path.is_file()) for label in labels}


def missing(source: Path, originals: Originals) -> dict[str, int]:
    """Images to make per class for all classes to hold as many as the largest."""
    sizes = {label: len(samples) for label, samples in census(source).items()}
    target = max(sizes.values())
    return {label: target - (size if originals == "keep" else 0) for label, size in sizes.items()}


def jobs(source: Path, originals: Originals) -> Iterator[Job]:
    """Images to make, class by class; within a class every sample has its turn before one has its next."""
    counts = missing(source, originals)
    for label, samples in census(source).items():
        for number, sample in enumerate(islice(cycle(samples), counts[label])):
            yield Job(sample, label, number // len(samples))


def kept(source: Path, originals: Originals) -> list[Path]:
    """Originals that stand unchanged in the result."""
    return [path for samples in census(source).values() for path in samples] if originals == "keep" else []


def copy_kept(source: Path, sink: Path, originals: Originals) -> None:
    """Put the originals that stay beside the images to come."""
    for path in kept(source, originals):
        shutil.copyfile(path, sink / path.parent.name / path.name)


def arguments() -> tuple[str, Path, Path]:
    """Read `WORKLOAD SOURCE SINK` from the command line and make the sink's class folders."""
    workload, source, sink = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for label in census(source):
        (sink / label).mkdir(parents=True, exist_ok=True)
    return workload, source, sink
