"""Look at every image of a source: what `scan` tells, and what `plan` must know before a pixel is touched."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from augflow.census import Census
from augflow.codec import decode, probe
from augflow.errors import ImageError
from augflow.executor import Lost, Work, open_executor
from augflow.plan import Plan
from augflow.source import Aside, Sample, Source, open_source

DECODER = "augflow.survey:Decoder"


class Look(NamedTuple):
    """What one image turned out to be, or why it cannot be used (`kind`)."""

    format: str = ""
    height: int = 0
    width: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()
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

    def add(self, sample: Sample, look: Look) -> None:
        if look.kind:
            self.aside.append(Aside(sample.key, look.kind, look.detail))
        else:
            self.classes[sample.label].add(look)


class Decoder:
    """Decodes one image wholly; built in every process of an executor."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.source = open_source(spec["source"])

    def __call__(self, key: str) -> Look:
        def look(data: bytes) -> Look:
            decoded = decode(data, self.source.max_pixels)
            height, width = decoded.pixels.shape[:2]
            return Look(decoded.format, height, width, len(data), decoded.notes)

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
    survey = Survey({label: ClassSurvey() for label in census.classes}, list(census.aside))
    labels = {}

    def keys() -> Iterator[str]:
        for sample in census.samples():
            labels[sample.key] = sample.label
            yield sample.key

    for key, look in open_executor(executor).run(Work(DECODER, {"source": dict(source)}), keys()):
        look = Look(kind="worker died", detail=look.why) if isinstance(look, Lost) else look
        sample = Sample(labels.pop(key), key)
        survey.add(sample, look)
        seen(sample.label, look)
    survey.aside.sort()
    return survey


def read_headers(source: Source, samples: Iterable[Sample], seen: Callable[[int], None]) -> Survey:
    """Read the headers of `samples` alone: sizes and formats, and what is not even an image; `seen(1)` after each."""
    survey = Survey({label: ClassSurvey() for label in source.labels()}, [])

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
    return round(total)
