"""Where images come from: a source lists its samples and reads their bytes, and never writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from augflow.errors import SourceError
from augflow.kinds import build
from augflow.store import is_url


class Sample(NamedTuple):
    """One image with its label; the key is its path below the root, with `/` between parts."""

    label: str
    key: str
    split: str | None = None
    group: str | None = None
    weight: float = 1.0
    """How often it is copied, beside others of its class."""


class Splits(NamedTuple):
    """Which split is augmented, and whether the others `pass` into the sink as they are, or are left out (`omit`).

    Where they pass, each split is a folder of the sink with class folders of its own (`train/hat`, `val/hat`);
    otherwise the class folders of the one split lie at its root, as without splits.
    """

    chosen: str
    others: str = "omit"

    def passes(self, split: str | None) -> bool:
        """Whether samples of this split go into the sink as they are."""
        return self.others == "pass" and split is not None and split != self.chosen

    def folder(self, split: str | None) -> str:
        """What stands in the sink before the class folders of a split."""
        return f"{told(split)}/" if self.others == "pass" and split is not None else ""


class Noted(NamedTuple):
    """Something that lies among the samples and is no fault: `kind` is hidden, system file or nested folder."""

    key: str
    kind: str


class Aside(NamedTuple):
    """Something that was set aside: a key, a stable word for the reason, and the particulars."""

    key: str
    kind: str
    detail: str


def told(key: str) -> str:
    """A key as records and outputs have it: bytes of its name that are no UTF-8 are written out (`\\xe9`)."""
    return key if key.isascii() else key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def name_some(splits: Mapping[str, Iterable[str]], most: int = 10) -> str:
    """Name what lies in several splits, the first few of many: `patient7 (train, val)`."""
    some = [f"{told(name)} ({', '.join(map(told, splits[name]))})" for name in sorted(splits)[:most]]
    return ", ".join(some) + (f" and {len(splits) - most} more" if len(splits) > most else "")


class Source(Protocol):
    """Lists samples and reads them; built again from its settings in every process.

    One whose samples have splits tells by an attribute `splits` (`Splits`) which of them is augmented; one whose images
    may take longer to decode than others, or less long, by an attribute `decode_timeout` in seconds.
    """

    max_pixels: int

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        """Yield every sample, and whatever lies among them that is none, in any order."""
        ...

    def labels(self) -> list[str]:
        """Every class of the split that is augmented, those without samples too."""
        ...

    def read(self, key: str) -> bytes:
        """Read the bytes of a sample; several threads may ask at once.

        Raises:
            ImageError: they cannot be read.
        """
        ...


MOST_PIXELS = 100_000_000
"""Of an image, unless the operator says otherwise; larger ones are set aside before they are decoded."""
BUILT_IN = {
    "folder": "augflow.source.folder:FolderSource",
    "table": "augflow.source.table:TableSource",
    "imagefolder": "augflow.source.imagefolder:ImageFolderSource",
    "webdataset": "augflow.source.webdataset:WebDatasetSource",
    "parquet": "augflow.source.parquet:ParquetSource",
    "hf": "augflow.source.hf:HuggingFaceSource",
    "demo": "augflow.source.demo:DemoSource",
}
_STORED = {"folder": "augflow.source.stored:StoredFolderSource"}
"""What these kinds are where their root is a URL."""


def splits_of(source: Source) -> Splits | None:
    """The splits of a source, where it has any."""
    splits: Splits | None = getattr(source, "splits", None)
    return splits


DECODE_TIMEOUT = 30.0
"""Seconds of processor time, unless a source says otherwise; 100 million pixels take about five."""


def decode_timeout(source: Source) -> float:
    """How long decoding one image of a source may take."""
    seconds: float = getattr(source, "decode_timeout", DECODE_TIMEOUT)
    return seconds


def anywhere(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with absolute paths, so that they hold wherever one stands; URLs and a package's source as they are."""
    if settings.get("kind", "folder") not in BUILT_IN:
        return dict(settings)
    paths = {key: settings[key] for key in ("root", "table", "classes") if isinstance(settings.get(key), str)}
    # What came out of the environment is told as it was typed.
    fixed = {key: path if "${" in path or is_url(path) else os.path.abspath(path) for key, path in paths.items()}
    return {**settings, **fixed}


def open_source(settings: Mapping[str, Any]) -> Source:
    """Open the source that `settings` names by `kind`; its other keys are arguments.

    Raises:
        SourceError: no such kind, wrong arguments, or nothing there.
    """
    kinds = {**BUILT_IN, **_STORED} if is_url(settings.get("root")) else BUILT_IN
    opened: Source = build("source", settings, kinds, SourceError)
    if opened.max_pixels < 1:
        raise SourceError(f"source.max_pixels: {opened.max_pixels} leaves no image; it is a whole number above 0.")
    if not 0 < decode_timeout(opened) < 1e6:
        raise SourceError(f"source.decode_timeout: {decode_timeout(opened)} is not a number of seconds above 0.")
    return opened
