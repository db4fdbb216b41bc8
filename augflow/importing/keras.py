"""Keras's ImageDataGenerator, by its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augflow.importing.calls import Name
from augflow.importing.result import TRAINING, Imported

_NUMBERS = "featurewise_center samplewise_center featurewise_std_normalization samplewise_std_normalization"
_TRAINING = (
    *_NUMBERS.split(),
    "zca_whitening",
    "zca_epsilon",
    "rescale",
    "data_format",
    "dtype",
    "interpolation_order",
)
_KEYS = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "brightness_range",
    "fill_mode",
    "cval",
    "horizontal_flip",
    "vertical_flip",
    "preprocessing_function",
    "validation_split",
    *_TRAINING,
)
_NOTHING = (None, 0, 0.0, False)


def fits(data: Mapping[str, Any]) -> bool:
    """Whether these are arguments of an ImageDataGenerator."""
    return bool(data) and all(key in _KEYS for key in data)


def read(arguments: Mapping[str, Any]) -> Imported:
    """Read the keywords of ImageDataGenerator(...)."""
    given = {key: value for key, value in arguments.items() if value not in _NOTHING}
    found = Imported("Keras's ImageDataGenerator")
    border = _border(given, found)
    _geometry(given, border, found)
    for axis, name, use in (("horizontal", "flip", {}), ("vertical", "flip_vertical", {"use": "flip"})):
        if given.get(f"{axis}_flip") is True:
            del given[f"{axis}_flip"]
            found.step(name, {**use, "axis": axis, "p": 0.5})
    if (shift := given.pop("channel_shift_range", None)) is not None:
        found.step(
            "brightness_contrast", {"brightness": min(1.0, shift / 255) if _number(shift) else shift, "contrast": 0}
        )
    if (pair := given.pop("brightness_range", None)) is not None:
        even = {"contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}
        found.step("albumentations.ColorJitter", {"brightness": pair, **even, "p": 1.0})
    for key, value in given.items():
        why = f"{TRAINING}." if key in _TRAINING else _WHY.get(key, "is no argument of it, or not written out.")
        found.left.append(f"{key}={value.text if isinstance(value, Name) else value!r} {why}")
    return found


_WHY = {
    "preprocessing_function": "is a function, and a recipe is data; one of your own can be a plugin.",
    "validation_split": "divides data; only what belongs to the training should be augmented.",
}


def _border(given: dict[str, Any], found: Imported) -> dict[str, Any]:
    mode, level = given.pop("fill_mode", "nearest"), given.pop("cval", 0)
    if mode not in ("nearest", "reflect", "wrap", "constant"):
        found.left.append(f"fill_mode={mode!r}: there is no such mode.")
        mode = "nearest"
    if mode == "reflect":
        found.close.append("fill_mode='reflect' doubles the pixel at the edge in Keras, and here it does not.")
    return {"border": mode, **({"fill": round(level)} if mode == "constant" and _number(level) else {})}


def _geometry(given: dict[str, Any], border: Mapping[str, Any], found: Imported) -> None:
    if (limit := given.pop("rotation_range", None)) is not None:
        found.step("rotate", {"limit": limit, **border})
    shifts = {}
    for axis, key in (("x", "width_shift_range"), ("y", "height_shift_range")):
        value = given.pop(key, None)
        if isinstance(value, float) and 0 < value < 1:
            shifts[axis] = value
        elif value is not None:
            found.left.append(f"{key}={value!r} is in pixels, and a shift here is a share of the side.")
    if shifts:
        found.step("shift", {"x": shifts.get("x", 0), "y": shifts.get("y", 0), **border})
    if (limit := given.pop("shear_range", None)) is not None:
        found.step("shear", {"x": limit, "y": 0, **border})
    zoom = given.pop("zoom_range", None)
    if zoom is not None:
        scale = [1 - zoom, 1 + zoom] if _number(zoom) else zoom
        found.step("zoom", {"scale": scale, "separate": True, **border})
        found.close.append("zoom_range: factors are drawn evenly in their logarithm here, and above 1 they enlarge.")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
