"""What one output is to be, drawn and told in a record, and its pixels; nothing is written here."""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic_core import to_json

from augflow.draw import Streams
from augflow.engine.chain import Chain, Drawn, ready
from augflow.engine.sample import Sample
from augflow.engine.sampling import Photograph
from augflow.plan.plan import Namer, Unit
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.source import Splits, told
from augflow.transform import Pixels

NOT_ITS_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ESTALE})
"""Why a sound file may be unreadable: the machine is short of something. That sets no sample aside."""


class Begun(NamedTuple):
    """A record as far as it is known before there are pixels, and what makes these."""

    record: dict[str, Any]
    photograph: Photograph
    pixels: Callable[[], Pixels] | None
    """None where the sample's own bytes are the output."""


class Views:
    """Draws and performs the outputs of a recipe. Transforms may hold a state of their own: one of these a thread."""

    def __init__(self, recipe: Recipe, registry: Registry, splits: Splits | None) -> None:
        self.recipe = recipe
        self.chains = {name: Chain(name, steps, registry) for name, steps in recipe.chains.items()}
        self.namer = Namer(recipe, {name: chain.digest for name, chain in self.chains.items()}, splits)
        self._renders = {None: self._render(None)} | {name: self._render(chain) for name, chain in self.chains.items()}

    def _render(self, chain: Chain | None) -> str:
        after = chain.steps[chain.fold].name if chain and chain.fold >= 0 else None
        return json.dumps({**dataclasses.asdict(self.recipe.render), "after": after})

    def draw(self, unit: Unit, copy: int, sample: Sample) -> Begun:
        """Begin the record of one copy, draw its chain, and get as far as can be without touching a pixel."""
        opened, photograph = sample.opened, sample.photograph
        name = self.namer.chain(unit, copy)
        key, path = self.namer.name(unit, copy, name)
        record: dict[str, Any] = {"path": path, "key": key, "label": told(unit.label), "copy": copy, "chain": name}
        for what, named in (("split", unit.split), ("group", unit.group)):
            if named is not None:
                record[what] = told(named)
        if self.namer.verbatim(unit, copy):
            return Begun(record | {"steps": [], "render": None, "converted": []}, photograph, None)
        record |= {"render": self._renders[name], "converted": list(opened.notes), "steps": []}
        drawn: list[Drawn] = []
        fold = -1
        if name is not None:
            chain = self.chains[name]
            fold = chain.fold
            streams = Streams(self.recipe.seed, unit.key, copy)
            record["steps"], drawn = chain.draw(opened.size, self.recipe.render, streams)
            for entry in record["steps"]:
                if entry["draw"] is not None:
                    entry["draw"] = to_json(entry["draw"]).decode()
        return Begun(record, photograph, ready(photograph, drawn, fold, self.recipe.render))

    def perform(self, begun: Begun) -> Pixels | None:
        """Make the pixels and tell their size in the record; None where the sample's own bytes are the output."""
        record, photograph, pixels = begun
        if pixels is None:
            record["height"], record["width"] = photograph.size
            return None
        photograph.reduction = 1
        made = pixels()
        record["height"], record["width"] = made.shape[:2]
        if photograph.reduction > 1:
            record["converted"].append(f"decoded at 1/{photograph.reduction}")
        return made
