"""Opens what settings name by their `kind`: a built-in, or what an installed package offers under that name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from augflow.errors import AugflowError, nearest


def build(what: str, settings: Mapping[str, Any], built_in: Mapping[str, str], refusal: type[AugflowError]) -> Any:
    """Build the `what` (sink, executor) that `settings` names; its other keys are arguments.

    Args:
        built_in: kind → "module:Class"; packages add to it with entry points of the group `augflow.<what>s`.

    Raises:
        refusal: there is no such kind, or it does not take these arguments.
    """
    from importlib.metadata import entry_points

    kinds = {**built_in, **{point.name: point.value for point in entry_points(group=f"augflow.{what}s")}}
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
    return found(**arguments)
