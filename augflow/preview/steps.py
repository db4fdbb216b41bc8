"""One sample through each chain, step by step: what every step adds to what those before it made."""

from __future__ import annotations

from augflow.draw import Streams
from augflow.engine.chain import Chain
from augflow.engine.codec import Opened, encode, open_image
from augflow.engine.performing import finish
from augflow.engine.sampling import Photograph
from augflow.plan.plan import ORIGINAL, Plan, Unit
from augflow.preview.contact import photograph, readable
from augflow.preview.making import Bench
from augflow.preview.sheet import SIDE, Group, Row, Sheet, Tile
from augflow.report import draws, picture
from augflow.source import Aside, told

_COPIES = 12
"""Among how many copies the one is sought in which most steps fire."""

_NOTE = (
    "One sample through each chain. Each picture is what the steps up to it make, finished as the recipe renders; "
    "the last is the output that augflow run would write."
)


def step_by_step(plan: Plan, bench: Bench) -> Sheet:
    """Take one sample through each chain that the plan uses; the last picture is the output that a run would write."""
    sheet = Sheet("Step by step", [_NOTE])
    for name, chain in bench.maker.views.chains.items():
        found = _busiest(plan, bench, chain, sheet.aside)
        if found:
            sheet.groups.append(Group(name, f"{len(chain.steps)} steps", (_row(*found, chain, bench),)))
    return sheet


def _busiest(plan: Plan, bench: Bench, chain: Chain, aside: list[Aside]) -> tuple[Unit, int] | None:
    """The copy of a chain in which most steps fire, among the first of a sample from a class with many copies."""
    for label in sorted(plan.classes, key=lambda label: -plan.classes[label].per_sample[1]):
        if chain.name not in dict(plan.classes[label].rule.chains):
            continue
        for unit in plan.units_of(label):
            copies = range(unit.first, min(unit.end, unit.first + _COPIES))
            made = [copy for copy in copies if bench.maker.views.namer.of(unit).chain(copy) == chain.name]
            if not made:
                continue
            if not readable(unit, bench):
                aside.append(Aside(told(unit.key), "unreadable", "augflow scan says why"))
                continue
            opened = _open(unit, bench)
            return unit, max(made, key=lambda copy: (_firing(unit, copy, chain, opened, bench), copy > ORIGINAL))
    return None


def _open(unit: Unit, bench: Bench) -> Opened:
    return open_image(bench.maker.source.read(unit.key), bench.max_pixels)


def _firing(unit: Unit, copy: int, chain: Chain, opened: Opened, bench: Bench) -> int:
    recipe = bench.maker.recipe
    _, drawn = chain.draw(opened.size, recipe.render, Streams(recipe.seed, unit.key, copy))
    return len(drawn)


def _row(unit: Unit, copy: int, chain: Chain, bench: Bench) -> Row:
    recipe, opened = bench.maker.recipe, _open(unit, bench)
    entries, drawn = chain.draw(opened.size, recipe.render, Streams(recipe.seed, unit.key, copy))
    seen = Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)

    def after(steps: int) -> picture.Picture:
        made = encode(finish(seen, drawn[:steps], chain.fold, recipe.render), recipe.render)
        return picture.read(made, SIDE, bench.max_pixels)

    tiles = [photograph(unit, bench)]
    if recipe.render.target(opened.size) != opened.size:
        tiles.append(Tile("render", ("brought to its size",), after(0)))
    done = 0
    for entry in entries:
        if not entry["fired"]:
            tiles.append(Tile(f"{entry['step']} · not fired", (f"left out by chance ({entry['transform']})",)))
        elif entry["arguments"]:
            done += 1
            told_of = draws.say(entry["transform"], draws.draw_of(entry))
            tiles.append(Tile(entry["step"], (told_of,), after(done)))
    what = "the original" if copy == ORIGINAL else f"copy {copy}"
    _, path = bench.maker.views.namer.of(unit).name(copy, chain.name)
    return Row(f"{told(unit.key)}, {what}", tuple(tiles), path)
