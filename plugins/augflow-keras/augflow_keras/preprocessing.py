"""What `preprocessing_function` may be: a function of one's own, or a transform by the name a recipe gives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from augflow.draw import Streams
from augflow.registry import Registry
from augflow.schema import check
from augflow.transform import Image, Params, Size
from augflow_keras.pixels import Floats

Function: TypeAlias = Callable[[Any], Any] | str | Mapping[str, Any]
"""A function, a transform's name, or a step as in a recipe: `{"use": "posterize", "bits": 4}`."""

STEP = "preprocessing_function"


@dataclass(frozen=True)
class Preprocessing:
    """A function of one image, or a transform that draws for it."""

    function: Callable[[Any], Any] | None
    use: str = ""
    arguments: Mapping[str, Any] | None = None
    transform: Any = None

    @classmethod
    def of(cls, asked: Function | None) -> Preprocessing | None:
        """Build what was asked for.

        Raises:
            RecipeError: no transform has this name.
            ValueError: it does not take these arguments.
        """
        if asked is None or callable(asked):
            return cls(asked) if asked else None
        arguments = {} if isinstance(asked, str) else {key: value for key, value in asked.items() if key != "use"}
        use = asked if isinstance(asked, str) else str(asked.get("use", ""))
        registry = Registry()
        faults = check(registry.find(use), arguments, (STEP,))
        if faults:
            raise ValueError("\n".join(f"{'.'.join(fault.path)}: {fault.message}" for fault in faults))
        return cls(None, use, arguments, registry.build(use, arguments))

    def draw(self, size: Size, streams: Streams) -> Params:
        """What chance gives the transform."""
        params: Params = self.transform.draw(streams.at(STEP), size) if self.transform is not None else {}
        return params

    def perform(self, x: Floats, streams: Streams, channel_axis: int) -> NDArray[Any]:
        """Preprocess an image, or each of a batch; a transform sees bytes.

        Raises:
            ValueError: a transform cannot be given such values or channels, or changes the size.
        """
        if self.function is not None:
            return np.asarray(self.function(x))
        if x.ndim == 4:
            return np.stack([self.perform(image, streams, channel_axis) for image in x])
        image = x if channel_axis == 3 else np.moveaxis(x, 0, 2)
        if image.shape[2] not in (1, 3) or image.min() < -0.5 or image.max() > 255.5:
            raise ValueError(
                f"{STEP}: the transform '{self.use}' changes gray and RGB images with values from 0 to 255; this one "
                f"has {image.shape[2]} channels and values from {image.min():g} to {image.max():g}."
            )
        made = self._transformed(np.clip(np.rint(image), 0, 255).astype(np.uint8), streams)
        return made.astype(x.dtype) if channel_axis == 3 else np.moveaxis(made, 2, 0).astype(x.dtype)

    def _transformed(self, image: Image, streams: Streams) -> Image:
        from augflow.engine.performing import perform

        made = perform(image, [(self.transform, self.draw(Size(*image.shape[:2]), streams))])
        if made.shape != image.shape:
            raise ValueError(f"{STEP}: the transform '{self.use}' changes the size, and a batch has one size.")
        return made

    def entry(self, size: Size, streams: Streams) -> dict[str, Any]:
        """What the record keeps of it."""
        if self.function is not None:
            name = f"{self.function.__module__}.{getattr(self.function, '__qualname__', type(self.function).__name__)}"
            return {"step": STEP, "transform": name, "version": None, "arguments": None, "fired": True, "draw": None}
        return {
            "step": STEP,
            "transform": self.use,
            "version": int(getattr(self.transform, "version", 1)),
            "arguments": json.dumps(self.arguments),
            "fired": True,
            "draw": self.draw(size, streams),
        }
