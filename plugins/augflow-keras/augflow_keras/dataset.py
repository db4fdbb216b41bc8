"""A Keras dataset that counts its epochs, and makes its batches in threads of its own."""

from __future__ import annotations

import functools
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    class PyDataset:
        def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None: ...

else:
    try:
        from keras.utils import PyDataset
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise ModuleNotFoundError(
            "Batches for training need Keras 3: pip install 'augflow-keras[keras]'.", name="keras"
        ) from None

Batch = Any
"""Inputs, or a tuple of inputs, targets and sample weights."""


class Dataset(PyDataset):
    """What Keras 3 asks of a data set, with `epoch`, on which Keras counts at the end of every pass.

    `workers` is how many threads make the images of a batch, and the next batch ahead where batches are asked for in
    turn. Keras itself is told of one: its own queue carries batches that were not fetched in one epoch over into the
    next.
    """

    def __init__(self, epoch: int = 0, workers: int = 1) -> None:
        super().__init__()
        self.epoch = epoch
        self.threads = workers
        self._set_up()

    def _set_up(self) -> None:
        self.lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._next: tuple[tuple[int, int], Sequence[int], list[Future[Any]]] | None = None
        self._latest = -1

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("lock", "_pool", "_next", "_latest")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._set_up()

    @property
    def workers(self) -> int:
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        self.threads, self._pool, self._next = value, None, None

    @property
    def use_multiprocessing(self) -> bool:
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            warnings.warn("use_multiprocessing: images are made in threads instead.", stacklevel=2)

    @abstractmethod
    def __len__(self) -> int:
        """Batches in an epoch."""

    def __getitem__(self, idx: int) -> Batch:
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}")
        return self.batch(self.epoch, idx)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch: Keras calls it."""
        self.epoch += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """A batch of any epoch."""
        if self.threads < 2:
            indices, make = self._indices(epoch, number), self._maker(epoch, number)
            return self._join([make(indices)], indices)
        with self.lock:
            known, self._next = self._next, None
            if known is None or known[0] != (epoch, number):
                known = self._begin(epoch, number)
            if number in (0, self._latest + 1) and number + 1 < len(self):
                self._next = self._begin(epoch, number + 1)
            self._latest = number
        _, indices, parts = known
        return self._join([part.result() for part in parts], indices)

    def _begin(self, epoch: int, number: int) -> tuple[tuple[int, int], Sequence[int], list[Future[Any]]]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="augflow")
        indices, make = self._indices(epoch, number), self._maker(epoch, number)
        size = max(1, -(-len(indices) // self.threads))
        starts = range(0, len(indices), size)
        parts = [self._pool.submit(make, indices[start : start + size]) for start in starts]
        return (epoch, number), indices, parts

    @abstractmethod
    def _indices(self, epoch: int, number: int) -> Sequence[int]:
        """The images of a batch, as their numbers."""

    def _maker(self, epoch: int, number: int) -> Callable[[Sequence[int]], Any]:
        """What makes images of a batch that is begun now, in whichever thread."""
        return functools.partial(self._make, epoch)

    @abstractmethod
    def _make(self, epoch: int, indices: Sequence[int]) -> Any:
        """Make some images of a batch."""

    @abstractmethod
    def _join(self, parts: list[Any], indices: Sequence[int]) -> Batch:
        """The batch, from what was made of its parts."""
