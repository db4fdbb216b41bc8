"""Drawing a chain: each step by itself, as often as its probability says, recorded whole; edits stay local."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from augflow.draw import Streams
from augflow.engine.chain import Chain, Drawn, Entry
from augflow.engine.performing import finish, perform
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph
from augflow.errors import PluginError
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.source.finds import draw_image
from augflow.transform import Image, Params, Pixels, Rng, Size

REGISTRY = Registry()
SIZE = Size(48, 64)
OUTPUTS = 4000
Data = dict[str, Any]


def chain(steps: Data, **others: Data) -> Chain:
    recipe = read_recipe({"chain": "mine", "chains": {"mine": steps, **others}}, REGISTRY)
    return Chain("mine", recipe.chains["mine"], REGISTRY)


def draw(made: Chain, copy: int = 1, sample: str = "hat/1.jpg", seed: int = 0) -> list[Entry]:
    return made.draw(SIZE, Render(), Streams(seed, sample, copy))[0]


def by_step(entries: list[Entry]) -> dict[str, Entry]:
    found = {entry["step"]: entry for entry in entries}
    assert len(found) == len(entries)
    return found


def outputs(made: Chain) -> Iterator[list[Entry]]:
    for number in range(OUTPUTS):
        yield draw(made, copy=number % 5, sample=f"hat/{number // 5}.jpg")


def within(count: int, p: float, total: int = OUTPUTS) -> bool:
    """Whether `count` of `total` lies in the 99.9 % interval of a binomial."""
    low, high = stats.binom.interval(0.999, total, p)
    return bool(low <= count <= high)


STEPS: Data = {
    "flip": {},
    "rotate": {"limit": 25},
    "light": {"use": "brightness_contrast"},
    "grain": {"use": "poisson_noise", "p": 0.3},
    "detail": {"p": 0.5, "one_of": {"blur": {}, "sharpen": {"weight": 2}, "jpeg_artefacts": {}}},
    "crop": {},
}


def test_an_entry_tells_all_of_a_step() -> None:
    found = by_step(draw(chain({"turn": {"use": "rotate", "limit": 25}, "never": {"use": "flip", "p": 0}})))
    turn = found["turn"]
    assert turn["transform"] == "rotate"
    assert turn["version"] == 1
    assert turn["fired"] is True
    assert json.loads(turn["arguments"]) == {"limit": 25.0, "border": "reflect", "fill": 0}
    assert turn["draw"].keys() == {"angle"}
    assert abs(turn["draw"]["angle"]) <= 25
    never = found["never"]
    assert (never["fired"], never["draw"], never["transform"]) == (False, None, "flip")


def test_what_is_drawn_is_json_and_repeats() -> None:
    made = chain(STEPS)
    for copy in range(30):
        entries = draw(made, copy)
        assert json.loads(json.dumps(entries, allow_nan=False)) == entries
        assert draw(made, copy) == entries
        assert draw(chain(STEPS), copy) == entries


@pytest.mark.parametrize("other", [{"copy": 2}, {"sample": "hat/2.jpg"}, {"seed": 1}])
def test_another_output_is_drawn_otherwise(other: dict[str, Any]) -> None:
    made = chain({"rotate": {}, "shift": {}})
    first, second = by_step(draw(made)), by_step(draw(made, **other))
    assert first["rotate"]["draw"] != second["rotate"]["draw"]
    assert first["shift"]["draw"] != second["shift"]["draw"]


def changed(**steps: Any) -> Data:
    """STEPS with some replaced in place; those that become None are taken out."""
    return {name: data for name, data in {**STEPS, **steps}.items() if data is not None}


EDITS: list[tuple[str, Data, set[str]]] = [
    ("an argument", changed(rotate={"limit": 5}), {"rotate"}),
    ("a probability", changed(grain={"use": "poisson_noise", "p": 0.9}), {"grain"}),
    ("a transform", changed(light={"use": "gamma"}), {"light"}),
    ("a step less", changed(rotate=None), {"rotate"}),
    ("an early step less", changed(flip=None), {"flip"}),
    ("a step more", {"invert": {}, **STEPS, "solarize": {}}, {"invert", "solarize"}),
    ("another order", dict(reversed(STEPS.items())), set()),
    ("a new name", {("turn" if k == "rotate" else k): {"use": "rotate", **v} if k == "rotate" else v
                    for k, v in STEPS.items()}, {"rotate", "turn"}),
    ("an option's argument", changed(detail={"p": 0.5, "one_of": {
        "blur": {"sigma": [1, 2]}, "sharpen": {"weight": 2}, "jpeg_artefacts": {}}}), {"detail/blur"}),
    ("a choice less", changed(detail=None), {"detail", "detail/blur", "detail/sharpen", "detail/jpeg_artefacts"}),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "touched"), [edit[1:] for edit in EDITS], ids=[edit[0] for edit in EDITS])
def test_editing_one_step_leaves_the_others_as_they_were(steps: Data, touched: set[str]) -> None:
    before, after = chain(STEPS), chain(steps)
    differ: Counter[str] = Counter()
    for copy in range(60):
        old, new = by_step(draw(before, copy)), by_step(draw(after, copy))
        for step in old.keys() | new.keys():
            differ[step] += old.get(step) != new.get(step)
    assert {step for step in differ if differ[step]} <= touched
    assert all(differ[step] for step in touched)


def test_what_a_step_draws_hangs_on_the_size_alone_of_what_comes_before() -> None:
    """A crop's window is in pixels: only a step that changes the size may touch the draw of a later one."""
    small = chain({"first": {"use": "crop", "size": 20}, "second": {"use": "crop", "size": 10}, "rotate": {}})
    large = chain({"first": {"use": "crop", "size": 40}, "second": {"use": "crop", "size": 10}, "rotate": {}})
    for copy in range(20):
        one, other = by_step(draw(small, copy)), by_step(draw(large, copy))
        assert one["rotate"] == other["rotate"]
        assert 0 <= one["second"]["draw"]["top"] <= 10
        assert 0 <= other["second"]["draw"]["top"] <= 30


