"""Benchmarks run to their end, on a fraction of their work: what they print here are no figures.

`scale.py ray` is not among them: it needs a cluster.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(checkout: Path, *words: str) -> str:
    command, folder = [sys.executable, *words], checkout / "benchmarks"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("workload", ["tiny", "photos", "original"])
def test_throughput(workload: str, checkout: Path, request: pytest.FixtureRequest) -> None:
    if workload != "tiny":
        request.getfixturevalue("photographs")
    said = run(checkout, "throughput.py", workload, "--share", "0.01", "--rounds", "1", "--slow-rounds", "1")
    for name in ("augflow ", "albumentations, pool of 2 ", "Pillow + NumPy, pool of 2 ", "the limit "):
        assert f"\n{name}" in said
    assert "augflow's share of the limit" in said


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("limit.py tiny --share 0.01", "images/s in one process"),
        ("growth.py plan --most 10000", "10,000"),
        ("growth.py again --outputs 500", "500 outputs made"),
        ("scale.py stub --outputs 2000 --rounds 1", "2,000 outputs"),
    ],
)
def test_on_images_that_they_draw(typed: str, says: str, checkout: Path) -> None:
    assert says in run(checkout, *typed.split())


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("limit.py photos --share 0.01", "images/s in one process"),
        ("growth.py scale --share 0.02 --rounds 1", "one worker → two"),
        ("quality.py --every 1500", "augflow"),
        ("online.py --images 64 --rounds 1 --only augflow", "augflow, 2 processes"),
    ],
)
@pytest.mark.usefixtures("photographs")
def test_on_photographs(typed: str, says: str, checkout: Path) -> None:
    assert says in run(checkout, *typed.split())


@pytest.mark.parametrize("typed", ["audit.py --every 1", "pages.py --rounds 1 --large 0"])
def test_on_few_images(typed: str, small_source: Path, checkout: Path) -> None:
    said = run(checkout, *typed.split(), "--source", str(small_source))
    assert said.count("\n|") > 5
