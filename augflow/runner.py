"""Make what a recipe asks of a source, and leave a record for every output."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from augflow.engine.chain import Chain
from augflow.engine.time_limit import reason
from augflow.errors import SinkError, SurroundingsError
from augflow.executor import Lost, Work, open_executor
from augflow.ledger import account, ledger
from augflow.ledger.journal import Journal
from augflow.ledger.stock import Stock, asked_of
from augflow.ledger.versions import versions
from augflow.plan.census import Census, take_census
from augflow.plan.names import Namer
from augflow.plan.plan import Plan, Unit
from augflow.recipe import lock
from augflow.recipe.recipe import Recipe
from augflow.registry import Registry
from augflow.report import card
from augflow.sink import Sink, open_sink
from augflow.sink.folder import LEDGER
from augflow.source import Aside, Source, anywhere, decode_timeout, open_source, splits_of

if TYPE_CHECKING:
    from augflow.engine.order import Order

MAKER = "augflow.engine.work:Maker"
_HELD_FOR = 256
"""Samples after which it is seen again whether the sink is still held."""


class Watch:
    """Is told how a run goes; does nothing by itself."""

    def counted(self, samples: int) -> None:
        """So many samples were found so far."""

    def planned(self, plan: Plan, present: Counter[str]) -> None:
        """The plan stands; of each class so many outputs are there already. Told again where it had to change."""

    def under_way(self) -> None:
        """Workers are at it, and there is time; called on another thread than the rest."""

    def made(self, label: str, outputs: int, size: int) -> None:
        """Outputs of a class were made, `size` bytes together; of a split that passes where the label is empty."""

    def aside(self, aside: Aside) -> None:
        """A sample was set aside."""

    def sealing(self) -> None:
        """All is made; the ledger is being written."""

    def packed(self, outputs: int) -> None:
        """So many outputs more lie in the files in which the sink hands them on."""


@dataclass
class Outcome:
    """What a run did."""

    plan: Plan
    made: int = 0
    kept: int = 0
    removed: int = 0
    bytes: int = 0
    seconds: float = 0.0
    aside: list[Aside] = field(default_factory=list)
    left: list[Aside] = field(default_factory=list)
    """What lies in the sink and is not as augflow made it, or not augflow's; it was not touched."""
    converted: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    """What somebody may want to know, in whole sentences."""

    @property
    def exit_code(self) -> int:
        """0 all as asked; 1 something was set aside, left alone or falls short."""
        return 1 if self.aside or self.left or self.plan.falls_short else 0


