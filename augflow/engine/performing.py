"""Perform what a chain drew: as many steps as can be in one pass over the pixels, and one pass at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from augflow.engine.canvas import Canvas, image_of, pixels_of
from augflow.engine.chain import Drawn, resized
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph
from augflow.errors import PluginError
from augflow.transform import Image, Params, Pixels


def finish(photograph: Photograph, drawn: Sequence[Drawn], fold: int, render: Render) -> Pixels:
    """Perform `drawn` on a photograph, with the render's crop and resize after top-level step number `fold`."""
    laid = Laid(photograph, drawn, fold, render)
    while laid.carry_on():
        pass
    return laid.pixels()


def perform(image: Image, drawn: Iterable[tuple[Any, Params]]) -> Image:
    """Perform transforms with their draws on an image, fused as in a chain; the input is left as it was."""
    steps = [(0, transform, params) for transform, params in drawn]
    return image_of(finish(Photograph(pixels_of(image)), steps, 0, Render()))


class Laid:
    """What `finish` does, got as far as can be without touching a pixel, then carried out pass by pass."""

    def __init__(self, photograph: Photograph, drawn: Sequence[Drawn], fold: int, render: Render) -> None:
        self._canvas = Canvas(photograph)
        self._laying = _lay(self._canvas, drawn, fold, render)
        self._touches = next(self._laying)

    def carry_on(self) -> bool:
        """Carry out one pass, where one waits; say whether another does."""
        canvas = self._canvas
        if canvas.waiting:
            canvas.carry_on()
        elif self._touches:
            self._touches = next(self._laying)
        return self._touches or bool(canvas.waiting)

    def pixels(self) -> Pixels:
        """As they are once no pass waits."""
        return self._canvas.pixels()


def _lay(canvas: Canvas, drawn: Iterable[Drawn], fold: int, render: Render) -> Iterator[bool]:
    """Lay steps and render onto a canvas; yield True before each step that touches pixels, False in the end."""
    fitted = False
    for number, transform, params in drawn:
        if number > fold and not fitted:
            _fit(canvas, render)
            fitted = True
        if canvas.gray and getattr(transform, "colour_only", False):
            continue
        if hasattr(transform, "matrix"):
            size = canvas.size
            canvas.move(
                transform.matrix(size, **params),
                resized(transform, size, params),
                getattr(transform, "border", None),
                getattr(transform, "fill", 0),
            )
        elif hasattr(transform, "table"):
            canvas.look_up(_gray_or_colour(transform.table(**params), canvas.gray))
        elif hasattr(transform, "apply"):
            canvas.close()
            yield True
            canvas.apply(transform, params)
        else:
            raise PluginError(f"The transform {type(transform).__name__} has none of matrix, table, apply.")
    _fit(canvas, render)
    canvas.close()
    yield False


def _fit(canvas: Canvas, render: Render) -> None:
    size = canvas.size
    target = render.target(size)
    if target != size:
        canvas.move(render.matrix(size), target, render.border if render.fit == "pad" else None, render.fill)


def _gray_or_colour(table: Any, gray: bool) -> Any:
    return table[:, 1] if gray and table.ndim == 2 else table
