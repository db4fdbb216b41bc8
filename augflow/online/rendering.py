"""Views made: read, drawn and performed; and what stands in for those of a sample that cannot be used."""

from __future__ import annotations

import hashlib
import itertools
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import cv2

from augflow.engine.codec import decode, encode
from augflow.engine.sample import Sample, open_sample
from augflow.engine.views import Begun, Views, shortage
from augflow.errors import ImageError, SourceError, SurroundingsError
from augflow.online.epochs import View
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.source import Aside, Source, open_source, splits_of, told
from augflow.transform import Pixels


class SetAsideWarning(UserWarning):
    """A sample cannot be used; where it was to be augmented, views of others of its class stand in for it."""


class Rendered(NamedTuple):
    """Finished pixels as the engine holds them, and their record."""

    pixels: Pixels
    record: dict[str, Any]


class Renderer:
    """Makes views; safe in threads, and built again from plain data in every process that it is sent to."""

    def __init__(
        self, recipe: Recipe, source: Mapping[str, Any], through_codec: bool, plugins: Sequence[str] = ()
    ) -> None:
        self.__setstate__((recipe, dict(source), through_codec, list(plugins)))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._given

    def __setstate__(self, given: tuple[Any, ...]) -> None:
        self._given = given
        self.recipe: Recipe = given[0]
        self.source: Source = open_source(given[1])
        self._through_codec: bool = given[2]
        self._registry = Registry(given[3])
        self._own = threading.local()
        self.aside: dict[str, Aside] = {}
        """What was met that cannot be used."""

    def render(self, view: View, stand_ins: Iterable[View]) -> Rendered:
        """Make a view, or the first of `stand_ins` that can be made.

        Raises:
            SourceError: none of them can be.
            SurroundingsError: the machine is short of something.
        """
        for candidate in itertools.chain((view,), stand_ins):
            try:
                return self._render(candidate, self._open(candidate.unit.key))
            except ImageError as error:
                self._set_aside(candidate, error)
        fault = self.aside[view.unit.key]
        raise SourceError(
            f"source: '{told(view.unit.key)}' cannot be used ({fault.kind}: {fault.detail}), and no other sample of "
            f"'{told(view.unit.label)}' can stand in for it. With check=True a stream leaves out what is broken."
        )

    def render_family(self, views: Sequence[View], stand_ins: Callable[[int], Iterable[View]]) -> Iterator[Rendered]:
        """Make several views of one sample, read and decoded once, each as `render` makes it.

        Args:
            stand_ins: for the view of that number.
        """
        for number, (view, made) in enumerate(zip(views, self.attempt_family(views), strict=True)):
            yield made or self.render(view, stand_ins(number))

    def attempt_family(self, views: Sequence[View]) -> Iterator[Rendered | None]:
        """Make several views of one sample, read and decoded once; None for each that cannot be made."""
        try:
            sample = self._open(views[0].unit.key)
        except ImageError:
            sample = None
        for view in views:
            try:
                yield self._render(view, sample) if sample else None
            except ImageError:
                yield None

    def _open(self, key: str) -> Sample:
        return open_sample(key, read(self.source, key), self.source.max_pixels)

    def _views(self) -> Views:
        views: Views | None = getattr(self._own, "views", None)
        if views is None:
            cv2.setNumThreads(1)
            self._own.views = views = Views(self.recipe, self._registry, splits_of(self.source))
        return views

    def _render(self, view: View, sample: Sample) -> Rendered:
        views = self._views()
        begun = Begun(views.of(view.unit, sample), view.copy)
        views.make(begun)
        record, pixels = begun.record, begun.pixels
        record["parents"] = sample.parents
        if pixels is None:
            record |= {"size": len(sample.data), "sha256": sample.sha256}
            return Rendered(sample.opened.whole(), record)
        if self._through_codec:
            file = encode(pixels, self.recipe.render)
            record |= {"size": len(file), "sha256": hashlib.sha256(file).hexdigest()}
            pixels = decode(file, pixels.shape[0] * pixels.shape[1]).pixels
        return Rendered(pixels, record)

    def _set_aside(self, view: View, error: ImageError) -> None:
        key = view.unit.key
        if key not in self.aside:
            self.aside[key] = Aside(key, error.kind, error.detail)
            warnings.warn(f"'{told(key)}' (class '{told(view.unit.label)}') is set aside: {error}", SetAsideWarning, 2)


def read(source: Source, key: str) -> bytes:
    """Read a sample; what is no fault of its own is raised as the surroundings'.

    Raises:
        ImageError: it cannot be read.
        SurroundingsError: the machine is short of something.
    """
    try:
        return source.read(key)
    except ImageError as error:
        if lack := shortage(error):
            raise SurroundingsError(f"{lack.strerror}: {told(key)}") from lack
        raise
