"""Find out which tool a text was written for, and turn it into a recipe's keys."""

from __future__ import annotations

import json
from typing import Any

import yaml

from augflow.errors import RecipeError
from augflow.importing import albumentations, augmentor, imbalanced, keras, torchvision
from augflow.importing.calls import Call, parse
from augflow.importing.result import Imported

KNOWN = (
    "albumentations' to_dict as JSON or YAML, a Keras ImageDataGenerator(...) call or its arguments as JSON, a "
    "torchvision Compose as it prints itself, an Augmentor pipeline's script, or imbalanced-learn's sampling_strategy"
)
MOST_BYTES = 1_000_000


def read(text: str) -> Imported:
    """Find out what `text` is, and turn it into a recipe's keys.

    Raises:
        RecipeError: it is nothing that is known.
    """
    if len(text) > MOST_BYTES:
        raise RecipeError("What is to be imported is larger than 1 MB.")
    data = _data(text)
    found = _from_data(data) if data is not None else None
    if found is None:
        found = _from_calls(parse(text))
    if found is None:
        raise RecipeError(f"This is none of what can be imported: {KNOWN}.")
    return found


def _data(text: str) -> Any:
    """The value that the text is as JSON or, where it is albumentations', as YAML; None where it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if "__class_fullname__" not in text:
        return None
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise RecipeError("This YAML has aliases (*): write the values out.")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f"This is not YAML: {str(error).splitlines()[0]}") from None


def _from_data(data: Any) -> Imported | None:
    if isinstance(data, dict):
        inner = data.get("transform", data)
        if isinstance(inner, dict) and "__class_fullname__" in inner:
            return albumentations.read(inner)
        if keras.fits(data):
            return keras.read(data)
    if imbalanced.fits(data):
        return imbalanced.read(data)
    return None


def _from_calls(calls: list[Call]) -> Imported | None:
    for call in calls:
        if call.last == "ImageDataGenerator":
            return keras.read(call.keywords)
        if call.last == "Pipeline" or (call.last == "DataPipeline" and "Augmentor" in call.name):
            return augmentor.read(calls, call.target)
        if "sampling_strategy" in call.keywords or call.last in imbalanced.SAMPLERS:
            return imbalanced.read(call.keywords.get("sampling_strategy", "auto"), call.last, call.keywords)
        if call.last == "Compose":
            return albumentations.read_call(call) if albumentations.fits(call) else torchvision.read(call)
    if len(calls) == 1 and not calls[0].name and imbalanced.fits(calls[0].value):
        return imbalanced.read(calls[0].value)
    return None
