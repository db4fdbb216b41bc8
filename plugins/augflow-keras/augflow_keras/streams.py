"""A recipe's stream for Keras's `fit`, `evaluate` and `predict`, on any backend."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augflow.errors import nearest
from augflow.online.stream import Reader, Stream
from augflow.online.weights import warn_if_twice
from augflow.source import told
from augflow_keras.dataset import Batch, Dataset

Record: TypeAlias = dict[str, Any]
Labels: TypeAlias = Literal["sparse", "one_hot"] | Callable[[int, Record], ArrayLike] | None
"""The number of the class, a row with a one, a soft label for each (number, record), or none at all."""

Weights: TypeAlias = Mapping[str, float] | Callable[[int, Record], float] | None
"""What an image weighs in the loss: by its class's name, or for each (number, record)."""


class StreamDataset(Dataset):
    """Batches of (images, labels) or (images, labels, weights) of a stream, its epochs one after the other.

    Args:
        stream: with a size in its recipe's render, as images of a batch have one.
        batch_size: images of each batch; the last may be smaller.
        workers: threads that make them, where the stream has processes too; as many as the stream's unless said.

    Weights that correct what the recipe has balanced already draw a `TwiceCorrectedWarning`.

    Raises:
        ValueError: labels or weights name what is not there.
    """

    def __init__(
        self,
        stream: Stream,
        batch_size: int = 32,
        *,
        labels: Labels = "sparse",
        weights: Weights = None,
        workers: int | None = None,
    ) -> None:
        super().__init__(stream.epoch, stream.workers if workers is None else workers)
        if isinstance(labels, str) and labels not in ("sparse", "one_hot"):
            raise ValueError(f"labels: '{labels}' is none of sparse, one_hot, a function, None.")
        if weights is not None and labels is None:
            raise ValueError("weights: Keras takes them beside labels, and there are none.")
        if isinstance(weights, Mapping):
            _check(weights, stream)
        self.stream, self.batch_size, self.labels, self.weights = stream, batch_size, labels, weights

    def __len__(self) -> int:
        return -(-len(self.stream) // self.batch_size)

    def _indices(self, epoch: int, number: int) -> Sequence[int]:
        start = number * self.batch_size
        return range(start, min(start + self.batch_size, len(self.stream)))

    def _set_up(self) -> None:
        super()._set_up()
        self._pass: tuple[int, int, Reader] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_pass": None}

    def _maker(self, epoch: int, number: int) -> Callable[[Sequence[int]], Any]:
        """Batches from the first on, in turn, are a pass, which decodes a sample once for several of its views."""
        known, self._pass = self._pass, None
        if number == 0:
            self._pass = epoch, 0, self.stream.reader(epoch)
        elif known is not None and known[:2] == (epoch, number - 1):
            self._pass = epoch, number, known[2]
        return functools.partial(self._make, epoch, reader=self._pass[2] if self._pass else None)

    def _make(self, epoch: int, indices: Sequence[int], reader: Reader | None = None) -> Any:
        images, numbers, records = self.stream.batch(epoch, indices, reader=reader)
        pairs = list(zip(numbers.tolist(), records, strict=True))
        return images, self._targets(numbers, pairs), self._weights(pairs)

    def _join(self, parts: list[Any], indices: Sequence[int]) -> Batch:
        images, targets, weights = (_joined(column) for column in zip(*parts, strict=True))
        if targets is None:
            return images
        return (images, targets) if weights is None else (images, targets, weights)

    def _targets(self, numbers: NDArray[np.int64], pairs: list[tuple[int, Record]]) -> NDArray[Any] | None:
        if self.labels is None or self.labels == "sparse":
            return None if self.labels is None else numbers
        if self.labels == "one_hot":
            return np.eye(len(self.stream.classes), dtype=np.float32)[numbers]
        return np.stack([np.asarray(self.labels(*pair), dtype=np.float32) for pair in pairs])

    def _weights(self, pairs: list[tuple[int, Record]]) -> NDArray[np.float32] | None:
        weights = self.weights
        if weights is None:
            return None
        if isinstance(weights, Mapping):
            return np.array([weights.get(self.stream.classes[number], 1) for number, _ in pairs], np.float32)
        return np.array([weights(*pair) for pair in pairs], np.float32)


def _check(weights: Mapping[str, float], stream: Stream) -> None:
    for name in weights:
        if name not in stream.classes:
            known = ", ".join(stream.classes)
            raise ValueError(f"weights: there is no class '{name}'.{nearest(name, stream.classes)} Known: {known}.")
    classes = {told(label): plan for label, plan in stream.plan.classes.items()}
    samples, results = ({name: getattr(plan, what) for name, plan in classes.items()} for what in ("has", "result"))
    warn_if_twice(samples, results, {name: weights.get(name, 1) for name in classes})


def _joined(parts: Sequence[Any]) -> Any:
    if len(parts) == 1 or parts[0] is None:
        return parts[0]
    return np.concatenate(parts)
