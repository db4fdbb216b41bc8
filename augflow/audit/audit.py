"""Audit a data set: choose what to look at, let every core look, and let each item judge."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augflow.audit.balance import SAMPLERS, WEIGHTS, Count, balance
from augflow.audit.damage import Made, damage, together
from augflow.audit.descriptors import Tones
from augflow.audit.hint import hint, shares_of
from augflow.audit.leakage import Image, Pair, leakage
from augflow.audit.look import Look, Where
from augflow.audit.near import ALIKE, candidates
from augflow.audit.redundancy import Member, redundancy
from augflow.audit.result import Audit, Item
from augflow.errors import ImageError, RecipeError, SourceError, nearest
from augflow.executor import Lost, Work, open_executor
from augflow.ledger.dataset import Counting, Dataset, silently
from augflow.source import Sample, Source, open_source, told
from augflow.source.files import read_file
from augflow.source.layout import SUFFIXES

LOOKER = "augflow.audit.look:Looker"
MATCHER = "augflow.audit.near:Matcher"

MOST = 16_000
"""Outputs that are looked at, whole families, classes alike; of a larger data set more would tell no more."""

_PAIRS = 2_000
"""Families that the hint is sought in."""

_SOME = 16
_PLAIN = 3.0
"""Thumbnails with less spread than so many grey levels are all alike, and compared by their bytes alone."""

_COLOURS_APART = 0.5
"""Of at most 1.41: two shirts in one pose on one background differ by their colour alone."""

_MAX_PIXELS = 100_000_000


class Row(NamedTuple):
    """What the audit needs of a record."""

    path: str
    size: int
    label: str
    split: str | None
    copy: int
    chain: str | None
    sample: str
    sample_sha256: str


def audit(
    sink: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    executor: Mapping[str, Any] | None = None,
    against: str | None = None,
    sampler: str = "shuffle",
    weights: str = "none",
    counting: Counting = silently,
) -> Audit:
    """Audit a finished data set.

    Args:
        sink, source, executor: settings; without a source, the one that the run was made from.
        against: a folder of images that shall not be in the data set, such as a validation set kept elsewhere.
        sampler, weights: of the training loop, see `balance`.

    Raises:
        AugflowError: there is no data set, or not what is to be compared with.
    """
    began = time.monotonic()
    for name, value, known in (("sampler", sampler, SAMPLERS), ("weights", weights, WEIGHTS)):
        if value not in known:
            raise RecipeError(f"--{name} {value}: it is {' or '.join(known)}.{nearest(value, known)}")
    if against is not None and not Path(against).is_dir():
        raise SourceError(f"--against {against}: there is no such folder.")
    if against is not None and not files_below(against):
        raise SourceError(f"--against {against}: no image lies in this folder, or below it.")
    work = _Auditor(Dataset(sink), source, executor or {}, against, counting)
    found = work.audit(sampler, weights)
    return replace(found, seconds=round(time.monotonic() - began, 3))


class _Auditor:
    def __init__(
        self,
        dataset: Dataset,
        source: Mapping[str, Any] | None,
        executor: Mapping[str, Any],
        against: str | None,
        counting: Counting,
    ) -> None:
        self.rows = list(read_rows(dataset))
        self.classes: Mapping[str, Any] = dataset.account["classes"]
        self.split = dataset.account.get("split")
        self.executor = open_executor(executor)
        self.counting = counting
        self.against = against
        self.notes: list[str] = []
        if dataset.unfinished:
            self.notes.append("A run is on, or was interrupted: this is the data set as it was before.")
        self.settings, self.source = self._open(source, dataset)
        self.spec = {
            "sink": dataset.settings,
            "source": self.settings,
            "against": against,
            "max_pixels": self.source.max_pixels if self.source else _MAX_PIXELS,
            "fills": fills(dataset.account["recipe"]),
        }
        self.own = [row for row in self.rows if row.split == self.split]

    def _open(
        self, given: Mapping[str, Any] | None, dataset: Dataset
    ) -> tuple[Mapping[str, Any] | None, Source | None]:
        try:
            settings = given or dataset.source
            return settings, open_source(settings)
        except (SourceError, TypeError) as error:
            if given:
                raise
            self.notes.append(f"Copies were compared with the originals in the data set: {error}")
            return None, None

    def audit(self, sampler: str, weights: str) -> Audit:
        families = choose(self.own, MOST)
        chosen = [row for family in families for row in family]
        if len(chosen) < len(self.own):
            self.notes.append(f"Looked at {len(chosen)} of {len(self.own)} outputs: whole families of every class.")
        looks = self._look_at_outputs(families)
        images, seen, groups = self._look_at_samples()
        items = (
            self._hint(families, looks),
            leakage(self._straddling(), groups, self._near(images, seen), len(images)),
            redundancy([list(_members(family, looks)) for family in families]),
            damage(list(self._made(families, looks, seen))),
            self._balance(sampler, weights),
        )
        return Audit(len(self.rows), len(looks), items, tuple(self.notes))

    def _look(self, what: str, wanted: Sequence[tuple[Where, str, int]]) -> Iterator[Look]:
        faults: list[Look] = []
        with self.counting(what, len(wanted)) as advance:
            for (_, some), looks in self.executor.run(Work(LOOKER, self.spec), _some(wanted)):
                if isinstance(looks, Lost):
                    looks = [Look(name, looks.why) for name, _ in some]
                for look in looks:
                    if look.fault:
                        faults.append(look)
                    else:
                        yield look
                advance(len(some))
        if faults:
            first = min(faults, key=lambda look: look.name)
            self.notes.append(f"Images that could not be looked at: {len(faults)}, such as {first.name}: {first.fault}")

    def _look_at_outputs(self, families: Sequence[Sequence[Row]]) -> dict[str, Look]:
        compared = {row.path for pair in pairs_of(families, _PAIRS) for row in pair}
        wanted: list[tuple[Where, str, int]] = [
            ("both" if row.path in compared else "output", row.path, row.size) for family in families for row in family
        ]
        return {look.name: look for look in self._look("Looking at outputs", wanted)}

    def _hint(self, families: Sequence[Sequence[Row]], looks: Mapping[str, Look]) -> Item:
        pairs = [
            (looks[original.path].traces, looks[copy.path].traces)
            for original, copy in pairs_of(families, _PAIRS)
            if original.path in looks and copy.path in looks
        ]
        stacked = np.array(pairs, dtype=np.float64) if pairs else np.empty((0, 2, 0))
        shares = shares_of([(row.label, row.copy, row.chain) for row in self.own])
        return hint(stacked[:, 0], stacked[:, 1], shares)

    def _look_at_samples(self) -> tuple[list[Image], dict[str, Look], list[list[Image]]]:
        """Every sample of the source, of whatever split, and of the other folder; and those with the same bytes."""
        samples = {row.sample: (Image(row.sample, row.label, row.split), row.sample_sha256) for row in self.rows}
        images = [image for image, _ in samples.values()]
        by_bytes: defaultdict[str, list[Image]] = defaultdict(list)
        for image, sha256 in samples.values():
            by_bytes[sha256].append(image)
        if self.source is None:
            self.notes.append("Near-duplicates among the samples were not looked for: their source is not there.")
        else:
            others = [item for item in self.source.scan() if isinstance(item, Sample) and told(item.key) not in samples]
            images += [Image(told(item.key), told(item.label), item.split) for item in others]
            for item in others:
                if digest := _digest(self.source, item.key):
                    by_bytes[digest].append(Image(told(item.key), told(item.label), item.split))
        wanted: list[tuple[Where, str, int]] = [("sample", image.name, 0) for image in images if self.source]
        if self.against is not None:
            for name in files_below(self.against):
                image = Image(name, name.rpartition("/")[0], None, against=True)
                images.append(image)
                wanted.append(("against", name, 0))
                if digest := _digest_of(Path(self.against, name)):
                    by_bytes[digest].append(image)
        seen = {look.name: look for look in self._look("Looking at samples", wanted)}
        return images, seen, [group for group in by_bytes.values() if len(group) > 1]

    def _straddling(self) -> dict[str, list[str]]:
        splits: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.rows:
            splits[row.sample].add(str(row.split))
        return {sample: sorted(some) for sample, some in splits.items() if len(some) > 1}

    def _near(self, images: Sequence[Image], seen: Mapping[str, Look]) -> list[Pair]:
        clear = [image for image in images if image.name in seen and _is_clear(seen[image.name])]
        if len(clear) < 2:
            return []
        hashes = np.stack([seen[image.name].hashes for image in clear])  # type: ignore[misc]
        pairs, crowded = candidates(hashes)
        if crowded:
            self.notes.append(f"Images like so many others that only the nearest were compared: {crowded}.")
        thumbs = [seen[image.name].thumb for image in clear]
        items = ([(*pair, thumbs[pair[0]], thumbs[pair[1]]) for pair in some] for some in _batches(pairs.tolist()))
        found = []
        with self.counting("Comparing", len(pairs)) as advance:
            for some, alike in self.executor.run(Work(MATCHER, {}), items):
                if isinstance(alike, Lost):
                    raise SourceError(f"Thumbnails could not be compared: {alike.why}.")
                for (one, two, *_), value in zip(some, alike, strict=True):
                    if value >= ALIKE and _of_one_colour(seen[clear[one].name], seen[clear[two].name]):
                        found.append(Pair(clear[one], clear[two], min(value, 0.9999)))
                advance(len(some))
        return found

    def _made(
        self, families: Sequence[Sequence[Row]], looks: Mapping[str, Look], seen: Mapping[str, Look]
    ) -> Iterator[Made]:
        for family in families:
            first = family[0]
            original = looks.get(first.path) if first.copy == 0 and first.chain is None else None
            parent = seen.get(first.sample) or original
            for row in family:
                look = looks.get(row.path)
                if row.chain is None or look is None or parent is None:
                    continue
                yield Made(row.path, row.label, row.sample, *_described(look), *_described(parent))

    def _balance(self, sampler: str, weights: str) -> Item:
        outputs = Counter(row.label for row in self.own)
        samples: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.own:
            samples[row.label].add(row.sample)
        had = {told(label): int(counts["has"]) for label, counts in self.classes.items()}
        counts = {label: Count(outputs[label], len(samples[label]), had.get(label, 0)) for label in sorted(outputs)}
        return balance(counts, sampler, weights)


def read_rows(dataset: Dataset) -> Iterator[Row]:
    """What an audit needs of every record, in the order of their paths."""
    for batch in dataset.batches("path", "size", "label", "split", "copy", "chain", "parents"):
        for record in batch.to_pylist():
            parent = record.pop("parents")[0]
            yield Row(**record, sample=parent["key"], sample_sha256=parent["sha256"])


def choose(rows: Iterable[Row], most: int) -> list[list[Row]]:
    """Whole families, each in the order of copies; classes share `most` evenly, samples go by a hash of their keys."""
    families: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        families[row.label, row.sample].append(row)
    of_class: defaultdict[str, list[list[Row]]] = defaultdict(list)
    for (label, _), family in families.items():
        of_class[label].append(sorted(family, key=lambda row: row.copy))
    found: list[list[Row]] = []
    rest, left = most, len(of_class)
    for some in sorted(of_class.values(), key=lambda some: sum(map(len, some))):
        room = rest // left
        left -= 1
        for family in sorted(some, key=lambda family: _hash(family[0].sample)):
            if room <= 0:
                break
            found.append(family)
            room -= len(family)
            rest -= len(family)
    return found


def pairs_of(families: Iterable[Sequence[Row]], most: int) -> list[tuple[Row, Row]]:
    """Original and one copy of families that have both, by a hash of their samples; classes in turn."""
    of_class: defaultdict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for family in families:
        if len(family) > 1 and family[0].copy == 0:
            copy = family[1 + _hash(family[0].sample) % (len(family) - 1)]
            of_class[family[0].label].append((family[0], copy))
    in_order = (sorted(some, key=lambda pair: _hash(pair[0].sample)) for some in of_class.values())
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*in_order))
    return list(itertools.islice((pair for pair in in_turn if pair), most))


def files_below(folder: str) -> list[str]:
    """Paths of the images below a folder, in order."""
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = os.path.relpath(top, folder)
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                found.append(name if below == "." else f"{below}/{name}")
    return sorted(found)


def fills(recipe: Mapping[str, Any]) -> bool:
    """Whether a chain may fill what lies outside a photograph with a colour."""
    told = json.dumps(recipe.get("chains", {}))
    return bool(re.search(r'"constant"|"albumentations\.', told))


def _members(family: Sequence[Row], looks: Mapping[str, Look]) -> Iterator[Member]:
    for row in family:
        look = looks.get(row.path)
        if look and look.shape is not None and look.colour is not None:
            yield Member(row.label, row.copy, look.shape.astype(np.float32), look.colour.astype(np.float32))


def _of_one_colour(one: Look, two: Look) -> bool:
    assert one.colour is not None
    assert two.colour is not None
    return float(np.linalg.norm(one.colour.astype(np.float32) - two.colour.astype(np.float32))) <= _COLOURS_APART


def _described(look: Look) -> tuple[Tones, NDArray[np.float32]]:
    assert look.tones is not None
    assert look.shape is not None
    assert look.colour is not None
    return look.tones, together(look.shape, look.colour)


def _is_clear(look: Look) -> bool:
    return look.thumb is not None and float(look.thumb.std()) >= _PLAIN


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=6).digest())


def _digest(source: Source, key: str) -> str:
    try:
        return hashlib.sha256(source.read(key)).hexdigest()
    except ImageError:
        return ""


def _digest_of(file: Path) -> str:
    try:
        return hashlib.sha256(read_file(file, _MAX_PIXELS)).hexdigest()
    except ImageError:
        return ""


def _some(wanted: Sequence[tuple[Where, str, int]]) -> Iterator[tuple[Where, list[tuple[str, int]]]]:
    for where, some in itertools.groupby(sorted(wanted), key=lambda each: each[0]):
        for batch in _batches([(name, size) for _, name, size in some]):
            yield where, batch


def _batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(items[start : start + _SOME]) for start in range(0, len(items), _SOME))
