"""Augmentor's pipelines, by the calls of the script that builds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from augflow.importing.calls import Call, Name
from augflow.importing.result import Imported

Given = dict[str, Any]

_WITHIN = {"border": "constant", "fill": 0}
_SILENT = ("status", "remove_operation", "print_operations")
_EVEN = {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}


def read(calls: list[Call], pipeline: str) -> Imported:
    """Read every call on the variable `pipeline`, in its order."""
    found = Imported("an Augmentor pipeline")
    for call in calls:
        if call.owner != pipeline or not pipeline or call.last in _SILENT:
            continue
        if call.repeated:
            found.close.append(f"line {call.line}: {call.last} stands in a loop or a branch, and is taken once.")
        _read_one(call, found)
    return found


def _read_one(call: Call, found: Imported) -> None:
    if call.last not in _STEPS:
        why = _WHY.get(call.last, "no transform here does the same.")
        found.left.append(f"line {call.line}: {call.last}({_said(call)}): {why}")
        return
    names, name, reader = _STEPS[call.last]
    given = call.arguments("probability", *names.split())
    unknown = [key for key, value in given.items() if isinstance(value, Name | Call)]
    needed = [key for key in names.split() if key not in given and key not in _DEFAULTS]
    if unknown or needed:
        missing = ", ".join(f"{key} is not written out" for key in (*unknown, *needed))
        found.left.append(f"line {call.line}: {call.last}: {missing}.")
        return
    try:
        step = reader({**_DEFAULTS, **given})
    except (TypeError, ValueError, ArithmeticError, LookupError):
        found.left.append(f"line {call.line}: {call.last}: its arguments are not what it takes.")
        return
    if call.last in _CLOSE:
        found.close.append(f"{call.last}: {_CLOSE[call.last]}")
    found.step(name, {**step, "p": given.get("probability", 1.0)})


def _said(call: Call) -> str:
    given = [*map(_shown, call.positional), *(f"{key}={_shown(value)}" for key, value in call.keywords.items())]
    return ", ".join(given)


def _shown(value: Any) -> str:
    return value.text if isinstance(value, Name) else "…" if isinstance(value, Call) else repr(value)[:60]


def _turns(*turns: int) -> Callable[[Given], Given]:
    return lambda given: {"use": "quarter_turns", "turns": [*turns]}


def _adjusted(key: str) -> Callable[[Given], Given]:
    return lambda given: {
        "use": "albumentations.ColorJitter",
        **_EVEN,
        key: [given["min_factor"], given["max_factor"]],
    }


def _rotated(given: Given, left: str, right: str) -> Given:
    return {"limit": [-given[right], given[left]]}


def _sheared(given: Given) -> Given:
    limit = [-given["max_shear_right"], given["max_shear_left"]]
    return {"one_of": {"x": {"use": "shear", "x": limit, "y": 0}, "y": {"use": "shear", "x": 0, "y": limit}}}


def _area(given: Given) -> Given:
    share = given["percentage_area"]
    return {"use": "crop", "scale": [share, share]}


_DEFAULTS: Given = {"centre": True, "expand": False, "fillcolor": None, "randomise_percentage_area": False}
_DEFAULTS |= {"resample_filter": None, "whole_image": True, "repeat_image": None}
_TURN = "max_left_rotation max_right_rotation"
_STEPS: dict[str, tuple[str, str, Callable[[Given], Given]]] = {
    "rotate": (_TURN, "rotate", lambda given: _rotated(given, "max_left_rotation", "max_right_rotation")),
    "rotate_without_crop": (
        f"{_TURN} expand fillcolor",
        "rotate",
        lambda given: {**_rotated(given, "max_left_rotation", "max_right_rotation"), **_WITHIN},
    ),
    "rotate90": ("", "rotate90", _turns(1)),
    "rotate180": ("", "rotate180", _turns(2)),
    "rotate270": ("", "rotate270", _turns(3)),
    "rotate_random_90": ("", "rotate_random_90", _turns(1, 2, 3)),
    "flip_left_right": ("", "flip", lambda given: {"axis": "horizontal"}),
    "flip_top_bottom": ("", "flip_top_bottom", lambda given: {"use": "flip", "axis": "vertical"}),
    "flip_random": (
        "",
        "flip_random",
        lambda given: {
            "one_of": {
                "left_right": {"use": "flip", "axis": "horizontal", "p": 1.0},
                "top_bottom": {"use": "flip", "axis": "vertical", "p": 1.0},
            }
        },
    ),
    "zoom": ("min_factor max_factor", "zoom", lambda given: {"scale": [given["min_factor"], given["max_factor"]]}),
    "zoom_random": ("percentage_area randomise_percentage_area", "zoom_random", _area),
    "crop_random": ("percentage_area randomise_percentage_area", "crop_random", _area),
    "crop_centre": (
        "percentage_area randomise_percentage_area",
        "crop_centre",
        lambda given: {**_area(given), "position": "centre"},
    ),
    "crop_by_size": (
        "width height centre",
        "crop_by_size",
        lambda given: {
            "use": "crop",
            "size": [given["height"], given["width"]],
            "position": "centre" if given["centre"] else "random",
        },
    ),
    "shear": ("max_shear_left max_shear_right", "shear_either", _sheared),
    "resize": (
        "width height resample_filter",
        "albumentations.Resize",
        lambda given: {"height": given["height"], "width": given["width"]},
    ),
    "greyscale": ("", "gray", lambda given: {}),
    "invert": ("", "invert", lambda given: {}),
    "histogram_equalisation": ("", "equalize", lambda given: {}),
    "random_brightness": ("min_factor max_factor", "random_brightness", _adjusted("brightness")),
    "random_contrast": ("min_factor max_factor", "random_contrast", _adjusted("contrast")),
    "random_color": ("min_factor max_factor", "random_color", _adjusted("saturation")),
}
_CLOSE = {
    "rotate": "Augmentor cuts the corners off and enlarges; here the border is mirrored.",
    "zoom_random": "Augmentor enlarges the window again; here render.size does, for all images alike.",
    "zoom": "factors are drawn evenly in their logarithm here.",
    "shear": "Augmentor cuts off what slants out; here the border is mirrored.",
}
_WHY = {
    "sample": "says how many images in all; here each class has a target.",
    "process": "makes one of each image; here each class has a target.",
    "multi_process": "is the executor's part: executor.workers.",
    "ground_truth": "masks are no part of an image-classification data set.",
    "random_erasing": "erase takes areas and ratios, which this does not say.",
}
