"""Every step at the bounds of what it may draw, on several classes: does a label survive?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from augflow.engine.chain import Node, OneOf, Step
from augflow.engine.codec import encode, open_image
from augflow.engine.performing import finish
from augflow.engine.sampling import Photograph
from augflow.plan.plan import Plan, Unit
from augflow.preview.contact import photograph, readable
from augflow.preview.making import Bench
from augflow.preview.sheet import SIDE, Group, Row, Sheet, Tile
from augflow.report import draws, picture
from augflow.report.bounds import Bound, bounds
from augflow.source import Aside, told

CLASSES = 6
_TRIES = 20
_NOTE = (
    "Every step alone, at the bounds of what it may draw. If you would not call a picture by its class any more, "
    "the bounds are too wide."
)


class _Sample(NamedTuple):
    label: str
    photograph: Photograph
    tile: Tile


def extremes(plan: Plan, bench: Bench) -> Sheet:
    """Perform every step of every chain alone, at its bounds, on a sample of each of a few classes."""
    sheet = Sheet("Extremes", [_NOTE])
    samples: dict[str, _Sample | None] = {}
    for name, chain in bench.maker.views.chains.items():
        using = [label for label, done in plan.classes.items() if name in dict(done.rule.chains)]
        using.sort(key=lambda label: -plan.classes[label].per_sample[1])
        for label in using[:CLASSES]:
            if label not in samples:
                samples[label] = _sample(plan, label, bench, sheet.aside)
        chosen = [found for label in sorted(using[:CLASSES]) if (found := samples[label])]
        if chosen:
            rows = [Row("as they are", tuple(sample.tile for sample in chosen))]
            rows += [row for step in _steps(chain.steps) for row in _rows(step, chosen, bench)]
            sheet.groups.append(Group(name, f"{len(rows) - 1} bounds", tuple(rows)))
    return sheet


def _sample(plan: Plan, label: str, bench: Bench, aside: list[Aside]) -> _Sample | None:
    for tries, unit in enumerate(plan.units_of(label)):
        if readable(unit, bench):
            return _Sample(told(label), _photograph(unit, bench), _named(photograph(unit, bench), told(label)))
        aside.append(Aside(told(unit.key), "unreadable", "augflow scan says why"))
        if tries == _TRIES:
            break
    return None


def _named(tile: Tile, label: str) -> Tile:
    return Tile(label, tile.lines, tile.picture, tile.original)


def _photograph(unit: Unit, bench: Bench) -> Photograph:
    opened = open_image(bench.maker.source.read(unit.key), bench.max_pixels)
    return Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)


def _steps(steps: Sequence[Node]) -> Iterator[Step]:
    """Every transform that can fire."""
    for step in steps:
        if step.p == 0:
            continue
        if isinstance(step, Step):
            yield step
        else:
            yield from _steps(step.options if isinstance(step, OneOf) else step.steps)


def _rows(step: Step, samples: Sequence[_Sample], bench: Bench) -> Iterator[Row]:
    """A row for each bound; draws may hold pixels, so that each sample has bounds of its own."""
    of_each = [bounds(step.transform, sample.photograph.size, sample.label) for sample in samples]
    for number in range(max(map(len, of_each))):
        tiles = tuple(
            _tile(step, sample, found[min(number, len(found) - 1)], bench)
            for sample, found in zip(samples, of_each, strict=True)
        )
        at = of_each[0][min(number, len(of_each[0]) - 1)].at
        yield Row(f"{step.path} · {at}" if at else step.path, tiles, step.use if step.use != step.path else "")


def _tile(step: Step, sample: _Sample, bound: Bound, bench: Bench) -> Tile:
    render = bench.maker.recipe.render
    fold = 0 if step.is_geometric() else -1
    drawn = [(0, bound.transform, bound.params)]
    said = draws.say(step.use, bound.params)
    try:
        made = encode(finish(sample.photograph, drawn, fold, render), render)
    except Exception as error:
        return Tile(sample.label, (f"failed: {type(error).__name__}: {error}",))
    return Tile(sample.label, (said,), picture.read(made, SIDE, bench.max_pixels))
