"""A stream gives the pixels of a run, image for image, whatever reads it and in whatever order; then new ones."""

from __future__ import annotations

import itertools
import json
import pickle
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.errors import PluginError, RecipeError, SourceError
from augflow.online.opening import stream
from augflow.online.rendering import SetAsideWarning
from augflow.online.stream import Stream
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import run

CHAIN = {
    "flip": {},
    "rotate": {"limit": 25},
    "light": {"use": "brightness_contrast", "brightness": 0.2, "contrast": 0.2},
    "grain": {"use": "poisson_noise", "p": 0.5},
}
RECIPE: dict[str, Any] = {
    "target": "max",
    "chain": "some",
    "chains": {"some": CHAIN},
    "render": {"size": 24, "format": "png"},
}


def opened(source: Path, recipe: Mapping[str, Any] = RECIPE, **options: Any) -> Stream:
    settings = {"kind": "folder", "root": str(source), **options.pop("settings", {})}
    return stream(read_recipe(recipe, Registry()), settings, **{"workers": 0, **options})


def in_order(items: Any) -> list[tuple[bytes, int, str]]:
    return [(item.image.tobytes(), item.label, item.record["key"]) for item in items]


def test_epoch_0_is_what_run_writes(mixed_source: Path, make_set: Any, tmp_path: Path) -> None:
    make_set(RECIPE, mixed_source, tmp_path)
    rows = {row["key"]: row for row in pq.read_table(tmp_path / "ledger.parquet").to_pylist()}
    items = list(opened(mixed_source))
    assert sorted(item.record["key"] for item in items) == sorted(rows)
    for image, label, record in items:
        row = rows[record["key"]]
        with Image.open(tmp_path / row["path"]) as file:
            assert np.array_equal(image, np.asarray(file.convert("RGB")))
        assert label == ["few", "many"].index(row["label"])
        assert record == {name: row[name] for name in record}


@pytest.mark.parametrize("originals", ["keep", "render", "augment", "omit"])
def test_through_the_codec_it_is_the_file_bit_for_bit(
    originals: str, mixed_source: Path, make_set: Any, tmp_path: Path
) -> None:
    recipe = RECIPE | {"originals": originals, "render": {"format": "jpeg", "quality": 80}}
    make_set(recipe, mixed_source, tmp_path)
    rows = {row["key"]: row for row in pq.read_table(tmp_path / "ledger.parquet").to_pylist()}
    items = list(opened(mixed_source, recipe, through_codec=True))
    assert len(items) == len(rows)
    for item in items:
        row = rows[item.record["key"]]
        assert item.record == {name: value for name, value in row.items() if name in item.record}
        assert row.keys() - item.record.keys() <= {"recipe_digest", "plan_digest", "split", "group"}
        if row["render"] is not None:
            with Image.open(tmp_path / row["path"]) as file:
                assert np.array_equal(item.image, np.asarray(file.convert("RGB")))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_and_any_order_of_access(workers: int, mixed_source: Path) -> None:
    plain = in_order(opened(mixed_source))
    many = opened(mixed_source, workers=workers)
    assert in_order(many) == plain
    many.set_epoch(0)
    at_random = np.random.default_rng(3).permutation(len(many)).tolist()
    found = {index: many[index] for index in at_random}
    assert in_order(found[index] for index in range(len(many))) == plain


def test_every_epoch_is_balanced_and_differs_in_every_view(mixed_source: Path) -> None:
    found = opened(mixed_source)
    first, second, third = (list(found) for _ in range(3))
    for epoch in (first, second, third):
        assert Counter(item.label for item in epoch) == {0: 10, 1: 10}
    seen = [item.image.tobytes() for item in (*first, *second, *third)]
    assert len(set(seen)) == 60
    copies: dict[str, list[int]] = {}
    for epoch in (first, second, third):
        for item in epoch:
            copies.setdefault(item.record["parents"][0]["key"], []).append(item.record["copy"])
    for numbers in copies.values():
        assert sorted(numbers) == [*range(len(numbers))], "copy numbers go on without a gap"
    assert found.epoch == 3
    found.set_epoch(1)
    assert in_order(found) == in_order(second)


def test_the_second_half_after_a_restart_is_the_second_half_without(mixed_source: Path) -> None:
    whole = in_order(opened(mixed_source, epoch=2))
    first = opened(mixed_source, epoch=2, workers=2)
    taken = in_order(itertools.islice(first, 10))
    state = json.loads(json.dumps(first.state_dict()))
    assert (state["epoch"], state["index"]) == (2, 10)
    second = opened(mixed_source, workers=1)
    second.load_state_dict(state)
    second.set_epoch(2)
    assert taken + in_order(second) == whole
    assert second.state_dict() | {"digest": ""} == {"epoch": 3, "index": 0, "world_size": 1, "digest": ""}


