"""`save_to_dir`: the augmented images as they are, under names that no other image has."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from augflow.draw import digest
from augflow_keras.pixels import Floats

FORMATS = ("png", "jpeg", "jpg", "bmp", "ppm", "tif", "tiff", "webp")


@dataclass(frozen=True)
class Saving:
    """Where images are saved, and under what names."""

    folder: Path
    prefix: str
    suffix: str

    @classmethod
    def into(cls, folder: str | None, prefix: str, suffix: str) -> Saving | None:
        """Make the folder, where one is asked for.

        Raises:
            ValueError: Pillow writes no such format.
        """
        if folder is None:
            return None
        if suffix.lower() not in FORMATS:
            raise ValueError(f"save_format: {suffix!r} is none of {', '.join(FORMATS)}.")
        Path(folder).mkdir(parents=True, exist_ok=True)
        return cls(Path(folder), prefix, suffix)

    def save(self, image: Floats, low: float, high: float, index: int, output: tuple[int, str, int]) -> Path:
        """Write an image whose values lie between `low` and `high`, the same for all of a flow.

        Args:
            image: channels last.
            output: its seed, key and epoch; with the pixels they make the name, so equal names hold equal images.
        """
        levels = (image - low) * (255 / (high - low))
        data = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        if data.shape[2] == 4 and self.suffix.lower() in ("jpeg", "jpg"):
            data = data[..., :3]
        content = hashlib.blake2b(data.tobytes(), digest_size=8).hexdigest()
        name = f"{self.prefix}_{index}_{digest(*output, content, size=8).hex()}.{self.suffix}"
        path = self.folder / name
        half = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{name}")
        Image.fromarray(data[..., 0] if data.shape[2] == 1 else data).save(half)
        os.replace(half, path)
        return path
