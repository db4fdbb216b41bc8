"""Opens what settings name by their `kind`: a built-in, or what an installed package offers under that name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from augflow.errors import AugflowError, nearest
from augflow.offered import offered


def build(what: str, settings: Mapping[str, Any], built_in: Mapping[str, str], refusal: type[AugflowError]) -> Any:
    """Build the `what` (source, sink, executor) that `settings` names; its other keys are arguments.

    Args:
        built_in: kind → "module:Class"; packages add to it with entry points of the group `augflow.<what>s`.

    Raises:
        refusal: there is no such kind, or it does not take these arguments.
    """
    kinds = {**built_in, **{point.name: point.value for point in offered(f"augflow.{what}s")}}
    kind = str(settings.get("kind", next(iter(built_in))))
    if kind not in kinds:
        raise refusal(f"{what}.kind: there is no {what} '{kind}'.{nearest(kind, kinds)} Known: {', '.join(kinds)}.")
    module, _, name = kinds[kind].partition(":")
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    found = getattr(importlib.import_module(module), name)
    signature = inspect.signature(found)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        taken = signature.parameters
        unknown = next((key for key in arguments if key not in taken), "")
        raise refusal(
            f"{what}{unknown and f'.{unknown}'}: {error}.{nearest(unknown, taken)} "
            f"The {what} '{kind}' takes {', '.join(taken) or 'no settings'}."
        ) from None
    hints = get_type_hints(found.__init__) if arguments else {}
    for key, value in arguments.items():
        if key in hints and not _fits(value, hints[key]):
            quoted = f" A name that looks like {_said(type(value))} is quoted twice: {what}.{key}=\"'{value}'\"."
            raise refusal(
                f"{what}.{key}: {value!r} is not {_said(hints[key])}.{quoted if _fits('', hints[key]) else ''}"
            )
    return found(**arguments)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a plain value is of a type; of types that are not plain everything is."""
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return any(_fits(value, option) for option in get_args(hint))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint if hint in _PLAIN else True


def _said(hint: Any) -> str:
    return " or ".join(_PLAIN.get(option, str(option)) for option in get_args(hint) or (hint,))


_PLAIN = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "a map",
}
