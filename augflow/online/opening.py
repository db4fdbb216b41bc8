"""Opens a recipe over a source as a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from augflow.errors import PluginError, SourceError
from augflow.executor import forkserver
from augflow.executor.pool import cores
from augflow.online.processes import WORKER
from augflow.online.stream import Stream
from augflow.plan.target import Target
from augflow.recipe.recipe import Recipe, Rule
from augflow.source import open_source, splits_of, told


def stream(
    recipe: Recipe,
    source: Mapping[str, Any],
    epoch: int = 0,
    *,
    split: str | None = None,
    augment: bool | None = None,
    classes: Sequence[str] | None = None,
    shuffle: bool | None = None,
    through_codec: bool = False,
    workers: int | str = "auto",
    processes: bool = False,
    check: bool = True,
    plugins: Sequence[str] = (),
    seen: Callable[[int], None] = lambda samples: None,
) -> Stream:
    """Open a recipe over a source as a stream of (image, label, record).

    Args:
        recipe: from `read_recipe`.
        source: settings, with their `kind`, as `run` takes them.
        epoch: the one to begin with. Epoch 0 holds what `run` makes; every further one holds as many images of each
            class, in new views.
        split: a split of the source. One that is not augmented gives each of its samples once, with the render only.
        augment: False gives each sample of the source once, with the render only: for a folder of its own to evaluate
            on.
        classes: the names that labels number; those of the source unless said, sorted as readers of folders sort them.
        shuffle: whether each epoch has an order of its own; unless said, augmented streams do.
        through_codec: give the pixels that a reader of the written file sees, not those before they are encoded.
        workers: threads that make images ahead; `auto` for one on each core, 0 for none.
        processes: let the workers of a pass be processes instead: a quarter faster, for some time to start.
        check: decode every sample first, as little as proves it sound, and leave out what cannot be decoded, so that
            counts are planned without it, as `run` plans them. Without it, views of others of the class stand in for
            what is met to be broken; counts hold in either case.
        plugins: Python files with transforms.
        seen: called with the number of samples checked so far.

    Raises:
        AugflowError: the source or the recipe cannot be.
    """
    count = _how_many(workers)
    if processes and count:
        forkserver.start([WORKER.partition(":")[0]])
    opened = open_source(source)
    splits = splits_of(opened)
    trained = split is None or (splits is not None and split == splits.chosen)
    if augment is None:
        augment = trained
    if augment and not trained:
        raise SourceError(f"split: '{split}' is not the split that is augmented; say augment=False, or leave it out.")
    labels = list(classes) if classes is not None else sorted(told(label) for label in opened.labels())
    if not trained:
        source = {**source, "split": split}
    if not augment:
        recipe = render_only(recipe)
    return Stream(
        recipe,
        source,
        epoch,
        labels,
        augment,
        augment if shuffle is None else shuffle,
        through_codec,
        count,
        processes,
        check,
        plugins,
        seen,
    )


def render_only(recipe: Recipe) -> Recipe:
    """The recipe that gives each sample once, rendered."""
    rule = Rule(Target("keep"), recipe.rule.chains, "keep", 0)
    return dataclasses.replace(recipe, originals="render", rule=rule, classes={})


def _how_many(workers: int | str) -> int:
    """How many `workers` asks for; `auto` is one for each core, 0 none beside the caller's thread.

    Raises:
        PluginError: it is neither.
    """
    if workers == "auto":
        return cores()
    if type(workers) is not int or not 0 <= workers <= 1024:
        raise PluginError(f"workers: {workers!r} is not 'auto' or a whole number from 0 to 1024.")
    return workers
