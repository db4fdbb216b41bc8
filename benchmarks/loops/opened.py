"""The recipe of the photographs as a stream; originals go through the chain, as they do for the others."""

from __future__ import annotations

from pathlib import Path

from augflow import Registry, Stream, compose, read_recipe, stream

RECIPE = Path(__file__).parent.parent / "recipes" / "photos.yaml"


def open_stream(source: Path, workers: int) -> Stream:
    settings = compose([str(RECIPE), f"source.root={source}", "recipe.originals=augment"])
    return stream(read_recipe(settings.recipe, Registry()), settings.source, workers=workers, check=False)
