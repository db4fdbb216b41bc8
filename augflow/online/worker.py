"""What a process does for a stream: it makes the views of a sample, each where the process that asked will find it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from multiprocessing.shared_memory import SharedMemory
from typing import Any, NamedTuple

import cv2
import numpy as np

from augflow.engine.work import keep_memory
from augflow.online.batches import Array
from augflow.online.delivery import Delivery
from augflow.online.epochs import View
from augflow.online.rendering import Renderer


class Shelf:
    """Memory that processes share, with a place for each of many images of one shape."""

    def __init__(self, memory: SharedMemory, shape: tuple[int, ...], dtype: str) -> None:
        places = memory.size // bytes_of(shape, dtype)
        self.images: Array = np.ndarray((places, *shape), dtype, memory.buf)
        self._memory = memory

    @property
    def name(self) -> str:
        """By which another process finds the memory."""
        return self._memory.name

    def clear(self) -> None:
        """Give the memory back; images that were taken are copies."""
        del self.images
        self._memory.close()
        self._memory.unlink()


def bytes_of(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


class Made(NamedTuple):
    """A view that was made: its record, and its image where that does not lie on the shelf."""

    record: dict[str, Any]
    image: Array | None


class Worker:
    """Called with views of one sample and the place of each on the shelf, it makes them; None for what cannot be made.

    Args:
        spec: the `renderer`, the `delivery`, and the name of the `memory` of the shelf, if there is one.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        cv2.setNumThreads(1)
        keep_memory()
        self._renderer: Renderer = spec["renderer"]
        self._delivery: Delivery = spec["delivery"]
        shape, dtype = self._delivery.shape, self._delivery.output.dtype
        self._shelf = Shelf(SharedMemory(spec["memory"]), shape, dtype) if spec["memory"] and shape else None

    def __call__(self, family: Sequence[tuple[View, int]]) -> list[Made | None]:
        rendered = self._renderer.attempt_family([view for view, _ in family])
        places = (place for _, place in family)
        made: list[Made | None] = []
        for one, place in zip(rendered, places, strict=True):
            if one is None:
                made.append(None)
            elif self._shelf:
                self._delivery.hand_over(one.pixels, self._shelf.images[place])
                made.append(Made(one.record, None))
            else:
                made.append(Made(one.record, self._delivery.image(one.pixels)))
        return made