@pytest.mark.parametrize(("p", "fires"), [(0, 0), (1, OUTPUTS), (0.0, 0), (1.0, OUTPUTS)])
def test_never_and_always(p: float, fires: int) -> None:
    made = chain({"flip": {"p": p}})
    assert sum(entry["fired"] for entries in outputs(made) for entry in entries) == fires


@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.9])
def test_a_step_fires_as_often_as_its_probability_says(p: float) -> None:
    made = chain({"flip": {"p": p}, "gray": {"p": p}, "again": {"use": "flip", "p": p}})
    fired: Counter[str] = Counter()
    together = 0
    for entries in outputs(made):
        fired.update(entry["step"] for entry in entries if entry["fired"])
        together += all(entry["fired"] for entry in entries)
    assert all(within(count, p) for count in fired.values()), fired
    assert within(together, p**3), together


def test_one_of_draws_its_options_by_their_weights() -> None:
    weights = {"flip": 1, "gamma": 3, "blur": 0.5, "invert": 5.5}
    made = chain({"some": {"p": 0.8, "one_of": {name: {"weight": weight} for name, weight in weights.items()}}})
    chosen: Counter[str] = Counter()
    for entries in outputs(made):
        choice = entries[0]
        assert choice["transform"] == "one_of"
        if choice["fired"]:
            assert [entry["step"] for entry in entries[1:]] == [f"some/{choice['draw']['option']}"]
            assert entries[1]["fired"]
            chosen[choice["draw"]["option"]] += 1
        else:
            assert (choice["draw"], len(entries)) == (None, 1)
    assert within(chosen.total(), 0.8)
    for name, weight in weights.items():
        assert within(chosen[name], 0.8 * weight / 10), (name, chosen)


