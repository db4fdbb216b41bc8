"""A chain as albumentations' `Compose`, for `A.from_dict`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from augflow.recipe.recipe import Description
from augflow.registry import ALBUMENTATIONS

Arguments: TypeAlias = Mapping[str, Any]

# OpenCV's numbers.
_BORDERS = {"constant": 0, "nearest": 1, "wrap": 3, "reflect": 4}


@dataclass
class Exported:
    """A Compose as `to_dict` gives it, and how it differs from the chain."""

    transform: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Steps that have no equal there, and why."""
    close: list[str] = field(default_factory=list)
    """Steps that are not quite the same there, and how they differ."""


def export(name: str, steps: Sequence[Description]) -> Exported:
    """Turn a chain, as `Recipe.chains` has it, into a Compose; steps without an equal are left out and listed."""
    from augflow.transforms.albumentations import library

    work = _Export(library(), Exported())
    compose = work.library.Compose(work.steps(steps, name))
    work.made.transform = work.library.to_dict(compose)
    return work.made


class _NoEqualError(Exception):
    """A step cannot be said in albumentations; the message says why."""


class _Export:
    def __init__(self, library: Any, made: Exported) -> None:
        self.library = library
        self.made = made

    def steps(self, steps: Sequence[Description], path: str) -> list[Any]:
        found = [self._step(step, f"{path}.{step['name']}") for step in steps]
        return [step for step in found if step is not None]

    def _step(self, step: Description, path: str, p: float | None = None) -> Any:
        """What a step is there, or None where it has no equal; `p` takes the place of the step's own."""
        p = step["p"] if p is None else p
        try:
            if "one_of" in step:
                return self._one_of(step, path, p)
            if "steps" in step:
                return self._all(self.steps(step["steps"], path), p)
            return self._transform(step["use"], step["arguments"], path, p)
        except (_NoEqualError, ValueError, TypeError) as error:
            self.made.left.append(f"{path}: {str(error).splitlines()[0]}")
            return None

    def _all(self, inner: Sequence[Any], p: float) -> Any:
        if not inner:
            raise _NoEqualError("none of its steps has an equal.")
        return self.library.Sequential(inner, p=p)

    def _one_of(self, step: Description, path: str, p: float) -> Any:
        """There, the options' own p are the weights by which one is drawn, and what is drawn is certain."""
        most = max(option["weight"] for option in step["one_of"])
        options = []
        for option in step["one_of"]:
            share, here = option["weight"] / most, f"{path}.{option['name']}"
            if option["p"] == 1:
                options.append(self._step(option, here, share))
            else:
                inner = self._step(option, here)
                options.append(self.library.Sequential([inner], p=share) if inner else None)
        if None in options:
            raise _NoEqualError("an option has no equal, without which the others would be drawn more often.")
        return self.library.OneOf(options, p=p)

    def _transform(self, use: str, arguments: Arguments, path: str, p: float) -> Any:
        if use.startswith(ALBUMENTATIONS):
            tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
            return getattr(self.library, use.removeprefix(ALBUMENTATIONS))(**tuples, p=p)
        if use not in _EQUALS:
            raise _NoEqualError(f"{use}: {_WHY.get(use, 'albumentations has no transform like it.')}")
        if use in _CLOSE:
            self.made.close.append(f"{path}: {_CLOSE[use]}")
        return _EQUALS[use](self.library, arguments, p)


def _range(limit: Any) -> tuple[float, float]:
    return (-limit, limit) if isinstance(limit, int | float) else (limit[0], limit[1])


def _other_way(limit: Any) -> tuple[float, float]:
    low, high = _range(limit)
    return -high, -low


def _border(arguments: Arguments) -> dict[str, Any]:
    fill = arguments["fill"]
    return {"border_mode": _BORDERS[arguments["border"]], "fill": tuple(fill) if isinstance(fill, list) else fill}


def _flip(library: Any, arguments: Arguments, p: float) -> Any:
    across, down = library.HorizontalFlip, library.VerticalFlip
    made: dict[str, Callable[[float], Any]] = {
        "horizontal": lambda share: across(p=share),
        "vertical": lambda share: down(p=share),
        "both": lambda share: library.Sequential([across(p=1), down(p=1)], p=share),
    }
    if arguments["axis"] in made:
        return made[arguments["axis"]](p)
    return library.OneOf([one(1) for one in made.values()], p=p)


def _quarter_turns(library: Any, arguments: Arguments, p: float) -> Any:
    turns = sorted(arguments["turns"])
    if turns == [0, 1, 2, 3]:
        return library.RandomRotate90(p=p)
    if turns == [2]:
        return library.Sequential([library.HorizontalFlip(p=1), library.VerticalFlip(p=1)], p=p)
    raise _NoEqualError("quarter_turns: RandomRotate90 draws one of all four turns.")


def _affine(library: Any, arguments: Arguments, p: float) -> Any:
    shift = _range(arguments["shift"])
    return library.Affine(
        rotate=_range(arguments["rotate"]),
        translate_percent={"x": shift, "y": shift},
        scale=tuple(arguments["scale"]),
        shear={"x": _other_way(arguments["shear"]), "y": (0, 0)},
        **_border(arguments),
        p=p,
    )


def _shear(library: Any, arguments: Arguments, p: float) -> Any:
    x, y = _other_way(arguments["x"]), _range(arguments["y"])
    if any(x) and any(y):
        raise _NoEqualError("shear: both ways at once come in another order there.")
    return library.Affine(shear={"x": x, "y": y}, **_border(arguments), p=p)


