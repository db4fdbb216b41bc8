"""What a transform promises, as tests that its author inherits."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from augflow.draw import Streams
from augflow.symmetry import SYMMETRIES
from augflow.transform import Image, Params, Rng, Size

WAYS = ("matrix", "table", "apply")
SIZES = (Size(1, 1), Size(1, 7), Size(33, 20), Size(48, 64))
COPIES = 5


class TransformContract:
    """Tests that hold for every transform; a subclass names one instance or several in `transform`."""

    transform: ClassVar[Any]

    def test_is_a_frozen_dataclass(self) -> None:
        for transform in self._instances():
            cls = type(transform)
            frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
            _demand(frozen, cls, "is not a frozen dataclass: @dataclass(frozen=True) keeps its arguments as they are")

    def test_says_what_it_is(self) -> None:
        for transform in self._instances():
            cls = type(transform)
            written = (cls.__doc__ or "").strip()
            _demand(written and not written.startswith(f"{cls.__name__}("), cls, "has no docstring")

    def test_arguments_have_defaults_types_and_bounds(self) -> None:
        """A recipe may name no argument at all, and those it names are checked by the fields' types."""
        from pydantic import TypeAdapter, ValidationError

        for transform in self._instances():
            cls = type(transform)
            empty = dataclasses.MISSING
            for field in dataclasses.fields(transform):
                without = field.default is empty and field.default_factory is empty
                _demand(not without, cls, f"gives its field '{field.name}' no default")
            try:
                adapter: TypeAdapter[Any] = TypeAdapter(cls)
                adapter.json_schema()
                adapter.validate_json(json.dumps(dataclasses.asdict(transform)), strict=True)
            except ValidationError as error:
                raise AssertionError(f"{cls.__name__} breaks its own bounds: {error}") from error
            except Exception as error:
                raise AssertionError(f"{cls.__name__} has fields that cannot be checked: {error}") from error

    def test_goes_exactly_one_way(self) -> None:
        for transform in self._instances():
            ways = [way for way in WAYS if hasattr(transform, way)]
            _demand(len(ways) == 1, type(transform), f"must have exactly one of {', '.join(WAYS)}, and has {ways}")

    def test_breaks_what_has_a_name(self) -> None:
        for transform in self._instances():
            breaks = getattr(transform, "breaks", ())
            known = isinstance(breaks, tuple) and set(breaks) <= set(SYMMETRIES)
            _demand(known, type(transform), f"breaks {breaks!r}, which is no tuple of {', '.join(SYMMETRIES)}")

    def test_draws_json(self) -> None:
        for transform, size, params in self._draws():
            _demand(type(params) is dict, type(transform), f"draws {type(params).__name__}, not a dict")
            _demand_json(type(transform), params, "draw")
            _demand(json.loads(json.dumps(params)) == params, type(transform), f"draws no JSON for {size}: {params}")

    def test_same_stream_gives_same_draw(self) -> None:
        for transform, size, params in self._draws():
            for copy in range(COPIES):
                transform.draw(_stream(copy + COPIES), size)
            again = list(draws(transform, size))
            _demand(params in again, type(transform), "draws otherwise from the same stream: it keeps a state")

    def test_leaves_global_randomness_alone(self) -> None:
        for transform in self._instances():
            before = random.getstate(), _global_numpy()
            for size in SIZES:
                for params in draws(transform, size):
                    for image in images(size):
                        _perform(transform, image, params)
            after = random.getstate(), _global_numpy()
            _demand(before == after, type(transform), "uses a global random generator instead of the one it is handed")

    def test_pixels_follow_from_the_draw(self) -> None:
        """The same draw, also one read back from JSON, gives the same pixels, whatever was made before."""
        for transform, size, params in self._draws():
            for image in images(size):
                first = _perform(transform, image, params)
                _perform(transform, np.flip(image).copy(), params)
                again = _perform(transform, image.copy(), json.loads(json.dumps(params)))
                _demand(np.array_equal(first, again), type(transform), f"makes other pixels of the same draw {params}")

    def test_leaves_its_input_alone(self) -> None:
        for transform, size, params in self._draws():
            for image in images(size):
                before, drawn = image.copy(), json.dumps(params)
                made = _perform(transform, image, params)
                _demand(np.array_equal(image, before), type(transform), "writes into the image it is given")
                _demand(json.dumps(params) == drawn, type(transform), "changes the draw it is given")
                _demand(not np.shares_memory(made, image), type(transform), "returns memory of its input")

    def test_makes_images(self) -> None:
        """`apply` returns contiguous bytes of shape (height, width, channels), as many channels as it was given."""
        for transform, size, params in self._draws("apply"):
            for image in images(size):
                made = transform.apply(image, **params)
                told = f"{made.dtype} of shape {made.shape} from {image.shape}"
                bytes_in_order = made.dtype == np.uint8 and made.flags.c_contiguous
                _demand(bytes_in_order, type(transform), f"must make contiguous uint8, and made {told}")
                whole = made.ndim == 3 and made.size > 0 and made.shape[2] == image.shape[2]
                _demand(whole, type(transform), f"must keep three axes and the channels, and made {told}")
                moves = getattr(transform, "geometric", False) or made.shape == image.shape
                _demand(moves, type(transform), f"changes the size without `geometric = True`: {told}")

    def test_makes_tables(self) -> None:
        for transform, _, params in self._draws("table"):
            table = transform.table(**params)
            right = table.dtype == np.uint8 and table.shape in {(256,), (256, 3)}
            made = f"{table.dtype} of shape {table.shape}"
            _demand(right, type(transform), f"must make uint8 of shape (256,) or (256, 3), and made {made}")

    def test_makes_matrices(self) -> None:
        for transform, size, params in self._draws("matrix"):
            matrix = transform.matrix(size, **params)
            right = matrix.dtype == np.float64 and matrix.shape == (3, 3) and np.isfinite(matrix).all()
            _demand(right, type(transform), f"must make a finite float64 3×3 matrix, not {matrix!r}")
            invertible = abs(np.linalg.det(matrix)) > 1e-9
            _demand(invertible, type(transform), f"makes a matrix that cannot be inverted: {matrix!r}")
            height, width = transform.resized(size, **params) if hasattr(transform, "resized") else size
            whole = type(height) is int and type(width) is int and height > 0 and width > 0
            _demand(whole, type(transform), f"resizes {tuple(size)} to {(height, width)}: not whole, positive numbers")

    def test_runs_in_a_chain(self) -> None:
        from augflow.engine.performing import perform

        for transform, size, params in self._draws():
            for image in images(size):
                made = perform(image, [(transform, params)])
                whole = made.dtype == np.uint8 and made.ndim == 3 and made.shape[2] == image.shape[2]
                _demand(
                    whole, type(transform), f"made {made.dtype} of shape {made.shape} from {image.shape} in a chain"
                )

    def test_travels_to_a_worker(self) -> None:
        for transform in self._instances():
            try:
                twin = pickle.loads(pickle.dumps(transform))
            except Exception as error:
                raise AssertionError(f"{type(transform).__name__} cannot be pickled: {error}") from error
            _demand(twin == transform, type(transform), "is not the same after pickling")
            _demand(hash(twin) == hash(transform), type(transform), "has another hash after pickling")

    def _instances(self) -> tuple[Any, ...]:
        named = self.transform
        return tuple(named) if isinstance(named, list | tuple) else (named,)

    def _draws(self, way: str = "draw") -> Iterator[tuple[Any, Size, Params]]:
        for transform in self._instances():
            if hasattr(transform, way):
                for size in SIZES:
                    yield from ((transform, size, params) for params in draws(transform, size))


