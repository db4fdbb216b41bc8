"""A finished data set, described by a standard that others read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from augflow.errors import SinkError
from augflow.exporting.croissant import croissant
from augflow.exporting.prov import prov
from augflow.ledger import ledger
from augflow.ledger.dataset import Counting, Dataset, DatasetError, silently
from augflow.sink.folder import CROISSANT, LEDGER, PROV

FILES = {"croissant": CROISSANT, "prov": PROV}
"""Standard → its file in a data set."""


def finished(sink: Mapping[str, Any]) -> tuple[Dataset, str]:
    """Open a data set on which no run is at work; return it with the sha256 of its ledger.

    Raises:
        SinkError: there is none, or it is not finished.
        DatasetError: it is damaged, or its ledger is not the one that its last run left.
    """
    dataset = Dataset(sink)
    if dataset.unfinished:
        raise SinkError(
            f"sink.root: {dataset.sink.name} is not finished: a run is on, or was interrupted. The same `augflow run` "
            "goes on."
        )
    dataset.ledger.metadata  # noqa: B018  It tells where there is none.
    digest = ledger.sha256(dataset.root / LEDGER)
    if dataset.account.get("ledger_sha256", digest) != digest:
        raise DatasetError("edited ledger", LEDGER, "its bytes are not those that run.json tells of")
    return dataset, digest


def describe(dataset: Dataset, ledger_sha256: str, standard: str, counting: Counting = silently) -> Iterator[str]:
    """Yield the description by `croissant` or `prov`, which is JSON, piece by piece.

    Raises:
        DatasetError: the data set cannot be read.
    """
    if standard == "prov":
        yield from prov(dataset, ledger_sha256, counting)
    else:
        yield json.dumps(croissant(dataset, ledger_sha256), indent=2, ensure_ascii=False) + "\n"
