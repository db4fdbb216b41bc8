"""Which files a dataframe names, with their classes, targets and weights."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow_keras.listing import FORMATS, Listing, cut

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


@dataclass(frozen=True)
class Columns:
    """What the columns of a dataframe mean."""

    x: str
    y: str | list[str]
    weight: str | None
    class_mode: str | None
    sort_classes: bool
    """Classic numbers named classes in the order of their names, Keras 3 in the order given."""

    def check(self, table: Any, classes: Sequence[str] | None) -> None:
        """Refuse columns whose values cannot be read so.

        Raises:
            TypeError: values of the wrong type.
            ValueError: other than two classes for a binary label.
        """
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(self.y, list):
            raise TypeError(f'If class_mode="multi_output", y_col must be a list. Received {type(self.y).__name__}.')
        if not all(isinstance(name, str) for name in table[self.x]):
            raise TypeError(f"All values in column x_col={self.x} must be strings.")
        types = (str,) if mode in ("binary", "sparse") else (str, list, tuple)
        if mode not in _WITHOUT_CLASSES and not all(isinstance(label, types) for label in table[self.y]):
            words = "strings" if types == (str,) else "strings, lists or tuples"
            raise TypeError(f'If class_mode="{mode}", y_col="{self.y}" column values must be {words}.')
        if mode == "binary" and (count := len(set(classes or table[self.y]))) != 2:
            raise ValueError(f'If class_mode="binary" there must be 2 classes. Found {count}.')
        if classes and mode in _WITHOUT_CLASSES:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=4)
        if self.weight and not issubclass(table[self.weight].dtype.type, np.number):
            raise TypeError(f"Column weight_col={self.weight} must be numeric.")


def list_dataframe(
    dataframe: Any,
    directory: str,
    columns: Columns,
    classes: Sequence[str] | None,
    share: tuple[float, float] | None,
    validate: bool,
) -> Listing:
    """List the files a pandas dataframe names; `share` is cut from what is left of its rows."""
    columns.check(dataframe, classes)
    names = dataframe[columns.x].tolist()
    rows = list(range(len(names)))
    if validate:
        rows = _valid(rows, names, directory, columns.x)
    labels: dict[int, Any] = {}
    indices: dict[str, int] = {}
    if columns.class_mode not in _WITHOUT_CLASSES:
        labels = _kept(dict(zip(rows, dataframe[columns.y].iloc[rows].tolist(), strict=True)), classes)
        rows = list(labels)
        indices = _numbered(labels, classes, columns.sort_classes)
    rows = cut(rows, share)
    table = dataframe.iloc[rows]
    targets = None
    if columns.class_mode == "multi_output":
        targets = [np.array(table[name].tolist()) for name in columns.y]
    elif columns.class_mode == "raw":
        targets = table[columns.y].to_numpy()
    return Listing(
        directory,
        [names[row] for row in rows],
        [_numbers(labels[row], indices) for row in rows] if indices or labels else None,
        indices,
        targets,
        table[columns.weight].to_numpy() if columns.weight else None,
    )


def _valid(rows: list[int], names: list[str], directory: str, column: str) -> list[int]:
    valid = [
        row
        for row in rows
        if names[row].lower().endswith(FORMATS) and os.path.isfile(os.path.join(directory, names[row]))
    ]
    if len(valid) < len(rows):
        first = names[next(row for row in rows if row not in set(valid))]
        warnings.warn(
            f'Found {len(rows) - len(valid)} invalid image filename(s) in x_col="{column}", the first {first!r}. '
            "These filename(s) will be ignored.",
            stacklevel=4,
        )
    return valid


def _kept(labels: dict[int, Any], classes: Sequence[str] | None) -> dict[int, Any]:
    """Without labels of classes that were not named, and rows that have no other."""
    if not classes:
        return labels
    named = set(classes)
    kept: dict[int, Any] = {}
    for row, label in labels.items():
        left = [one for one in label if one in named] if isinstance(label, list | tuple) else label
        if left in named if isinstance(left, str) else left:
            kept[row] = left
    return kept


def _numbered(labels: dict[int, Any], classes: Sequence[str] | None, sort: bool) -> dict[str, int]:
    if classes:
        ordered = sorted(set(classes)) if sort else list(dict.fromkeys(classes))
    else:
        ordered = sorted({one for label in labels.values() for one in ([label] if isinstance(label, str) else label)})
    return {name: number for number, name in enumerate(ordered)}


def _numbers(label: Any, indices: dict[str, int]) -> Any:
    return indices[label] if isinstance(label, str) else [indices[one] for one in label]
