"""A Keras dataset that counts its epochs, and makes the images of a batch in threads of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:

    class PyDataset:
        def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None: ...

else:
    from keras.utils import PyDataset

_T = TypeVar("_T")
_U = TypeVar("_U")


class Dataset(PyDataset):
    """What Keras 3 asks of a data set, with `epoch`, on which Keras counts at the end of every pass.

    `workers` is how many threads make the images of a batch. Keras itself is told of one: its own queue carries batches
    that were not fetched in one epoch over into the next.
    """

    def __init__(self, epoch: int = 0, workers: int = 1) -> None:
        super().__init__()
        self.epoch = epoch
        self.threads = workers

    @property
    def workers(self) -> int:
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        self.threads = value

    @property
    def use_multiprocessing(self) -> bool:
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            warnings.warn("use_multiprocessing: images are made in threads instead.", stacklevel=2)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch: Keras calls it."""
        self.epoch += 1

    def each(self, make: Callable[[_T], _U], given: Iterable[_T]) -> Iterable[_U]:
        """What `make` makes of each, in order."""
        if self.threads < 2:
            return map(make, given)
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(make, given))
