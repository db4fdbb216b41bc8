"""Bounds follow from a transform's own fields, and what is drawn there lies at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from augflow.registry import BUILT_IN, Registry
from augflow.report.bounds import bounds, ranges_of
from augflow.transform import Params, Range, Rng, Size, uniform

SIZE = Size(60, 80)


def drawn(use: str, **arguments: object) -> list[Params]:
    transform = Registry().build(use, arguments)
    return [bound.params for bound in bounds(transform, SIZE, "here")]


def test_a_limit_stands_for_both_sides() -> None:
    assert drawn("rotate", limit=25) == [{"angle": -25}, {"angle": 25}]
    assert drawn("rotate", limit=[5, 30]) == [{"angle": 5}, {"angle": 30}]


def test_two_ranges_have_four_corners() -> None:
    found = drawn("brightness_contrast", brightness=0.2, contrast=[-0.1, 0.3])
    corners = [(params["brightness"], params["contrast"]) for params in found]
    assert corners == [(-0.2, -0.1), (-0.2, 0.3), (0.2, -0.1), (0.2, 0.3)]


def test_more_ranges_go_to_their_ends_one_by_one_and_together() -> None:
    found = drawn("affine", rotate=30, scale=[0.5, 2.0], shear=10)
    turned = [(round(p["angle"], 9), round(p["scale"], 9), round(p["shear"], 9)) for p in found]
    assert turned == [
        (-30, 1, 0), (30, 1, 0), (0, 0.5, 0), (0, 2, 0), (0, 1, -10), (0, 1, 10), (-30, 0.5, -10), (30, 2, 10),
    ]  # fmt: skip


def test_whole_numbers_stay_whole() -> None:
    assert [params["bits"] for params in drawn("posterize", bits=[2, 7])] == [2, 7]
    assert {params["quality"] for params in drawn("jpeg_artefacts", quality=[10, 90])} == {10, 90}


def test_without_a_range_a_few_different_draws_stand_for_the_bounds() -> None:
    assert {params["axis"] for params in drawn("flip", axis="any")} == {"horizontal", "vertical", "both"}
    assert sorted(params["turns"] for params in drawn("quarter_turns")) == [0, 1, 2, 3]
    assert drawn("invert") == [{}]
    assert len(drawn("rotate", limit=0)) == 1


def test_a_window_of_pixels_is_no_range() -> None:
    assert ranges_of(Registry().build("crop", {"size": [20, 30], "scale": [0.5, 0.9]})) == {"scale": (0.5, 0.9)}


@pytest.mark.parametrize("use", sorted(BUILT_IN))
def test_every_transform_has_bounds_and_can_be_performed_there(use: str) -> None:
    import numpy as np

    from augflow.engine.performing import perform

    found = bounds(Registry().build(use, {}), SIZE, "here")
    assert found
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for bound in found:
        assert perform(picture, [(bound.transform, bound.params)]).dtype == np.uint8


@dataclass(frozen=True)
class Fog:
    """A plugin's transform, whose second number no field bounds."""

    density: Range = (0.1, 0.4)

    version: ClassVar[int] = 1

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"density": uniform(rng, *self.density), "phase": uniform(rng, 0, 6)}


def test_a_plugin_needs_nothing_of_its_own() -> None:
    assert [bound.params["density"] for bound in bounds(Fog(), SIZE, "here")] == [0.1, 0.4]


def test_albumentations_tells_its_ranges_by_their_names() -> None:
    transform = Registry().build("albumentations.Rotate", {"limit": [-40, 40]})
    assert ranges_of(transform) == {"limit": (-40, 40)}
    assert [bound.transform.arguments["limit"] for bound in bounds(transform, SIZE, "here")] == [[-40, -40], [40, 40]]
