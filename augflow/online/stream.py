"""A recipe as a stream of images: balanced in every epoch, new views in each, the same for any workers and order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from multiprocessing import current_process
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.draw import digest
from augflow.errors import PluginError, SourceError, nearest
from augflow.online.batches import Array, Batch, Item, joined
from augflow.online.delivery import Delivery
from augflow.online.epochs import Epochs
from augflow.online.processes import ProcessPass
from augflow.online.rendering import Rendered, Renderer
from augflow.online.share import Share
from augflow.online.sound import settled
from augflow.online.threads import ThreadPass
from augflow.online.weights import warn_if_twice
from augflow.recipe.recipe import Recipe
from augflow.source import Aside, told
from augflow.transform import Size

Reader: TypeAlias = Callable[[Sequence[int]], Iterator[tuple[int, Rendered]]]


class Stream:
    """An epoch's images, in order or by number; one pass over it is an epoch, and the next pass goes on with the next.

    `len(stream)` images are in an epoch (in this stream's share of it), and `stream[i]` is one of them. A pass begins
    at the beginning of `epoch`, or where `load_state_dict` said.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: Mapping[str, Any],
        epoch: int,
        classes: Sequence[str],
        augmented: bool,
        shuffle: bool,
        through_codec: bool,
        workers: int,
        processes: bool,
        check: bool,
        plugins: Sequence[str],
        seen: Callable[[int], None],
    ) -> None:
        self.recipe = recipe
        self.classes = tuple(classes)
        """Names of the classes; labels number them."""
        self.shuffle = shuffle
        self.workers = workers
        self.processes = processes
        self._renderer = Renderer(recipe, source, through_codec, plugins)
        census, self.plan, self._aside = settled(recipe, self._renderer.source, check, workers, seen)
        self._epochs = Epochs(self.plan, census, shuffle, by_key=not augmented)
        self._labels = [self._number(told(label)) for label in self._epochs.classes]
        # Kept originals have sizes of their own.
        fixed = recipe.render.size is not None and recipe.originals != "keep"
        self._delivery = Delivery(recipe.output, recipe.render.target(Size(1, 1)) if fixed else None)
        self._rank, self._world_size, self._even = 0, 1, False
        self._resume = 0
        self.epoch, self.index = _epoch(epoch), 0
        """Where the stream stands: so many images of that epoch were taken."""

    def _number(self, label: str) -> int:
        if label not in self.classes:
            raise SourceError(
                f"source: the class '{label}' is none of those that labels number.{nearest(label, self.classes)} "
                f"They are {', '.join(self.classes)}."
            )
        return self.classes.index(label)

    def weights(self, given: Mapping[str, float] | None = None) -> NDArray[np.float32]:
        """Class weights for a loss, in the order of `classes`: of what balance is left, or those given.

        Weights that correct what the stream has balanced already are warned of (`TwiceCorrectedWarning`).
        """
        samples = {told(label): done.has for label, done in self.plan.classes.items() if done.result}
        if given is None:
            counts = {label: done.has for label, done in self.plan.classes.items()}
            given = {told(label): weight for label, weight in self.recipe.residual_weights(counts).items()}
        else:
            results = {told(label): done.result for label, done in self.plan.classes.items() if done.result}
            warn_if_twice(samples, results, {label: given[label] for label in samples})
        return np.array([given.get(label, 0.0) for label in self.classes], np.float32)

    @property
    def aside(self) -> list[Aside]:
        """What was set aside and why: beforehand, and in this process since."""
        return sorted({*self._aside, *self._renderer.aside.values()})

    def __len__(self) -> int:
        share, rest = divmod(len(self._epochs), self._world_size)
        return share + (self._rank < rest and not self._even)

    def __getitem__(self, index: int) -> Item:
        return self.at(self.epoch, range(len(self))[index])

    def at(self, epoch: int, index: int) -> Item:
        """The image that comes as number `index` of an epoch."""
        return self._delivery.item(*self._render(epoch, index))

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Of every image; None where each may have its own."""
        return self._delivery.shape

    def batch(
        self, epoch: int, indices: Sequence[int], into: Array | None = None, reader: Reader | None = None
    ) -> Batch:
        """Several images of an epoch as one array.

        Args:
            into: where images of one known `shape` are to be written.
            reader: what `reader` gave for this epoch, where the indices are such a run.

        Raises:
            RecipeError: they are not all of one size.
        """
        made = reader(indices) if reader else (self._render(epoch, index) for index in indices)
        if self.shape is None:
            return joined([self._delivery.item(*one) for one in made])
        room = self._delivery.room(len(indices), into)
        return Batch(*room, self._delivery.fill(room, 0, made))

    def label_of(self, epoch: int, index: int) -> int:
        """The label alone of the image that comes as number `index` of an epoch."""
        return self._share(epoch).view(index)[0]

    def _render(self, epoch: int, index: int) -> tuple[int, Rendered]:
        share = self._share(epoch)
        label, view = share.view(index)
        return label, self._renderer.render(view, share.stand_ins(index))

    def _share(self, epoch: int) -> Share:
        return Share(self._epochs, self._labels, epoch, self._rank, self._world_size, len(self))

    def whole(self, index: int) -> int:
        """The number in the whole epoch of a number in this share."""
        return self._share(self.epoch).whole(index)

    def ours(self, whole: int) -> int:
        """The number in this share of a number in the whole epoch."""
        return self._share(self.epoch).ours(whole)

    def reader(self, epoch: int, mine: Callable[[int], bool] = lambda index: True) -> Reader:
        """Read a pass over an epoch in runs of numbers that ascend, which spares decoding a sample for each view.

        Args:
            mine: whether this reader will come to a number.
        """
        return ThreadPass(self._share(epoch), self._renderer, self._delivery, self.workers, mine).views

    def _pass(self, epoch: int) -> ThreadPass | ProcessPass:
        """A process that may have none of its own, such as a loader's worker, uses threads."""
        by_processes = self.processes and self.workers > 0 and not current_process().daemon
        kind = ProcessPass if by_processes else ThreadPass
        return kind(self._share(epoch), self._renderer, self._delivery, self.workers)

    def __iter__(self) -> Iterator[Item]:
        epoch, start = self.begin()
        for item in self._pass(epoch).items(range(start, len(self))):
            self.index += 1
            yield item
        self.set_epoch(epoch + 1)

    def batches(self, size: int, drop_last: bool = False) -> Iterator[Batch]:
        """The rest of the epoch in batches of `size`; the last may be smaller, unless it is dropped.

        Raises:
            RecipeError: images are not all of one size.
            SurroundingsError: a process died, or none could be started.
        """
        epoch, start = self.begin()
        end = len(self) - (len(self) - start) % size if drop_last else len(self)
        for batch in self._pass(epoch).batches(range(start, end), size):
            self.index += len(batch.labels)
            yield batch
        self.set_epoch(epoch + 1)

    @property
    def upcoming(self) -> tuple[int, int]:
        """The epoch of the next pass, and the number of its first image."""
        return self.epoch, self._resume

    def begin(self) -> tuple[int, int]:
        """Begin a pass: its epoch, and the number of its first image."""
        epoch, self.index = self.upcoming
        self._resume = 0
        return epoch, self.index

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`; a position in it that was loaded stays."""
        if _epoch(epoch) != self.epoch:
            self.epoch, self.index, self._resume = epoch, 0, 0

    def shard(self, rank: int, world_size: int, even: bool = False) -> Stream:
        """The share of one of several that read together: every `world_size`-th image, from number `rank` on.

        Args:
            even: leave out the last few, so that all shares are equally long.
        """
        if not 0 <= rank < world_size:
            raise PluginError(f"rank: {rank} is not from 0 to {world_size - 1}, as world_size={world_size} has it.")
        if self._world_size > 1:
            raise PluginError("shard: this is a share already; ask the whole stream for another.")
        part = copy.copy(self)
        part._rank, part._world_size, part._even = rank, world_size, even
        part.index = part._resume = 0
        return part

    @cached_property
    def digest(self) -> str:
        """Digest of what is streamed and in which order: equal streams give equal images at equal places."""
        return digest(self.plan.digest, int(self.shuffle), *self.classes).hex()

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, in plain values: go on from there with `load_state_dict`."""
        return {"epoch": self.epoch, "index": self.index, "world_size": self._world_size, "digest": self.digest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next pass go on where `state_dict` was asked.

        Raises:
            SourceError: it was asked of another stream: recipe, samples, classes or number of shares differ.
        """
        if state["digest"] != self.digest:
            raise SourceError(
                "The state is of another stream: the recipe or its seed, the samples, the classes or the shuffling "
                "differ. Begin an epoch anew with set_epoch."
            )
        if state["world_size"] != self._world_size:
            raise SourceError(
                f"The state is of one of {state['world_size']} shares, and this stream is one of {self._world_size}."
            )
        self.epoch = _epoch(state["epoch"])
        self.index = self._resume = state["index"]


def _epoch(epoch: int) -> int:
    if epoch < 0:
        raise PluginError(f"epoch: {epoch} is below 0.")
    return int(epoch)
