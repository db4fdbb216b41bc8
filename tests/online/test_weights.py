"""Class weights: those of what balance a recipe leaves, and a warning where weights correct once more."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow.online.opening import stream
from augflow.online.stream import Stream
from augflow.online.weights import TwiceCorrectedWarning
from augflow.recipe.reader import read_recipe
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry

COUNTS = {"many": 90, "some": 10, "few": 1}


def recipe(**said: Any) -> Recipe:
    return read_recipe({"chains": {"some": {"flip": {}}}, "max_copies": 1000, **said}, Registry())


def test_balanced_classes_weigh_the_same() -> None:
    assert recipe().residual_weights(COUNTS) == {"many": 1, "some": 1, "few": 1}


def test_what_is_left_is_weighed() -> None:
    left = recipe(target="keep").residual_weights(COUNTS | {"none": 0})
    assert left == {"many": pytest.approx(101 / 270), "some": pytest.approx(101 / 30), "few": pytest.approx(101 / 3)}
    capped = recipe(max_copies=2).residual_weights(COUNTS)  # 90, 30, 3
    assert capped["few"] / capped["many"] == pytest.approx(30)
    total = sum(weight * count for weight, count in zip(capped.values(), (90, 30, 3), strict=True))
    assert total == pytest.approx(123), "on average an image weighs 1"


def test_a_class_that_holds_nothing_has_no_weight() -> None:
    assert set(recipe(classes={"few": {"target": 0, "surplus": "drop"}}).residual_weights(COUNTS)) == {"many", "some"}


@pytest.fixture
def opened(small_source: Path) -> Any:
    def call(**said: Any) -> Stream:
        return stream(recipe(**said), {"kind": "folder", "root": str(small_source)}, workers=0, check=False)

    return call


RAW = {"crowd": 16 / 24, "few": 16 / 8}


def test_weights_on_top_of_balance_are_warned_of(opened: Any) -> None:
    with pytest.warns(TwiceCorrectedWarning, match="'few'.*3 times"):
        found = opened().weights(RAW)
    assert found.tolist() == [np.float32(RAW["crowd"]), 2]
    with pytest.warns(TwiceCorrectedWarning):
        opened(target="sqrt").weights(RAW)


def test_right_weights_are_not(opened: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened(target="keep").weights(RAW).tolist() == pytest.approx([16 / 24, 2])
        assert opened().weights().tolist() == [1, 1]
        assert opened(target="keep").weights().tolist() == pytest.approx([16 / 24, 2])
        opened(target="sqrt").weights(recipe(target="sqrt").residual_weights({"crowd": 12, "few": 4}))
