"""Matrices joined, with the same last bits on every processor.

NumPy leaves products to a library that multiplies and adds in one step, rounding once, where a processor can: nearly
all of them differ then from those of a processor that cannot.
"""

from __future__ import annotations

from typing import TypeAlias

Rows: TypeAlias = list[list[float]]
"""A 3×3 matrix as plain numbers."""


def product(first: Rows, second: Rows) -> Rows:
    """The matrix that takes a place through `second`, then through `first`."""
    (a, b, c), (d, e, f), (g, h, i) = first
    (j, k, l), (m, n, o), (p, q, r) = second  # noqa: E741
    return [
        [a * j + b * m + c * p, a * k + b * n + c * q, a * l + b * o + c * r],
        [d * j + e * m + f * p, d * k + e * n + f * q, d * l + e * o + f * r],
        [g * j + h * m + i * p, g * k + h * n + i * q, g * l + h * o + i * r],
    ]
