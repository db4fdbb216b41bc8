"""A run ends with what a quick sample says of the hint."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from augflow import cli
from augflow.audit.quick import quick_hint

MakeSet = Callable[..., Any]
CHAIN = {"flip": {}, "rotate": {"limit": 25, "border": "reflect"}}


@pytest.mark.parametrize(("originals", "verdicts"), [("keep", {"bad"}), ("augment", {"ok", "unknown"})])
def test_the_sample_says_what_the_audit_would(
    originals: str, verdicts: set[str], drawn: Path, make_set: MakeSet, tmp_path: Path
) -> None:
    make_set({"version": 1, "originals": originals, "chain": "c", "chains": {"c": CHAIN}}, drawn, tmp_path / "sink")
    sink = {"kind": "folder", "root": str(tmp_path / "sink")}
    found = quick_hint(sink, time.monotonic() + 60)
    assert found is not None
    assert found.verdict in verdicts
    assert quick_hint(sink, time.monotonic()) is None


def test_run_tells_it_and_leaves_it_out_where_asked(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augflow.verbs.run._SHARE", 100.0)
    words = ["run", "recipe.originals=keep", f"source.root={drawn}", "executor.workers=2", "recipe.target=450"]
    assert cli.main([*words, f"sink.root={tmp_path / 'told'}"]) == 0
    assert "Hint, by a quick sample: bad. Copies are told from originals" in capsys.readouterr().out
    assert cli.main([*words, f"sink.root={tmp_path / 'json'}", "--format", "json"]) == 0
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    assert found["hint"]["verdict"] == "bad"
    assert cli.main([*words, f"sink.root={tmp_path / 'silent'}", "--no-audit"]) == 0
    assert "audit" not in capsys.readouterr().out


def test_a_run_too_short_for_it_says_who_tells(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augflow.verbs.run._SHARE", 0.0)
    words = [f"source.root={drawn}", f"sink.root={tmp_path / 'sink'}", "executor.workers=2", "recipe.target=430"]
    assert cli.main(["run", *words]) == 0
    assert "`augflow audit` tells" in capsys.readouterr().out
