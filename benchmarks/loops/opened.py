"""The recipe of the photographs as a stream; originals go through the chain, as they do for the others."""

from __future__ import annotations

from pathlib import Path

from augflow import Registry, Stream, compose, read_recipe, stream

RECIPE = Path(__file__).parent.parent / "recipes" / "photos.yaml"


def open_stream(source: Path, workers: int, processes: bool = False) -> Stream:
    settings = compose([str(RECIPE), f"source.root={source}", "recipe.originals=augment"])
    recipe = read_recipe(settings.recipe, Registry())
    return stream(recipe, settings.source, workers=workers, processes=processes, check=False)
