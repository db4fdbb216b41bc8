"""Which files a flow reads, with their classes: a folder for each class, cut as Keras cuts it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


@dataclass(frozen=True)
class Listing:
    """Files in order, each with its class numbers or targets where there are any."""

    directory: str
    filenames: list[str]
    classes: list[Any] | None = None
    """A class number each, or a list of them."""
    class_indices: dict[str, int] = field(default_factory=dict)
    targets: Any = None
    """An array, or a list of arrays, for raw and several outputs."""
    weights: NDArray[Any] | None = None

    @property
    def filepaths(self) -> list[str]:
        return [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def keys(self) -> list[str]:
        """What chance is keyed by: the name, and for a file named again also which time it is."""
        seen: dict[str, int] = {}
        keys = []
        for name in self.filenames:
            seen[name] = times = seen.get(name, -1) + 1
            keys.append(f"{name}#{times}" if times else name)
        return keys


def list_directory(
    directory: str | os.PathLike[str],
    classes: Sequence[str] | None,
    share: tuple[float, float] | None,
    follow_links: bool,
) -> Listing:
    """List the images of each class's folder, at any depth; `share` is cut from each class by itself."""
    directory = os.fspath(directory)
    if not classes:
        classes = [name for name in sorted(os.listdir(directory)) if os.path.isdir(os.path.join(directory, name))]
    indices = {name: number for number, name in enumerate(classes)}
    filenames: list[str] = []
    numbers: list[int] = []
    for name, number in indices.items():
        folder = os.path.join(directory, name)
        if not os.path.isdir(folder):
            warnings.warn(f"classes: there is no folder {folder}; '{name}' has no images.", stacklevel=3)
        found = [os.path.join(name, os.path.relpath(path, folder)) for path in _images(folder, follow_links)]
        found = cut(found, share)
        filenames += found
        numbers += [number] * len(found)
    _warn_of_tiff(filenames)
    return Listing(directory, filenames, numbers, indices)


def cut(rows: list[Any], share: tuple[float, float] | None) -> list[Any]:
    """The rows from one share of them to another, rounded down."""
    return rows if share is None else rows[int(share[0] * len(rows)) : int(share[1] * len(rows))]


def _images(folder: str, follow_links: bool) -> Iterator[str]:
    for root, _, files in sorted(os.walk(folder, followlinks=follow_links), key=lambda found: found[0]):
        for name in sorted(files):
            if name.lower().endswith(FORMATS):
                yield os.path.join(root, name)


def _warn_of_tiff(filenames: Sequence[str]) -> None:
    count = sum(name.lower().endswith(".tiff") for name in filenames)
    if count:
        warnings.warn(f"{count} files end in .tiff: those with several bands would be distorted.", stacklevel=4)
