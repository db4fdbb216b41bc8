"""From an imbalanced image-classification dataset to an exactly balanced one, with a record for every image.

    from augflow import Registry, compose, read_recipe, run

    settings = compose(["recipe=balance", "source.root=photos/train"])
    recipe = read_recipe(settings.recipe, Registry())
    outcome = run(recipe, settings.source, settings.sink)

The names below are imported when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from augflow.config.compose import Settings as Settings
    from augflow.config.compose import compose as compose
    from augflow.engine.chain import Chain as Chain
    from augflow.engine.performing import perform as perform
    from augflow.errors import AugflowError as AugflowError
    from augflow.online.opening import stream as stream
    from augflow.online.stream import Stream as Stream
    from augflow.plan.census import Census as Census
    from augflow.plan.census import take_census as take_census
    from augflow.plan.plan import Plan as Plan
    from augflow.recipe.reader import read_recipe as read_recipe
    from augflow.recipe.recipe import Recipe as Recipe
    from augflow.registry import Registry as Registry
    from augflow.runner import Outcome as Outcome
    from augflow.runner import Watch as Watch
    from augflow.runner import run as run
    from augflow.source import open_source as open_source

__version__ = "0.1.0"

_HOMES = {
    "AugflowError": "errors",
    "Census": "plan.census",
    "Chain": "engine.chain",
    "Outcome": "runner",
    "Plan": "plan.plan",
    "Recipe": "recipe.recipe",
    "Registry": "registry",
    "Settings": "config.compose",
    "Stream": "online.stream",
    "Watch": "runner",
    "compose": "config.compose",
    "open_source": "source",
    "perform": "engine.performing",
    "read_recipe": "recipe.reader",
    "run": "runner",
    "stream": "online.opening",
    "take_census": "plan.census",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'augflow' has no attribute '{name}'")
    from importlib import import_module

    found: object = getattr(import_module(f"augflow.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
