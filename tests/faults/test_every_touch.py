"""Every touch of the disk that a small real run makes is made to fail, and to be the moment of death.

As SQLite tests itself: the n-th open, write, rename, fsync, mkdir or unlink of the driver or of the worker fails once,
fails from then on, or is the last thing its process does; then the same command is run again. It must end with the tree
that an undisturbed run leaves, byte for byte, and never claim with exit code 0 what is not so.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

OTHER = ("recipe.target=4", "recipe.seed=1")
WAYS = ("kill", str(errno.EIO), f"{errno.ENOSPC}+")
SHORT = 5


def attempt(
    bench: Any, before: Path, root: Path, words: tuple[str, ...], after: dict[str, str], **faults: str
) -> list[str]:
    """Let one run go wrong and run it again; return what was not as it must be."""
    bench.copy(before, root)
    (root.parent / f"{root.name}-log").mkdir()
    first = bench.run(root, *words, FAULTS_LOG=str(root.parent / f"{root.name}-log"), **faults)
    killed = faults["FAULTS_HOW"] == "kill"
    wrong = []
    if killed and faults["FAULTS_ROLE"] == "driver":
        if first.code != -signal.SIGKILL:
            wrong.append(f"it outlived its death: {first.code}")
    elif first.code == 0:
        if bench.tree(root) != after:
            wrong.append("a false exit code 0")
    elif killed or first.code != 3:
        wrong.append(f"exit code {first.code}: {first.said}")
    elif "goes on from there" not in first.said and "sink.root: " not in first.said:
        wrong.append(f"it says: {first.said}")
    second = bench.run(root, *words)
    if second.code != 0:
        wrong.append(f"run again, exit code {second.code}: {second.said}")
    elif bench.tree(root) != after:
        wrong.append(f"another tree: {sorted(bench.tree(root).items() ^ after.items())}")
    if "Traceback" in first.said + second.said:
        wrong.append(f"a traceback: {first.said}{second.said}")
    return [f"{faults}: {what}" for what in wrong]


def let_fail(bench: Any, role: str, before: Path, words: tuple[str, ...], thorough: bool, tmp_path: Path) -> None:
    """Count the touches of a run that begins with what lies at `before`, and let it go wrong at each."""
    root = tmp_path / "counted"
    bench.copy(before, root)
    (tmp_path / "log").mkdir()
    assert bench.run(root, *words, FAULTS_LOG=str(tmp_path / "log")).code == 0
    after = bench.tree(root)
    touches = (tmp_path / "log" / role).read_text().splitlines()
    assert len({line.split()[1] for line in touches}) >= (8 if role == "driver" else 4), "the disk was touched"
    cases = list(itertools.product(range(1, len(touches) + 1), WAYS))
    if not thorough:
        # An odd stride meets every way in turn.
        cases = cases[:: max(1, len(cases) // SHORT) | 1]

    def one(case: tuple[int, str]) -> list[str]:
        number, how = case
        name = tmp_path / f"{number}-{how}"
        faults = {"FAULTS_ROLE": role, "FAULTS_AT": str(number), "FAULTS_HOW": how}
        wrong = [f"{touches[number - 1]} {what}" for what in attempt(bench, before, name, words, after, **faults)]
        print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
        return wrong

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        wrong = list(itertools.chain.from_iterable(pool.map(one, cases)))
    print(f"{role}: {len(touches)} touches, {len(cases)} runs that went wrong, {len(wrong)} not as they must be")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", ["first run", "another recipe"])
@pytest.mark.parametrize("role", ["driver", "worker"])
def test_whatever_fails_the_same_command_goes_on(
    role: str, kind: str, bench: Any, thorough: bool, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    words: tuple[str, ...] = ()
    if kind == "another recipe":
        assert bench.run(before).code == 0
        words = OTHER
    let_fail(bench, role, before, words, thorough, tmp_path)


@pytest.mark.parametrize(
    ("sink", "first", "then"),
    [("webdataset", 9, 5), ("webdataset", 5, 9), ("parquet", 6, 5), ("imagefolder", 5, 6)],
)
def test_whatever_fails_while_outputs_are_packed(
    sink: str, first: int, then: int, bench: Any, thorough: bool, tmp_path: Path
) -> None:
    """Into half and twice as many shards; into some of the same; and beside `metadata.jsonl`."""
    words: tuple[str, ...] = (f"sink={sink}",) if sink == "imagefolder" else (f"sink={sink}", "sink.shard_size=4")
    if not thorough and first != 9:
        pytest.skip("with --all-faults")
    before = tmp_path / "before"
    assert bench.run(before, *words, f"recipe.target={first}").code == 0
    let_fail(bench, "driver", before, (*words, f"recipe.target={then}"), thorough, tmp_path)
