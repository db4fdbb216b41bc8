"""Keyed random streams: what chance gives a step depends on its key alone, never on order or on other steps.

A stream is Philox keyed by a BLAKE2b digest of (seed, sample, copy, step path). Philox is counter-based: Salmon et
al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import itertools
import struct
import threading
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from augflow.transform import Rng


def digest(*parts: str | int, size: int = 16) -> bytes:
    """Digest `parts` unambiguously (each carries its length) into `size` bytes."""
    return digest_of(parts, size)


def digest_of(parts: Iterable[str | int], size: int = 16) -> bytes:
    """The digest of `parts`, of which few are held at a time."""
    made = blake2b(digest_size=size)
    counted = map(_counted, parts)
    while some := b"".join(itertools.islice(counted, 1000)):
        made.update(some)
    return made.digest()


def _counted(part: str | int) -> bytes:
    data = str(part).encode("utf-8", "surrogateescape")
    return len(data).to_bytes(4, "little") + data


class Streams:
    """The random streams of one output: each path has its own, which gives one chance and a generator.

    One generator is re-keyed for each path, so a stream must be used up before the next is begun.
    """

    def __init__(self, seed: int, sample: str, copy: int) -> None:
        start = f"{seed} {copy} {sample}\0".encode("utf-8", "surrogateescape")
        self._start = blake2b(start, digest_size=24)
        self._key = (0, 0)

    def at(self, path: str) -> Rng:
        """Begin the stream of `path` and return its generator."""
        self.chance(path)
        return self.generator()

    def chance(self, path: str) -> float:
        """Begin the stream of `path` with a number from 0 up to and without 1, apart from the generator's."""
        stream = self._start.copy()
        stream.update(path.encode("utf-8", "surrogateescape"))
        first, second, word = _THREE_WORDS(stream.digest())
        self._key = first, second
        chance: float = (word >> 11) * 2.0**-53
        return chance

    def generator(self) -> Rng:
        """The generator of the stream that was begun last."""
        return _engine.begin(self._key)


class _Engine(threading.local):
    """The generator of a thread: sources are read in several."""

    def __init__(self) -> None:
        zeros = (0, 0, 0, 0)  # Plain numbers: NumPy would take its own apart, one by one.
        self._key: dict[str, Any] = {"counter": zeros, "key": (0, 0)}
        self._beginning: Any = {
            "bit_generator": "Philox",
            "state": self._key,
            "buffer": zeros,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._philox = np.random.Philox(0)
        self._generator = np.random.Generator(self._philox)

    def begin(self, key: Sequence[int]) -> Rng:
        self._key["key"] = key
        self._philox.state = self._beginning
        return self._generator


_THREE_WORDS = struct.Struct("<QQQ").unpack
_engine = _Engine()
