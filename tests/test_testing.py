"""The contract suite passes what is right and fails what is broken, by the test that is meant for it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import annotated_types as at
import numpy as np
import pytest

from augflow.registry import BUILT_IN, Registry
from augflow.testing import TransformContract, images
from augflow.transform import Image, Matrix, Params, Rng, Size, Table

TESTS = [name for name in vars(TransformContract) if name.startswith("test_")]


def failures(transform: Any) -> dict[str, str]:
    """Run the suite as pytest would: name of each failing test → its message."""
    suite = type("TestIt", (TransformContract,), {"transform": transform})()
    failed = {}
    for name in TESTS:
        try:
            getattr(suite, name)()
        except AssertionError as error:
            failed[name] = str(error)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    return failed


@dataclass(frozen=True)
class Fog:
    """Blend towards a light gray."""

    density: Annotated[float, at.Ge(0), at.Le(1)] = 0.4

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"density": float(rng.uniform(0, self.density))}

    def table(self, density: float) -> Table:
        levels: Table = np.rint(np.arange(256) * (1 - density) + 190 * density).astype(np.uint8)
        return levels


@dataclass(frozen=True)
class Dim:
    """Halve every value: the sound transform of which each broken one below differs in one thing."""

    by: Annotated[int, at.Ge(1), at.Le(8)] = 2

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"by": int(rng.integers(1, self.by, endpoint=True))}

    def apply(self, image: Image, by: int) -> Image:
        return image // np.uint8(by)


@dataclass(frozen=True)
class Slide:
    """Move by a whole pixel."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"x": int(rng.integers(2))}

    def matrix(self, size: Size, x: int) -> Matrix:
        return np.array([[1, 0, x], [0, 1, 0], [0, 0, 1]], np.float64)


def test_what_is_right_passes() -> None:
    assert failures((Fog(), Fog(density=1.0))) == {}
    assert failures([Dim(), Dim(by=8)]) == {}
    assert failures(Slide()) == {}


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_what_ships_passes(name: str) -> None:
    assert failures(Registry().build(name, {})) == {}


@dataclass
class Thawed:
    """Not frozen."""

    by: int = 2

    draw = Dim.draw
    apply = Dim.apply


@dataclass(frozen=True)
class Untyped(Dim):
    """A field whose type is not known."""

    what: Nowhere = None  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True)
class OutOfBounds(Dim):
    """A default outside its own bounds."""

    by: Annotated[int, at.Ge(1), at.Le(8)] = 9


@dataclass(frozen=True)
class Needy:
    """A field without a default."""

    by: int

    draw = Dim.draw
    apply = Dim.apply


@dataclass(frozen=True)
class Torn(Dim):
    """Two ways."""

    def table(self, by: int) -> Table:
        return np.zeros(256, np.uint8)


@dataclass(frozen=True)
class Idle:
    """No way at all."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {}


@dataclass(frozen=True)
class NumpyDraw(Dim):
    """A draw of NumPy's numbers."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"by": rng.integers(1, 3)}


@dataclass(frozen=True)
class TupleDraw(Dim):
    """A draw that JSON changes."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"by": (1, 2)}

    def apply(self, image: Image, by: Any) -> Image:
        return image // np.uint8(by[0])


@dataclass(frozen=True)
class EndlessDraw(Dim):
    """A draw that is no finite number."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"by": float("inf")}

    def apply(self, image: Image, by: float) -> Image:
        return image.copy()


@dataclass(frozen=True)
class Counting(Dim):
    """A state between draws."""

    drawn: list[int] = field(default_factory=list, compare=False)

    def draw(self, rng: Rng, size: Size) -> Params:
        self.drawn.append(1)
        return {"by": 1 + len(self.drawn)}


@dataclass(frozen=True)
class Ambient(Dim):
    """Chance from Python's own generator."""

    def draw(self, rng: Rng, size: Size) -> Params:
        return {"by": random.randint(1, 2)}


@dataclass(frozen=True)
class AmbientNumpy(Dim):
    """Chance from NumPy's global generator, in the pixels."""

    def apply(self, image: Image, by: int) -> Image:
        return image // np.uint8(by) + np.random.randint(0, 2, image.shape).astype(np.uint8)  # noqa: NPY002


@dataclass(frozen=True)
class Unseeded(Dim):
    """Chance from nowhere, in the pixels."""

    def apply(self, image: Image, by: int) -> Image:
        return np.random.default_rng().integers(0, 256, image.shape, dtype=np.uint8)


@dataclass(frozen=True)
class Scribbling(Dim):
    """Writes into its input."""

    def apply(self, image: Image, by: int) -> Image:
        image[0, 0] += 1
        return image // np.uint8(by)


@dataclass(frozen=True)
class Lazy(Dim):
    """Returns its input."""

    def apply(self, image: Image, by: int) -> Image:
        return image


@dataclass(frozen=True)
class Floating(Dim):
    """Makes floats."""

    def apply(self, image: Image, by: int) -> Any:
        return image / by


@dataclass(frozen=True)
class Flattening(Dim):
    """Loses the third axis."""

    def apply(self, image: Image, by: int) -> Image:
        return image[..., 0] // np.uint8(by)


