"""Neighbours share a pass, nothing is sampled twice for no reason, and the photograph is never written to."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from augflow.engine import canvas as module
from augflow.engine.canvas import Canvas, image_of, pixels_of
from augflow.engine.performing import perform
from augflow.engine.sampling import Photograph, warp
from augflow.source.finds import draw_image
from augflow.transform import IDENTITY, Image, Params, Pixels, Rng, Size, Table
from augflow.transforms.colour import BrightnessContrast, ChannelShift, Gamma, HueSaturation, Invert, Solarize
from augflow.transforms.filters import Blur, Sharpen
from augflow.transforms.geometry import Affine, Flip, Perspective, QuarterTurns, Rotate, Shift, Transpose, Zoom
from augflow.transforms.noise import GaussianNoise
from augflow.transforms.window import Crop, Pad, RandomResizedCrop

Drawn = tuple[Any, Params]


def photograph(channels: int = 3, height: int = 40, width: int = 56) -> Pixels:
    image = draw_image("acorn", 2)[:height, :width]
    if channels == 1:
        return np.ascontiguousarray(image[..., 0])
    spare = np.full((height, width, channels - 3), 7, np.uint8)
    return np.ascontiguousarray(np.concatenate([image, spare], axis=2))


def put(canvas: Canvas, steps: list[Drawn]) -> Canvas:
    """Put steps onto a canvas by its own methods."""
    for transform, params in steps:
        if hasattr(transform, "matrix"):
            size = canvas.size
            resized = transform.resized(size, **params) if hasattr(transform, "resized") else size
            border, fill = getattr(transform, "border", None), getattr(transform, "fill", 0)
            canvas.move(transform.matrix(size, **params), resized, border, fill)
        elif hasattr(transform, "table"):
            canvas.look_up(transform.table(**params))
        else:
            canvas.apply(transform, params)
    return canvas


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the pixels were sampled and looked up."""
    counted: Counter[str] = Counter()

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(module, "warp", counting("sampled", warp))
    monkeypatch.setattr(module, "_look_up", counting("looked up", module._look_up))
    return counted


TURN: Drawn = (Rotate(), {"angle": 20.0})
MOVE: Drawn = (Shift(), {"x": 0.1, "y": -0.05})
NEAR: Drawn = (Shift(border="nearest"), {"x": 0.1, "y": -0.05})
RED: Drawn = (Shift(border="constant", fill=(255, 0, 0)), {"x": 0.1, "y": 0.0})
BLUE: Drawn = (Shift(border="constant", fill=(0, 0, 255)), {"x": 0.0, "y": 0.1})
FLIP: Drawn = (Flip(), {"axis": "horizontal"})
CROP: Drawn = (Crop(), {"top": 4, "left": 6, "height": 30, "width": 40})
LIGHT: Drawn = (BrightnessContrast(), {"brightness": 0.1, "contrast": 0.2})
GAMMA: Drawn = (Gamma(), {"gamma": 1.2})
TINT: Drawn = (ChannelShift(), {"shift": [10, -20, 30]})
SOFT: Drawn = (Blur(), {"sigma": 1.0})


