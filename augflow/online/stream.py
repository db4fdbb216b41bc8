"""A recipe as a stream of images: balanced in every epoch, new views in each, the same for any workers and order."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from multiprocessing import current_process
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.draw import digest
from augflow.errors import PluginError, SourceError, nearest
from augflow.executor import forkserver
from augflow.online.ahead import ahead, threads
from augflow.online.batches import Batch, Item, Room, groups, joined
from augflow.online.delivery import Array, Delivery
from augflow.online.epochs import Epochs
from augflow.online.families import ThreadPass
from augflow.online.processes import WORKER, ProcessPass
from augflow.online.rendering import Rendered, Renderer
from augflow.online.sound import settled
from augflow.online.weights import warn_if_twice
from augflow.plan.target import Target
from augflow.recipe.recipe import Recipe, Rule
from augflow.source import Aside, open_source, splits_of, told
from augflow.transform import Size

Reader: TypeAlias = Callable[[Sequence[int]], Iterator[tuple[int, Rendered]]]

_TOGETHER = 8
"""Images that a thread makes at a time."""

_AHEAD = 4
"""How often so many are under way or waiting, for each thread."""


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
    if processes:
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
        threads(workers),
        processes,
        check,
        plugins,
        seen,
    )


def render_only(recipe: Recipe) -> Recipe:
    """The recipe that gives each sample once, rendered."""
    rule = Rule(Target("keep"), recipe.rule.chains, "keep", 0)
    return dataclasses.replace(recipe, originals="render", rule=rule, classes={})


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
        self._delivery = Delivery(recipe.output)
        # Kept originals have sizes of their own.
        fixed = recipe.render.size is not None and recipe.originals != "keep"
        self._size = recipe.render.target(Size(1, 1)) if fixed else None
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
        return self._item(*self._render(epoch, index))

    def _item(self, label: int, rendered: Rendered) -> Item:
        pixels, record = rendered
        image = self._delivery.empty(*pixels.shape[:2])
        self._delivery.hand_over(pixels, image)
        return Item(image, label, record)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Of every image; None where each may have its own."""
        return self.recipe.output.shape(*self._size) if self._size else None

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
            return joined([self._item(*one) for one in made])
        room = self._room(len(indices), into)
        return Batch(*room, self._fill(room, 0, made))

    def _room(self, images: int, into: Array | None = None) -> Room:
        if into is None:
            assert self.shape
            into = np.empty((images, *self.shape), self.recipe.output.dtype)
        return Room(into, np.empty(images, np.int64))

    def _fill(self, room: Room, start: int, made: Iterable[tuple[int, Rendered]]) -> list[dict[str, Any]]:
        records = []
        for place, (label, (pixels, record)) in enumerate(made, start):
            self._delivery.hand_over(pixels, room.images[place])
            room.labels[place] = label
            records.append(record)
        return records

    def label_of(self, epoch: int, index: int) -> int:
        """The label alone of the image that comes as number `index` of an epoch."""
        return self._labels[self._epochs.at(epoch, self.whole(index))[0]]

    def _render(self, epoch: int, index: int) -> tuple[int, Rendered]:
        whole = self.whole(index)
        number, view = self._epochs.at(epoch, whole)
        return self._labels[number], self._renderer.render(view, self._epochs.stand_ins(epoch, whole))

    def whole(self, index: int) -> int:
        """The number in the whole epoch of a number in this share."""
        return index * self._world_size + self._rank

    def ours(self, whole: int) -> int:
        """The number in this share of a number in the whole epoch."""
        return whole // self._world_size

    def _in_share(self, whole: int) -> int | None:
        index = self.ours(whole)
        return index if self.whole(index) == whole and index < len(self) else None

    def reader(self, epoch: int, mine: Callable[[int], bool] = lambda index: True) -> Reader:
        """Read a pass over an epoch in runs of numbers that ascend, which spares decoding a sample for each view.

        Args:
            mine: whether this reader will come to a number.
        """

        def ours(whole: int) -> int | None:
            index = self._in_share(whole)
            return index if index is not None and mine(index) else None

        families = ThreadPass(self._epochs, self._renderer, epoch, self.whole, ours)

        def make(indices: Sequence[int]) -> Iterator[tuple[int, Rendered]]:
            families.begin(indices[-1] + 1)
            for index in indices:
                number, rendered = families.make(index)
                yield self._labels[number], rendered

        return make

    def __iter__(self) -> Iterator[Item]:
        epoch, start = self.begin()
        for item in self._items(epoch, range(start, len(self))):
            self.index += 1
            yield item
        self.set_epoch(epoch + 1)

    def _items(self, epoch: int, numbers: range) -> Iterator[Item]:
        def make(indices: range) -> list[Item]:
            return [self._item(*made) for made in views(indices)]

        if self._by_processes:
            with self._process_pass(epoch, numbers) as made:
                yield from (made.take(number) for number in numbers)
            return
        views = self.reader(epoch)
        for items in ahead(make, groups(numbers, _TOGETHER), self.workers, self._most):
            yield from items

    def batches(self, size: int, drop_last: bool = False) -> Iterator[Batch]:
        """The rest of the epoch in batches of `size`; the last may be smaller, unless it is dropped.

        Raises:
            RecipeError: images are not all of one size.
        """
        epoch, start = self.begin()
        end = len(self) - (len(self) - start) % size if drop_last else len(self)
        make = self._batches_by_processes if self._by_processes else self._batches
        for batch in make(epoch, range(start, end), size):
            self.index += len(batch.labels)
            yield batch
        self.set_epoch(epoch + 1)

    def _batches(self, epoch: int, numbers: range, size: int) -> Iterator[Batch]:
        """Batches, each made in parts by several threads."""

        views = self.reader(epoch)

        def parts() -> Iterator[tuple[Room | None, int, range]]:
            for indices in groups(numbers, size):
                room = None if self.shape is None else self._room(len(indices))
                for part in groups(range(len(indices)), _TOGETHER):
                    yield room, part.start, indices[part.start : part.stop]

        def make(part: tuple[Room | None, int, range]) -> tuple[Room | None, list[Any]]:
            room, place, indices = part
            if room is None:
                return None, [self._item(*made) for made in views(indices)]
            return room, self._fill(room, place, views(indices))

        made: list[Any] = []
        taken = numbers.start
        for room, more in ahead(make, parts(), self.workers, self._most):
            made += more
            if len(made) == min(size, numbers.stop - taken):
                yield joined(made) if room is None else Batch(*room, made)
                taken += len(made)
                made = []

    @property
    def _most(self) -> int:
        """How many groups of images may be under way or waiting."""
        return _AHEAD * max(1, self.workers)

    def _batches_by_processes(self, epoch: int, numbers: range, size: int) -> Iterator[Batch]:
        with self._process_pass(epoch, numbers) as made:
            for indices in groups(numbers, size):
                if self.shape is None:
                    yield joined([made.take(index) for index in indices])
                    continue
                room = self._room(len(indices))
                items = [made.take(index, into) for index, into in zip(indices, room.images, strict=True)]
                room.labels[:] = [item.label for item in items]
                yield Batch(*room, [item.record for item in items])

    @property
    def _by_processes(self) -> bool:
        """A process that may have none of its own, such as a loader's worker, uses threads."""
        return self.processes and self.workers > 0 and not current_process().daemon

    def _process_pass(self, epoch: int, numbers: range) -> ProcessPass:
        return ProcessPass(
            self._epochs,
            self._renderer,
            self._labels,
            self.shape,
            epoch,
            numbers,
            self.whole,
            self._in_share,
            self.workers,
        )

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
