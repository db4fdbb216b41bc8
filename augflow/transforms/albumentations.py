"""Every transform of albumentations 2.0.8 as `albumentations.Name`, through one thin adapter.

A draw is a seed: albumentations draws its own numbers from it when the pixels are made, each transform from its own
generator, so that pixels depend on the seed, the arguments and the image alone. The library is imported when it is
first asked for.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from augflow.errors import RecipeError, nearest
from augflow.symmetry import Breaks
from augflow.transform import Image, Params, Rng, Size
from augflow.transforms.albumentations_symmetry import breaks_of

_BOXES = "needs bounding boxes, which a classification dataset does not have"
_MASK = "needs a mask of the image, which a classification dataset does not have"
_OTHERS = "needs other images beside the one it changes"
_FLOATS = "leaves the 8-bit range: images are written as bytes, and normalising is the training's part"
_VOLUME = "works on volumes, not on images"

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "BBoxSafeRandomCrop": _BOXES,
        "CenterCrop3D": _VOLUME,
        "CoarseDropout3D": _VOLUME,
        "ConstrainedCoarseDropout": _MASK,
        "CropNonEmptyMaskIfExists": _MASK,
        "CubicSymmetry": _VOLUME,
        "FDA": _OTHERS,
        "FromFloat": "takes floats, and images are bytes",
        "HistogramMatching": _OTHERS,
        "Lambda": "takes functions, and a recipe is data",
        "MaskDropout": _MASK,
        "Mosaic": _OTHERS,
        "Normalize": _FLOATS,
        "OverlayElements": _OTHERS,
        "Pad3D": _VOLUME,
        "PadIfNeeded3D": _VOLUME,
        "PixelDistributionAdaptation": _OTHERS,
        "RandomCrop3D": _VOLUME,
        "RandomCropNearBBox": _BOXES,
        "RandomSizedBBoxSafeCrop": _BOXES,
        "TextImage": "needs texts and a font file, which a recipe cannot carry",
        "ToFloat": _FLOATS,
        "ToRGB": "changes the number of channels; gray images stay gray",
    }
)
"""Transforms that cannot be steps of a chain, and why."""

_LARGEST = 16_384
"""Of a number in the arguments: beyond it lie outputs and kernels that take all memory, and loops that never end."""
_ALL_OR_NOTHING = frozenset(
    "AutoContrast Equalize HorizontalFlip InvertImg TimeReverse ToGray ToSepia Transpose VerticalFlip".split()
)


class Listed(NamedTuple):
    """One transform of albumentations: its name there, what it does, and why it cannot be used (None where it can)."""

    name: str
    summary: str
    reason: str | None


class Adapted:
    """One transform of albumentations, constructed with that transform's own arguments but `p`, which is the step's.

    Raises:
        RecipeError: it cannot be a step, its arguments do not fit, or (from `apply`) it does not take such an image.
    """

    name: ClassVar[str]
    target: ClassVar[type[Any]]
    geometric: ClassVar[bool]
    p: ClassVar[float] = 1
    version: ClassVar[int] = 1

    def __init__(self, **arguments: Any) -> None:
        if self.name in REFUSED:
            raise RecipeError(f"albumentations.{self.name} {REFUSED[self.name]}.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._transform = self.target(**arguments, p=1)
            except Exception as error:
                raise RecipeError(f"albumentations.{self.name}: {_sentence(error)}") from error
        self.arguments: Mapping[str, Any] = MappingProxyType(_plain({**_defaults(self.target), **arguments}))

    @property
    def breaks(self) -> Breaks:
        return breaks_of(self.name, self.arguments)

    def __repr__(self) -> str:
        return f"albumentations.{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Adapted) and (self.name, self.arguments) == (other.name, other.arguments)

    def __hash__(self) -> int:
        return hash((self.name, json.dumps(dict(self.arguments), sort_keys=True)))

    def __reduce__(self) -> tuple[Callable[..., Adapted], tuple[str, dict[str, Any]]]:
        return _rebuild, (self.name, dict(self.arguments))

    def draw(self, rng: Rng, size: Size) -> Params:
        """Draw the seed from which albumentations draws the rest."""
        return {"seed": int(rng.integers(2**63))}

    def apply(self, image: Image, seed: int) -> Image:
        """Change a copy of `image`."""
        self._transform.set_random_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = self._transform(image=image.copy())["image"]
            except Exception as error:
                raise RecipeError(f"{self._refusal(image)}: {_sentence(error)}") from error
        made = np.ascontiguousarray(made if made.ndim == 3 else made[..., None])
        if made.dtype != np.uint8 or made.shape[2] != image.shape[2] or not made.size:
            raise RecipeError(f"{self._refusal(image)}: it made {made.dtype} of shape {made.shape} from it.")
        return made

    def _refusal(self, image: Image) -> str:
        height, width, channels = image.shape
        kind = "a gray" if channels == 1 else "an RGB"
        return f"albumentations.{self.name} does not take {kind} image of {width}×{height} pixels"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON Schema of the arguments, defaults from the constructor's signature."""
        schema: dict[str, Any] = {"type": "object", "title": cls.name, "properties": {}, "additionalProperties": False}
        if cls.name in REFUSED:
            return {**schema, "description": f"Cannot be used: {REFUSED[cls.name]}."}
        defaults = _plain(_defaults(cls.target))
        given = cls.target.InitSchema.model_json_schema()
        for name, argument in given["properties"].items():
            if name not in {"p", "strict"}:
                argument.pop("default", None)
                schema["properties"][name] = argument | ({"default": defaults[name]} if name in defaults else {})
        required = [name for name in schema["properties"] if name not in defaults]
        return schema | ({"required": required} if required else {}) | {k: given[k] for k in ("$defs",) if k in given}

    @classmethod
    def check(cls, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Say what is wrong with `arguments` (JSON values): pairs of the argument's name, or "", and a sentence."""
        if cls.name in REFUSED:
            return [("", f"albumentations.{cls.name} {REFUSED[cls.name]}.")]
        known = list(cls.json_schema()["properties"])
        allowed = f"Allowed: {', '.join(known)}." if known else "It takes no arguments."
        unknown = [
            (name, f"{number} is larger than {_LARGEST:,}, which no argument needs to be.")
            for name, value in arguments.items()
            if name in known
            for number in _too_large(value)
        ] + [
            (name, f"there is no such key.{nearest(name, known)} {allowed}") for name in arguments if name not in known
        ]
        return unknown + cls._check_values({name: value for name, value in arguments.items() if name in known})

    @classmethod
    def _check_values(cls, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
        from pydantic import ValidationError

        data = {**_defaults(cls.target), **arguments, "p": 1, "strict": True}
        try:
            cls.target.InitSchema.model_validate_json(json.dumps(data, allow_nan=False), strict=True)
        except ValidationError as error:
            faults: dict[str, list[str]] = {}
            for problem in error.errors(include_url=False):
                missing = problem["type"] == "missing" and len(problem["loc"]) == 1
                said = "is missing" if missing else problem["msg"]
                faults.setdefault(str(problem["loc"][0]) if problem["loc"] else "", []).append(said)
            return [(name, _fault(name, messages, arguments)) for name, messages in faults.items()]
        except Exception as error:
            return [("", _sentence(error))]
        try:
            cls(**{name: _tuples(value) for name, value in arguments.items()})
        except RecipeError as error:
            return [("", str(error))]
        return []


@cache
def adapt(name: str) -> type[Adapted]:
    """Return the class that stands for `albumentations.name`.

    Raises:
        RecipeError: albumentations has no such transform.
    """
    found = _concrete().get(name)
    if found is None:
        raise RecipeError(f"No transform is called 'albumentations.{name}'.{nearest(name, _concrete())}")
    members = {
        "__doc__": inspect.getdoc(found),
        "__module__": __name__,
        "name": name,
        "target": found,
        "geometric": issubclass(found, library().DualTransform),
        "p": 0.5 if name in _ALL_OR_NOTHING else 1,
    }
    return type(name, (Adapted,), members)


def catalogue() -> list[Listed]:
    """Every transform of albumentations, by name."""
    return [Listed(name, _summary(cls), REFUSED.get(name)) for name, cls in sorted(_concrete().items())]


def library() -> Any:
    """The library itself, imported without its asking the network."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for a newer release when imported
    import albumentations

    return albumentations


@cache
def _concrete() -> dict[str, type[Any]]:
    found = library()
    abstract = {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"}
    return {
        name: cls
        for name, cls in vars(found).items()
        if inspect.isclass(cls) and issubclass(cls, found.BasicTransform) and name not in abstract
    }


def _defaults(target: type[Any]) -> dict[str, Any]:
    known = set(target.InitSchema.model_fields) - {"p", "strict"}
    parameters = inspect.signature(target).parameters.values()
    return {one.name: one.default for one in parameters if one.name in known and one.default is not one.empty}


def _rebuild(name: str, arguments: Mapping[str, Any]) -> Adapted:
    return adapt(name)(**{key: _tuples(value) for key, value in arguments.items()})


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(arguments))
    return values


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _summary(cls: type[Any]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")


def _too_large(value: Any) -> list[float]:
    """Numbers in an argument that are out of all proportion; the first of them."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for item in value for number in _too_large(item)][:1]
    return [value] if isinstance(value, int | float) and abs(value) > _LARGEST else []


def _fault(name: str, messages: list[str], arguments: Mapping[str, Any]) -> str:
    said = "; or ".join(dict.fromkeys(message.removeprefix("Value error, ").rstrip(".") for message in messages))
    return f"{json.dumps(arguments[name])} does not fit: {said}." if name in arguments else f"{said}."


def _sentence(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return text if text.endswith(".") else f"{text}."
