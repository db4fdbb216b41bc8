"""A recipe as a file says it: every default filled in, and as text that the strict door reads back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from augflow.config import strict
from augflow.recipe.diff import target_text
from augflow.recipe.recipe import VERSION, Description, Recipe


def resolved(recipe: Recipe) -> dict[str, Any]:
    """The recipe with nothing implied: read again, it is the same recipe, whatever the defaults are by then."""
    plain = recipe.as_json()
    rule = plain["rule"]
    chains = dict(rule["chains"])
    weighted = recipe.plain.get("weights") is not None
    return {
        "version": VERSION,
        "seed": recipe.seed,
        "target": recipe.plain.get("target", target_text(rule["target"])),
        **({"weights": chains} if weighted else {"chain": next(iter(chains))}),
        "originals": recipe.originals,
        "surplus": rule["surplus"],
        "max_copies": rule["max_copies"],
        **{key: recipe.plain[key] for key in ("preserve", "classes") if recipe.plain.get(key)},
        "chains": {name: {step["name"]: _step(step) for step in steps} for name, steps in plain["chains"].items()},
        **{key: plain[key] for key in ("render", "output") if key in plain},
    }


def _step(step: Description) -> dict[str, Any]:
    weight = {"weight": step["weight"]} if "weight" in step else {}
    if "one_of" in step:
        return {"p": step["p"], **weight, "one_of": {option["name"]: _step(option) for option in step["one_of"]}}
    if "steps" in step:
        return {"use": step["chain"], "p": step["p"], **weight}
    return {"use": step["use"], "p": step["p"], **weight, **step["arguments"]}


def as_yaml(data: Mapping[str, Any], flow: bool | None = False) -> str:
    """Plain data as YAML; words that would be read as numbers, or as nothing, stand in quotes.

    Args:
        flow: None writes what holds nothing but values on one line.
    """
    import yaml

    return yaml.dump(
        dict(data), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=110, default_flow_style=flow
    )


@cache
def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, None if strict.is_word(value) else "'")

    Dumper.add_representer(str, text)
    Dumper.add_representer(tuple, yaml.SafeDumper.represent_list)
    return Dumper
