"""A chain is carried out pass by pass, and comes to the same as all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augflow.engine.performing import Laid, finish
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph
from augflow.source.finds import draw_image
from augflow.transform import Pixels, Size
from augflow.transforms.colour import BrightnessContrast
from augflow.transforms.filters import Blur
from augflow.transforms.geometry import Rotate

TURN = Rotate(), {"angle": 20.0}
LIGHT = BrightnessContrast(), {"brightness": 0.1, "contrast": 0.2}
SOFT = Blur(), {"sigma": 1.0}


def photograph() -> Pixels:
    return np.ascontiguousarray(draw_image("acorn", 2)[:40, :56])


@pytest.mark.parametrize("decoded", [True, False], ids=["at hand", "to be decoded"])
@pytest.mark.parametrize(
    ("steps", "passes"),
    [
        ([], 0),
        ([TURN], 1),
        ([TURN, TURN, LIGHT], 2),
        ([SOFT], 1),
        ([SOFT, SOFT], 2),
        ([TURN, SOFT, TURN, LIGHT], 4),
        ([LIGHT, SOFT, SOFT, TURN], 4),
    ],
)
def test_one_pass_is_carried_out_at_a_time(steps: list[Any], passes: int, decoded: bool) -> None:
    pixels, drawn = photograph(), [(0, *step) for step in steps]
    kept, asked = pixels.copy(), []

    def whole() -> Pixels:
        asked.append("whole")
        return pixels

    source = Photograph(pixels) if decoded else Photograph.undeveloped(Size(40, 56), False, whole, None)
    laid = Laid(source, drawn, 0, Render())
    assert not asked
    assert [laid.carry_on() for _ in range(max(1, passes))] == [True] * (passes - 1) + [False]
    assert not laid.carry_on()
    assert np.array_equal(laid.pixels(), finish(Photograph(pixels), drawn, 0, Render()))
    assert np.array_equal(pixels, kept)
    assert len(asked) == (not decoded)


@pytest.mark.parametrize(("fold", "passes"), [(-1, 2), (0, 2), (1, 3)])
def test_the_render_shares_a_pass_with_geometry_beside_it(fold: int, passes: int) -> None:
    laid = Laid(Photograph(photograph()), [(0, *TURN), (1, *SOFT)], fold, Render(size=24))
    counted = 1
    while laid.carry_on():
        counted += 1
    assert laid.pixels().shape == (24, 24, 3)
    assert counted == passes
