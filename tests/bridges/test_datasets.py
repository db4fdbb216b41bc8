"""Hugging Face's `datasets` reads the same images from a stream, streamed or kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.online.stream import Stream

os.environ["HF_HUB_OFFLINE"] = "1"
pytest.importorskip("datasets", reason="datasets is not installed")
bridge: Any = pytest.importorskip("augflow.bridges.datasets")

Open = Callable[..., Stream]


def by_key(examples: Any) -> dict[str, tuple[bytes, int]]:
    return {example["key"]: (np.asarray(example["image"]).tobytes(), example["label"]) for example in examples}


def expected(stream: Stream, epoch: int) -> dict[str, tuple[bytes, int]]:
    items = (stream.at(epoch, index) for index in range(len(stream)))
    return {item.record["key"]: (item.image.tobytes(), item.label) for item in items}


def test_an_epoch_streamed(small_stream: Open) -> None:
    stream = small_stream()
    found = bridge.iterable_dataset(stream, epoch=1, shards=2)
    assert found.features["label"].names == ["crowd", "few"]
    assert found.num_shards == 2
    assert by_key(found) == expected(stream, 1)
    one_of_two = by_key(found.shard(2, 0))
    assert len(one_of_two) == 21
    assert one_of_two.items() < expected(stream, 1).items()


def test_an_epoch_kept(small_stream: Open, tmp_path: Path) -> None:
    stream = small_stream()
    found = bridge.dataset(stream, cache_dir=str(tmp_path))
    assert found.features["label"].names == ["crowd", "few"]
    assert by_key(found) == expected(stream, 0)
    assert by_key(bridge.dataset(stream, epoch=1, cache_dir=str(tmp_path))) == expected(stream, 1)


def test_floats_are_arrays(small_stream: Open) -> None:
    stream = small_stream({"dtype": "float32", "layout": "chw", "normalise": "unit"})
    first = next(iter(bridge.iterable_dataset(stream).with_format("numpy")))
    assert np.array_equal(first["image"], stream.at(0, 0).image)
