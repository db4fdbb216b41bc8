"""Batches from arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augflow_keras.dataset import Batch
from augflow_keras.flows import Flow
from augflow_keras.pixels import Floats, tell_channels
from augflow_keras.saving import Saving

if TYPE_CHECKING:
    from augflow_keras.generator import ImageDataGenerator, Subset


class ArrayFlow(Flow):
    """Batches of `x`, four axes, or of a pair of `x` and further inputs, which pass as they are.

    An image's key is its place in `x` as it was given, so that a subset changes no view.

    Raises:
        ValueError: lengths differ, `x` has not four axes, or a subset would miss a class.
    """

    def __init__(
        self,
        x: Any,
        y: ArrayLike | None,
        generator: ImageDataGenerator,
        batch_size: int,
        shuffle: bool,
        sample_weight: ArrayLike | None,
        seed: int | None,
        saving: Saving | None,
        ignore_class_split: bool,
        subset: Subset | None,
    ) -> None:
        x, further = _apart(x)
        images = np.asarray(x)
        labels = None if y is None else np.asarray(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        for name, array in (("y", labels), ("sample_weight", weights), *(("x[1]", other) for other in further)):
            if array is not None and len(array) != len(images):
                raise ValueError(f"x has {len(images)} images, and {name} the length {len(array)}: they must be equal.")
        if images.ndim != 4:
            raise ValueError(f"x should have four axes; its shape is {images.shape}.")
        part = slice(None)
        if generator.share(subset):
            middle = int(len(images) * generator.validation_split)
            if labels is not None and not ignore_class_split:
                _same_classes(labels, middle)
            part = slice(0, middle) if subset == "validation" else slice(middle, None)
        keys = [str(number) for number in range(len(images))][part]
        super().__init__(generator, keys, batch_size, shuffle, seed, saving)
        self.x = np.asarray(images[part], dtype=self.dtype)
        self.x_misc = [other[part] for other in further]
        self.y = None if labels is None else labels[part]
        # Keras does not cut the weights with the rest, and gives the first ones to the wrong images.
        self.sample_weight = None if weights is None else weights[part]
        self.image_shape = self.x.shape[1:]
        tell_channels(self.x.shape, generator.channel_axis, self.data_format)

    def _read(self, index: int) -> Floats:
        image: Floats = self.x[index]
        return image

    def _with_targets(self, batch: NDArray[Any], indices: NDArray[np.intp]) -> Batch:
        inputs = [batch, *(other[indices] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        weights = () if self.sample_weight is None else (self.sample_weight[indices],)
        return (inputs, self.y[indices], *weights)

    def _label(self, index: int) -> Any:
        return None if self.y is None else self.y[index].tolist()

    def _bounds(self, image: Floats) -> tuple[float, float]:
        return self._values

    @cached_property
    def _values(self) -> tuple[float, float]:
        """Bytes, shares from 0 to 1, or from the least to the greatest value of all."""
        low, high = float(self.x.min(initial=0)), float(self.x.max(initial=0))
        if low < 0 or high > 255:
            return low, high
        return 0, 1 if high <= 1 else 255


def _apart(x: Any) -> tuple[Any, list[NDArray[Any]]]:
    if not isinstance(x, tuple | list):
        return x, []
    images, further = x
    return images, [np.asarray(other) for other in (further if isinstance(further, list) else [further])]


def _same_classes(labels: NDArray[Any], middle: int) -> None:
    if not np.array_equal(np.unique(labels[:middle]), np.unique(labels[middle:])):
        raise ValueError(
            "Training and validation subsets have different classes after the split. If your arrays are sorted by the "
            "label, you might want to shuffle them, or say ignore_class_split=True."
        )