@dataclass(frozen=True)
class Colouring(Dim):
    """Makes RGB of gray."""

    def apply(self, image: Image, by: int) -> Image:
        return np.broadcast_to(image[..., :1] // np.uint8(by), (*image.shape[:2], 3)).copy()


@dataclass(frozen=True)
class Shrinking(Dim):
    """Changes the size and does not say so."""

    def apply(self, image: Image, by: int) -> Image:
        return np.ascontiguousarray(image[: max(1, len(image) // 2)])


@dataclass(frozen=True)
class Fussy(Dim):
    """Falls over tiny images."""

    def apply(self, image: Image, by: int) -> Image:
        return image // np.uint8(image.shape[0] - 1) // np.uint8(by) if len(image) > 1 else image[1:]


@dataclass(frozen=True)
class Deaf(Dim):
    """Does not take its own draw."""

    def apply(self, image: Image, level: int) -> Image:
        return image // np.uint8(level)


@dataclass(frozen=True)
class ShortTable(Fog):
    """A table that ends too early."""

    def table(self, density: float) -> Table:
        return np.zeros(255, np.uint8)


@dataclass(frozen=True)
class FloatTable(Fog):
    """A table of floats."""

    def table(self, density: float) -> Table:
        return np.linspace(0, 1, 256)  # type: ignore[return-value]


@dataclass(frozen=True)
class Collapsing(Slide):
    """A matrix without an inverse."""

    def matrix(self, size: Size, x: int) -> Matrix:
        return np.zeros((3, 3))


@dataclass(frozen=True)
class SmallMatrix(Slide):
    """Two rows of a matrix."""

    def matrix(self, size: Size, x: int) -> Matrix:
        return np.eye(3)[:2]


@dataclass(frozen=True)
class Vanishing(Slide):
    """A size of nothing."""

    def resized(self, size: Size, x: int) -> Size:
        return Size(0, size.width)


@dataclass(frozen=True)
class Homebound(Dim):
    """Holds what cannot be pickled."""

    how: Any = field(default_factory=lambda: lambda: None)


@dataclass(frozen=True)
class Outspoken(Dim):
    """Says that it breaks what nobody knows."""

    breaks: ClassVar[tuple[str, ...]] = ("color",)


def undocumented() -> Any:
    @dataclass(frozen=True)
    class Silent(Dim):
        pass

    return Silent()


BROKEN: list[tuple[Callable[[], Any], str, str]] = [
    (Thawed, "test_is_a_frozen_dataclass", "not a frozen dataclass"),
    (undocumented, "test_says_what_it_is", "has no docstring"),
    (Untyped, "test_arguments_have_defaults_types_and_bounds", "cannot be checked"),
    (OutOfBounds, "test_arguments_have_defaults_types_and_bounds", "breaks its own bounds"),
    (lambda: Needy(2), "test_arguments_have_defaults_types_and_bounds", "gives its field 'by' no default"),
    (Torn, "test_goes_exactly_one_way", "exactly one of matrix, table, apply"),
    (Idle, "test_goes_exactly_one_way", "exactly one of matrix, table, apply"),
    (
        Outspoken,
        "test_breaks_what_has_a_name",
        "breaks ('color',), which is no tuple of orientation, handedness, colour",
    ),
    (NumpyDraw, "test_draws_json", "draws int64 at draw['by']"),
    (TupleDraw, "test_draws_json", "draws tuple at draw['by']"),
    (EndlessDraw, "test_draws_json", "draws inf at draw['by']"),
    (Counting, "test_same_stream_gives_same_draw", "keeps a state"),
    (Ambient, "test_leaves_global_randomness_alone", "global random generator"),
    (AmbientNumpy, "test_leaves_global_randomness_alone", "global random generator"),
    (Unseeded, "test_pixels_follow_from_the_draw", "other pixels of the same draw"),
    (Scribbling, "test_leaves_its_input_alone", "writes into the image"),
    (Lazy, "test_leaves_its_input_alone", "returns memory of its input"),
    (Floating, "test_makes_images", "float64"),
    (Flattening, "test_makes_images", "three axes"),
    (Colouring, "test_makes_images", "the channels"),
    (Shrinking, "test_makes_images", "without `geometric = True`"),
    (Fussy, "test_makes_images", "shape (0, 1, 1)"),
    (Deaf, "test_pixels_follow_from_the_draw", "does not take its draw"),
    (ShortTable, "test_makes_tables", "(255,)"),
    (FloatTable, "test_makes_tables", "float64"),
    (Collapsing, "test_makes_matrices", "cannot be inverted"),
    (SmallMatrix, "test_makes_matrices", "3×3"),
    (Vanishing, "test_makes_matrices", "not whole, positive numbers"),
    (Homebound, "test_travels_to_a_worker", "cannot be pickled"),
]


@pytest.mark.parametrize(("make", "test", "said"), BROKEN, ids=[said for _, _, said in BROKEN])
def test_what_is_broken_fails(make: Callable[[], Any], test: str, said: str) -> None:
    failed = failures(make())
    assert test in failed, failed
    assert said in failed[test]


def test_every_test_of_the_suite_can_fail() -> None:
    caught = {test for make, _, _ in BROKEN for test in failures(make())}
    assert caught == set(TESTS)


def test_one_broken_instance_among_several_is_found() -> None:
    assert failures((Dim(), Lazy(), Dim())).keys() == failures(Lazy()).keys()


def test_images_are_always_the_same_and_never_flat() -> None:
    def both() -> Iterator[Image]:
        return images(Size(33, 20))

    assert all(np.array_equal(a, b) for a, b in zip(both(), both(), strict=True))
    assert [image.shape[2] for image in both()] == [1, 3]
    assert all(len(np.unique(image)) > 100 for image in both())


def test_pytest_collects_it_for_an_author(tmp_path: Path, checkout: Path) -> None:
    """As an author uses it: a subclass in a file of tests, nothing else; the base itself is not collected."""
    (tmp_path / "test_mine.py").write_text(
        "from augflow.testing import TransformContract\n"
        "from augflow.transforms.noise import GaussianNoise\n\n\n"
        "class TestMine(TransformContract):\n"
        "    transform = GaussianNoise()\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=checkout)
    assert done.returncode == 0, done.stdout
    assert f"{len(TESTS)} passed" in done.stdout
