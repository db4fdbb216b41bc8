"""Batches from image files, listed by their folders or by a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augflow_keras.dataset import Batch
from augflow_keras.flows import Flow
from augflow_keras.listing import Listing
from augflow_keras.loading import Loading
from augflow_keras.pixels import Floats
from augflow_keras.saving import Saving

if TYPE_CHECKING:
    from augflow_keras.generator import ImageDataGenerator


class FileFlow(Flow):
    """Batches of the files of a listing, with targets as `class_mode` says."""

    def __init__(
        self,
        listing: Listing,
        loading: Loading,
        generator: ImageDataGenerator,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        saving: Saving | None,
    ) -> None:
        super().__init__(generator, listing.keys, batch_size, shuffle, seed, saving)
        self.directory, self.filenames, self.filepaths = listing.directory, listing.filenames, listing.filepaths
        self.samples, self.num_classes = self.n, len(listing.class_indices)
        self.class_mode, self.class_indices = class_mode, listing.class_indices
        self.classes: Any = listing.classes
        if self.classes is not None and not any(isinstance(one, list) for one in self.classes):
            self.classes = np.array(self.classes, dtype=np.int32)
        self.labels: Any = self.classes if listing.targets is None else listing.targets
        self.sample_weight = listing.weights
        self.loading, self.image_shape = loading, loading.shape
        self.target_size, self.color_mode = loading.target_size, loading.color_mode

    def _read(self, index: int) -> Floats:
        return self.loading.load(self.filepaths[index])

    def _with_targets(self, batch: NDArray[Any], indices: NDArray[np.intp]) -> Batch:
        if self.class_mode is None:
            return batch
        targets = self._targets(batch, indices)
        return (batch, targets) if self.sample_weight is None else (batch, targets, self.sample_weight[indices])

    def _targets(self, batch: NDArray[Any], indices: NDArray[np.intp]) -> Any:
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode == "multi_output":
            return [output[indices] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[indices]
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[index] for index in indices], dtype=self.dtype)
        hot = np.zeros((len(indices), self.num_classes), dtype=self.dtype)
        for row, index in enumerate(indices):
            hot[row, self.classes[index]] = 1
        return hot

    def _label(self, index: int) -> Any:
        if self.class_mode == "multi_output":
            return [output[index].tolist() for output in self.labels]
        if self.classes is None:
            return None if self.labels is None else _json(self.labels[index])
        names, numbers = list(self.class_indices), self.classes[index]
        return [names[number] for number in numbers] if isinstance(numbers, list) else names[numbers]

    def _origin(self, index: int) -> dict[str, Any]:
        return {"path": self.filepaths[index]}

    def _bounds(self, image: Floats) -> tuple[float, float]:
        return 0, 65535 if image.max() > 255 else 255  # gray of 16 bits stays so, as in Keras


def _json(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
