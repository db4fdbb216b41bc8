"""The report of a data set: one page that holds all it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import yaml

from augflow import __version__
from augflow.errors import SourceError
from augflow.ledger.dataset import Counting, Dataset, silently
from augflow.report import draws
from augflow.report.command import replay
from augflow.report.drawn import BINS, MOST, drawn
from augflow.report.gallery import MOST as SHOWN
from augflow.report.gallery import Gallery, Shown, gallery, is_original
from augflow.report.page import page
from augflow.report.summary import Summary, summarise
from augflow.sink.folder import LOCK, is_inside
from augflow.source import Source, open_source, told

TOP = 40
"""Classes in the first chart; a table holds the others."""

LISTED = 200
"""Lines of what was set aside."""


class Report:
    """What the page of a data set shows, and what is wrong with what it shows.

    Args:
        sink: settings.
        source: settings; without them the source that the run names, where it is still there.
        plugins: Python files with transforms; those that the run used are not loaded unless named here.
        audit: what an audit found, as plain data: `outputs`, `looked_at`, `notes`, and `items`, each with `name`,
            `verdict`, `says`, `figures` (`name`, `value`, `low`, `high`), `findings` (`kind`, `about`, `detail`) and
            `advice`.
        linked: whether the page will lie in the data set's root, so that it can link to the files.

    Raises:
        SinkError: there is no data set, or it is damaged.
    """

    def __init__(
        self,
        sink: Mapping[str, Any],
        source: Mapping[str, Any] | None = None,
        plugins: Sequence[str] = (),
        audit: Mapping[str, Any] | None = None,
        linked: bool = True,
        counting: Counting = silently,
    ) -> None:
        self.dataset = Dataset(sink)
        self.summary: Summary = summarise(self.dataset)
        self.no_source = ""
        self._moved = source.get("root") if source else None
        self._plugins = [*plugins] or self.dataset.account.get("plugins", [])
        opened = self._open_source(source)
        with counting("Records", self.summary.outputs) as advance:
            self.chains = drawn(self.dataset, plugins, advance)
        with counting("Pictures", min(SHOWN, self.summary.outputs)) as advance:
            self.gallery: Gallery = gallery(self.dataset, opened, seen=advance)
        self._audit = audit
        self._linked = linked

    def _open_source(self, source: Mapping[str, Any] | None) -> Source | None:
        try:
            return open_source(source or self.dataset.source)
        except (SourceError, TypeError) as error:
            if source:
                raise
            self.no_source = str(error)
            return None

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Path and fault of outputs in the gallery that are not as their records say."""
        return self.gallery.faults

    def html(self) -> str:
        """The page."""
        account = self.dataset.account
        return page(
            "report.html.j2",
            "report.js",
            name=told(PurePath(self.dataset.sink.name).name),
            version=__version__,
            summary=self.summary,
            most=max((max(line.before, line.after, line.target) for line in self.summary.classes), default=1) or 1,
            most_copies=max((line.mean_copies for line in self.summary.classes), default=0.0) or 1,
            top=TOP,
            listed=LISTED,
            chains=self.chains,
            chain_names=sorted({one.record["chain"] for one in self.gallery.shown if one.record["chain"]}),
            labels=sorted({one.record["label"] for one in self.gallery.shown}),
            bins=BINS,
            most_drawn=MOST,
            gallery=self.gallery,
            tiles=[self._tile(one) for one in self.gallery.shown],
            no_source=self.no_source,
            audit=self._audit,
            account=account,
            command=" ".join(map(told, account.get("command", []))),
            recipe=self._recipe(),
            number=draws.number,
            told=told,
        )

    def _recipe(self) -> str:
        try:
            return (self.dataset.root / LOCK).read_text(encoding="utf-8", errors="backslashreplace")
        except OSError:
            return yaml.safe_dump(self.dataset.account["recipe"], sort_keys=False, allow_unicode=True)

    def _tile(self, one: Shown) -> dict[str, Any]:
        """What the page's script knows of an output."""
        record = one.record
        return {
            "record": record,
            "what": "original" if is_original(record) else f"copy {record['copy']}",
            "fault": one.fault,
            "parents": one.parents,
            "fired": draws.fired(record["steps"]),
            "replay": replay(record["key"], told(self.dataset.settings["root"]), self._moved, self._plugins),
            "file": quote(record["path"], errors="backslashreplace") if self._linked and self._lies(record) else None,
        }

    def _lies(self, record: Mapping[str, Any]) -> bool:
        """Whether an output is a file of its own."""
        return is_inside(record["path"]) and (self.dataset.root / record["path"]).is_file()


def write(html: str, to: Path) -> None:
    """Write a page, whole or not at all."""
    from augflow.ledger.ledger import write_text

    write_text(to, html)
