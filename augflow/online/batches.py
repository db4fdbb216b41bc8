"""Images one by one and in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.errors import RecipeError

Array = NDArray[Any]

TOGETHER = 8
"""Images that a worker makes at a time; a process more where a sample has more."""
MOST_BYTES = 1 << 28
"""Of finished images that wait for their turn."""


class Item(NamedTuple):
    """One image of an epoch.

    `image` is as the recipe's output says, (height, width, 3) bytes of RGB unless it says otherwise; `label` the number
    of its class; `record` what `run` would leave in the ledger, with `size` and `sha256` where there is a file.
    """

    image: Array
    label: int
    record: dict[str, Any]


class Batch(NamedTuple):
    """Several images of one size: `images` with a first axis more, `labels` of shape (images,), and the records."""

    images: Array
    labels: NDArray[np.int64]
    records: list[dict[str, Any]]


class Room(NamedTuple):
    """Where a batch is written."""

    images: Array
    labels: NDArray[np.int64]


def groups(numbers: range, size: int) -> Iterator[range]:
    """So many of the numbers at a time; the last may be fewer."""
    return (numbers[first : first + size] for first in range(0, len(numbers), size))


def joined(items: Sequence[Item]) -> Batch:
    """Put images together.

    Raises:
        RecipeError: they are not all of one size.
    """
    shapes = {item.image.shape for item in items}
    if len(shapes) > 1:
        raise RecipeError(
            f"recipe.render.size: images of {len(shapes)} sizes do not fit into one batch. Say a size, such as "
            "render: {size: 224}; and where the recipe says originals: keep, which leaves them at their own, say "
            "originals: render or augment."
        )
    labels = np.array([item.label for item in items], np.int64)
    return Batch(np.stack([item.image for item in items]), labels, [item.record for item in items])
