"""What a chain is said to compile to is what it does compile to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from augflow.draw import Streams
from augflow.engine import canvas
from augflow.engine.chain import Chain
from augflow.engine.performing import finish
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph, warp
from augflow.recipe.passes import passes_of
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source.finds import draw_image
from augflow.transform import Size

REGISTRY = Registry()
Data = dict[str, Any]
PIXELS = draw_image("key", 1)


def chain(steps: Data, **others: Data) -> Chain:
    recipe = read_recipe({"chain": "mine", "chains": {"mine": steps, **others}}, REGISTRY)
    return Chain("mine", recipe.chains["mine"], REGISTRY)


NEAR: Data = {"use": "shift", "border": "nearest"}
RED: Data = {"use": "shift", "border": "constant", "fill": [255, 0, 0]}
BLUE: Data = {"use": "shift", "border": "constant", "fill": [0, 0, 255]}
ALWAYS: Data = {"p": 1}

EXAMPLES: list[tuple[Data, Render, list[str]]] = [
    ({}, Render(), ["nothing changes the pixels"]),
    ({}, Render(size=64), ["sampled once: render to 64 (crop)"]),
    ({"rotate": {}}, Render(), ["sampled once: rotate"]),
    (
        {"flip": {}, "rotate": {}, "crop": {}},
        Render(size=(64, 32)),
        ["sampled once: flip (p 0.5) × rotate × crop × render to 64×32 (crop)"],
    ),
    (
        {"light": {"use": "gamma"}, "invert": {"p": 0.25}, "rotate": {}, "grain": {"use": "poisson_noise"}},
        Render(size=64),
        [
            "looked up in one table: light × invert (p 0.25)",
            "sampled once: rotate × render to 64 (crop)",
            "applied: grain",
        ],
    ),
    ({"gamma": {}}, Render(size=64), ["sampled once: render to 64 (crop)", "looked up in one table: gamma"]),
    ({"rotate": {}, "near": NEAR}, Render(), ["sampled once: rotate", "sampled once: near"]),
    ({"red": RED, "flip": ALWAYS, "again": RED}, Render(), ["sampled once: red × flip × again"]),
    ({"red": RED, "blue": BLUE}, Render(), ["sampled once: red", "sampled once: blue"]),
    (
        {"rotate": {}},
        Render(size=64, fit="pad", border="constant"),
        ["sampled once: rotate", "sampled once: render to 64 (pad)"],
    ),
    (
        {"rotate": {}, "some": {"one_of": {"blur": {}, "gamma": {}}}, "shift": {}},
        Render(),
        ["sampled once: rotate", "as drawn, one of: some (blur, gamma)", "sampled once: shift"],
    ),
    ({"inner": {}, "gamma": {}}, Render(), ["sampled once: rotate", "looked up in one table: gamma × gamma"]),
    ({"blur": {}, "more": {"use": "sharpen"}}, Render(), ["applied: blur", "applied: more"]),
]


@pytest.mark.parametrize(("steps", "render", "told"), EXAMPLES, ids=lambda value: str(value)[:40])
def test_passes_in_words(steps: Data, render: Render, told: list[str]) -> None:
    assert passes_of(chain(steps, inner={"rotate": {}, "gamma": {}}), render) == told


@pytest.mark.parametrize(
    ("steps", "render"),
    [example[:2] for example in EXAMPLES if "one of" not in str(example[2])],
    ids=lambda value: str(value)[:40],
)
def test_as_many_passes_are_made_as_are_told(steps: Data, render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()

    def count(name: str, real: Any) -> None:
        def call(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(canvas, name, call)

    told = Counter(
        line.partition(":")[0] for line in passes_of(chain(steps, inner={"rotate": {}, "gamma": {}}), render)
    )
    fires = {name: {**data, "p": 1} for name, data in steps.items()}
    made = chain(fires, inner={"rotate": {}, "gamma": {}})
    _, drawn = made.draw(Size(*PIXELS.shape[:2]), render, Streams(0, "a", 1))
    count("warp", warp)
    count("_look_up", canvas._look_up)
    finish(Photograph(PIXELS), drawn, made.fold, render)
    assert counted == Counter({"warp": told["sampled once"], "_look_up": told["looked up in one table"]})
