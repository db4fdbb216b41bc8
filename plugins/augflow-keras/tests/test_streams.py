"""A recipe's stream in Keras's loops: balanced, the pixels of a run, any number of threads."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augflow_keras import Epochs, StreamDataset
from peers import photograph
from PIL import Image

from augflow import read_recipe, stream
from augflow.online.weights import TwiceCorrectedWarning
from augflow.registry import Registry

keras = pytest.importorskip("keras", reason="Keras 3 is not installed")

RECIPE: dict[str, Any] = {
    "target": "max",
    "chain": "some",
    "chains": {"some": {"keras": {"rotation_range": 40, "zoom_range": 0.2, "horizontal_flip": True}}},
    "render": {"size": 24, "format": "png"},
    "output": {"dtype": "float32", "normalise": "unit"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("photographs")
    for name, count in {"few": 3, "many": 9}.items():
        (root / name).mkdir()
        for number in range(count):
            image = photograph(30 + number, 40, seed=number).astype(np.uint8)
            Image.fromarray(image).save(root / name / f"{number}.png")
    return root


def opened(folder: Path, recipe: dict[str, Any] = RECIPE, **options: Any) -> Any:
    registry = Registry()
    if "keras" not in registry.names():
        pytest.skip("the plugin is not installed, and the recipe names its transform")
    settings = {"kind": "folder", "root": str(folder)}
    return stream(read_recipe(recipe, registry), settings, **{"workers": 0, **options})


def network() -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((24, 24, 3)),
            keras.layers.Conv2D(4, 3, activation="tanh"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_batches_are_the_streams_own(folder: Path) -> None:
    source = opened(folder)
    dataset = StreamDataset(source, 5)
    assert len(dataset) == 4
    for epoch in range(2):
        dataset.epoch = epoch
        items = [source.at(epoch, index) for index in range(18)]
        images = np.concatenate([dataset[number][0] for number in range(4)])
        labels = np.concatenate([dataset[number][1] for number in range(4)])
        assert np.array_equal(images, np.stack([item.image for item in items]))
        assert labels.tolist() == [item.label for item in items]
        assert Counter(labels.tolist()) == {0: 9, 1: 9}
        assert images.dtype == np.float32
        assert 0 <= images.min() < images.max() <= 1


def test_a_pass_reads_a_sample_once_for_its_views(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(folder, check=False)
    dataset = StreamDataset(source, 1)
    read: list[str] = []
    whole = source._renderer.source.read

    def reading(key: str) -> bytes:
        read.append(key)
        return bytes(whole(key))

    monkeypatch.setattr(source._renderer.source, "read", reading)
    for epoch in (0, 1):
        for number in range(18):
            dataset.batch(epoch, number)
    assert len(read) == 2 * 12
    read.clear()
    for number in (2, 0, 3):
        dataset.batch(2, number)
    assert len(read) == 3, "what is asked for in no order is made alone"


@pytest.mark.parametrize("order", [range(4), (2, 0, 3, 1), (0, 0, 1, 3)])
def test_any_number_of_threads_makes_the_same_in_any_order(folder: Path, order: Any) -> None:
    source = opened(folder)
    one, many = StreamDataset(source, 5, workers=1), StreamDataset(source, 5, workers=4)
    for number in order:
        for mine, theirs in zip(one[number], many[number], strict=True):
            assert np.array_equal(mine, theirs)
    twin = pickle.loads(pickle.dumps(many))
    assert np.array_equal(twin[1][0], one[1][0])


def test_a_recipe_trains_evaluates_and_predicts(folder: Path) -> None:
    model = network()
    train = StreamDataset(opened(folder), 5, workers=2)
    val = StreamDataset(opened(folder, augment=False), 5)
    assert len(val.stream) == 12
    history = model.fit(train, validation_data=val, epochs=3, verbose=0, shuffle=False, callbacks=[Epochs(train)])
    assert train.epoch == 3
    assert len(set(history.history["loss"])) == 3
    assert np.isfinite(model.evaluate(val, verbose=0)).all()
    plain = StreamDataset(opened(folder, augment=False), 5, labels=None)
    predicted = model.predict(plain, verbose=0)
    images = np.stack([item.image for item in opened(folder, augment=False)])
    assert np.allclose(predicted, model.predict(images, verbose=0), atol=1e-5)


def test_labels_and_weights_go_with_their_images(folder: Path) -> None:
    source = opened(folder)
    items = [source.at(0, index) for index in range(18)]

    def soft(number: int, record: dict[str, Any]) -> list[float]:
        assert record["label"] == source.classes[number]
        return [0.9, 0.1] if number == 0 else [0.2, 0.8]

    with pytest.warns(TwiceCorrectedWarning, match="'few'"):
        dataset = StreamDataset(source, 18, labels=soft, weights={"few": 3.0})
    _, labels, weights = dataset[0]
    assert labels.tolist() == np.array([soft(item.label, item.record) for item in items], np.float32).tolist()
    assert weights.tolist() == [1.0 if item.label else 3.0 for item in items]
    hot = StreamDataset(source, 18, labels="one_hot", weights=lambda number, record: record["copy"] + 1)[0]
    assert hot[1].argmax(axis=1).tolist() == [item.label for item in items]
    assert hot[2].tolist() == [item.record["copy"] + 1 for item in items]
    model = network()
    model.compile("sgd", "categorical_crossentropy")
    assert np.isfinite(model.evaluate(dataset, verbose=0)).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": "soft"}, "labels: 'soft'"),
        ({"weights": {"fwe": 1}}, r"no class 'fwe'\. Did you mean 'few'\? Known: few, many"),
        ({"labels": None, "weights": {"few": 1}}, "beside labels"),
    ],
)
def test_a_wrong_argument_is_named(folder: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamDataset(opened(folder), **wrong)
