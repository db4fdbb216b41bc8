"""Work without pixels: everything of a run is real but decoding, transforms, encoding and the files themselves.

`scale.py` times with it what is left: planning, handing out, real draws and records, the journal, the sealed ledger.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from growth import Listing
from PIL import Image

import augflow.source
from augflow.engine.work import Maker

augflow.source.BUILT_IN["listing"] = "stub:Photographs"


class Photographs(Listing):
    """So many samples that exist only as names; the bytes of all are those of one small photograph."""

    max_pixels = augflow.source.MOST_PIXELS

    def __init__(self, count: int) -> None:
        super().__init__(count)
        file = io.BytesIO()
        Image.fromarray(np.full((160, 160, 3), 127, np.uint8)).save(file, "JPEG")  # A smaller one would be decoded.
        self._bytes = file.getvalue()

    def read(self, key: str) -> bytes:
        return self._bytes


class Stub(Maker):
    """Draws and tells as a maker does; its outputs hold their own paths, and are put nowhere."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self.sink.put = lambda path, data: None
        self.views.perform = _perform

    def _encode(self, output: Any) -> None:
        output.file = output.record["path"].encode()
        digest = hashlib.sha256(output.file).hexdigest()
        output.record |= {"size": len(output.file), "sha256": digest, "parents": output.family.sample.parents}


def _perform(output: Any) -> None:
    output.record["height"], output.record["width"] = output.photograph.size
    output.pixels = _NOTHING


_NOTHING = np.empty((0, 0), np.uint8)