def run(
    recipe: Recipe,
    source: Mapping[str, Any],
    sink: Mapping[str, Any],
    executor: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    watch: Watch | None = None,
    command: Sequence[str] = (),
    force: bool = False,
    files: Sequence[Mapping[str, str]] = (),
    as_said: Mapping[str, Any] | None = None,
) -> Outcome:
    """Bring the sink to what `recipe` asks of the source, making only what is not there yet.

    Args:
        recipe: from `recipe_reader.read_recipe`.
        source, sink, executor: settings, each with its `kind`.
        plugins: Python files with transforms.
        command: what was typed, kept in `run.json`.
        force: hash every output; make over what was edited, what lies where an output shall, and all where the ledger
            is lost or damaged.
        files: what the recipe came from, for the lock: each by its kind and name, with its sha256.
        as_said: `source` and `plugins` as `run.json` tells them, what came out of the environment not filled in.

    Raises:
        AugflowError: the source, the sink or the recipe cannot be; nothing was touched.
        SurroundingsError: disk or machine gave out; the same call goes on later.
    """
    return _Run(
        recipe, source, sink, executor or {}, plugins, watch or Watch(), command, force, files, as_said or {}
    ).run()


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        source: Mapping[str, Any],
        sink: Mapping[str, Any],
        executor: Mapping[str, Any],
        plugins: Sequence[str],
        watch: Watch,
        command: Sequence[str],
        force: bool,
        files: Sequence[Mapping[str, str]],
        as_said: Mapping[str, Any],
    ) -> None:
        self.began = time.monotonic()
        recipe.demand_files()
        self.recipe = recipe
        self.source: Source = open_source(source)
        self.sink = open_sink(sink)
        self.executor = open_executor(executor)
        self.force = force
        registry = Registry(plugins)
        digests = {name: Chain(name, steps, registry).digest for name, steps in recipe.chains.items()}
        self.namer = Namer(recipe, digests, splits_of(self.source))
        self.watch = watch
        spec = {"recipe": recipe.as_json(), "source": source, "sink": sink, "plugins": list(registry.plugins)}
        self.spec = spec
        self.facts = {
            "command": list(command),
            "source": anywhere(as_said.get("source", source)),
            "plugins": as_said.get("plugins", list(registry.plugins)),
            "plugins_sha256": registry.digests,
        }
        self.registry, self.files = registry, files
        self.journal = Journal(self.sink.workshop)
        self.made: set[str] = set()
        """Outputs of this run, as far as they are known: once a plan had to change."""
        self.converted: set[str] = set()
        """Samples whose conversion was told; a later plan may read them once more."""
        self.strays: set[str] = set()
        """Outputs that may have been written, of samples that were set aside."""
        self.bad: dict[str, Aside] = {}

    def run(self) -> Outcome:
        with _telling_of_the_surroundings(self.sink):
            census = take_census(self.source, seen=self.watch.counted)
            plan = Plan(self.recipe, census)
            folders = [self.namer.folder(label, plan.split) for label in plan.classes]
            self.sink.demand_room(getattr(self.source, "root", None), folders)
            self.sink.demand_safe()
            trusted = self._trusts_the_ledger()
            with self.sink.held(self.force):
                if not trusted:
                    os.unlink(self.sink.desk / LEDGER)
                outcome = Outcome(plan)
                self._bring_about(census, outcome)
                self.sink.end()
        outcome.seconds = time.monotonic() - self.began
        return outcome

    @cached_property
    def versions(self) -> dict[str, str]:
        """What decides pixels and bytes; to look it up takes a hundredth of a second."""
        return versions()

    @cached_property
    def lock(self) -> str:
        """The text of the recipe's lock."""
        return lock.written(self.recipe, lock.lock_of(self.recipe, self.registry, self.files))

    def _ready_the_end(self, plan: Plan) -> None:
        self.watch.under_way()
        self.versions  # noqa: B018
        ledger.import_what_seals()
        plan.digest  # noqa: B018
        with contextlib.suppress(Exception):  # Whatever it is, it is met again where the lock is needed.
            self.lock  # noqa: B018

    def _trusts_the_ledger(self) -> bool:
        """Whether the ledger may be gone by; without `force` what cannot be is an error."""
        digest = None
        if not self.journal.exists():  # Else the last run may have ended between ledger and account.
            digest = account.read(self.sink.desk).get("ledger_sha256")
        try:
            ledger.demand_sound(self.sink.desk / LEDGER, digest)
        except ledger.NewerLedgerError:
            raise
        except SinkError:
            if not self.force:
                raise
            return False
        return True

    def _bring_about(self, census: Census, outcome: Outcome) -> None:
        resumed = self.journal.exists()
        stock = Stock(self.sink, self.journal, self.force)
        while True:
            asked: set[str] | None = None
            if stock.entries or stock.sizes:
                asked = asked_of(outcome.plan, self.namer)
                stock.compare(asked, census, self.source)
            if not self._make(outcome, stock):
                break
            census = take_census(self.source, frozenset(self.bad))
            outcome.plan = Plan(self.recipe, census)
        outcome.aside = sorted([*census.aside, *self.bad.values()])
        self._settle(outcome, stock, asked, resumed)

    def _make(self, outcome: Outcome, stock: Stock) -> bool:
        """Make what the plan asks for and is not there; say whether samples had to be set aside."""
        plan = outcome.plan
        labels = {self.namer.folder(label, plan.split): label for label in plan.classes}
        there = (path.rpartition("/")[0] for path in stock.present | self.made)
        self.watch.planned(plan, Counter(labels.get(folder, "") for folder in there))
        before = len(self.bad)
        skip = stock.kept | stock.blocked | self.made
        self.journal.open()
        work = Work(MAKER, {**self.spec, "run": self.journal.run})
        readying = threading.Thread(target=self._ready_the_end, args=(plan,))
        for order, done in self.executor.run(work, self._orders(plan, skip)):
            if readying.ident is None:  # Once the workers are at it, the driver has time.
                readying.start()
            if isinstance(done, Lost):
                self._set_aside(order, *reason(done, decode_timeout(self.source)))
            elif done.kind:
                self._set_aside(order, done.kind, done.detail)
            else:
                outcome.made += done.outputs
                outcome.bytes += done.bytes
                if done.converted and order[1] not in self.converted:
                    self.converted.add(order[1])
                    outcome.converted.update(done.converted)
                self.watch.made("" if self.namer.passes(order[3]) else order[0], done.outputs, done.bytes)
        if len(self.bad) == before:
            return False
        self.sink.collect()
        self.made = self.journal.made()
        return True

    def _set_aside(self, order: Order, kind: str, detail: str) -> None:
        label, key, copies, split, group = order
        unit = Unit(label, key, copies[0], copies[-1] + 1, split, group)
        self.strays.update(map(self.namer.of(unit).path, copies))
        self.bad[key] = Aside(key, kind, detail)
        self.watch.aside(self.bad[key])

    def _orders(self, plan: Plan, skip: set[str]) -> Iterator[Order]:
        for number, unit in enumerate(plan.units()):
            if not number % _HELD_FOR:
                self.sink.demand_held()
            copies: Sequence[int] = range(unit.first, unit.end)
            if skip:
                path = self.namer.of(unit).path
                copies = [copy for copy in copies if path(copy) not in skip]
            if copies:
                yield unit.label, unit.key, tuple(copies), unit.split, unit.group

    def _settle(self, outcome: Outcome, stock: Stock, asked: set[str] | None, resumed: bool) -> None:
        """Remove what the plan does not ask for, and seal the ledger."""
        self.facts = {"versions": self.versions, **self.facts, **getattr(self.executor, "facts", dict)()}
        self.watch.sealing()
        plan = outcome.plan
        if asked is None and self.strays:
            asked = asked_of(plan, self.namer)
        if asked is not None:
            new = self.made | self.strays
            outcome.removed = self.sink.remove((new - asked) | stock.unasked(asked | new))
            outcome.kept = len(stock.kept)
            outcome.left = stock.left(asked)
        if outcome.kept:
            outcome.notes = self._edited_plugins()
        fresh = outcome.made or outcome.removed or resumed or not self._sealed(plan)
        if fresh:
            self.journal.open()  # As long as it is there, ledger and account need not agree.
            self.sink.collect()
            self.sink.settle()
            ledger.seal(self.sink.desk / LEDGER, self.journal, asked, self.recipe.digest, plan.digest)
        packed, strange = self.sink.pack(self.force, self.watch.packed)
        outcome.left += (Aside(found.path, found.kind, found.detail) for found in strange)
        if fresh or packed != account.read(self.sink.desk).get("packed", {}):
            told = self.recipe, plan, outcome.aside, self.facts, self.lock, outcome.kept > 0, packed
            account.write(self.sink.desk, self.sink.workshop, *told)
        if self.sink.card:
            text = card.card(plan, self.namer, outcome.aside, self.sink.desk / LEDGER)
            outcome.left += card.renew(self.sink.desk, self.sink.workshop, text, self.force)
        self.sink.publish()

    def _edited_plugins(self) -> list[str]:
        before, now = account.read(self.sink.desk).get("plugins_sha256", {}), self.registry.digests
        return [
            f"{file} is not as it was when outputs that were kept were made. Where their pixels would come out "
            "otherwise, raise the `version` of the transform."
            for file, digest in now.items()
            if before.get(file, digest) != digest
        ]

    def _sealed(self, plan: Plan) -> bool:
        """Whether ledger and account of this very plan lie there."""
        if not (self.sink.desk / LEDGER).exists():
            return False
        return bool(account.read(self.sink.desk).get("plan_digest") == plan.digest)


@contextlib.contextmanager
def _telling_of_the_surroundings(sink: Sink) -> Iterator[None]:
    kept = "What was made so far is kept; the same command goes on from there."
    try:
        yield
    except OSError as error:
        raise SurroundingsError(f"{error.strerror or error}: {error.filename or sink.name}. {kept}") from error
    except MemoryError as error:
        raise SurroundingsError(f"There is not enough memory. {kept}") from error