@pytest.mark.parametrize(
    ("steps", "sampled", "looked_up"),
    [
        ([], 0, 0),
        ([TURN], 1, 0),
        ([TURN, MOVE, FLIP, CROP, TURN], 1, 0),
        ([LIGHT], 0, 1),
        ([LIGHT, GAMMA, TINT, LIGHT], 0, 1),
        ([TURN, MOVE, LIGHT, GAMMA], 1, 1),
        ([LIGHT, TURN], 1, 1),
        ([TURN, LIGHT, MOVE, GAMMA], 2, 2),
        ([TURN, SOFT, MOVE], 2, 0),
        ([LIGHT, SOFT, GAMMA], 0, 2),
        ([TURN, MOVE, LIGHT, TINT, SOFT, SOFT, FLIP, CROP, GAMMA], 2, 2),
        ([TURN, NEAR], 2, 0),
        ([NEAR, FLIP, NEAR], 1, 0),
        ([TURN, CROP, NEAR, NEAR, TURN], 3, 0),
        ([RED, RED], 1, 0),
        ([RED, BLUE], 2, 0),
        ([RED, FLIP, CROP, BLUE], 2, 0),
    ],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_neighbours_share_a_pass(
    steps: list[Drawn], sampled: int, looked_up: int, channels: int, passes: Counter[str]
) -> None:
    canvas = put(Canvas(Photograph(photograph(channels))), steps)
    canvas.pixels()
    assert passes == Counter({"sampled": sampled, "looked up": looked_up})
    canvas.pixels()
    assert passes.total() == sampled + looked_up


def test_nothing_happens_before_the_pixels_are_wanted(passes: Counter[str]) -> None:
    canvas = put(Canvas(Photograph(photograph())), [TURN, CROP, LIGHT])
    assert canvas.size == (30, 40)
    assert not passes
    assert canvas.pixels().shape == (30, 40, 3)


def test_sizes_are_those_of_all_that_waits() -> None:
    canvas = Canvas(Photograph(photograph()))
    sizes = []
    for step in [CROP, (Transpose(), {}), (QuarterTurns(), {"turns": 1}), LIGHT, (Pad(), _pad(3)), SOFT, TURN]:
        sizes.append(tuple(put(canvas, [step]).size))
    assert sizes == [(30, 40), (40, 30), (30, 40), (30, 40), (36, 46), (36, 46), (36, 46)]
    assert canvas.pixels().shape == (36, 46, 3)


def _pad(pixels: int) -> Params:
    return dict.fromkeys(("top", "right", "bottom", "left"), pixels)


def test_a_turn_after_a_crop_shows_what_really_lay_in_its_corners() -> None:
    pixels = np.full((61, 61, 3), 255, np.uint8)
    pixels[20:41, 20:41] = 0
    window = {"top": 20, "left": 20, "height": 21, "width": 21}
    turn = (Rotate(border="constant"), {"angle": 45.0})
    made = put(Canvas(Photograph(pixels)), [(Crop(), window), turn]).pixels()
    assert (made[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert (made[10, 10] == 0).all()
    other_way = put(Canvas(Photograph(pixels)), [turn, (Crop(), window)]).pixels()
    assert np.array_equal(made, other_way)


def test_a_shift_after_a_crop_brings_in_what_was_cut_off() -> None:
    pixels = photograph()
    left = (Shift(), {"x": 0.5, "y": 0.0})
    made = put(Canvas(Photograph(pixels)), [(Crop(), _window(0, 20, 40, 20)), left]).pixels()
    assert np.array_equal(made, pixels[:, 10:30])


def test_beyond_an_applied_step_there_is_nothing_left() -> None:
    pixels = photograph()
    keep: Drawn = (Copying(), {})
    made = put(
        Canvas(Photograph(pixels)), [(Crop(), _window(0, 20, 40, 20)), keep, (Shift(), {"x": 0.5, "y": 0})]
    ).pixels()
    cut = pixels[:, 20:40]
    assert np.array_equal(made, np.concatenate([cut[:, 10:0:-1], cut[:, :10]], axis=1))


def _window(top: int, left: int, height: int, width: int) -> Params:
    return {"top": top, "left": left, "height": height, "width": width}


def test_each_border_speaks_for_its_own_step() -> None:
    pixels = photograph()
    shifted = {"x": 0.25, "y": 0.0}  # 14 of 56 pixels
    steps = [(Shift(border="constant", fill=9), shifted), (Shift(border="nearest"), {"x": 0.0, "y": 0.25})]
    made = put(Canvas(Photograph(pixels)), steps).pixels()
    assert (made[:, :14] == 9).all()
    assert (made[:10, 14:] == pixels[:1, :42]).all()
    assert np.array_equal(made[10:, 14:], pixels[:30, :42])


def some_tables() -> list[Table]:
    rng = np.random.default_rng(0)
    curves = [rng.integers(0, 256, 256, dtype=np.uint8) for _ in range(2)]
    triples = [rng.integers(0, 256, (256, 3), dtype=np.uint8) for _ in range(2)]
    return [*curves, *triples, IDENTITY]


def looked_up(pixels: NDArray[np.uint8], table: Table) -> NDArray[np.uint8]:
    if table.ndim == 1:
        return table[pixels]
    return np.stack([table[pixels[..., channel], channel] for channel in range(3)], axis=-1)


@pytest.mark.parametrize("channels", [3, 4])
def test_composed_tables_are_the_same_as_one_after_another(channels: int) -> None:
    pixels = photograph(channels)
    tables = some_tables()
    for count in (1, 2, 3):
        for chosen in itertools.product(tables, repeat=count):
            canvas, wanted = Canvas(Photograph(pixels)), pixels[..., :3]
            for table in chosen:
                canvas.look_up(table)
                wanted = looked_up(wanted, table)
            assert np.array_equal(canvas.pixels()[..., :3], wanted)


def test_tables_on_gray() -> None:
    pixels = photograph(1)
    curves = [table for table in some_tables() if table.ndim == 1]
    for one, other in itertools.product(curves, repeat=2):
        canvas = Canvas(Photograph(pixels))
        canvas.look_up(one)
        canvas.look_up(other)
        assert np.array_equal(canvas.pixels(), other[one[pixels]])


def test_a_table_for_each_colour_is_green_s_on_gray() -> None:
    gray = photograph(1)[..., None]
    made = perform(gray, [TINT])
    assert np.array_equal(made, TINT[0].table(**TINT[1])[:, 1][gray])
    canvas = Canvas(Photograph(gray[..., 0]))
    canvas.look_up(some_tables()[2])
    with pytest.raises(TypeError, match="gray"):
        canvas.pixels()


@pytest.mark.parametrize("channels", [3, 4])
def test_a_table_is_looked_up_before_a_later_step_moves_pixels(channels: int) -> None:
    """What a border fills in is not changed by a table that came before it."""
    steps = [(Invert(), {}), (Shift(border="constant", fill=9), {"x": 0.25, "y": 0.0})]
    made = put(Canvas(Photograph(photograph(channels))), steps).pixels()
    assert (made[:, :14, :3] == 9).all()


@dataclass(frozen=True)
class Copying:
    """Does nothing, properly."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}

    def apply(self, image: Image) -> Image:
        return image.copy()


@dataclass(frozen=True)
class Lazy(Copying):
    """Does nothing and returns what it was given."""

    def apply(self, image: Image) -> Image:
        return image


@dataclass(frozen=True)
class Peeking(Copying):
    """Returns a window of what it was given."""

    def apply(self, image: Image) -> Image:
        return image[1:, 1:]


EVERY_WAY = [
    Rotate(), Shift(border="wrap"), Zoom(border="constant", fill=3), Flip(), Crop(), Crop(size=20), Transpose(),
    QuarterTurns(), Pad(), RandomResizedCrop(), Perspective(), Affine(rotate=20, scale=(0.5, 0.6)), Invert(), Gamma(),
    ChannelShift(), Solarize(), HueSaturation(), GaussianNoise(), Sharpen(), Blur(), Copying(), Lazy(), Peeking(),
]  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_copies_that_share_a_photograph_do_not_see_one_another(channels: int) -> None:
    pixels = photograph(channels)
    before = pixels.copy()
    shared = Photograph(pixels)
    rng = np.random.default_rng(channels)
    for _ in range(150):
        canvas, apart = Canvas(shared), Canvas(Photograph(before.copy()))
        for index in rng.integers(len(EVERY_WAY), size=rng.integers(1, 5)):
            transform = EVERY_WAY[index]
            if channels == 1 and isinstance(transform, ChannelShift | HueSaturation):
                continue
            step = [(transform, transform.draw(rng, canvas.size))]
            put(canvas, step)
            put(apart, step)
        assert np.array_equal(canvas.pixels(), apart.pixels())
        assert np.array_equal(pixels, before)


@pytest.mark.parametrize("lazy", [Lazy(), Peeking()])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transform_that_returns_its_input_does_no_harm(lazy: Any, channels: int) -> None:
    pixels = photograph(channels)
    before = pixels.copy()
    made = put(Canvas(Photograph(pixels)), [(lazy, {}), (Invert(), {})]).pixels()
    assert np.array_equal(pixels, before)
    assert not np.array_equal(made, before[: len(made), : made.shape[1]])


@pytest.mark.parametrize("channels", [1, 3])
def test_performing_leaves_the_image_alone(channels: int) -> None:
    image = image_of(photograph(channels))
    before = image.copy()
    image.flags.writeable = False
    lazy: Drawn = (Lazy(), {})
    for steps in ([FLIP, LIGHT], [LIGHT], [CROP, LIGHT], [TURN, LIGHT, SOFT, GAMMA], [CROP, lazy, LIGHT]):
        assert perform(image, steps).ndim == 3
        assert np.array_equal(image, before)


@dataclass(frozen=True)
class Wrong(Copying):
    """Makes what is no image of as many channels."""

    how: str = ""

    def apply(self, image: Image) -> Image:
        made: dict[str, Any] = {
            "floats": image.astype(np.float32),
            "more channels": np.concatenate([image, image], axis=2),
            "fewer channels": image[..., :2] if image.shape[2] == 3 else image[..., :0],
            "no channels": image[..., 0],
            "16 bits": image.astype(np.uint16),
        }
        return np.asarray(made[self.how])


@pytest.mark.parametrize("how", ["floats", "more channels", "fewer channels", "no channels", "16 bits"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_transform_that_makes_something_else_is_named(how: str, channels: int) -> None:
    canvas = Canvas(Photograph(photograph(channels)))
    with pytest.raises(TypeError, match=r"Wrong\.apply returned .* for \(40, 56, [13]\)"):
        canvas.apply(Wrong(how), {})


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_transforms_see_contiguous_images_of_one_or_three_channels(channels: int) -> None:
    seen: list[tuple[int, ...]] = []

    @dataclass(frozen=True)
    class Looking(Copying):
        def apply(self, image: Image) -> Image:
            assert image.flags.c_contiguous
            assert image.dtype == np.uint8
            seen.append(image.shape)
            return image.copy()

    put(Canvas(Photograph(photograph(channels))), [CROP, (Looking(), {}), FLIP, (Looking(), {})]).pixels()
    assert seen == [(30, 40, min(channels, 3))] * 2


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_pixels_are_each_other_s_reverse(channels: int) -> None:
    pixels = photograph(channels)
    assert image_of(pixels).shape == (40, 56, channels)
    assert np.array_equal(pixels_of(image_of(pixels)), pixels)
    assert np.array_equal(image_of(photograph(4)), photograph(3))
