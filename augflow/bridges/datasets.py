"""A stream for Hugging Face's `datasets`: examples of an image, a label with its class's name, and a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datasets

from augflow.online.stream import Stream


def iterable_dataset(stream: Stream, epoch: int | None = None, shards: int = 1) -> Any:
    """An epoch as an `IterableDataset`; as many workers as there are shards can read it together."""
    options = {"stream": stream, "epoch": stream.epoch if epoch is None else epoch}
    ranks = {"ranks": [(rank, shards) for rank in range(shards)]}
    return datasets.IterableDataset.from_generator(_examples, features(stream), {**options, **ranks})


def dataset(stream: Stream, epoch: int | None = None, **options: Any) -> Any:
    """An epoch as a `Dataset`, written to the cache of `datasets` once; `options` are those of `from_generator`."""
    chosen = {"stream": stream, "epoch": stream.epoch if epoch is None else epoch, "ranks": [(0, 1)]}
    return datasets.Dataset.from_generator(_examples, features(stream), gen_kwargs=chosen, **options)


def features(stream: Stream) -> Any:
    """What an example holds: `image`, `label`, `key`."""
    label = datasets.ClassLabel(names=list(stream.classes))
    image: Any = datasets.Image()
    if stream.recipe.output.dtype != "uint8" or stream.recipe.output.layout != "hwc":
        image = datasets.Array3D(stream.shape, stream.recipe.output.dtype)
    return datasets.Features({"image": image, "label": label, "key": datasets.Value("string")})


def _examples(stream: Stream, epoch: int, ranks: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for rank, world_size in ranks:
        share = stream.shard(rank, world_size)
        share.set_epoch(epoch)
        for image, label, record in share:
            yield {"image": image, "label": label, "key": record["key"]}