def _zoom(library: Any, arguments: Arguments, p: float) -> Any:
    scale = tuple(arguments["scale"])
    separate = arguments["separate"]
    return library.Affine(
        scale={"x": scale, "y": scale} if separate else scale, keep_ratio=not separate, **_border(arguments), p=p
    )


def _crop(library: Any, arguments: Arguments, p: float) -> Any:
    size = arguments["size"]
    if size is None:
        raise _NoEqualError("crop: there, a crop has a size in pixels.")
    height, width = size if isinstance(size, list) else (size, size)
    kind = library.CenterCrop if arguments["position"] == "centre" else library.RandomCrop
    return kind(height=height, width=width, p=p)


def _random_resized_crop(library: Any, arguments: Arguments, p: float) -> Any:
    size = arguments["size"]
    if size is None:
        raise _NoEqualError("random_resized_crop: there, the result has a size in pixels.")
    size = tuple(size) if isinstance(size, list) else (size, size)
    return library.RandomResizedCrop(size=size, scale=tuple(arguments["scale"]), ratio=tuple(arguments["ratio"]), p=p)


def _erase(library: Any, arguments: Arguments, p: float) -> Any:
    if tuple(arguments["count"]) != (1, 1):
        raise _NoEqualError("erase: Erasing covers one rectangle.")
    if arguments["fill"] == "mean":
        raise _NoEqualError("erase: there, nothing fills with the image's own mean.")
    fill = "random" if arguments["fill"] == "random" else _border({**arguments, "border": "reflect"})["fill"]
    return library.Erasing(scale=tuple(arguments["scale"]), ratio=tuple(arguments["ratio"]), fill=fill, p=p)


def _salt_and_pepper(library: Any, arguments: Arguments, p: float) -> Any:
    return library.SaltAndPepper(
        amount=tuple(arguments["amount"]), salt_vs_pepper=(arguments["salt"], arguments["salt"]), p=p
    )


def _hue_saturation(library: Any, arguments: Arguments, p: float) -> Any:
    hue, saturation = _range(arguments["hue"]), _range(arguments["saturation"])
    return library.ColorJitter(
        brightness=(1, 1),
        contrast=(1, 1),
        saturation=(1 + saturation[0], 1 + saturation[1]),
        hue=(hue[0] / 360, hue[1] / 360),
        p=p,
    )


_EQUALS: dict[str, Callable[[Any, Arguments, float], Any]] = {
    "flip": _flip,
    "transpose": lambda library, _, p: library.Transpose(p=p),
    "quarter_turns": _quarter_turns,
    "rotate": lambda library, said, p: library.Rotate(limit=_range(said["limit"]), **_border(said), p=p),
    "shift": lambda library, said, p: library.Affine(
        translate_percent={"x": _range(said["x"]), "y": _range(said["y"])}, **_border(said), p=p
    ),
    "shear": _shear,
    "zoom": _zoom,
    "affine": _affine,
    "crop": _crop,
    "random_resized_crop": _random_resized_crop,
    "brightness_contrast": lambda library, said, p: library.RandomBrightnessContrast(
        brightness_limit=_range(said["brightness"]), contrast_limit=_range(said["contrast"]), p=p
    ),
    "gamma": lambda library, said, p: library.RandomGamma(gamma_limit=tuple(100 * one for one in said["gamma"]), p=p),
    "hue_saturation": _hue_saturation,
    "gray": lambda library, _, p: library.ToGray(p=p),
    "posterize": lambda library, said, p: library.Posterize(num_bits=tuple(said["bits"]), p=p),
    "solarize": lambda library, said, p: library.Solarize(
        threshold_range=tuple(min(one / 255, 1) for one in said["threshold"]), p=p
    ),
    "equalize": lambda library, _, p: library.Equalize(p=p),
    "autocontrast": lambda library, said, p: library.AutoContrast(cutoff=said["cutoff"], method="pil", p=p),
    "invert": lambda library, _, p: library.InvertImg(p=p),
    "sharpen": lambda library, said, p: library.Sharpen(alpha=tuple(said["amount"]), lightness=(1, 1), p=p),
    "blur": lambda library, said, p: library.GaussianBlur(sigma_limit=tuple(said["sigma"]), blur_limit=0, p=p),
    "jpeg_artefacts": lambda library, said, p: library.ImageCompression(quality_range=tuple(said["quality"]), p=p),
    "gaussian_noise": lambda library, said, p: library.GaussNoise(
        std_range=tuple(one / 255 for one in said["sigma"]), p=p
    ),
    "salt_and_pepper": _salt_and_pepper,
    "erase": _erase,
}
_WHY = {
    "perspective": "Perspective draws its corners from a normal distribution.",
    "poisson_noise": "ShotNoise counts photons in linear light.",
    "speckle_noise": "MultiplicativeNoise is uniform, not normal.",
    "pad": "Pad takes pixels, not a share.",
}
_CLOSE = {
    "zoom": "its factors are uniform there, not in their logarithm.",
    "affine": "its scale is uniform there, not in its logarithm, and turns come in another order.",
    "crop": "a side that is longer than the image's own is an error there.",
    "brightness_contrast": "contrast stretches from black there, here about the middle gray.",
    "equalize": "its curve differs by a few levels there.",
    "jpeg_artefacts": "colours are exchanged before they are compressed there.",
    "shift": "it moves by whole pixels there.",
    "gamma": "the exponent is uniform there, not in its logarithm.",
    "erase": "a rectangle that does not fit is drawn again there.",
}
