"""A stream for PyTorch: a map-style data set, a sampler, and a loader that goes on where it stopped.

All are right with any number of workers, persistent or not, forked or spawned: what an image is follows from its epoch
and number alone. Needs the extra `torch`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from augflow.online.stream import Reader, Stream

Place: TypeAlias = tuple[int, int]
"""An epoch, and the number of an image in it."""


class StreamDataset(Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """A stream as a map-style data set of (image, label), for any DataLoader and sampler.

    Numbers are those of the epoch that `set_epoch` said last, also in workers that persist; the places that a
    `StreamSampler` gives say their own.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._epoch = torch.tensor([stream.epoch]).share_memory_()

    def __len__(self) -> int:
        return len(self.stream)

    def set_epoch(self, epoch: int) -> None:
        """Let plain numbers be those of `epoch`."""
        self.stream.set_epoch(epoch)
        self._epoch[0] = epoch

    def __getitem__(self, place: int | Place) -> tuple[torch.Tensor, int]:
        epoch, index = place if isinstance(place, tuple) else (int(self._epoch), place)
        image, label, _ = self.stream.at(epoch, range(len(self))[index])
        return torch.from_numpy(image), label


class _Batches(StreamDataset):
    """A share of a stream, a batch at a time: images are made where the batch lies, and put together by that.

    A worker makes several views of a sample at once where later ones are its own: of every so many batches, one is.
    """

    def __init__(self, share: Stream, batch_size: int) -> None:
        super().__init__(share)
        self._batch_size = batch_size
        self._reader: Reader | None = None
        self._next = (-1, 0)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}

    def __getitems__(self, places: Sequence[Place]) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, indices = places[0][0], [self.stream.ours(whole) for _, whole in places]
        if self._reader is None or self._next[0] != epoch or indices[0] < self._next[1]:
            self._reader = self._read(epoch, indices[0])
        self._next = epoch, indices[-1] + 1
        shape = self.stream.shape
        room = None if shape is None else _room((len(places), *shape), self.stream.recipe.output.dtype)
        batch = self.stream.batch(epoch, indices, None if room is None else room.numpy(), self._reader)
        return torch.from_numpy(batch.images) if room is None else room, torch.from_numpy(batch.labels)

    def _read(self, epoch: int, first: int) -> Reader:
        worker = get_worker_info()
        workers = worker.num_workers if worker else 1
        return self.stream.reader(epoch, lambda index: (index - first) // self._batch_size % workers == 0)


def _room(shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    """An empty batch; in a worker it lies in shared memory from the first, as the library's own batches do."""
    found = torch.empty(0, dtype=getattr(torch, dtype))
    if get_worker_info() is None:
        return found.new_empty(shape)
    bytes_of_all = math.prod(shape) * found.element_size()
    return found.set_(torch.UntypedStorage._new_shared(bytes_of_all), 0, shape)


def _as_it_is(batch: Any) -> Any:
    return batch


class StreamSampler(Sampler):  # type: ignore[misc, type-arg, unused-ignore]
    """The places of an epoch in the stream's own order, balanced as it is; one pass is an epoch, the next is the next.

    Args:
        rank, world_size: which share of how many this process reads; those of `torch.distributed` where it runs.
        even: leave out the last few of an epoch, so that all shares are equally long.
    """

    def __init__(
        self, stream: Stream, rank: int | None = None, world_size: int | None = None, even: bool = True
    ) -> None:
        running = distributed.is_available() and distributed.is_initialized()
        if rank is None:
            rank = distributed.get_rank() if running else 0
        if world_size is None:
            world_size = distributed.get_world_size() if running else 1
        self.share = stream.shard(rank, world_size, even)

    def __len__(self) -> int:
        return len(self.share)

    def __iter__(self) -> Iterator[Place]:
        epoch, start = self.share.begin()
        for index in range(start, len(self)):
            yield epoch, self.share.whole(index)
        self.set_epoch(epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`; a position in it that was loaded stays."""
        self.share.set_epoch(epoch)


class StreamLoader(DataLoader):  # type: ignore[misc, type-arg, unused-ignore]
    """A DataLoader of (images, labels) over a stream, which knows how far training came.

    A pass is an epoch, and the next pass the next epoch. Without workers of its own (`num_workers=0`) it takes what the
    processes make of a stream that was opened with `processes=True`: the fastest way, since these make all views of a
    sample together, whichever batch they are for.

    Args:
        batch_size: images of each batch; all have one size, which the recipe's render says.
        rank, world_size, even: as `StreamSampler` has them.
        options: DataLoader's own.
    """

    def __init__(
        self,
        stream: Stream,
        batch_size: int = 32,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        even: bool = True,
        **options: Any,
    ) -> None:
        sampler = StreamSampler(stream, rank, world_size, even)
        options.setdefault("collate_fn", _as_it_is)
        super().__init__(_Batches(sampler.share, batch_size), batch_size, sampler=sampler, **options)
        self._at = stream.epoch, 0

    def __iter__(self) -> Iterator[Any]:
        share = self.sampler.share
        epoch, taken = share.upcoming
        self._at = epoch, taken
        for images, labels in self._by_processes() if share.processes and not self.num_workers else super().__iter__():
            taken += len(labels)
            self._at = epoch, taken
            yield images, labels
        self._at = epoch + 1, 0
        share.set_epoch(epoch + 1)

    def _by_processes(self) -> Iterator[Any]:
        for batch in self.sampler.share.batches(self.batch_size, self.drop_last):
            pair = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
            if self.pin_memory and torch.cuda.is_available():
                pair = pair[0].pin_memory(), pair[1].pin_memory()
            yield self.collate_fn(pair)

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`; a position in it that was loaded stays."""
        self.sampler.set_epoch(epoch)
        self._at = self.sampler.share.upcoming

    def state_dict(self) -> dict[str, Any]:
        """How far training came: the batches that it took, not those that workers have ready."""
        epoch, taken = self._at
        state: dict[str, Any] = self.sampler.share.state_dict()
        return state | {"epoch": epoch, "index": taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next pass go on where `state_dict` was asked."""
        self.sampler.share.load_state_dict(state)
        self._at = self.sampler.share.upcoming
