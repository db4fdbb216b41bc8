"""The contact sheet: of every class a few samples, each photograph beside what a run would make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from augflow.errors import ImageError
from augflow.plan.plan import ORIGINAL, ClassPlan, Plan, Unit
from augflow.preview.making import Bench, Output
from augflow.preview.sheet import SIDE, Group, Row, Sheet, Tile
from augflow.report import draws, picture
from augflow.source import Aside, told

CLASSES, SAMPLES, COPIES = 24, 3, 3
"""How much is shown: classes, samples of each, copies of each."""

_TRIES = 20


def contact(plan: Plan, bench: Bench) -> Sheet:
    """Make the first outputs of every class; where there are many classes, of those with the most copies."""
    recipe = plan.recipe
    chosen = sorted(plan.classes, key=lambda label: -plan.classes[label].per_sample[1])[:CLASSES]
    note = (
        f"What augflow run would make: the same draws, the same pixels. Seed {recipe.seed}; "
        f"originals: {recipe.originals}. Nothing was written to the sink."
    )
    sheet = Sheet("Preview", [note])
    if len(chosen) < len(plan.classes):
        sheet.notes.append(f"{len(chosen)} of {len(plan.classes)} classes: those whose samples are copied most often.")
    for label in sorted(chosen):
        rows = tuple(_rows(plan, label, bench, sheet.aside))
        sheet.groups.append(Group(told(label), _counts(plan.classes[label]), rows))
    return sheet


def _counts(done: ClassPlan) -> str:
    fewest, most = done.per_sample
    each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    short = f"; falls short by {done.shortfall}: {done.why}" if done.shortfall else ""
    return f"{done.has} → {done.result} images, {each} copies of each sample{short}"


def _rows(plan: Plan, label: str, bench: Bench, aside: list[Aside]) -> Iterator[Row]:
    shown = 0
    for unit in plan.units_of(label):
        copies = range(unit.first, min(unit.end, ORIGINAL + 1 + COPIES))
        outputs, kind, detail = bench.make(unit, copies)
        if kind:
            aside.append(Aside(told(unit.key), kind, detail))
            if len(aside) > _TRIES:
                return
            continue
        yield row(unit, outputs, bench)
        shown += 1
        if shown == SAMPLES:
            return


def row(unit: Unit, outputs: list[Output], bench: Bench) -> Row:
    """A sample with its outputs."""
    tiles = [photograph(unit, bench)]
    for record, data in outputs:
        if record["render"] is None:
            tiles[0] = Tile("original", ("kept, byte for byte",), tiles[0].picture, original=True)
        else:
            tiles.append(Tile(name(record), tuple(lines(record)), picture.read(data, SIDE, bench.max_pixels)))
    return Row(told(unit.key), tuple(tiles))


def photograph(unit: Unit, bench: Bench) -> Tile:
    """A sample as it is in the source."""
    seen = picture.read(bench.maker.source.read(unit.key), SIDE, bench.max_pixels)
    return Tile("source", (f"{seen.of_width} × {seen.of_height}",), seen, original=True)


def name(record: Mapping[str, object]) -> str:
    """What an output is: the original or one of its copies, and its chain."""
    what = "original" if record["copy"] == ORIGINAL else f"copy {record['copy']}"
    return f"{what} · {record['chain'] or 'render'}"


def lines(record: Mapping[str, object]) -> list[str]:
    """What fired with its draws, and what did not."""
    steps: list[dict[str, object]] = record["steps"]  # type: ignore[assignment]
    still = draws.silent(steps)
    return [*draws.fired(steps), *([f"not fired: {', '.join(still)}"] if still else [])]


def readable(unit: Unit, bench: Bench) -> bool:
    """Whether a sample can be decoded."""
    try:
        photograph(unit, bench)
    except ImageError:
        return False
    return True
