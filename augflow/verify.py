"""Prove a data set: that it is what its ledger says, that the ledger is what the plan asked for, and nothing besides.

Every file has a record and every record a file, hashes match, counts are as planned, no family straddles two splits,
the sources are those that the outputs were made from, and nothing lies there that augflow did not make.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow.checker import Look
from augflow.errors import ImageError, SourceError
from augflow.executor import Lost, Work, open_executor
from augflow.ledger import ledger
from augflow.ledger.dataset import Counting, Dataset, DatasetError, silently, source_of
from augflow.plan.plan import ORIGINAL
from augflow.recipe.recipe import Recipe
from augflow.sink.folder import LEDGER, LOCK, RUN, WORKSHOP, is_inside
from augflow.sink.own import is_told
from augflow.source import told

if TYPE_CHECKING:
    import pyarrow as pa

CHECKER = "augflow.checker:Checker"
COLUMNS = (
    "path",
    "key",
    "label",
    "split",
    "group",
    "copy",
    "sha256",
    "size",
    "parents",
    "recipe_digest",
    "plan_digest",
)
NEEDED = ("path", "key", "label", "copy", "sha256", "size", "parents")

KINDS = (
    "unfinished run",
    "no ledger",
    "unreadable ledger",
    "newer ledger",
    "edited ledger",
    "no run.json",
    "unreadable run.json",
    "newer run.json",
    "edited run.json",
    "not signed",
    "edited lock",
    "count",
    "straddling family",
    "missing",
    "changed",
    "not a file",
    "unreadable",
    "foreign file",
    "foreign folder",
    "source missing",
    "source changed",
)
"""Every kind of fault, in the order in which they are told."""

_SOME = 32


class Fault(NamedTuple):
    """Something that is not as it was made: a stable word, what it is about, and the particulars."""

    kind: str
    file: str
    detail: str


@dataclass
class Verification:
    """What was proved, and every fault."""

    outputs: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    sources: int | None = None
    """How many samples of the source were compared; None where they were not."""
    faults: list[Fault] = field(default_factory=list)
    signed: str = ""
    """By whom the data set is signed, where that was asked."""
    notes: list[str] = field(default_factory=list)
    """What was not looked at, and why."""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 1 if self.faults else 0


def verify(
    sink: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    executor: Mapping[str, Any] | None = None,
    fast: bool = False,
    sources: bool = True,
    counting: Counting = silently,
) -> Verification:
    """Verify a data set.

    Args:
        sink, source, executor: settings; without a source, the one that the run was made from.
        fast: files by their size, and by their bytes only where they were written to after the ledger; no sources.
        sources: whether to hash the samples that the outputs were made from.

    Raises:
        AugflowError: there is no data set, or no such source.
    """
    began = time.monotonic()
    work = _Verifier(Dataset(sink), executor or {}, fast, counting)
    if sources and not fast:
        work.open_source(source)
    elif fast:
        work.outcome.notes.append(
            "Fast: files were compared by size, those written to after the ledger by their bytes, and sources were not "
            "looked at."
        )
    outcome = work.verify()
    outcome.faults.sort(key=lambda fault: (KINDS.index(fault.kind), fault))
    outcome.seconds = time.monotonic() - began
    return outcome


class _Verifier:
    def __init__(self, dataset: Dataset, executor: Mapping[str, Any], fast: bool, counting: Counting) -> None:
        self.dataset = dataset
        self.executor = executor
        self.fast = fast
        self.counting = counting
        self.source: Mapping[str, Any] | None = None
        self.outcome = Verification()

    def _fault(self, kind: str, file: str, detail: str) -> None:
        self.outcome.faults.append(Fault(kind, file, detail))

    def open_source(self, given: Mapping[str, Any] | None) -> None:
        """Choose the source whose samples are hashed, if there still is one."""
        try:
            _, self.source = source_of(self.dataset, given)
        except DatasetError:
            return
        except SourceError as error:
            if given:
                raise
            self.outcome.notes.append(f"Sources were not looked at: {error}")

    def verify(self) -> Verification:
        if self.dataset.unfinished:
            self._fault("unfinished run", WORKSHOP, "a run is on, or was interrupted: the same `augflow run` goes on")
        account = self._account()
        table = self._table()
        if table is None:
            self.outcome.notes.append("Files were not compared: there is no ledger to compare them with.")
            return self.outcome
        self._compare_accounts(account, table)
        table = self._sound_rows(table)
        self.outcome.outputs = len(table)
        self.outcome.classes = dict(sorted(Counter(table["label"].to_pylist()).items()))
        self._count(account, table)
        self._keep_families_together(table)
        self._compare_files(account, table)
        return self.outcome

    def _account(self) -> dict[str, Any] | None:
        try:
            return self.dataset.account
        except DatasetError as error:
            self._fault(error.kind, error.file, error.detail)
            return None

    def _table(self) -> pa.Table | None:
        try:
            return self.dataset.table(*COLUMNS)
        except DatasetError as error:
            self._fault(error.kind, error.file, error.detail)
            return None

    def _compare_accounts(self, account: dict[str, Any] | None, table: pa.Table) -> None:
        """Hold `run.json` against itself and against the ledger."""
        if account is None:
            return
        try:
            digest = Recipe.from_json(account["recipe"]).digest
        except (LookupError, TypeError, AttributeError):
            digest = ""
        if digest != account.get("recipe_digest"):
            self._fault("edited run.json", RUN, "its recipe is not the one whose digest it names")
        if "lock_sha256" in account and self._digest(LOCK) != account["lock_sha256"]:
            self._fault("edited lock", LOCK, "its bytes are not those that run.json tells of")
        sealed = account.get("ledger_sha256")
        if sealed is None:
            self.outcome.notes.append("The ledger was not hashed: run.json does not tell its sha256.")
        elif ledger.sha256(self.dataset.root / LEDGER) != sealed:
            self._fault("edited ledger", LEDGER, "its bytes are not those that run.json tells of")
        for name in ("recipe_digest", "plan_digest"):
            found = set(table[name].unique().to_pylist())
            if found - {account.get(name)}:
                self._fault("edited ledger", LEDGER, f"its {name} is not the one in run.json")

    def _digest(self, name: str) -> str:
        """Of a file of the account that may be missing, or no file."""
        try:
            with self.dataset.sink.opened(name) as (file, _):
                return hashlib.file_digest(file, "sha256").hexdigest()
        except ImageError as error:
            return error.kind

    def _sound_rows(self, table: pa.Table) -> pa.Table:
        """Look at the rows themselves, and leave out those that nothing can be said of."""
        import pyarrow as pa

        empty = sum(table[name].null_count for name in NEEDED)
        if empty:
            self._fault("edited ledger", LEDGER, f"{empty} values are missing that every record has")
            for name in NEEDED:
                table = table.filter(table[name].is_valid())
        paths, keys = table["path"].to_pylist(), table["key"].to_pylist()
        if any(one >= other for one, other in itertools.pairwise(paths)):
            self._fault("edited ledger", LEDGER, "its rows are not in the order of their paths, each once")
        for key, times in Counter(keys).items():
            if times > 1:
                self._fault("edited ledger", LEDGER, f"{times} records have the key {key}")
        sound = [is_inside(path) and "/" in path and key in path for path, key in zip(paths, keys, strict=True)]
        for path in itertools.compress(paths, (not fit for fit in sound)):
            self._fault("edited ledger", LEDGER, f"no output has a path like {path!r}")
        return table.filter(pa.array(sound)) if not all(sound) else table

    def _count(self, account: dict[str, Any] | None, table: pa.Table) -> None:
        """Compare the number of records with the plan, class by class; splits that pass have classes of their own."""
        if account is None:
            return
        planned: Counter[tuple[str, bool]] = Counter()
        try:
            passed = {told(split): classes for split, classes in account.get("passed", {}).items()}
            for label, counts in account["classes"].items():
                planned[told(label), True], planned[told(label), False] = counts["originals"], counts["copies"]
            for split, classes in passed.items():
                planned.update({(f"{split}/{told(label)}", True): count for label, count in classes.items()})
        except (LookupError, TypeError, AttributeError):
            self._fault("edited run.json", RUN, "it does not tell how many outputs each class was to have")
            return
        found = Counter(
            (f"{split}/{label}" if split in passed else label, copy == ORIGINAL)
            for split, label, copy in _rows(table, "split", "label", "copy")
        )
        for label, original in sorted(planned.keys() | found.keys()):
            has, wanted = found[label, original], planned[label, original]
            if has != wanted:
                what = "originals" if original else "copies"
                self._fault("count", label, f"{has} {what} have a record, and {wanted} were planned")

    def _keep_families_together(self, table: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        parents, rows = pc.list_flatten(table["parents"]), pc.list_parent_indices(table["parents"])
        whose = {"sample": pc.struct_field(parents, "key"), "group": table["group"]}
        splits = {"sample": table["split"].take(rows), "group": table["split"]}
        for what, names in whose.items():
            family = pa.table({"name": names, "split": splits[what]}).group_by(["name", "split"]).aggregate([])
            seen: dict[str, list[str]] = {}
            for name, split in _rows(family, "name", "split"):
                if name is not None:
                    seen.setdefault(name, []).append(str(split))
            for name, found in seen.items():
                if len(found) > 1:
                    self._fault("straddling family", name, f"outputs of this {what} lie in {', '.join(sorted(found))}")

    def _compare_files(self, account: dict[str, Any] | None, table: pa.Table) -> None:
        expected = {path: (size, sha256) for path, size, sha256 in _rows(table, "path", "size", "sha256")}
        expected |= self._packed(account)
        sealed = self.dataset.sink.sealed()
        missing = {*expected}
        foreign: list[str] = []
        doubtful: list[str] = []
        for found in self.dataset.sink.walk(_folders(expected)):
            if found.kind:
                self._fault(found.kind, found.path, found.detail)
            elif found.path not in expected:
                foreign.append(found.path)
            else:
                missing.discard(found.path)
                if not self.fast or found.size != expected[found.path][0] or found.time > sealed:
                    doubtful.append(found.path)
        files = [(path, *expected[path]) for path in doubtful]
        files += [(path, -1, "") for path in foreign if missing and not self.fast]
        held = self._hash(files, table)
        owners = {expected[path][1]: path for path in (*held, *missing) if path in expected}
        for path in missing:
            self._fault("missing", path, "it has a record and is not there")
        for path in foreign:
            owner = owners.get(held.get(path, ""))
            self._fault("foreign file", path, f"no record; its bytes are those of {owner}" if owner else "no record")
        for index, (kind, path, detail) in enumerate(self.outcome.faults):
            if kind == "changed" and (owner := owners.get(held.get(path, ""))):
                self.outcome.faults[index] = Fault(kind, path, f"{detail}; they are those of {owner}")

    def _packed(self, account: dict[str, Any] | None) -> dict[str, tuple[int, str]]:
        """Size and sha256 of the files in which the sink hands outputs on."""
        try:
            files = (account or {}).get("packed", {}).get("files", {})
            sound = {name: told for name, told in files.items() if is_inside(name) and is_told(told)}
        except AttributeError:
            files, sound = {"": None}, {}
        if sound != files:
            self._fault("edited run.json", RUN, "it does not tell of what files the data set is made up")
        return {name: (told["size"], told["sha256"]) for name, told in sound.items()}

    def _hash(self, files: list[tuple[str, int, str]], table: pa.Table) -> dict[str, str]:
        """Hash files, and the samples they were made from; return what those hold that hold something else."""
        held: dict[str, str] = {}
        parents = _parents(table) if self.source else []
        self.outcome.sources = len({key for key, _ in parents}) if self.source else None
        if not files and not parents:
            return held
        spec = {"sink": self.dataset.settings, "source": self.source}
        items = itertools.chain(_some("files", files), _some("samples", parents))
        with self.counting("Hashing", len(files) + len(parents)) as advance:
            for (what, some), looks in open_executor(self.executor).run(Work(CHECKER, spec), items):
                if isinstance(looks, Lost):
                    looks = [Look("unreadable", name, f"not looked at: {looks.why}") for name, *_ in some]
                for kind, name, detail, sha256 in looks:
                    if what == "files" and sha256:
                        held[name] = sha256
                    if kind:
                        self._fault(kind, name, detail)
                advance(len(some))
        return held


def _rows(table: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[column].to_pylist() for column in columns), strict=True)


def _parents(table: pa.Table) -> list[tuple[str, str]]:
    """Key and sha256 of every sample that something was made from, in the order of keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = pc.list_flatten(table["parents"])
    pairs = pa.table({name: pc.struct_field(flat, name) for name in ("key", "sha256")})
    found = _rows(pairs.group_by(["key", "sha256"]).aggregate([]), "key", "sha256")
    return sorted((key, digest) for key, digest in found if key is not None and digest is not None)


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder above any of `paths`."""
    found: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found


def _some(what: str, items: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    return ((what, items[start : start + _SOME]) for start in range(0, len(items), _SOME))
