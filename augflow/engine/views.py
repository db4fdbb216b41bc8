"""What one output is to be, drawn and told in a record, and its pixels; nothing is written here."""

from __future__ import annotations

import dataclasses
import errno
import json
from typing import Any, NamedTuple

from pydantic_core import to_json

from augflow.draw import Streams
from augflow.engine.chain import Chain, Drawn, finish
from augflow.engine.codec import Opened
from augflow.engine.sampling import Photograph
from augflow.plan.plan import Namer, Unit
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.source import Splits, told
from augflow.transform import Pixels

NOT_ITS_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ESTALE})
"""Why a sound file may be unreadable: the machine is short of something. That sets no sample aside."""


class Begun(NamedTuple):
    """A record as far as it is known before there are pixels, and what is to be performed."""

    record: dict[str, Any]
    drawn: list[Drawn] | None
    """None where the sample's own bytes are the output."""
    fold: int


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

    def draw(self, unit: Unit, copy: int, opened: Opened) -> Begun:
        """Begin the record of one copy, and draw what is to be performed."""
        name = self.namer.chain(unit, copy)
        key, path = self.namer.name(unit, copy, name)
        record: dict[str, Any] = {"path": path, "key": key, "label": told(unit.label), "copy": copy, "chain": name}
        for what, named in (("split", unit.split), ("group", unit.group)):
            if named is not None:
                record[what] = told(named)
        if self.namer.verbatim(unit, copy):
            return Begun(record | {"steps": [], "render": None, "converted": []}, None, -1)
        record |= {"render": self._renders[name], "converted": list(opened.notes), "steps": []}
        if name is None:
            return Begun(record, [], -1)
        chain = self.chains[name]
        entries, drawn = chain.draw(opened.size, self.recipe.render, Streams(self.recipe.seed, unit.key, copy))
        for entry in entries:
            if entry["draw"] is not None:
                entry["draw"] = to_json(entry["draw"]).decode()
        record["steps"] = entries
        return Begun(record, drawn, chain.fold)

    def perform(self, photograph: Photograph, begun: Begun) -> Pixels | None:
        """Finish the pixels and tell their size in the record; None where the sample's own bytes are the output."""
        record, drawn, fold = begun
        if drawn is None:
            record["height"], record["width"] = photograph.size
            return None
        photograph.reduction = 1
        pixels = finish(photograph, drawn, fold, self.recipe.render)
        record["height"], record["width"] = pixels.shape[:2]
        if photograph.reduction > 1:
            record["converted"].append(f"decoded at 1/{photograph.reduction}")
        return pixels
