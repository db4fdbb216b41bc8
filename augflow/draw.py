"""Keyed random streams: what chance gives a step depends on its key alone, never on order or on other steps.

A stream is Philox keyed by a BLAKE2b digest of (seed, sample, copy, step path). Philox is counter-based: Salmon et
al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from augflow.transform import Rng


def digest(*parts: str | int, size: int = 16) -> bytes:
    """Digest `parts` unambiguously (each carries its length) into `size` bytes."""
    h = blake2b(digest_size=size)
    for part in parts:
        data = str(part).encode("utf-8", "surrogateescape")
        h.update(len(data).to_bytes(4, "little"))
        h.update(data)
    return h.digest()


class Streams:
    """The random streams of one output: `streams.at(path)` starts the stream of the step at `path`.

    One generator is re-keyed for each step, so a stream must be used up before the next is asked for.
    """

    def __init__(self, seed: int, sample: str, copy: int) -> None:
        self._prefix = (seed, sample, copy)

    def at(self, path: str) -> Rng:
        key = np.frombuffer(digest(*self._prefix, path), dtype=np.uint64)
        state = _philox.state
        state["state"] = {"counter": _ZEROS, "key": key}
        state["buffer"] = _ZEROS
        state["buffer_pos"] = 4
        state["has_uint32"] = 0
        state["uinteger"] = 0
        _philox.state = state
        return _generator


_ZEROS = np.zeros(4, dtype=np.uint64)
_philox = np.random.Philox(0)
_generator = np.random.Generator(_philox)
