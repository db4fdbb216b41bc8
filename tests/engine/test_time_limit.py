"""An image that takes too long to decode is set aside by name, wherever it is decoded; the rest is made."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow.engine.time_limit import TimeLimit, reason
from augflow.errors import SourceError
from augflow.executor import Lost
from augflow.plan.census import take_census
from augflow.plan.survey import decode_all
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.replay import replay
from augflow.runner import run
from augflow.source import open_source
from tests.bad_input.jpeg import many_scans

SECONDS = 0.3
LOCAL = {"kind": "local", "workers": 2}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One class with a JPEG of ninety scans over 84 million pixels, about 1.3 s of decoding; three sound images."""
    root = tmp_path_factory.mktemp("slow")
    rng = np.random.default_rng(1)
    for label in ("a", "b"):
        (root / label).mkdir()
        for number in range(2 if label == "b" else 1):
            Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / label / f"{number}.jpg")
    (root / "a" / "slow.jpg").write_bytes(many_scans(90, 40))
    return root


def settings(root: Path, kind: str, seconds: float) -> dict[str, Any]:
    if kind == "folder":
        return {"kind": kind, "root": str(root), "decode_timeout": seconds}
    table = root.with_name(f"{root.name}.csv")
    rows = [f"{file},{file.parent.name}" for file in sorted(root.glob("*/*"))]
    table.write_text("\n".join(["path,label", *rows]))
    return {"kind": kind, "table": str(table), "root": str(root), "decode_timeout": seconds}


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_it_is_set_aside_by_scan_and_run_alike(kind: str, slow: Path, tmp_path: Path) -> None:
    source = settings(slow, kind, SECONDS)
    survey = decode_all(take_census(open_source(source)), source, LOCAL)
    recipe = read_recipe({"version": 1, "target": 3, "chain": "c", "chains": {"c": {"flip": {}}}}, Registry())
    began = time.monotonic()
    outcome = run(recipe, source, {"kind": "folder", "root": str(tmp_path)}, LOCAL)
    assert time.monotonic() - began < 10
    (aside,) = survey.aside
    assert outcome.aside == [aside]
    assert aside == ("a/slow.jpg", "too slow", "decoding takes longer than source.decode_timeout=0.3 seconds")
    assert {label: plan.result for label, plan in outcome.plan.classes.items()} == {"a": 3, "b": 3}


def test_what_took_long_enough_once_is_not_made_again_for_ever(slow: Path, tmp_path: Path) -> None:
    source, sink = settings(slow, "folder", 30), {"kind": "folder", "root": str(tmp_path)}
    plain = {"version": 1, "target": 2, "chain": "c", "chains": {"c": {"flip": {}}}, "render": {"size": 8}}
    assert not run(read_recipe(plain, Registry()), source, sink, LOCAL).aside
    done = replay("all", sink, settings(slow, "folder", SECONDS), LOCAL)
    assert dict(done.counts) == {"equal": 3, "failed": 1}
    assert done.differing[0].detail == "decoding takes longer than source.decode_timeout=0.3 seconds"


def test_other_deaths_are_told_as_such() -> None:
    killed = Lost("the worker died of SIGKILL", signal.SIGKILL)
    assert reason(killed, 3) == ("worker died", "the worker died of SIGKILL")
    assert reason(Lost("no end after 600 s"), 3) == ("worker died", "no end after 600 s")


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_it_is_a_number_of_seconds(seconds: float, slow: Path) -> None:
    with pytest.raises(SourceError, match=r"source\.decode_timeout: .* is not a number of seconds above 0"):
        open_source(settings(slow, "folder", seconds))


def test_it_costs_next_to_nothing_and_leaves_no_timer() -> None:
    limit = TimeLimit(30)
    began = time.process_time()
    for _ in range(10_000):
        with limit:
            pass
    assert time.process_time() - began < 0.2, "20 µs each"
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_waiting_does_not_count(tmp_path: Path) -> None:
    code = "import time\nfrom augflow.engine.time_limit import TimeLimit\nwith TimeLimit(0.1):\n  time.sleep(0.4)\n"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (
        subprocess.run([sys.executable, "-c", f"{code}  while True: pass"], check=False).returncode == -signal.SIGPROF
    )
