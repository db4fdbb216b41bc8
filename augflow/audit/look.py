"""Look at the images of a data set: the part of `audit` that runs on every core."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from augflow.audit import descriptors
from augflow.audit.descriptors import Tones
from augflow.audit.features import SIDE, Vector, file_traces, traces
from augflow.engine.codec import Opened, open_image
from augflow.errors import ImageError
from augflow.ledger.dataset import read_output, read_sample
from augflow.sink import open_sink
from augflow.source import open_source
from augflow.source.files import read_file
from augflow.transform import Pixels

Where: TypeAlias = Literal["output", "hint", "both", "sample", "against"]
"""`hint`: an output of which the traces are wanted alone; `both`: with all else."""

_ENOUGH = 160
"""A shorter side of so many pixels is enough for everything but traces."""


@dataclass(frozen=True)
class Look:
    """What was seen of one image; or `fault`, why it was not."""

    name: str
    fault: str = ""
    shape: NDArray[np.float16] | None = None
    colour: NDArray[np.float16] | None = None
    tones: Tones | None = None
    traces: Vector | None = None
    """Of the pixels, then of the file."""
    thumb: Pixels | None = None
    hashes: NDArray[np.uint64] | None = None


class Looker:
    """Looks at images; built once in every process, from plain data.

    Called with (where, (name, size) of each), it returns a `Look` for each; the size counts for outputs alone.

    Args:
        spec: `sink` (settings), `source` (settings, or None), `against` (a folder, or None), `max_pixels`, `fills`
            (whether chains fill what lies outside with a colour), `side` (of the middle that traces are sought in).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        cv2.setNumThreads(1)
        self.sink = open_sink(spec["sink"])
        self.source = open_source(spec["source"]) if spec["source"] else None
        self.against = spec["against"]
        self.max_pixels = int(spec["max_pixels"])
        self.fills = bool(spec["fills"])
        self.side = int(spec.get("side", SIDE))

    def __call__(self, item: tuple[Where, list[tuple[str, int]]]) -> list[Look]:
        where, some = item
        return [self._look(where, *each) for each in some]

    def _look(self, where: Where, name: str, size: int) -> Look:
        try:
            data = self._read(where, name, size)
            opened = open_image(data, self.max_pixels)
            pixels = opened.whole() if where in ("hint", "both") else _reduced(opened)
            return self._describe(where, name, data, pixels)
        except ImageError as error:
            return Look(name, str(error))

    def _describe(self, where: Where, name: str, data: bytes, pixels: Pixels) -> Look:
        seen = None
        if where in ("hint", "both"):
            seen = np.concatenate([traces(pixels, self.side), file_traces(data, *pixels.shape[:2])])
        if where == "hint":
            return Look(name, traces=seen)
        reduced = descriptors.small(pixels)
        thumb = descriptors.thumbnail(reduced)
        if where == "against":
            return Look(name, colour=descriptors.colour(reduced), thumb=thumb, hashes=descriptors.hashes(thumb))
        return Look(
            name,
            shape=descriptors.shape(thumb),
            colour=descriptors.colour(reduced),
            tones=descriptors.tones(pixels, self.fills),
            traces=seen,
            thumb=thumb if where == "sample" else None,
            hashes=descriptors.hashes(thumb) if where == "sample" else None,
        )

    def _read(self, where: Where, name: str, size: int) -> bytes:
        if where in ("output", "hint", "both"):
            return read_output(self.sink, name, size)
        if where == "against":
            return read_file(Path(os.path.join(self.against, name)), self.max_pixels)
        assert self.source is not None
        return read_sample(self.source, name)


def _reduced(opened: Opened) -> Pixels:
    reduction = next((by for by in (8, 4, 2) if min(opened.size) // by >= _ENOUGH), 1)
    return opened.reduced(reduction) if opened.reduced and reduction > 1 else opened.whole()
