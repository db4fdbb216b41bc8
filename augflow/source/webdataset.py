"""Tar shards as the library webdataset writes them: files of one name and several endings are one sample."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import cached_property

from augflow.errors import ImageError, SourceError
from augflow.source import DECODE_TIMEOUT, MOST_PIXELS, Aside, Noted, Sample, cache
from augflow.source.files import is_text, most_bytes
from augflow.source.layout import SUFFIXES, split_named
from augflow.source.listed import Listed, Rules, class_names, named
from augflow.source.shard_index import Index, Row
from augflow.source.shelf import Disk, find_files, open_shelf
from augflow.source.tar import HIDDEN, Member, Tar
from augflow.store import Listed as File

_ENDINGS = (".tar",)
_MOST_SAID = 1 << 20
"""Bytes of a label or a JSON member."""
_LABELS = ("cls", "json", "txt")


class WebDatasetSource:
    """Samples in tar shards, on this disk or in a store. A sample's key is its shard and the name of its image.

    Each shard is read through once, and where its images lie is kept in the user's cache; then reading an image is one
    read of its bytes. A shard called `train-…`, `val-…`, or in a folder called so, is of that split, if all are.

    Args:
        root: a folder, a shard, a pattern, or a list in braces, `s3://bucket/train-{000..099}.tar`; read only.
        image: the ending of the images, where samples have several: `jpg`, `left.png`.
        label: the member that says the class: `cls`, `txt` (a name, or a number that counts classes) or `json`; the
            first of cls and json that is there, unless said.
        label_field, split_field, group_field, weight_field: of a JSON member; what it has not, is not said.
        classes: names of the classes that numbers count: a list, or a text file with a name on each line.
        split, others, max_pixels, decode_timeout: as of `FolderSource`.
        group_by: a regular expression with one group over the key.

    Raises:
        SourceError: there is no such shard, or the settings cannot be.
    """

    def __init__(
        self,
        root: str,
        image: str | None = None,
        label: str | None = None,
        label_field: str = "label",
        split_field: str = "split",
        group_field: str = "group",
        weight_field: str | None = "weight",
        classes: list[str] | str | None = None,
        split: str | None = None,
        others: str = "omit",
        group_by: str | None = None,
        max_pixels: int = MOST_PIXELS,
        decode_timeout: float = DECODE_TIMEOUT,
    ) -> None:
        if label not in (None, *_LABELS):
            raise SourceError(f"source.label: {label!r} is none of {', '.join(_LABELS)}.")
        self.max_pixels = max_pixels
        self.decode_timeout = decode_timeout
        self._shelf, self._asked = open_shelf(root, _ENDINGS)
        if isinstance(self._shelf, Disk):
            self.root = self._shelf.root
        self._rules = Rules(split, others, group_by)
        self.splits = self._rules.splits
        self._image = None if image is None else image.lower().lstrip(".")
        self._label = label
        self._fields = (label_field, split_field, group_field, weight_field)
        self._classes = class_names(classes)
        self._said = [self._image, label, *self._fields, self._classes, self.max_pixels]
        self._indices: dict[str, Index] = {}
        self._indexing = threading.Lock()

    @cached_property
    def _shards(self) -> list[File]:
        return find_files(self._shelf, self._asked)

    @cached_property
    def _split_of(self) -> dict[str, str]:
        """The split of each shard, where all tell one by their names."""
        found = {shard.key: split_named(shard.key) for shard in self._shards}
        return found if all(found.values()) else {}

    def labels(self) -> list[str]:
        found: dict[str, set[str]] = {}
        for shard in self._shards:
            for row in self._index(shard).rows():
                if not isinstance(row, Aside):
                    listed = self._listed(shard.key, row)
                    if not self._rules.fault(listed):
                        found.setdefault(listed.split, set()).add(listed.label)
        example = f"shards called train-… and val-…, or '{self._fields[1]}' in their JSON members,"
        return self._rules.labels(found, self._shelf.url, example)

    def scan(self) -> Iterator[Sample | Aside | Noted]:
        for shard in self._shards:
            for row in self._index(shard).rows():
                if isinstance(row, Aside):
                    if not self._rules.leaves_out(self._split_of.get(shard.key, "")):
                        yield Noted(row.key, HIDDEN) if row.kind == HIDDEN else row
                elif told := self._rules.tell(f"{shard.key}/{row.name}", self._listed(shard.key, row)):
                    yield told

    def _listed(self, shard: str, row: Row) -> Listed:
        split = self._split_of.get(shard)
        return row.listed._replace(split=split) if split else row.listed

    def read(self, key: str) -> bytes:
        shard, _, name = key.partition(".tar/")
        listed = self._find(f"{shard}.tar")
        place = self._index(listed).find(name) if listed and name else None
        if listed is None or place is None:
            raise ImageError("unreadable", "there is no such image in the shards")
        start, size = place
        try:
            data = self._shelf.read(listed.key, start - 512, size + 512)
        except OSError as error:
            raise ImageError("unreadable", error.strerror or str(error)) from error
        except MemoryError as error:
            raise ImageError("too little memory", "reading it takes more than there is") from error
        try:
            Tar(self._shelf, listed).demand_header(start, size, data[:512])
        except ValueError:
            raise ImageError("changed", "its shard was written since it was indexed") from None
        if len(data) != size + 512:
            raise ImageError("damaged", "its shard ends within it")
        return data[512:]

    def _find(self, key: str) -> File | None:
        """A shard by its key, which may be another's: it must be one of those that are asked for."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, File]:
        return {shard.key: shard for shard in self._shards}

    def _index(self, shard: File) -> Index:
        with self._indexing:
            found = self._indices.get(shard.key)
            if found is None:
                about = ["shard", self._shelf.url, *shard, *self._said]
                kept = cache.recall(about) if shard.stamp else None
                found = Index.of(self._samples(Tar(self._shelf, shard))) if kept is None else Index(kept)
                if kept is None and shard.stamp:
                    cache.keep(about, found.table)
                self._indices[shard.key] = found
            return found

    def _samples(self, tar: Tar) -> Iterator[Row | Aside]:
        """Group the members of a shard into samples, as they follow each other."""
        name, members, seen = "", dict[str, Member](), set[str]()
        twice: set[str] = set()
        for member in (*tar.members(), None):
            if isinstance(member, Aside):
                yield member
                continue
            stem, ending = _parted(member.name) if member else ("", "")
            if stem != name or member is None:
                if members:
                    yield from self._sample(tar, name, members, name in twice)
                if stem in seen:
                    twice.add(stem)
                seen.add(stem)
                name, members = stem, {}
            if member is not None:
                if ending in members:
                    twice.add(stem)
                members[ending] = member

    def _sample(self, tar: Tar, name: str, members: dict[str, Member], twice: bool) -> Iterator[Row | Aside]:
        images = [ending for ending in members if f".{ending.rpartition('.')[2]}" in SUFFIXES]
        if self._image is not None:
            images = [self._image] if self._image in members else []
        key = f"{tar.key}/{members[images[0]].name if images else name}"
        if not is_text(key):
            yield Aside(f"{tar.key}", "unfit path", "a name in it can be written by nobody")
        elif not images:
            what = f"'.{self._image}'" if self._image else "an image's"
            yield Aside(key, "no image", f"of its endings none is {what}: {', '.join(sorted(members))}")
        elif twice:
            yield Aside(key, "duplicate key", "its shard holds several samples, or files, of this name")
        elif len(images) > 1:
            yield Aside(key, "several images", f"source.image says which: {', '.join(sorted(images))}")
        elif members[images[0]].size > most_bytes(self.max_pixels):
            yield Aside(key, "too large", f"{members[images[0]].size} bytes")
        else:
            listed = self._say(tar, members)
            if isinstance(listed, str):
                yield Aside(key, "damaged row", listed)
            else:
                yield Row(*members[images[0]], listed)

    def _say(self, tar: Tar, members: dict[str, Member]) -> Listed | str:
        """What the other members of a sample say of its image; or why that cannot be read."""
        said = {}
        if "json" in members:
            try:
                said = json.loads(_text(tar, members["json"]))
            except (ValueError, RecursionError) as error:
                return f"no JSON: {error}"
            if not isinstance(said, dict):
                return "its JSON is no object"
        texts = [said.get(field) if field else None for field in self._fields]
        if any(isinstance(text, dict | list) for text in texts):
            return "a field of its JSON is no text"
        member = self._label or next((ending for ending in ("cls", "json") if ending in members), "json")
        label = texts[0]
        if member != "json":
            try:
                label = _text(tar, members[member]).strip() if member in members else ""
            except ValueError as error:
                return str(error)
        return Listed(named(label, self._classes), *(named(text) for text in texts[1:]))


def _text(tar: Tar, member: Member) -> str:
    if member.size > _MOST_SAID:
        raise ValueError(f"{member.size} bytes that should say a label")
    return tar.bytes_at(member.start, member.size).decode()


def _parted(name: str) -> tuple[str, str]:
    """`a/b.left.jpg` → `a/b`, `left.jpg`."""
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}{slash}{stem}", ending.lower()