def draws(transform: Any, size: Size, copies: int = COPIES) -> Iterator[Params]:
    """Draw for an image of `size` as a run does, once per copy."""
    for copy in range(copies):
        yield transform.draw(_stream(copy), size)


def images(size: Size) -> Iterator[Image]:
    """A gray and an RGB image of `size`: slopes in every channel with some grain on them, always the same."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width]
    grain = np.random.Generator(np.random.Philox(7)).integers(0, 40, (*size, 3))
    slopes = np.stack([4 * rows + columns, 200 - 3 * columns + rows, 90 + 2 * rows + 3 * columns], axis=2)
    colour = np.clip(slopes + grain, 0, 255).astype(np.uint8)
    yield colour[..., :1].copy()
    yield colour


def _stream(copy: int) -> Rng:
    return Streams(0, "sample", copy).at("step")


def _perform(transform: Any, image: Image, params: Params) -> Image:
    """The pixels for `apply`, else what they follow from."""
    way = next((way for way in WAYS if hasattr(transform, way)), None)
    if way is None:
        raise AssertionError(f"{type(transform).__name__} has none of {', '.join(WAYS)}.")
    made: Callable[..., Any] = getattr(transform, way)
    size = Size(*image.shape[:2])
    before = (size,) if way == "matrix" else (image,) if way == "apply" else ()
    try:
        inspect.signature(made).bind(*before, **params)
    except TypeError as error:
        raise AssertionError(f"{type(transform).__name__}.{way} does not take its draw {params}: {error}.") from error
    result: Image = made(*before, **params)
    return result


def _global_numpy() -> str:
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002 - the state that must not change


def _demand_json(cls: type[Any], value: Any, where: str) -> None:
    """Exactly JSON's own types: NumPy's float is a Python float to `isinstance`, and no JSON of equal meaning."""
    if type(value) is dict:
        for key, inner in value.items():
            _demand(type(key) is str, cls, f"draws the key {key!r}, which is no text")
            _demand_json(cls, inner, f"{where}[{key!r}]")
    elif type(value) is list:
        for number, inner in enumerate(value):
            _demand_json(cls, inner, f"{where}[{number}]")
    else:
        plain = value is None or type(value) in {bool, int, float, str}
        _demand(plain, cls, f"draws {type(value).__name__} at {where}: only JSON values are kept in a record")
        _demand(type(value) is not float or math.isfinite(value), cls, f"draws {value} at {where}: no JSON")


def _demand(holds: object, cls: type[Any], otherwise: str) -> None:
    if not holds:
        raise AssertionError(f"{cls.__name__} {otherwise}.")
