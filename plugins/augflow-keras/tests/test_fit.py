"""Flows in Keras 3's own loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from augflow_keras import Epochs, ImageDataGenerator
from peers import photographs

keras = pytest.importorskip("keras", reason="Keras 3 is not installed")
X, Y = photographs(12), np.arange(12) % 2
GENERATOR = ImageDataGenerator(rotation_range=30, zoom_range=0.2, horizontal_flip=True, rescale=1 / 255)


def network() -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((12, 15, 3)),
            keras.layers.Conv2D(4, 3, activation="tanh"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(workers: int) -> Any:
    flow = GENERATOR.flow(X, Y, batch_size=4, seed=7)
    flow.workers = workers
    model = network()
    history = model.fit(flow, epochs=3, verbose=0, shuffle=False, callbacks=[Epochs(flow)])
    return history.history["loss"], model.get_weights()


def test_training_is_the_same_for_any_number_of_workers() -> None:
    losses, weights = trained(1)
    assert losses[0] != losses[1] != losses[2]
    for workers in (0, 2, 4):
        others, more = trained(workers)
        assert losses == others
        assert all(map(np.array_equal, weights, more))


def test_every_image_is_seen_once_in_every_epoch() -> None:
    """Keras's own queue, which more workers would call for, carries batches over into the next epoch."""
    seen: list[Any] = []

    class Seen(keras.losses.Loss):  # type: ignore[misc, name-defined]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            seen.extend(keras.ops.convert_to_numpy(y_true).ravel().tolist())
            return keras.ops.mean(y_pred)

    model = network()
    model.compile("sgd", Seen())
    flow = GENERATOR.flow(X, np.arange(12), batch_size=4, seed=7)
    flow.workers = 4
    model.fit(flow, epochs=3, verbose=0)
    assert [sorted(seen[start : start + 12]) for start in range(len(seen) - 36, len(seen), 12)] == [list(range(12))] * 3


def test_processes_are_told_to_be_threads() -> None:
    flow = GENERATOR.flow(X, Y)
    with pytest.warns(UserWarning, match="threads instead"):
        flow.use_multiprocessing = True
    assert (flow.use_multiprocessing, flow.workers) == (False, 1)


def test_the_callback_keeps_epochs_equal_and_training_goes_on() -> None:
    flow = GENERATOR.flow(X, Y, batch_size=4, seed=7)
    model = network()
    model.fit(flow, epochs=2, verbose=0, shuffle=False, callbacks=[Epochs(flow)])
    assert flow.epoch == 2
    later = GENERATOR.flow(X, Y, batch_size=4, seed=7)
    model.fit(later, initial_epoch=2, epochs=3, verbose=0, shuffle=False, callbacks=[Epochs(later)])
    whole = trained(1)[1]
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(model.get_weights(), whole, strict=True))


def test_evaluate_and_predict_see_all_in_order() -> None:
    plain = ImageDataGenerator(rescale=1 / 255)
    model = network()
    flow = plain.flow(X, Y, batch_size=5, shuffle=False)
    direct = model.predict(X / 255, verbose=0)
    assert np.allclose(model.predict(plain.flow(X, batch_size=5, shuffle=False), verbose=0), direct, atol=1e-5)
    assert np.allclose(model.evaluate(flow, verbose=0), model.evaluate(X / 255, Y, batch_size=5, verbose=0), atol=1e-5)


def test_sample_weights_and_class_weights_reach_the_loss() -> None:
    model = network()
    plain = ImageDataGenerator(rescale=1 / 255)
    weights = np.linspace(0, 2, 12)
    found = model.evaluate(plain.flow(X, Y, sample_weight=weights, batch_size=5, shuffle=False), verbose=0)
    assert np.allclose(found, model.evaluate(X / 255, Y, sample_weight=weights, batch_size=5, verbose=0), atol=1e-5)
    model.fit(plain.flow(X, Y, batch_size=5), class_weight={0: 1.0, 1: 3.0}, verbose=0)


def test_training_on_its_way_is_validated() -> None:
    generator = ImageDataGenerator(rotation_range=20, rescale=1 / 255, validation_split=0.25)
    history = network().fit(
        generator.flow(X, Y, batch_size=3, subset="training", seed=1),
        validation_data=generator.flow(X, Y, batch_size=3, subset="validation", shuffle=False, ignore_class_split=True),
        epochs=2,
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 2


def test_several_inputs_and_outputs_train() -> None:
    image = keras.layers.Input((12, 15, 3))
    further = keras.layers.Input((2,))
    joined = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(image), further])
    model = keras.Model([image, further], keras.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    flow = GENERATOR.flow((X, np.ones((12, 2))), Y, batch_size=5)
    assert np.isfinite(model.fit(flow, verbose=0).history["loss"][0])