def test_a_state_of_another_stream_is_refused(mixed_source: Path) -> None:
    state = opened(mixed_source).state_dict()
    with pytest.raises(SourceError, match="another stream"):
        opened(mixed_source, RECIPE | {"seed": 1}).load_state_dict(state)
    with pytest.raises(SourceError, match="shares"):
        opened(mixed_source).shard(0, 2).load_state_dict(state)


@pytest.mark.parametrize("even", [False, True])
def test_shares_make_up_the_epoch(even: bool, mixed_source: Path) -> None:
    whole = in_order(opened(mixed_source))
    shares = [opened(mixed_source, workers=rank).shard(rank, 3, even) for rank in range(3)]
    found = [in_order(share) for share in shares]
    assert [len(share) for share in shares] == [len(items) for items in found] == ([6, 6, 6] if even else [7, 7, 6])
    assert found == [whole[: 18 if even else None][rank::3] for rank in range(3)]


def test_batches_hold_the_same_images(mixed_source: Path) -> None:
    plain = opened(mixed_source)
    items = [plain[index] for index in range(len(plain))]
    for workers in (0, 2):
        found = opened(mixed_source, workers=workers)
        batches = list(found.batches(8))
        assert [batch.images.shape for batch in batches] == [(8, 24, 24, 3), (8, 24, 24, 3), (4, 24, 24, 3)]
        assert np.array_equal(np.concatenate([batch.images for batch in batches]), [item.image for item in items])
        assert np.concatenate([batch.labels for batch in batches]).tolist() == [item.label for item in items]
        assert [record for batch in batches for record in batch.records] == [item.record for item in items]
        assert [len(batch.labels) for batch in found.batches(8, drop_last=True)] == [8, 8]


def test_images_of_several_sizes_make_no_batch(mixed_source: Path) -> None:
    with pytest.raises(RecipeError, match=r"render.*size"):
        next(opened(mixed_source, RECIPE | {"render": {}}).batches(8))
    with pytest.raises(RecipeError, match="originals: keep"):
        list(opened(mixed_source, RECIPE | {"originals": "keep"}).batches(20))


def test_it_goes_to_another_process_whole(mixed_source: Path) -> None:
    found = opened(mixed_source)
    assert in_order(pickle.loads(pickle.dumps(found))) == in_order(found)


KEPT = {("keep", "keep"), ("render", "keep"), ("augment", "keep")}


@pytest.mark.parametrize("originals", ["keep", "render", "augment", "omit"])
@pytest.mark.parametrize("surplus", ["keep", "drop"])
def test_every_epoch_holds_the_targets(originals: str, surplus: str, mixed_source: Path) -> None:
    recipe = RECIPE | {"originals": originals, "surplus": surplus, "target": 7}
    found = opened(mixed_source, recipe)
    counts = {label: done.result for label, done in found.plan.classes.items()}
    assert counts == {"few": 7, "many": 10 if (originals, surplus) in KEPT else 7}
    for epoch in range(4):
        items = [found.at(epoch, index) for index in range(len(found))]
        assert Counter(item.record["label"] for item in items) == counts
        assert len({item.record["key"] for item in items}) == len(items)
        for item in items:
            made = item.record["copy"] or originals == "augment"
            assert item.record["chain"] == ("some" if made else None)


def test_what_one_epoch_drops_comes_in_the_next(mixed_source: Path) -> None:
    found = opened(mixed_source, RECIPE | {"target": 5, "surplus": "drop"})
    seen = [item.record["parents"][0]["key"] for _ in range(2) for item in found if item.record["label"] == "many"]
    assert len(set(seen)) == 10


def spoil(source: Path, tmp_path: Path) -> Path:
    root = Path(shutil.copytree(source, tmp_path / "spoilt"))
    (root / "few" / "0.jpg").write_bytes((root / "few" / "0.jpg").read_bytes()[:400])
    return root


def test_a_broken_file_is_left_out_as_run_leaves_it_out(mixed_source: Path, tmp_path: Path) -> None:
    root = spoil(mixed_source, tmp_path)
    recipe = read_recipe(RECIPE, Registry())
    outcome = run(recipe, {"kind": "folder", "root": str(root)}, {"kind": "folder", "root": str(tmp_path / "sink")})
    found = opened(root, workers=2)
    assert found.aside == outcome.aside != []
    rows = pq.read_table(tmp_path / "sink" / "ledger.parquet").to_pylist()
    assert sorted(item.record["key"] for item in found) == sorted(row["key"] for row in rows)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_file_that_is_met_is_told_and_others_stand_in(
    workers: int, mixed_source: Path, tmp_path: Path
) -> None:
    root = spoil(mixed_source, tmp_path)
    found = opened(root, check=False, workers=workers)
    with pytest.warns(SetAsideWarning, match="few/0.jpg") as caught:
        epochs = [list(found) for _ in range(2)]
    assert len(caught) == 1
    assert [item.key for item in found.aside] == ["few/0.jpg"]
    for items in epochs:
        assert Counter(item.label for item in items) == {0: 10, 1: 10}
    everything = [item.image.tobytes() for items in epochs for item in items]
    assert len(set(everything)) == 40
    again = opened(root, check=False)
    with pytest.warns(SetAsideWarning):
        one_by_one = [again[index] for index in range(20)]
    assert in_order(one_by_one) == in_order(epochs[0])


