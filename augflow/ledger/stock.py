"""What a sink holds, against what a plan asks for: what is kept, what is made, what is removed, what is not ours.

An output is kept where it has a record, a file of the size that this tells, and sources that still have the bytes it
was made from. These are hashed on every run: nothing else tells a replaced source for sure, and reading them once
costs a tenth of making what comes of them. Outputs are hashed before they are removed or made over, those made since
an interruption before they are kept, and with `thorough` all of them.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from augflow.errors import ImageError
from augflow.ledger import ledger
from augflow.ledger.journal import Entry, Journal
from augflow.plan.census import Census
from augflow.plan.names import Namer
from augflow.plan.plan import Plan
from augflow.registry import Registry
from augflow.sink import Sink
from augflow.sink.folder import LEDGER
from augflow.sink.own import raise_if_surroundings
from augflow.source import Aside, Source, splits_of, told

T = TypeVar("T")

_AT_ONCE = 4096


class Change(NamedTuple):
    """What a run would do in one class."""

    make: int
    keep: int
    remove: int


def asked_of(plan: Plan, namer: Namer) -> set[str]:
    """Paths of all outputs that a plan asks for."""
    named = ((namer.of(unit), range(unit.first, unit.end)) for unit in plan.units())
    return {names.path(copy) for names, copies in named for copy in copies}


def foresee(
    plan: Plan, census: Census, source: Source, sink: Sink, plugins: Sequence[str] = ()
) -> tuple[dict[str, Change], list[Aside]] | None:
    """What a run would change in a sink, by class folder, and what it would leave alone; None where nothing is there.

    Raises:
        SinkError: the ledger cannot be gone by.
    """
    sink.demand_safe()
    journal = Journal(sink.workshop)
    if not journal.exists() and not (sink.desk / LEDGER).exists():
        return None
    from augflow.engine.chain import Chain  # It brings what makes pixels, which a plan alone can do without.

    ledger.demand_sound(sink.desk / LEDGER)
    registry = Registry(plugins)
    digests = {name: Chain(name, steps, registry).digest for name, steps in plan.recipe.chains.items()}
    asked = asked_of(plan, Namer(plan.recipe, digests, splits_of(source)))
    stock = Stock(sink, journal)
    stock.compare(asked, census, source)
    return stock.changes(asked), stock.left(asked)


class Stock:
    """What a sink holds.

    Args:
        thorough: hash every output; what differs from its record, and what lies where an output shall, is made over.
    """

    def __init__(self, sink: Sink, journal: Journal, thorough: bool = False) -> None:
        self.sink = sink
        self.thorough = thorough
        self.entries: dict[str, Entry | None] = dict(ledger.entries(sink.desk / LEDGER))
        journalled = dict(journal.entries())
        self.entries |= journalled
        self._recent = journalled.keys()
        self.sizes = dict(sink.sizes())
        self.edited: dict[str, str] = {}
        """Outputs that are not as their records tell, and how they differ."""
        self._sound: set[str] = set()
        self._digests: dict[str, set[str]] = defaultdict(set)
        self._hashed: set[str] = set()
        for path, size in self.sizes.items():
            entry = self.entries.get(path)
            if entry is None or not size:
                continue  # Foreign, just begun, or torn by a power cut.
            if size == entry.size:
                self._sound.add(path)
            else:
                self.edited[path] = "no regular file" if size < 0 else f"{size} bytes, and its record says {entry.size}"
        self.present: set[str] = set()
        """Outputs that are there as their records tell, made from sources as they are now; asked for or not."""
        self.kept: set[str] = set()
        """Those of them that are asked for."""
        self.blocked: set[str] = set()
        """Paths that are asked for and must be left as they are."""

    def compare(self, asked: set[str], census: Census, source: Source) -> None:
        """Find out what of `asked` is there and as it shall be, and what must be left alone."""
        here = self._sound & asked
        stale = self._stale(here, census, source)
        doubtful = self._sound - here | stale | (self._sound & self._recent)
        self._hash(self._sound if self.thorough else doubtful)
        self.present = self._sound - stale
        self.kept = self.present & asked
        self.blocked = set() if self.thorough else asked & (self.edited.keys() | {*self._foreign()})

    def _stale(self, paths: set[str], census: Census, source: Source) -> set[str]:
        """Those whose sources have other bytes now, or none."""
        needed = {key for path in paths for key, _ in self._entry(path).parents}
        needed -= self._digests.keys()

        def read(key: str) -> tuple[str, str]:
            try:
                return told(key), hashlib.sha256(source.read(key)).hexdigest()
            except ImageError:
                return told(key), ""

        for key, digest in _at_once(read, (sample.key for sample in census.samples() if told(sample.key) in needed)):
            self._digests[key].add(digest)
        return {
            path
            for path in paths
            if any(digest not in self._digests.get(key, ()) for key, digest in self._entry(path).parents)
        }

    def _entry(self, path: str) -> Entry:
        entry = self.entries[path]
        assert entry is not None
        return entry

    def _hash(self, paths: Iterable[str]) -> None:
        """Tell the edited from the sound by content."""

        def differs(path: str) -> tuple[str, bool]:
            try:
                with self.sink.opened(path) as (file, _):
                    return path, hashlib.file_digest(file, "sha256").digest() != self._entry(path).sha256
            except ImageError as error:
                raise_if_surroundings(error)
                return path, True

        fresh = [path for path in paths if path not in self._hashed]
        for path, other in _at_once(differs, fresh):
            if other:
                self.edited[path] = "its bytes are not those that its record tells"
                self._sound.discard(path)
        self._hashed.update(fresh)

    def _foreign(self) -> Iterator[str]:
        return (path for path in self.sizes if path not in self.entries)

    def unasked(self, asked: set[str]) -> set[str]:
        """Outputs that augflow made, that nothing asks for any more and that are as they were made."""
        paths = self.entries.keys() - asked
        self._hash(paths & self._sound)
        return paths if self.thorough else paths - self.edited.keys()

    def left(self, asked: set[str]) -> list[Aside]:
        """What is not augflow's, or not as augflow made it, and so was left alone."""
        found = [] if self.thorough else [Aside(path, "edited output", why) for path, why in self.edited.items()]
        folders = {path.rpartition("/")[0] for path in itertools.chain(self.entries, asked)}
        strange: Counter[str] = Counter()
        for path in self._foreign():
            folder = path.rpartition("/")[0]
            if folder not in folders:
                strange[folder] += 1
            elif path not in asked or not self.thorough:
                found.append(Aside(path, "foreign file", "augflow did not make it"))
        found += [Aside(folder, "foreign folder", f"{count} files") for folder, count in strange.items()]
        return sorted(found)

    def changes(self, asked: set[str]) -> dict[str, Change]:
        """What a run would make, keep and remove, by class folder."""
        unasked = self.unasked(asked) & self.sizes.keys()
        make, keep, remove = (
            Counter(path.rpartition("/")[0] for path in paths)
            for paths in (asked - self.kept - self.blocked, self.kept, unasked)
        )
        return {label: Change(make[label], keep[label], remove[label]) for label in sorted({*make, *keep, *remove})}


def _at_once(work: Callable[[str], T], items: Iterable[str]) -> Iterator[T]:
    """Do the same with every item, in threads: reading and hashing let go of the interpreter."""
    rest = iter(items)
    with ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        while some := list(itertools.islice(rest, _AT_ONCE)):
            yield from pool.map(work, some)
