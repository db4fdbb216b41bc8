"""Whether a verb answers in words or in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from augflow.errors import RecipeError


def wants_json(flags: Mapping[str, Any]) -> bool:
    """Read `--format`.

    Raises:
        RecipeError: it is neither text nor json.
    """
    if flags["format"] not in ("text", "json"):
        raise RecipeError(f"--format {flags['format']}: it is text or json.")
    return bool(flags["format"] == "json")


def tell_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))
