"""PyTorch reads the same images from a stream with any workers, shares and interruptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.online.stream import Stream

torch = pytest.importorskip("torch", reason="torch is not installed")
bridge: Any = pytest.importorskip("augflow.bridges.torch")
DataLoader = torch.utils.data.DataLoader

Open = Callable[..., Stream]
Image = tuple[bytes, int]


def images(batches: Iterable[Any]) -> list[Image]:
    pairs = (pair for images, labels in batches for pair in zip(images, labels, strict=True))
    return [(image.numpy().tobytes(), int(label)) for image, label in pairs]


def expected(stream: Stream, epoch: int) -> list[Image]:
    items = (stream.at(epoch, index) for index in range(len(stream)))
    return [(item.image.tobytes(), item.label) for item in items]


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_loader_gives_the_stream_epoch_by_epoch(workers: int, persistent: bool, small_stream: Open) -> None:
    stream = small_stream()
    loader = bridge.StreamLoader(stream, 5, num_workers=workers, persistent_workers=persistent and workers > 0)
    assert len(loader) == 9
    for epoch in range(3):
        assert images(loader) == expected(stream, epoch)
    loader.set_epoch(1)
    assert images(loader) == expected(stream, 1)


def test_a_streams_own_processes_give_the_same(small_stream: Open) -> None:
    stream = small_stream(workers=2, processes=True)
    loader = bridge.StreamLoader(stream, 5, drop_last=True, collate_fn=lambda pair: (pair[0], pair[1] + 0))
    for epoch in range(2):
        assert images(loader) == expected(stream, epoch)[: len(loader) * 5]
    whole = bridge.StreamLoader(stream, 8)
    taken = images(batch for _, batch in zip(range(3), whole, strict=False))
    state = json.loads(json.dumps(whole.state_dict()))
    assert (state["epoch"], state["index"]) == (0, 24)
    again = bridge.StreamLoader(small_stream(workers=2, processes=True), 8)
    again.load_state_dict(state)
    assert taken + images(again) == expected(stream, 0)
    ranks = [images(bridge.StreamLoader(stream, 8, rank=rank, world_size=2)) for rank in range(2)]
    assert [pair for both in zip(*ranks, strict=True) for pair in both] == expected(stream, 0)[: 2 * len(ranks[0])]


def test_spawned_workers_give_the_same(small_stream: Open) -> None:
    stream = small_stream()
    options = {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True}
    loader = bridge.StreamLoader(stream, 8, **options)
    assert images(loader) == expected(stream, 0)
    assert images(loader) == expected(stream, 1)


def test_a_plain_loader_over_the_data_set(small_stream: Open) -> None:
    """Plain numbers belong to the epoch that was set last, in workers that persist too."""
    stream = small_stream()
    dataset = bridge.StreamDataset(stream)
    loader = DataLoader(dataset, 6, shuffle=True, num_workers=2, persistent_workers=True)
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        assert sorted(images(loader)) == sorted(expected(stream, epoch))


def test_a_plain_loader_with_the_sampler(small_stream: Open) -> None:
    stream = small_stream()
    sampler = bridge.StreamSampler(stream)
    loader = DataLoader(bridge.StreamDataset(stream), 6, sampler=sampler, num_workers=1, persistent_workers=True)
    assert images(loader) == expected(stream, 0)
    assert images(loader) == expected(stream, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_it_goes_on_in_mid_epoch(workers: int, small_stream: Open) -> None:
    whole = bridge.StreamLoader(small_stream(), 5, num_workers=workers)
    images(whole)
    taken = []
    for batch in whole:
        taken.append(batch)
        if len(taken) == 3:
            break
    state = json.loads(json.dumps(whole.state_dict()))
    assert (state["epoch"], state["index"]) == (1, 15)
    again = bridge.StreamLoader(small_stream(), 5, num_workers=workers)
    again.load_state_dict(state)
    again.set_epoch(1)
    assert images(taken) + images(again) == expected(small_stream(), 1)
    assert again.state_dict() | {"digest": ""} == {"epoch": 2, "index": 0, "world_size": 1, "digest": ""}
    assert images(again) == expected(small_stream(), 2)


def test_shares_of_a_distributed_sampler_make_up_the_epoch(small_stream: Open) -> None:
    stream = small_stream()
    dataset = bridge.StreamDataset(stream)
    dataset.set_epoch(4)
    found = []
    for rank in range(3):
        sampler = torch.utils.data.distributed.DistributedSampler(dataset, num_replicas=3, rank=rank)
        sampler.set_epoch(4)
        found += images(DataLoader(dataset, 7, sampler=sampler))
    assert sorted(found) == sorted(expected(stream, 4))


def test_shares_of_loaders_make_up_the_epoch(small_stream: Open) -> None:
    stream = small_stream()
    shares = [images(bridge.StreamLoader(stream, 4, rank=rank, world_size=4, num_workers=1)) for rank in range(4)]
    assert [len(share) for share in shares] == [10] * 4
    assert shares == [expected(stream, 0)[:40][rank::4] for rank in range(4)]
    uneven = [bridge.StreamLoader(stream, 4, rank=rank, world_size=4, even=False) for rank in range(4)]
    assert sorted(image for loader in uneven for image in images(loader)) == sorted(expected(stream, 0))


SCRIPT = """
import json, sys
from torch import distributed
from augflow import Registry, read_recipe, stream
from augflow.bridges.torch import StreamLoader
recipe, root, rank, meeting = json.loads(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
opened = stream(read_recipe(recipe, Registry()), {"kind": "folder", "root": root}, workers=0)
loader = StreamLoader(opened, 5, num_workers=1)
pairs = [pair for images, labels in loader for pair in zip(images, labels)]
print(json.dumps([[image.numpy().tobytes().hex(), int(label)] for image, label in pairs]))
distributed.barrier()
distributed.destroy_process_group()
"""


def test_a_process_group_gives_each_rank_its_share(
    small_stream: Open, small_source: Path, tmp_path: Path, checkout: Path
) -> None:
    recipe = dict(small_stream().recipe.plain)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps([recipe, str(small_source), rank, str(tmp_path / "meeting")])],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(checkout), "GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(2)
    ]
    found = [json.loads(process.communicate(timeout=180)[0].splitlines()[-1]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    whole = [[image.hex(), label] for image, label in expected(small_stream(), 0)]
    assert found == [whole[0::2], whole[1::2]]


def test_batches_are_as_the_output_says(small_stream: Open) -> None:
    output = {"dtype": "float32", "layout": "chw", "normalise": "unit"}
    stream = small_stream(output)
    batch, labels = next(iter(bridge.StreamLoader(stream, 4, num_workers=1)))
    assert (batch.dtype, tuple(batch.shape), labels.dtype) == (torch.float32, (4, 3, 16, 16), torch.int64)
    plain = [small_stream().at(0, index).image for index in range(4)]
    assert np.array_equal(batch.numpy(), np.stack(plain).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