def test_an_option_s_own_p_counts_besides() -> None:
    made = chain({"some": {"one_of": {"flip": {"p": 0.5}, "gamma": {}}}})
    fired = Counter(entries[1]["step"] for entries in outputs(made) if entries[1]["fired"])
    assert within(fired["some/flip"], 0.25)
    assert within(fired["some/gamma"], 0.5)


def test_a_single_option_and_great_differences_of_weight() -> None:
    alone = chain({"some": {"one_of": {"flip": {}}}})
    assert all(draw(alone, copy)[0]["draw"] == {"option": "flip"} for copy in range(200))
    unequal = chain({"some": {"one_of": {"flip": {"weight": 1e-9}, "gamma": {"weight": 1e6}}}})
    assert all(draw(unequal, copy)[0]["draw"] == {"option": "gamma"} for copy in range(200))


def test_a_chain_in_a_chain_is_performed_whole_or_not_at_all() -> None:
    made = chain({"extra": {"use": "inner", "p": 0.5}, "flip": {"p": 1}}, inner={"rotate": {}, "flip": {"p": 1}})
    fired = 0
    for entries in outputs(made):
        steps = [entry["step"] for entry in entries]
        assert entries[0]["transform"] == "chain inner"
        if entries[0]["fired"]:
            fired += 1
            assert steps == ["extra", "extra/rotate", "extra/flip", "flip"]
        else:
            assert steps == ["extra", "flip"]
    assert within(fired, 0.5)


def test_paths_keep_equal_names_apart() -> None:
    made = chain(
        {"one": {"use": "inner"}, "two": {"use": "inner"}, "deep": {"one_of": {"inner": {}}}, "rotate": {}},
        inner={"rotate": {}},
    )
    found = by_step(draw(made))
    paths = ["one/rotate", "two/rotate", "deep/inner/rotate", "rotate"]
    assert len({found[path]["draw"]["angle"] for path in paths}) == 4


def test_sizes_are_followed_through_the_chain_and_the_render() -> None:
    made = chain({"transpose": {"p": 1}, "crop": {"size": [30, 20]}, "light": {"use": "gamma"}, "erase": {}})
    entries, _ = made.draw(SIZE, Render(size=100), Streams(0, "a", 1))
    assert (by_step(entries)["crop"]["draw"]["height"], by_step(entries)["crop"]["draw"]["width"]) == (30, 20)
    lowest = 0
    for copy in range(200):
        drawn = by_step(made.draw(SIZE, Render(size=100), Streams(0, "a", copy))[0])
        for top, left, height, width in drawn["erase"]["draw"]["rectangles"]:
            assert left + width <= 100
            lowest = max(lowest, top + height)
    assert 90 < lowest <= 100


FOLDS: list[tuple[Data, int]] = [
    ({}, -1),
    ({"gamma": {}}, -1),
    ({"flip": {}}, 0),
    ({"flip": {"p": 0}, "gamma": {}}, 0),
    ({"gamma": {}, "rotate": {}, "blur": {}}, 1),
    ({"gamma": {}, "some": {"one_of": {"blur": {}, "flip": {}}}, "blur": {}}, 1),
    ({"gamma": {}, "inner": {}, "blur": {}}, 1),
    ({"gamma": {}, "albumentations.ElasticTransform": {}, "blur": {}}, 1),
    ({"flip": {}, "albumentations.GaussNoise": {}}, 0),
]


@pytest.mark.parametrize(("steps", "fold"), FOLDS, ids=str)
def test_the_render_follows_the_last_step_that_can_move_pixels(steps: Data, fold: int) -> None:
    assert chain(steps, inner={"gamma": {}, "crop": {}}).fold == fold


def test_the_digest_follows_what_decides_the_pixels() -> None:
    first = chain(STEPS).digest
    assert chain(STEPS).digest == first
    assert chain(changed(rotate={"limit": 25.0, "border": "reflect"})).digest == first
    others = {chain(steps).digest for _, steps, _ in EDITS}
    assert len(others | {first}) == len(EDITS) + 1


