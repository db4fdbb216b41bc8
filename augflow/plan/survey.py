"""Look at every image of a source: what `scan` tells, and what `plan` must know before a pixel is touched."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from augflow.engine.codec import decode, probe
from augflow.engine.time_limit import TimeLimit, reason
from augflow.errors import ImageError
from augflow.executor import Lost, Work, open_executor
from augflow.plan.census import Census, Keys
from augflow.plan.plan import Plan
from augflow.source import Aside, Sample, Source, decode_timeout, open_source

DECODER = "augflow.plan.survey:Decoder"


class Look(NamedTuple):
    """What one image turned out to be, or why it cannot be used (`kind`)."""

    format: str = ""
    height: int = 0
    width: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()
    digest: int = 0
    """Of its bytes, where the whole file was read."""
    kind: str = ""
    detail: str = ""


@dataclass
class ClassSurvey:
    """What the images of one class are."""

    samples: int = 0
    bytes: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(height, width) → images."""
    converted: Counter[str] = field(default_factory=Counter)

    def add(self, look: Look) -> None:
        self.samples += 1
        self.bytes += look.bytes
        self.formats[look.format] += 1
        self.sizes[look.height, look.width] += 1
        self.converted.update(look.notes)

    @property
    def pixels(self) -> int:
        return sum(height * width * images for (height, width), images in self.sizes.items())


@dataclass
class Survey:
    """What was found, class by class, and what was set aside."""

    classes: dict[str, ClassSurvey]
    aside: list[Aside]
    split: str | None = None
    """The split that the classes are of, where the source has splits."""
    others: dict[str, ClassSurvey] = field(default_factory=dict)
    """Split → its images, all classes together, where they pass into the sink."""
    same: list[list[Sample]] = field(default_factory=list)
    """Samples of one content that stand in several classes or splits."""

    def add(self, sample: Sample, look: Look) -> None:
        if look.kind:
            self.aside.append(Aside(sample.key, look.kind, look.detail))
        elif sample.split == self.split:
            self.classes[sample.label].add(look)
        elif sample.split is not None:
            self.others.setdefault(sample.split, ClassSurvey()).add(look)


class Decoder:
    """Decodes one image wholly; built in every process of an executor."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.source = open_source(spec["source"])
        self.limit = TimeLimit(decode_timeout(self.source))

    def __call__(self, key: str) -> Look:
        def look(data: bytes) -> Look:
            decoded = decode(data, self.source.max_pixels, self.limit)
            height, width = decoded.pixels.shape[:2]
            digest = int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)
            return Look(decoded.format, height, width, len(data), decoded.notes, digest)

        return _look(self.source, key, look)


def _look(source: Source, key: str, look: Callable[[bytes], Look]) -> Look:
    try:
        return look(source.read(key))
    except ImageError as error:
        return Look(kind=error.kind, detail=error.detail)


def decode_all(
    census: Census,
    source: Mapping[str, Any],
    executor: Mapping[str, Any],
    seen: Callable[[str, Look], None] = lambda label, look: None,
) -> Survey:
    """Decode every sample on the executor; what is set aside here is what `run` would set aside."""
    survey = Survey({label: ClassSurvey() for label in census.classes}, list(census.aside), census.split)
    samples = {}
    contents = _Contents()
    timeout = decode_timeout(open_source(source))

    def keys() -> Iterator[str]:
        for sample in census.samples():
            samples[sample.key] = sample
            yield sample.key

    for key, look in open_executor(executor).run(Work(DECODER, {"source": dict(source)}), keys()):
        if isinstance(look, Lost):
            kind, detail = reason(look, timeout)
            look = Look(kind=kind, detail=detail)
        sample = samples.pop(key)
        survey.add(sample, look)
        contents.add(sample, look)
        seen(sample.label, look)
    survey.aside.sort()
    survey.same = contents.same()
    return survey


class _Contents:
    """Finds what has the same bytes as something in another class or split; about sixty bytes a sample."""

    def __init__(self) -> None:
        self._digests = array("q")
        self._places: dict[tuple[str, str | None], int] = {}
        self._place = array("i")
        self._keys = Keys()

    def add(self, sample: Sample, look: Look) -> None:
        if not look.kind:
            self._digests.append(look.digest)
            self._place.append(self._places.setdefault((sample.label, sample.split), len(self._places)))
            self._keys.append(sample.key)

    def same(self) -> list[list[Sample]]:
        digests = np.asarray(self._digests, dtype=np.int64)
        order = np.argsort(digests, kind="stable")
        edges = np.flatnonzero(np.diff(digests[order], prepend=~digests[order[:1]], append=~digests[order[-1:]]))
        several = np.flatnonzero(np.diff(edges) > 1)
        places = list(self._places)
        found = []
        for start, end in zip(edges[several].tolist(), edges[several + 1].tolist(), strict=True):
            some = order[start:end].tolist()
            if len({self._place[index] for index in some}) > 1:
                of = [(places[self._place[index]], self._keys[index]) for index in some]
                found.append(sorted(Sample(label, key, split) for (label, split), key in of))
        return sorted(found, key=lambda samples: samples[0].key)


def read_headers(
    source: Source, samples: Iterable[Sample], seen: Callable[[int], None], split: str | None = None
) -> Survey:
    """Read the headers of `samples` alone: sizes and formats, and what is not even an image; `seen(1)` after each.

    Args:
        split: the one that is augmented, where the source has splits.
    """
    survey = Survey({label: ClassSurvey() for label in source.labels()}, [], split)

    def look(data: bytes) -> Look:
        header = probe(data, source.max_pixels)
        return Look(header.format, *header.size, len(data))

    for sample in samples:
        survey.add(sample, _look(source, sample.key, look))
        seen(1)
    return survey


def estimate_bytes(plan: Plan, survey: Survey) -> int:
    """Estimate what the outputs will take on disk, from the bytes per pixel of their sources.

    A smaller picture takes more bytes per pixel: about as the root of the reduction.
    """
    total = 0.0
    for label, done in plan.classes.items():
        known = survey.classes[label]
        if not known.pixels:
            continue
        before = known.pixels / known.samples
        density = known.bytes / known.pixels
        size = plan.recipe.render.size
        after = before if size is None else float(size * size if isinstance(size, int) else math.prod(size))
        total += done.result * after * density * max(1.0, math.sqrt(before / after))
    for split, passed in plan.passed.items():
        if split in survey.others:
            total += survey.others[split].bytes / survey.others[split].samples * sum(passed.values())
    return round(total)
