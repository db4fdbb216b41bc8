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
        class_number, view = self.epochs.at(self.epoch, self._whole(number))
        return self.labels[class_number], view

    def family(self, number: int) -> list[int]:
        """The numbers of all views of that sample, this one's too, ascending."""
        found = self.epochs.family(self.epoch, self._whole(number))
        ours = [whole // self.world_size for whole in found if whole % self.world_size == self.rank]
        return [number for number in ours if number < self.length]

    def stand_ins(self, number: int) -> Iterator[View]:
        """What may take that view's place when its sample cannot be used, the first choice first."""
        return self.epochs.stand_ins(self.epoch, self._whole(number))

    def _whole(self, number: int) -> int:
        return number * self.world_size + self.rank
