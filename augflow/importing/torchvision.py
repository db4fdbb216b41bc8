"""torchvision's transforms, v1 or v2, as a Compose prints itself or stands in a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from augflow.importing.calls import Call, Name
from augflow.importing.result import CHAIN, TRAINING, Imported, put

Step = tuple[str, dict[str, Any]]

_TRAINING = (
    "ToTensor PILToTensor ToImage ToPILImage ToDtype ConvertImageDtype ToPureTensor Normalize Identity "
    "LinearTransformation"
).split()


def read(compose: Call) -> Imported:
    """Read a Compose."""
    found = Imported("torchvision's Compose")
    found.chains[CHAIN] = {}
    for inner in _inner(compose):
        for name, step in _step(inner, found):
            found.step(name, step)
    return found


def _inner(call: Call) -> list[Call]:
    """The transforms that a container holds: in a list, or as a container prints them."""
    held = call.keywords.get("transforms", call.positional[0] if call.positional else [])
    held = held if isinstance(held, list) else call.positional
    return [item for item in held if isinstance(item, Call)]


def _step(call: Call, found: Imported) -> list[Step]:
    try:
        return _read_one(call, found)
    except (TypeError, ValueError, ArithmeticError, LookupError):
        found.left.append(f"{call.last}: its arguments are not what it takes.")
        return []


def _read_one(call: Call, found: Imported) -> list[Step]:
    if call.last in _CONTAINERS:
        return _CONTAINERS[call.last](call, found)
    if call.last in _TRAINING:
        found.left.append(f"{call.last} {TRAINING}.")
        return []
    if call.last not in _READERS:
        found.left.append(f"{call.last}: no transform here does the same.")
        return []
    names, reader = _READERS[call.last]
    arguments = call.arguments(*names.split())
    unread = {key: value for key, value in arguments.items() if isinstance(value, Name | Call)}
    for key in [key for key in unread if key not in ("interpolation", "padding_mode", "value")]:
        found.left.append(f"{call.last}: {key} is not written out.")
        return []
    return reader(arguments, found)


def _sequence(call: Call, found: Imported) -> list[Step]:
    chain = found.new_chain(call.last.lower())
    found.chains[chain] = {}
    for inner in _inner(call):
        for name, step in _step(inner, found):
            found.step(name, step, chain)
    p = 1.0
    if call.last == "RandomApply":
        written = call.keywords.get("p", next((one for one in call.positional[1:] if not isinstance(one, Call)), None))
        p = written if isinstance(written, int | float) else 0.5
        if isinstance(written, Name):
            found.left.append(f"RandomApply: p={written.text} is not written out; 0.5 is assumed.")
        if written is None:
            found.close.append("RandomApply does not print its p: 0.5 is assumed, as it is unless said.")
    if found.chains[chain]:
        return [(chain, {"p": p})]
    del found.chains[chain]
    return []


def _choice(call: Call, found: Imported) -> list[Step]:
    weights = call.keywords.get("probabilities", call.keywords.get("p"))
    options: dict[str, Any] = {}
    for number, inner in enumerate(_inner(call)):
        weight = weights[number] if isinstance(weights, list) and number < len(weights) else 1
        for name, step in _step(inner, found):
            put(options, name, {**step, "weight": weight})
    return [("randomchoice", {"one_of": options})] if options else []


def _unordered(call: Call, found: Imported) -> list[Step]:
    held = ", ".join(inner.last for inner in _inner(call))
    found.left.append(f"RandomOrder of {held}: a chain keeps its order.")
    return []


def _flip(axis: str) -> Callable[[dict[str, Any], Imported], list[Step]]:
    name = "flip" if axis == "horizontal" else "flip_vertical"
    use = {} if name == "flip" else {"use": "flip"}
    return lambda given, found: [(name, {**use, "axis": axis, "p": given.get("p", 0.5)})]


def _rotation(given: dict[str, Any], found: Imported) -> list[Step]:
    _differs(given, found, "RandomRotation", expand=False, center=None)
    return [("rotate", {"limit": _limit(given.get("degrees", 0)), **_fill(given)})]


def _affine(given: dict[str, Any], found: Imported) -> list[Step]:
    _differs(given, found, "RandomAffine", center=None)
    shear = given.get("shear") or 0
    if isinstance(shear, list) and len(shear) == 4:
        if any(shear[2:]):
            found.left.append("RandomAffine: shear along y.")
        shear = shear[:2]
    x, y = given.get("translate") or (0, 0)
    step = {
        "rotate": _mirrored(given.get("degrees", 0)),
        "scale": given.get("scale") or [1, 1],
        "shear": _mirrored(shear),
        **_fill(given),
    }
    if x == y:
        return [("affine", {**step, "shift": x})]
    return [("affine", step), ("shift", {"x": x, "y": y, **_fill(given)})]


def _perspective(given: dict[str, Any], found: Imported) -> list[Step]:
    share = given.get("distortion_scale", 0.5) / 2
    found.close.append("RandomPerspective shrinks the photograph into the frame; here nothing beyond it is shown.")
    return [("perspective", {"scale": [share, share], "p": given.get("p", 0.5)})]


def _resized_crop(given: dict[str, Any], _: Imported) -> list[Step]:
    known: dict[str, Any] = {key: given[key] for key in ("scale", "ratio") if key in given}
    return [("random_resized_crop", {"size": _size(given.get("size")), **known})]


def _crop(given: dict[str, Any], found: Imported) -> list[Step]:
    _differs(given, found, "RandomCrop", padding=None, pad_if_needed=False)
    return [("crop", {"size": _size(given.get("size"))})]


def _centre_crop(given: dict[str, Any], _: Imported) -> list[Step]:
    return [("crop", {"size": _size(given.get("size")), "position": "centre"})]


def _resize(given: dict[str, Any], _: Imported) -> list[Step]:
    size = given.get("size")
    if isinstance(size, list) and len(size) == 2:
        return [("albumentations.Resize", {"height": size[0], "width": size[1]})]
    side = size[0] if isinstance(size, list) and size else size
    return [("albumentations.SmallestMaxSize", {"max_size": side})]


def _jitter(given: dict[str, Any], _: Imported) -> list[Step]:
    step: dict[str, Any] = {}
    for key in ("brightness", "contrast", "saturation"):
        value = given.get(key) or 0
        step[key] = value if isinstance(value, list) else [max(0, 1 - value), 1 + value]
    hue = given.get("hue") or 0
    step["hue"] = hue if isinstance(hue, list) else [-hue, hue]
    return [("albumentations.ColorJitter", {**step, "p": 1.0})]


def _grayscale(given: dict[str, Any], found: Imported) -> list[Step]:
    if given.get("num_output_channels", 1) != 3:
        found.close.append("Grayscale leaves one channel; here a colour image keeps three that are alike.")
    return [("gray", {"p": 1.0})]


def _blur(given: dict[str, Any], found: Imported) -> list[Step]:
    sigma = given.get("sigma", [0.1, 2.0])
    found.close.append("GaussianBlur cuts its kernel off at kernel_size; here it is as wide as sigma asks.")
    return [("blur", {"sigma": sigma if isinstance(sigma, list) else [sigma, sigma]})]


def _erasing(given: dict[str, Any], _: Imported) -> list[Step]:
    value = given.get("value", 0)
    fill: Any = value[0] if isinstance(value, list) and len(value) == 1 else value
    share = isinstance(fill, int | float) and fill <= 1
    return [
        (
            "erase",
            {
                "scale": given.get("scale", [0.02, 0.33]),
                "ratio": given.get("ratio", [0.3, 3.3]),
                "fill": round(fill * 255) if share else fill,
                "p": given.get("p", 0.5),
            },
        )
    ]


def _policy(name: str, **renamed: str) -> Callable[[dict[str, Any], Imported], list[Step]]:
    """A policy of the plugin augflow-policies; where it is not installed, the reader says so."""
    return lambda given, found: [(name, {new: given[old] for old, new in renamed.items() if old in given})]


def _rand_augment(given: dict[str, Any], _: Imported) -> list[Step]:
    bins = given.get("num_magnitude_bins", 31)
    return [
        ("rand_augment", {"num_ops": given.get("num_ops", 2), "magnitude": given.get("magnitude", 9) / (bins - 1) * 10})
    ]


def _by_p(name: str, **fixed: str) -> Callable[[dict[str, Any], Imported], list[Step]]:
    """A transform of the same meaning; `fixed` takes a number as the range from it to itself."""

    def reader(given: dict[str, Any], _: Imported) -> list[Step]:
        ranges = {new: [given[old], given[old]] for old, new in fixed.items() if old in given}
        return [(name, {**ranges, "p": given.get("p", 0.1 if name == "gray" else 0.5)})]

    return reader


def _differs(given: dict[str, Any], found: Imported, name: str, **expected: Any) -> None:
    for key, value in expected.items():
        if given.get(key, value) not in (value, 0):
            found.left.append(f"{name}: {key}={given[key]!r}.")


def _fill(given: dict[str, Any]) -> dict[str, Any]:
    fill = given.get("fill", 0)
    if isinstance(fill, list):
        level: Any = [round(value) for value in fill] if len(fill) == 3 else round(fill[0]) if fill else 0
    else:
        level = round(fill) if isinstance(fill, int | float) else 0
    return {"border": "constant", "fill": level}


def _limit(value: Any) -> Any:
    return value if isinstance(value, list) else abs(value)


def _mirrored(value: Any) -> Any:
    """A limit of RandomAffine, whose angles are clockwise."""
    return [-angle for angle in reversed(value)] if isinstance(value, list) else abs(value)


def _size(size: Any) -> Any:
    if isinstance(size, list) and (len(size) == 1 or size[0] == size[-1]):
        return size[0]
    return size


_Reader = Callable[[dict[str, Any], Imported], list[Step]]
_CONTAINERS: dict[str, Callable[[Call, Imported], list[Step]]] = {
    "Compose": _sequence,
    "Sequential": _sequence,
    "RandomApply": _sequence,
    "RandomChoice": _choice,
    "RandomOrder": _unordered,
}
_READERS: dict[str, tuple[str, _Reader]] = {
    "RandomHorizontalFlip": ("p", _flip("horizontal")),
    "RandomVerticalFlip": ("p", _flip("vertical")),
    "RandomRotation": ("degrees interpolation expand center fill", _rotation),
    "RandomAffine": ("degrees translate scale shear interpolation fill center", _affine),
    "RandomPerspective": ("distortion_scale p interpolation fill", _perspective),
    "RandomResizedCrop": ("size scale ratio interpolation antialias", _resized_crop),
    "RandomCrop": ("size padding pad_if_needed fill padding_mode", _crop),
    "CenterCrop": ("size", _centre_crop),
    "Resize": ("size interpolation max_size antialias", _resize),
    "ColorJitter": ("brightness contrast saturation hue", _jitter),
    "Grayscale": ("num_output_channels", _grayscale),
    "RandomGrayscale": ("p", _by_p("gray")),
    "GaussianBlur": ("kernel_size sigma", _blur),
    "RandomErasing": ("p scale ratio value inplace", _erasing),
    "RandomInvert": ("p", _by_p("invert")),
    "RandomPosterize": ("bits p", _by_p("posterize", bits="bits")),
    "RandomSolarize": ("threshold p", _by_p("solarize", threshold="threshold")),
    "RandomAutocontrast": ("p", _by_p("autocontrast")),
    "RandomEqualize": ("p", _by_p("equalize")),
    "RandAugment": ("num_ops magnitude num_magnitude_bins interpolation fill", _rand_augment),
    "TrivialAugmentWide": ("num_magnitude_bins interpolation fill", _policy("trivial_augment")),
    "AugMix": (
        "severity mixture_width chain_depth alpha all_ops interpolation fill",
        _policy("aug_mix", severity="severity", mixture_width="mixture_width", alpha="alpha"),
    ),
}
