"""Matrices joined come out the same to the last bit, whatever a processor can do at once."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from augflow.engine.product import Rows, product


def step_by_step(first: Rows, second: Rows) -> Rows:
    """Every product and every sum rounded by itself: exact, then to the nearest double."""

    def rounded(value: Fraction) -> Fraction:
        return Fraction(float(value))

    def entry(row: list[float], column: list[float]) -> float:
        one, two, three = (rounded(Fraction(a) * Fraction(b)) for a, b in zip(row, column, strict=True))
        return float(rounded(rounded(one + two) + three))

    columns = [list(column) for column in zip(*second, strict=True)]
    return [[entry(row, column) for column in columns] for row in first]


def test_every_step_is_rounded_by_itself() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        first, second = (
            (rng.standard_normal((3, 3)) * 10.0 ** rng.integers(-3, 4)).tolist(),
            rng.random((3, 3)).tolist(),
        )
        assert product(first, second) == step_by_step(first, second)
        assert np.allclose(product(first, second), np.array(first) @ np.array(second))


CHAIN = """
from augflow.engine import canvas
from augflow.engine.sampling import Photograph
from augflow.transform import Size
from augflow.transforms.geometry import Affine, Perspective, Rotate
import numpy as np

def told(photograph, matrix, *_):
    print(*(number.hex() for row in matrix for number in row))
    return photograph.pixels

canvas.warp = told
rng, size = np.random.default_rng(0), Size(400, 533)
for _ in range(20):
    made = canvas.Canvas(Photograph(np.zeros((*size, 4), np.uint8)))
    for transform in (Rotate(), Affine(30, 0.1, (0.8, 1.2), 10), Perspective()):
        made.move(transform.matrix(size, **transform.draw(rng, size)), size, "reflect", 0)
    made.pixels()
"""


@pytest.mark.skipif("x86" not in os.uname().machine, reason="OpenBLAS has other kernels there")
def test_what_is_sampled_does_not_depend_on_the_kernels_of_the_linear_algebra() -> None:
    """Prescott's are those without a step that multiplies and adds at once."""
    said = {
        subprocess.run(
            [sys.executable, "-c", CHAIN],
            env={**os.environ, **kernels},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for kernels in ({}, {"OPENBLAS_CORETYPE": "Prescott"})
    }
    assert len(said) == 1
    assert len(said.pop().splitlines()) == 20