def test_the_digest_follows_the_version_of_every_transform_within(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: Data = {"some": {"one_of": {"inner": {}, "flip": {}}}}
    before = chain(steps, inner={"gamma": {}}).digest
    monkeypatch.setattr(REGISTRY.find("gamma"), "version", 2)
    assert chain(steps, inner={"gamma": {}}).digest != before
    assert by_step(draw(chain({"gamma": {}})))["gamma"]["version"] == 2


# Performing.


def photograph(gray: bool = False) -> Pixels:
    image = draw_image("shell", 1)[:48, :64]
    return np.ascontiguousarray(image[..., 1] if gray else image)


def finished(steps: Data, render: Render, copy: int = 1, pixels: Pixels | None = None) -> Pixels:
    pixels = photograph() if pixels is None else pixels
    made = chain(steps)
    _, drawn = made.draw(Size(*pixels.shape[:2]), render, Streams(0, "a", copy))
    return finish(Photograph(pixels), drawn, made.fold, render)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("size", [None, 20, (30, 90)])
def test_every_output_has_the_render_s_size(size: Any, gray: bool) -> None:
    various: list[Data] = [
        {},
        STEPS,
        {"gamma": {}},
        {"blur": {}, "pad": {}},
        {"erase": {}, "transpose": {"p": 0.5}},
        {"rotate": {}, "albumentations.RandomCrop": {"height": 10, "width": 12}, "flip": {}},
    ]
    for steps in various:
        for copy in range(3):
            made = finished(steps, Render(size=size), copy, photograph(gray))
            assert made.dtype == np.uint8
            assert made.ndim == (2 if gray else 3)
            if size is not None:
                assert made.shape[:2] == ((size, size) if isinstance(size, int) else size)


def test_without_a_render_s_size_the_last_size_of_the_chain_stays() -> None:
    assert finished({"crop": {"size": [10, 12]}}, Render()).shape == (10, 12, 3)
    assert finished({"transpose": {"p": 1}}, Render()).shape == (64, 48, 3)
    assert np.array_equal(finished({}, Render()), photograph())


def test_what_comes_after_the_render_is_as_fine_as_the_output() -> None:
    """Noise is drawn for the output's own pixels: reduced noise would be weaker."""
    flat = np.full((200, 200, 3), 128, np.uint8)
    noise: Data = {"gaussian_noise": {"sigma": [10, 10]}}
    after = finished({"rotate": {}, **noise}, Render(size=50), pixels=flat)
    alone = finished(noise, Render(size=50), pixels=flat)
    before = finished({**noise, "rotate": {"limit": 0.001}}, Render(size=50), pixels=flat)
    assert abs(after.std() - 10) < 0.5
    assert abs(alone.std() - 10) < 0.5
    assert before.std() < 5


@dataclass(frozen=True)
class Nothing:
    """Has none of the three ways."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}


@dataclass(frozen=True)
class Tint:
    """Only colour has a tint."""

    colour_only: ClassVar[bool] = True

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def apply(self, image: Image) -> Image:
        return 255 - image


def test_a_transform_without_a_way_is_a_fault_of_the_plugin() -> None:
    with pytest.raises(PluginError, match="Nothing has none of matrix, table, apply"):
        perform(photograph(), [(Nothing(), {})])


def test_what_needs_colour_leaves_gray_alone() -> None:
    gray = photograph(gray=True)[..., None]
    assert np.array_equal(perform(gray, [(Tint(), {})]), gray)
    assert np.array_equal(perform(photograph(), [(Tint(), {})]), 255 - photograph())
    drawn: list[Drawn] = [(0, Tint(), {})]
    assert np.array_equal(finish(Photograph(gray[..., 0]), drawn, -1, Render()), gray[..., 0])