def test_a_class_without_any_sound_sample_is_an_error(mixed_source: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(mixed_source, tmp_path / "spoilt"))
    for file in (root / "few").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(SourceError, match="'few'"), pytest.warns(SetAsideWarning):
        list(opened(root, check=False))


@pytest.fixture(scope="module")
def split_source(mixed_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("split")
    shutil.copytree(mixed_source, root / "train")
    shutil.copytree(mixed_source / "many", root / "val" / "many")
    return root


MANY = [f"{n}.{'png' if n % 4 == 2 else 'jpg'}" for n in range(10)]


def test_another_split_is_rendered_only(split_source: Path) -> None:
    found = opened(split_source, split="val")
    items = list(found)
    assert [item.record["parents"][0]["key"] for item in items] == [f"val/many/{n}" for n in sorted(MANY)]
    assert found.classes == ("few", "many")
    assert {item.label for item in items} == {1}
    assert {(item.record["chain"], item.record["copy"], len(item.record["steps"])) for item in items} == {(None, 0, 0)}
    assert in_order(found) == in_order(items), "the next epoch of what is not augmented is the same"
    trained = opened(split_source)
    assert len(trained) == 20
    assert {item.record["split"] for item in trained} == {"train"}


def test_nothing_stands_in_where_nothing_is_augmented(mixed_source: Path, tmp_path: Path) -> None:
    root = spoil(mixed_source, tmp_path)
    found = opened(root, augment=False)
    assert [item.key for item in found.aside] == ["few/0.jpg"]
    assert Counter(item.label for item in found) == {0: 3, 1: 10}
    for workers in (0, 2):
        with pytest.raises(SourceError, match=r"few/0\.jpg.*check=True"), pytest.warns(SetAsideWarning):
            list(opened(root, augment=False, check=False, workers=workers))


@pytest.mark.filterwarnings("ignore::augflow.online.rendering.SetAsideWarning")
def test_what_a_plugin_breaks_is_told_and_threads_do_not_wait(mixed_source: Path, tmp_path: Path) -> None:
    """A chain that fails on every image leaves nothing that could stand in."""
    plugin = tmp_path / "wrong.py"
    plugin.write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Wrong:\n"
        "    def draw(self, rng, size):\n        return {}\n"
        "    def apply(self, image):\n        raise ValueError('no')\n"
    )
    recipe = read_recipe({"chains": {"some": {"wrong": {}}}}, Registry([str(plugin)]))
    settings = {"kind": "folder", "root": str(mixed_source)}
    with pytest.raises(SourceError, match="chain failed: ValueError: no"), pytest.warns(SetAsideWarning):
        list(stream(recipe, settings, workers=0, plugins=[str(plugin)]))
    # Which thread's warnings are caught is not sure: that they end is what counts.
    with pytest.raises(SourceError, match="chain failed: ValueError: no"):
        list(stream(recipe, settings, workers=2, plugins=[str(plugin)]))


def test_a_folder_to_evaluate_on(mixed_source: Path, split_source: Path) -> None:
    trained = opened(mixed_source)
    found = opened(split_source / "val", augment=False, classes=trained.classes)
    assert [(item.label, item.record["chain"]) for item in found] == [(1, None)] * 10
    with pytest.raises(SourceError, match="'many' is none of those"):
        opened(split_source / "val", augment=False, classes=["few", "money"])


def test_what_cannot_be_asked_is_refused(mixed_source: Path, split_source: Path) -> None:
    with pytest.raises(SourceError, match="no splits"):
        opened(mixed_source, split="val")
    with pytest.raises(SourceError, match="augment"):
        opened(split_source, split="val", augment=True)
    with pytest.raises(PluginError, match="workers"):
        opened(mixed_source, workers="many")
    with pytest.raises(PluginError, match="epoch"):
        opened(mixed_source, epoch=-1)
    with pytest.raises(PluginError, match="rank"):
        opened(mixed_source).shard(2, 2)
    with pytest.raises(IndexError):
        opened(mixed_source)[20]


def test_a_shuffled_epoch_is_spread_evenly(small_source: Path) -> None:
    recipe = RECIPE | {"target": 1200, "max_copies": 1000}
    found = opened(small_source, recipe)
    for epoch in (0, 1):
        labels = [found.label_of(epoch, index) for index in range(len(found))]
        assert sum(labels) == 1200
        for start in range(0, 2400, 200):
            assert 60 < sum(labels[start : start + 200]) < 140
