"""A reader's share of an epoch, under numbers of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augflow.online.epochs import Epochs, View


@dataclass(frozen=True)
class Share:
    """Every `world_size`-th view of an epoch, from number `rank` on, `length` in all."""

    epochs: Epochs
    labels: Sequence[int]
    """Of the classes, as the epochs number them."""
    epoch: int
    rank: int
    world_size: int
    length: int

    def view(self, number: int) -> tuple[int, View]:
        """The label and the view that come as this number."""
        class_number, view = self.epochs.at(self.epoch, self.whole(number))
        return self.labels[class_number], view

    def family(self, number: int) -> list[int]:
        """The numbers of all views of that sample, this one's too, ascending."""
        found = self.epochs.family(self.epoch, self.whole(number))
        ours = [self.ours(whole) for whole in found if whole % self.world_size == self.rank]
        return [number for number in ours if number < self.length]

    def stand_ins(self, number: int) -> Iterator[View]:
        """What may take that view's place when its sample cannot be used, the first choice first."""
        return self.epochs.stand_ins(self.epoch, self.whole(number))

    def whole(self, number: int) -> int:
        """The number in the whole epoch."""
        return number * self.world_size + self.rank

    def ours(self, whole: int) -> int:
        """The reverse of `whole`, for a number that is of this share."""
        return whole // self.world_size
