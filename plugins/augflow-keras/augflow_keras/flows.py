"""Batches in any order, from any number of workers: each image follows from its seed, key and epoch alone."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augflow.draw import Streams
from augflow.transform import Size
from augflow_keras.dataset import Batch, Dataset
from augflow_keras.pixels import Floats, cast, computed
from augflow_keras.saving import Saving
from augflow_keras.seeds import seed_of

if TYPE_CHECKING:
    from augflow_keras.generator import ImageDataGenerator


class Flow(Dataset):
    """Batches of a data set, epoch after epoch.

    As a Keras dataset it has `len(flow)` batches, `flow[i]` of the present `epoch`, which Keras counts on; as an
    iterator it goes on without end, as Keras's own do. `image` and `record` give one image, of any epoch.
    """

    image_shape: tuple[int, ...]

    def __init__(
        self,
        generator: ImageDataGenerator,
        keys: Sequence[str],
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        saving: Saving | None,
    ) -> None:
        super().__init__()
        self.image_data_generator = generator
        self.data_format, self.dtype = generator.data_format, generator.dtype
        self.keys, self.n = keys, len(keys)
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed_of(seed)
        self.saving = saving
        self.batch_index = 0
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        with self.lock:
            epoch, number = self.epoch, self.batch_index
            self.batch_index += 1
            if self.batch_index >= len(self):
                self.epoch, self.batch_index = epoch + 1, 0
        return self.batch(epoch, number)

    next = __next__

    def reset(self) -> None:
        """Begin the present epoch again."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        super().on_epoch_end()
        self.batch_index = 0

    def order(self, epoch: int) -> NDArray[np.intp]:
        """The images of an epoch, as their numbers in the data set."""
        held = self._order
        if held is None or held[0] != epoch:
            numbers = np.arange(self.n)
            held = epoch, Streams(self.seed, "", epoch).at("shuffle").permutation(numbers) if self.shuffle else numbers
            self._order = held
        return held[1]

    @property
    def index_array(self) -> NDArray[np.intp]:
        """The order of the present epoch."""
        return self.order(self.epoch)

    def image(self, index: int, epoch: int | None = None) -> NDArray[Any]:
        """One image as a batch of `epoch` (or the present) holds it."""
        return self._made(index, self.epoch if epoch is None else epoch, save=False)

    def record(self, index: int, epoch: int | None = None) -> dict[str, Any]:
        """All that makes one image in `epoch` (or the present): JSON values, in the words of augflow's ledger.

        `apply_transform(image, record["steps"][0]["draw"])` makes it again.
        """
        epoch = self.epoch if epoch is None else epoch
        generator, streams = self.image_data_generator, self._streams(index, epoch)
        transform = generator.transform
        arguments = json.dumps(dataclasses.asdict(transform))
        entry = {"step": "keras", "transform": "keras", "version": transform.version, "arguments": arguments}
        steps = [{**entry, "fired": True, "draw": generator.draw(self.image_shape, streams)}]
        height, width = self.image_shape[:2] if self.data_format == "channels_last" else self.image_shape[1:]
        if generator.preprocessing:
            steps.append(generator.preprocessing.entry(Size(height, width), streams))
        return {
            "key": self.keys[index],
            **self._origin(index),
            "label": self._label(index),
            "seed": self.seed,
            "copy": epoch,
            "height": height,
            "width": width,
            "steps": steps,
        }

    def records(self, epoch: int | None = None) -> Iterator[dict[str, Any]]:
        """The record of every image of `epoch` (or the present), in the order of its batches."""
        epoch = self.epoch if epoch is None else epoch
        for index in self.order(epoch).tolist():
            yield self.record(index, epoch)

    def _streams(self, index: int, epoch: int) -> Streams:
        return Streams(self.seed, self.keys[index], epoch)

    def _indices(self, epoch: int, number: int) -> list[int]:
        chosen: list[int] = self.order(epoch)[number * self.batch_size : (number + 1) * self.batch_size].tolist()
        return chosen

    def _make(self, epoch: int, indices: Sequence[int]) -> list[NDArray[Any]]:
        return [self._made(index, epoch, save=True) for index in indices]

    def _join(self, parts: list[list[NDArray[Any]]], indices: Sequence[int]) -> Batch:
        images = [image for part in parts for image in part]
        batch = np.stack(images) if images else np.empty((0, *self.image_shape), dtype=self.dtype)
        return self._with_targets(batch, np.array(indices, dtype=np.intp))

    def _made(self, index: int, epoch: int, save: bool) -> NDArray[Any]:
        generator, streams = self.image_data_generator, self._streams(index, epoch)
        image = computed(self._read(index))
        made = computed(generator.apply_transform(image, generator.draw(image.shape, streams)))
        if self.saving and save:
            shown = made if self.data_format == "channels_last" else np.moveaxis(made, 0, 2)
            self.saving.save(shown, *self._bounds(image), index, (self.seed, self.keys[index], epoch))
        # A flip is a view of the image, and what is standardised in place must be nobody else's.
        return cast(generator.standardize(np.array(made), streams), self.dtype)

    @abstractmethod
    def _read(self, index: int) -> Floats:
        """The image as it is, not to be changed."""

    @abstractmethod
    def _with_targets(self, batch: NDArray[Any], indices: NDArray[np.intp]) -> Batch:
        """What `__getitem__` returns."""

    @abstractmethod
    def _label(self, index: int) -> Any:
        """The label, as JSON."""

    def _origin(self, index: int) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _bounds(self, image: Floats) -> tuple[float, float]:
        """Between which values the images lie, of which this is one."""
