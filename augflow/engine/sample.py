"""A sample's bytes, opened: decoded once for all that is made of it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from augflow.engine.codec import Opened, open_image
from augflow.engine.sampling import Photograph
from augflow.engine.time_limit import NONE, TimeLimit
from augflow.source import told


class Sample(NamedTuple):
    """One sample as the engine takes it."""

    data: bytes
    sha256: str
    opened: Opened
    photograph: Photograph
    parents: list[dict[str, str]]
    """As every record tells them of what was made of this sample."""


def open_sample(key: str, data: bytes, max_pixels: int, limit: TimeLimit = NONE) -> Sample:
    """Open the sample called `key`; `data` is what its source holds.

    Raises:
        ImageError: as `open_image`.
    """
    opened = open_image(data, max_pixels, limit)
    photograph = Photograph.undeveloped(opened.size, opened.gray, opened.whole, opened.reduced)
    sha256 = hashlib.sha256(data).hexdigest()
    return Sample(data, sha256, opened, photograph, [{"key": told(key), "sha256": sha256, "role": "source"}])
