"""albumentations' `to_dict`: every transform of it is a step as `albumentations.Name`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from augflow.importing.calls import Call, Name
from augflow.importing.result import CHAIN, Imported, put
from augflow.registry import ALBUMENTATIONS

_OWN = ("__class_fullname__", "transforms", "p", "always_apply", "__version__")
_OF_COMPOSE = ("bbox_params", "keypoint_params", "additional_targets", "is_check_shapes", "is_check_args", "seed")
_DEFAULT_P = {"Compose": 1.0, "OneOf": 0.5, "Sequential": 0.5, "OneOrOther": 0.5}
_MODULES = ("A", "albumentations", "alb")


def fits(call: Call) -> bool:
    """Whether a Compose is albumentations', by the names in it."""
    inner = call.positional[0] if call.positional else call.keywords.get("transforms")
    calls = [call, *(item for item in inner if isinstance(item, Call))] if isinstance(inner, list) else [call]
    return any(one.owner.partition(".")[0] in _MODULES for one in calls)


def read_call(call: Call) -> Imported:
    """Read a Compose as it stands in a script."""
    return read(_as_dict(call))


def read(transform: Mapping[str, Any]) -> Imported:
    """Read what `to_dict` gives under `transform`."""
    found = Imported("albumentations")
    if _name(transform) == "Compose" and _share(transform) == 1:
        _steps(transform, found, CHAIN)
    else:
        for name, step in _step(transform, found):
            found.step(name, step)
    return found


def _as_dict(call: Call) -> dict[str, Any]:
    made = {key: value.text if isinstance(value, Name) else value for key, value in call.keywords.items()}
    made["__class_fullname__"] = call.last if call.owner.partition(".")[0] in _MODULES or not call.owner else call.name
    inner = made.get("transforms", call.positional[0] if call.positional else None)
    if isinstance(inner, list) and all(isinstance(item, Call) for item in inner):
        made["transforms"] = [_as_dict(item) for item in inner]
    elif call.positional:
        made["its first argument"] = str(call.positional[0])
    return made


def _steps(container: Mapping[str, Any], found: Imported, chain: str) -> None:
    found.chains.setdefault(chain, {})
    for key in _OF_COMPOSE:
        if container.get(key) not in (None, {}, True):
            found.left.append(f"{_name(container)}: {key} {container[key]!r}, which says nothing of single images.")
    for inner in _inner(container):
        for name, step in _step(inner, found):
            found.step(name, step, chain)


def _step(transform: Mapping[str, Any], found: Imported) -> Iterator[tuple[str, dict[str, Any]]]:
    name = _name(transform)
    if name in ("Compose", "Sequential"):
        chain = found.new_chain(name.lower())
        _steps(transform, found, chain)
        yield chain, {"p": _share(transform)}
    elif name in ("OneOf", "OneOrOther"):
        options = _options(transform, found)
        if options:
            yield name.lower(), {"p": _share(transform) if name == "OneOf" else 1.0, "one_of": options}
    elif _inner(transform):
        held = ", ".join(_name(inner) for inner in _inner(transform))
        found.left.append(f"{name} of {held}: a chain performs every step in its order, or one of several.")
    elif "." in name:
        found.left.append(f"{name}: no transform of albumentations; one of your own can be a plugin.")
    else:
        yield f"{ALBUMENTATIONS}{name}", {"p": _share(transform), **_arguments(transform)}


def _options(transform: Mapping[str, Any], found: Imported) -> dict[str, Any]:
    """Of OneOf, which draws by the options' own p and then performs what it drew for certain."""
    options: dict[str, Any] = {}
    inner = _inner(transform)
    weights = [_share(option) for option in inner]
    if _name(transform) == "OneOrOther":
        weights = [_share(transform), 1 - _share(transform)]
    for option, weight in zip(inner, weights, strict=False):
        for name, step in _step(option, found):
            if weight > 0:
                put(options, name, {**step, "p": 1.0, "weight": weight})
    return options


def _arguments(transform: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in transform.items() if key not in _OWN}


def _inner(transform: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = transform.get("transforms")
    return [item for item in inner if isinstance(item, Mapping)] if isinstance(inner, list) else []


def _share(transform: Mapping[str, Any]) -> float:
    p = 1.0 if transform.get("always_apply") is True else transform.get("p", _DEFAULT_P.get(_name(transform), 0.5))
    return float(p) if isinstance(p, int | float) else 0.5


def _name(transform: Mapping[str, Any]) -> str:
    name = str(transform.get("__class_fullname__"))
    return name.rpartition(".")[2] if name.startswith("albumentations.") else name
