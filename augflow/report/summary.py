"""What a data set holds, added up: by class, by what was made of it, by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from augflow.ledger.dataset import Dataset
from augflow.plan.plan import ORIGINAL
from augflow.source import told


@dataclass
class ClassFigures:
    """One class of the split that was augmented."""

    label: str
    before: int
    target: int
    originals: int = 0
    copies: int = 0
    per_sample: Counter[int] = field(default_factory=Counter)
    """Number of copies → samples with so many."""

    @property
    def after(self) -> int:
        return self.originals + self.copies

    @property
    def short(self) -> int:
        return max(0, self.target - self.after)

    @property
    def mean_copies(self) -> float:
        samples = sum(self.per_sample.values())
        return self.copies / samples if samples else 0.0


@dataclass
class Summary:
    """Figures of a data set."""

    classes: list[ClassFigures]
    """Those with the most samples first."""
    outputs: int
    bytes: int
    made: Counter[tuple[bool, str | None, bool]]
    """(whether a copy, chain, whether the source's own bytes) → outputs of the split that was augmented."""
    converted: Counter[str]
    passed: dict[str, int]
    left_out: dict[str, int]
    aside: list[Mapping[str, str]]
    split: str | None

    @property
    def before(self) -> int:
        return sum(line.before for line in self.classes)

    @property
    def after(self) -> int:
        return sum(line.after for line in self.classes)

    @property
    def copies(self) -> int:
        return sum(line.copies for line in self.classes)

    @property
    def per_sample(self) -> Counter[int]:
        return sum((line.per_sample for line in self.classes), Counter[int]())

    def imbalance(self, of: str) -> float | None:
        """The largest class divided by the smallest, `before` or `after`; None where one is empty."""
        counts = [getattr(line, of) for line in self.classes]
        return max(counts) / min(counts) if counts and min(counts) else None


def summarise(dataset: Dataset) -> Summary:
    """Add up a data set's ledger, beside what its `run.json` says.

    Raises:
        DatasetError: either is missing or damaged.
    """
    import pyarrow.compute as pc

    account = dataset.account
    split = account.get("split")
    lines = {
        told(label): ClassFigures(told(label), counts["has"], counts["target"])
        for label, counts in account["classes"].items()
    }
    table = dataset.table("label", "split", "copy", "size", "chain", "render", "parents", "converted")
    of_split = table if split is None else table.filter(pc.equal(table["split"], told(split)))
    made: Counter[tuple[bool, str | None, bool]] = Counter()
    grouped = (
        of_split.select(["label", "chain"])
        .append_column("copied", pc.greater(of_split["copy"], ORIGINAL))
        .append_column("kept", pc.is_null(of_split["render"]))
        .group_by(["label", "chain", "copied", "kept"])
        .aggregate([([], "count_all")])
    )
    for row in grouped.to_pylist():
        line = lines.setdefault(row["label"], ClassFigures(row["label"], 0, 0))
        made[row["copied"], row["chain"], row["kept"]] += row["count_all"]
        if row["copied"]:
            line.copies += row["count_all"]
        else:
            line.originals += row["count_all"]
    _count_copies(of_split, lines)
    flat = pc.list_flatten(table["converted"]).value_counts().to_pylist()
    return Summary(
        sorted(lines.values(), key=lambda line: (-line.before, line.label)),
        len(table),
        pc.sum(table["size"]).as_py() or 0,
        made,
        Counter({item["values"]: item["counts"] for item in flat}),
        {told(name): sum(counts.values()) for name, counts in account.get("passed", {}).items()},
        {told(name): sum(counts.values()) for name, counts in account.get("left_out", {}).items()},
        [{name: told(str(value)) for name, value in item.items()} for item in account.get("aside", [])],
        split and told(split),
    )


def _count_copies(table: Any, lines: Mapping[str, ClassFigures]) -> None:
    """Count each sample's copies; a sample without any is one that the class had and that no record's copy names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    copies = table.filter(pc.greater(table["copy"], ORIGINAL))
    keys = pc.struct_field(pc.list_element(copies["parents"], 0), "key") if len(copies) else pa.array([], pa.string())
    sampled = pa.table({"label": copies["label"], "key": keys})
    by_sample = sampled.group_by(["label", "key"]).aggregate([([], "count_all")])
    by_count = by_sample.group_by(["label", "count_all"]).aggregate([([], "count_all")])
    for label, copied, samples in zip(*(by_count.column(number).to_pylist() for number in range(3)), strict=True):
        lines[label].per_sample[copied] += samples
    for line in lines.values():
        without = line.before - sum(line.per_sample.values())
        if without > 0:
            line.per_sample[0] += without
