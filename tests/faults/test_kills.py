"""Drivers and workers are killed at random moments; the same command ends with the same tree, and no process stays."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SEED = 20_261_122
ROUND = 5
"""Kills before a run may end."""


@pytest.fixture(scope="module")
def long(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A hundred outputs of larger photographs, by two workers."""
    folder = tmp_path_factory.mktemp("long").resolve()
    source = bench.paint(folder / "source", 160, crowd=20, few=5)
    return type(bench)(folder, bench.checkout, source, ["recipe.target=50", "recipe.render.size=64"], workers=2)


@pytest.fixture(scope="module")
def whole(long: Any) -> tuple[dict[str, str], float]:
    """What an undisturbed run leaves, and how long it takes."""
    ended = long.run(long.folder / "whole")
    assert ended.code == 0, ended.said
    return long.tree(long.folder / "whole"), ended.seconds


def end(bench: Any, process: subprocess.Popen[str]) -> tuple[str, float]:
    """Wait for all processes of a run; return what they said and how long the last outlived the driver."""
    process.wait(120)
    ended = time.monotonic()
    while bench.group(process):
        assert time.monotonic() - ended < 20, f"still there: {bench.group(process)}"
        time.sleep(0.01)
    outlived = time.monotonic() - ended
    return process.communicate(timeout=20)[0], outlived


def finish(bench: Any, root: Path, expected: dict[str, str]) -> list[str]:
    """Run to the end; return what is not as it must be."""
    last = bench.run(root)
    wrong = [] if last.code == 0 else [f"exit code {last.code}: {last.said}"]
    if "Traceback" in last.said:
        wrong.append(last.said)
    if bench.tree(root) != expected:
        wrong.append(f"another tree: {sorted(bench.tree(root).items() ^ expected.items())[:6]}")
    return wrong


def test_drivers(long: Any, whole: tuple[dict[str, str], float], thorough: bool, tmp_path: Path) -> None:
    expected, seconds = whole

    def round_of(number: int) -> tuple[list[str], int, float]:
        chance, root = random.Random(SEED + number), tmp_path / str(number)
        wrong, killed, longest = [], 0, 0.0
        for _ in range(ROUND):
            process = long.start(root)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.1, 0.9) * seconds)
            over = process.poll() is not None
            process.kill()
            said, outlived = end(long, process)
            killed += not over
            if over:
                shutil.rmtree(root)
            longest = max(longest, outlived)
            if "Traceback" in said:
                wrong.append(said)
        return wrong + finish(long, root, expected), killed, longest

    rounds = 500 // ROUND + 20 if thorough else 1
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(round_of, range(rounds)))
    wrong = [what for some, _, _ in found for what in some]
    killed = sum(count for _, count, _ in found)
    longest = max(seconds for _, _, seconds in found)
    print(f"{killed} drivers killed, {len(wrong)} not as they must be; workers gone within {longest:.1f} s")
    assert not wrong, "\n".join(wrong)
    assert killed >= (500 if thorough else 1)
    assert longest < (2 if not os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else 10)


def test_a_resumed_run_makes_little_twice(
    long: Any, whole: tuple[dict[str, str], float], thorough: bool, tmp_path: Path
) -> None:
    """Measured by what was written, before and after the driver's death at some touch of the disk: at most a fifth more
    than by a run that nothing stops."""
    expected, _ = whole

    def written(log: Path) -> int:
        lines = (log / "worker").read_text().splitlines() if (log / "worker").exists() else []
        return sum(line.split()[1] == "replace" for line in lines)

    logs = tmp_path / "whole-log"
    logs.mkdir()
    assert long.run(tmp_path / "whole", FAULTS_LOG=str(logs)).code == 0
    outputs = sum("." in path and "/" in path for path in expected)
    assert written(logs) == outputs == 100
    touches = len((logs / "driver").read_text().splitlines())
    dear = []
    for at in range(touches // 8, touches, touches // (40 if thorough else 4)):
        root, log = tmp_path / str(at), tmp_path / f"{at}-log"
        log.mkdir()
        faults = {"FAULTS_LOG": str(log), "FAULTS_ROLE": "driver", "FAULTS_AT": str(at), "FAULTS_HOW": "kill"}
        process = long.start(root, **faults)
        end(long, process)
        assert process.returncode == -signal.SIGKILL
        assert long.run(root, FAULTS_LOG=str(log)).code == 0
        assert long.tree(root) == expected
        dear.append(written(log) / outputs)
    print(f"killed at {len(dear)} moments: resumed runs wrote {min(dear):.2f} to {max(dear):.2f} × the outputs")
    assert max(dear) <= 1.2


def test_workers(long: Any, whole: tuple[dict[str, str], float], thorough: bool, tmp_path: Path) -> None:
    expected, seconds = whole

    def round_of(number: int) -> tuple[list[str], int]:
        chance, root = random.Random(SEED - number), tmp_path / str(number)
        process, killed, wrong = long.start(root), 0, []
        while process.poll() is None and killed < ROUND:
            time.sleep(chance.uniform(0, 0.3) * seconds)
            family = long.group(process)
            workers = [pid for pid, parent in family.items() if parent in family and parent != process.pid]
            if workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
        said, _ = end(long, process)
        # One that happens to be alone with its worker twice is set aside, and its name told.
        if process.returncode not in (0, 1) or "Traceback" in said:
            wrong.append(f"exit code {process.returncode}: {said}")
        if process.returncode == 0 and long.tree(root) != expected:
            wrong.append("a false exit code 0")
        return wrong + finish(long, root, expected), killed

    found: list[tuple[list[str], int]] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        while sum(killed for _, killed in found) < (200 if thorough else 2):
            found += pool.map(round_of, range(len(found), len(found) + (2 if thorough else 1)))
    wrong = [what for some, _ in found for what in some]
    print(f"{sum(killed for _, killed in found)} workers killed, {len(wrong)} not as they must be")
    assert not wrong, "\n".join(wrong)
