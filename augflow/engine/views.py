"""Outputs, stage by stage: what each is to be, drawn and told in a record, and its pixels; nothing is written here."""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import to_json

from augflow.draw import Streams
from augflow.engine.chain import Chain, Drawn
from augflow.engine.performing import Laid
from augflow.engine.sample import Sample
from augflow.errors import ImageError, SurroundingsError
from augflow.plan.names import Namer, Names
from augflow.plan.plan import Unit
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.source import Splits, told
from augflow.transform import Pixels

_NOT_ITS_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ESTALE})


def shortage(error: ImageError) -> OSError | None:
    """What the machine was short of, where a sound file may be unreadable for that; it sets no sample aside."""
    cause = error.__cause__
    return cause if isinstance(cause, OSError) and cause.errno in _NOT_ITS_FAULT else None


def at_fault(error: Exception) -> ImageError:
    """What went wrong in a stage, as the fault of the sample; what is the surroundings' is raised again."""
    if isinstance(error, ImageError):
        return error
    if isinstance(error, (SurroundingsError, OSError)):
        raise error
    return ImageError("chain failed", f"{type(error).__name__}: {error}")


class Begun:
    """An output under way: its record as far as it is known, and its pixels once they are made."""

    record: dict[str, Any]
    drawn: Sequence[Drawn] = ()
    laid: Laid
    pixels: Pixels | None = None

    def __init__(self, family: Family, copy: int) -> None:
        self.family, self.copy = family, copy
        self.photograph = family.sample.photograph
        self.chain = family.names.chain(copy)
        self.verbatim = family.names.verbatim(copy)
        """Whether the sample's own bytes are the output."""

    @property
    def done(self) -> bool:
        """Whether no pass over pixels is left to be carried out."""
        return self.verbatim or self.pixels is not None


class Family:
    """A sample, and what the outputs that are made of it share."""

    def __init__(self, names: Names, sample: Sample) -> None:
        self.names, self.sample = names, sample
        unit = names.unit
        named = {"label": unit.label, "split": unit.split, "group": unit.group}
        self.told = {what: told(name) for what, name in named.items() if name is not None}


class Views:
    """Makes the pixels and records of a recipe's outputs, stage by stage.

    Whoever makes many brings all of them through one stage before the next: caches stay warm so, and what is small
    takes a quarter less time. Transforms may hold a state of their own: one of these a thread.
    """

    def __init__(self, recipe: Recipe, registry: Registry, splits: Splits | None) -> None:
        self.recipe = recipe
        self.chains = {name: Chain(name, steps, registry) for name, steps in recipe.chains.items()}
        self.namer = Namer(recipe, {name: chain.digest for name, chain in self.chains.items()}, splits)
        self._renders = {None: self._render(None)} | {name: self._render(chain) for name, chain in self.chains.items()}

    def _render(self, chain: Chain | None) -> str:
        after = chain.steps[chain.fold].name if chain and chain.fold >= 0 else None
        return json.dumps({**dataclasses.asdict(self.recipe.render), "after": after})

    def of(self, unit: Unit, sample: Sample) -> Family:
        """What is made of one sample."""
        return Family(self.namer.of(unit), sample)

    def make(self, begun: Begun) -> None:
        """Bring one output through all stages.

        Raises:
            ImageError: it cannot be made.
        """
        try:
            for stage in self.before_pixels:
                stage(begun)
            while not begun.done:
                self.perform(begun)
        except Exception as error:
            fault = at_fault(error)
            if fault is error:
                raise
            raise fault from error

    @property
    def before_pixels(self) -> tuple[Callable[[Begun], None], ...]:
        """The stages that touch no pixel."""
        return self.name, self.draw, self.lay

    def name(self, begun: Begun) -> None:
        """Begin the record."""
        family, copy, chain = begun.family, begun.copy, begun.chain
        key, path = family.names.name(copy, chain)
        begun.record = {
            "path": path,
            "key": key,
            **family.told,
            "copy": copy,
            "chain": chain,
            "steps": [],
            "render": None if begun.verbatim else self._renders[chain],
            "converted": [] if begun.verbatim else list(family.sample.opened.notes),
        }
        if begun.verbatim:
            begun.record["height"], begun.record["width"] = begun.photograph.size

    def draw(self, begun: Begun) -> None:
        """Draw the chain."""
        if begun.chain is None:
            return
        chain, sample = self.chains[begun.chain], begun.family.sample
        streams = Streams(self.recipe.seed, begun.family.names.unit.key, begun.copy)
        entries, begun.drawn = chain.draw(sample.opened.size, self.recipe.render, streams)
        for entry in entries:
            if entry["draw"] is not None:
                entry["draw"] = to_json(entry["draw"]).decode()
        begun.record["steps"] = entries

    def lay(self, begun: Begun) -> None:
        """Get as far as can be without touching a pixel."""
        if not begun.verbatim:
            fold = -1 if begun.chain is None else self.chains[begun.chain].fold
            begun.laid = Laid(begun.photograph, begun.drawn, fold, self.recipe.render)

    def perform(self, begun: Begun) -> None:
        """Carry out one pass over the pixels; once there are no more, tell their size in the record."""
        photograph = begun.photograph
        photograph.reduction = 1
        waits = begun.laid.carry_on()
        if photograph.reduction > 1:
            begun.record["converted"].append(f"decoded at 1/{photograph.reduction}")
        if not waits:
            begun.pixels = begun.laid.pixels()
            begun.record["height"], begun.record["width"] = begun.pixels.shape[:2]
