"""The callback that keeps a data set's epoch equal to Keras's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    class Callback:
        pass

else:
    from keras.callbacks import Callback


class Epochs(Callback):
    """Give a data set with an `epoch` the number of the epoch that `fit` begins.

    Without it epochs count on from pass to pass, and the batch with which Keras builds a model is a pass as well: the
    first epoch of the first `fit` shows the views of epoch 1. With it, `initial_epoch` goes on where training stopped.
    """

    def __init__(self, *datasets: Any) -> None:
        super().__init__()
        self.datasets = datasets

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for dataset in self.datasets:
            dataset.epoch = epoch
