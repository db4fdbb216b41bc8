"""Work that takes several items is given several, and still only what ends its process is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from augflow_ray.executor import RayExecutor

from augflow.executor import Lost, Work

MODULE = """
import os, signal

class Work:
    def __init__(self, spec):
        self.kills, self.fails = spec.get("kills", []), spec.get("fails", [])

    def __call__(self, item):
        return self.several([item])[0]

    def several(self, items):
        if {*items} & {*self.kills}:
            os.kill(os.getpid(), signal.SIGKILL)
        if {*items} & {*self.fails}:
            raise LookupError(f"among {len(items)} items")
        return [(item, len(items)) for item in items]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "gathering.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def call(**spec: list[int]) -> dict[int, Any]:
        return dict(RayExecutor(workers=2, batch_size=64).run(Work("gathering:Work", spec), range(300)))

    return call


def test_items_come_together(run: Any) -> None:
    found = run()
    assert [found[item][0] for item in range(300)] == [*range(300)]
    assert max(count for _, count in found.values()) > 8


def test_what_ends_its_process_is_found_among_them(run: Any) -> None:
    found = run(kills=[7, 250, 251])
    assert {item for item, result in found.items() if isinstance(result, Lost)} == {7, 250, 251}
    assert len(found) == 300


def test_what_the_work_raises_stops_the_run(run: Any) -> None:
    with pytest.raises(LookupError, match=r"among \d+ items"):
        run(fails=[200])
