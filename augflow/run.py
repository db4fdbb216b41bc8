"""Make what a recipe asks of a source, and leave a record for every output."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from augflow import ledger
from augflow.census import take_census
from augflow.chain import Chain
from augflow.errors import SurroundingsError
from augflow.executor import Lost, Work, open_executor
from augflow.plan import Namer, Plan
from augflow.recipe import Recipe
from augflow.registry import Registry
from augflow.sink import open_sink
from augflow.sink.folder import LEDGER, LOCK, RUN, FolderSink
from augflow.source import Aside, Source, open_source
from augflow.versions import versions

MAKER = "augflow.work:Maker"


class Watch:
    """Is told how a run goes; does nothing by itself."""

    def counted(self, samples: int) -> None:
        """So many samples were found so far."""

    def planned(self, plan: Plan, present: Counter[str]) -> None:
        """The plan stands; of each class so many outputs are there already. Told again where it had to change."""

    def made(self, label: str, outputs: int, size: int) -> None:
        """Outputs of a class were made, `size` bytes together."""

    def aside(self, aside: Aside) -> None:
        """A sample was set aside."""

    def sealing(self) -> None:
        """All is made; the ledger is being written."""


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
    converted: Counter[str] = field(default_factory=Counter)

    @property
    def exit_code(self) -> int:
        """0 all as asked; 1 something was set aside or falls short."""
        return 1 if self.aside or self.plan.falls_short else 0


def run(
    recipe: Recipe,
    source: Mapping[str, Any],
    sink: Mapping[str, Any],
    executor: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    watch: Watch | None = None,
    command: Sequence[str] = (),
) -> Outcome:
    """Bring the sink to what `recipe` asks of the source, making only what is not there yet.

    Args:
        recipe: from `recipe_reader.read_recipe`.
        source, sink, executor: settings, each with its `kind`.
        plugins: Python files with transforms.
        command: what was typed, kept in `run.json`.

    Raises:
        AugflowError: the source, the sink or the recipe cannot be; nothing was touched.
        SurroundingsError: disk or machine gave out; the same call goes on later.
    """
    return _Run(recipe, source, sink, executor or {}, plugins, watch or Watch(), command).run()


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
    ) -> None:
        self.began = time.monotonic()
        self.recipe = recipe
        self.source: Source = open_source(source)
        self.sink: FolderSink = open_sink(sink)
        self.executor = open_executor(executor)
        registry = Registry(plugins)
        digests = {name: Chain(name, steps, registry).digest for name, steps in recipe.chains.items()}
        self.namer = Namer(recipe, digests)
        self.watch = watch
        spec = {"recipe": recipe.as_json(), "source": source, "sink": sink, "plugins": list(registry.plugins)}
        self.work = Work(MAKER, spec)
        self.facts = {
            "versions": versions(),
            "command": list(command),
            "source": dict(source),
            "plugins": list(registry.plugins),
        }
        self.present: dict[str, int] = {}
        self.bad: dict[str, Aside] = {}

    def run(self) -> Outcome:
        census = take_census(self.source, seen=self.watch.counted)
        plan = Plan(self.recipe, census)
        with self.sink.held(), _telling_of_the_surroundings(self.sink):
            self.journal = ledger.Journal(self.sink.workshop / "journal.jsonl")
            self.present = self._present()
            earlier = dict(self.present)
            outcome = Outcome(plan)
            try:
                while self._make(plan, outcome):
                    census = take_census(self.source, frozenset(self.bad))
                    plan = Plan(self.recipe, census)
            finally:
                self.journal.close()
            outcome.plan = plan
            outcome.aside = sorted([*census.aside, *self.bad.values()])
            self._settle(plan, outcome, earlier)
        outcome.seconds = time.monotonic() - self.began
        return outcome

    def _present(self) -> dict[str, int]:
        """Outputs with a record, and a file of the size that it tells."""
        recorded = dict(ledger.outputs(self.sink.root / LEDGER))
        recorded |= self.journal.outputs()
        on_disk = dict(self.sink.sizes()) if recorded else {}
        return {path: size for path, size in recorded.items() if on_disk.get(path) == size}

    def _make(self, plan: Plan, outcome: Outcome) -> bool:
        """Make what the plan asks for and is not there; say whether samples had to be set aside."""
        self.watch.planned(plan, Counter(path.rpartition("/")[0] for path in self.present))
        before = len(self.bad)
        for order, made in self.executor.run(self.work, self._orders(plan, dict(self.present))):
            if isinstance(made, Lost):
                self._set_aside(order[1], "worker died", made.why)
            elif made.kind:
                self._set_aside(order[1], made.kind, made.detail)
            else:
                self.journal.append(made.records)
                outcome.made += len(made.records)
                outcome.bytes += made.bytes
                self.present.update(made.outputs)
                outcome.converted.update(made.converted)
                self.watch.made(order[0], len(made.records), made.bytes)
        return len(self.bad) > before

    def _set_aside(self, key: str, kind: str, detail: str) -> None:
        self.bad[key] = Aside(key, kind, detail)
        self.watch.aside(self.bad[key])

    def _orders(self, plan: Plan, present: Mapping[str, int]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        for unit in plan.units():
            copies: Sequence[int] = range(unit.first, unit.end)
            if present:
                copies = [copy for copy in copies if self._path(unit, copy) not in present]
            if copies:
                yield unit.label, unit.key, tuple(copies)

    def _path(self, unit: Any, copy: int) -> str:
        return self.namer.name(unit, copy, self.namer.chain(unit, copy))[1]

    def _settle(self, plan: Plan, outcome: Outcome, earlier: Mapping[str, int]) -> None:
        """Remove what the plan does not ask for, seal the ledger, and clear the workshop away."""
        self.watch.sealing()
        wanted = None
        if len(self.present) > plan.outputs or earlier:
            wanted = {self._path(unit, copy) for unit in plan.units() for copy in range(unit.first, unit.end)}
            unwanted = self.present.keys() - wanted
            self.sink.remove(unwanted)
            outcome.removed = len(unwanted)
            outcome.kept = len(earlier.keys() & wanted)
        if outcome.made or outcome.removed or not self._sealed(plan):
            ledger.seal(self.sink.root / LEDGER, self.journal, wanted, self.recipe.digest, plan.digest)
            ledger.write_json(self.sink.root / RUN, self._account(plan, outcome))
            ledger.write_whole(self.sink.root / LOCK, _as_yaml(self.recipe))
        self.sink.end()

    def _sealed(self, plan: Plan) -> bool:
        """Whether ledger and account of this very plan lie there, and nothing since."""
        account = self.sink.root / RUN
        if self.journal.path.exists() or not (self.sink.root / LEDGER).exists() or not account.exists():
            return False
        return bool(json.loads(account.read_text(encoding="utf-8")).get("plan_digest") == plan.digest)

    def _account(self, plan: Plan, outcome: Outcome) -> dict[str, Any]:
        return {
            "format": ledger.FORMAT,
            "recipe_digest": self.recipe.digest,
            "plan_digest": plan.digest,
            "ledger_sha256": ledger.sha256(self.sink.root / LEDGER),
            "classes": {
                label: {"has": done.has, "target": done.target, "originals": done.originals, "copies": done.copies}
                for label, done in plan.classes.items()
            },
            "aside": [aside._asdict() for aside in outcome.aside],
            **self.facts,
            "recipe": self.recipe.as_json(),
        }


def _as_yaml(recipe: Recipe) -> str:
    return _LOCK_HEAD + yaml.safe_dump(dict(recipe.plain), sort_keys=False, allow_unicode=True, width=110)


_LOCK_HEAD = "# The recipe of this data set, as it was composed: augflow run recipe.lock.yaml\n"


@contextlib.contextmanager
def _telling_of_the_surroundings(sink: FolderSink) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SurroundingsError(
            f"{error.strerror or error}: {error.filename or sink.root.absolute()}. What was made so far is kept; "
            "the same command goes on from there."
        ) from error
