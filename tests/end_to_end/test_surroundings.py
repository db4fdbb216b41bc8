"""What stands around a run does not matter: each thing is tried, and the bytes are equal."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tree = Callable[[Path], dict[str, str]]
Run = Callable[..., subprocess.CompletedProcess[bytes]]

WORDS = ["recipe.target=16", "recipe.render.size=24", "+chain@recipe.chains.strong=strong", "recipe.chain=strong"]

EARLY = "import time\ntime.time = lambda: 1.0\ntime.time_ns = lambda: 10**9\n"
"""A clock that stands still in 1970."""


@pytest.fixture
def run_in(checkout: Path, small_source: Path, tmp_path: Path) -> Run:
    """Run into `tmp_path/out`, something about the process being otherwise."""

    def call(*more: str, source: Path = small_source, **how: Any) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"PYTHONPATH": str(checkout)} | how.pop("env", {})
        words = [f"source.root={source}", f"sink.root={tmp_path / 'out'}", *WORDS, *more]
        command = [sys.executable, "-m", "augflow", "run", *words]
        return subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False, timeout=300, **how)

    return call


@pytest.fixture(scope="module")
def plain(make: Callable[..., Any], small_source: Path, tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tree that all others must equal, but for the recipe as it was typed."""
    root = tmp_path_factory.mktemp("plain") / "out"
    make(*WORDS, f"source.root={small_source}", f"sink.root={root}", "executor.workers=1")
    return tree(root)


def in_a_terminal(command: Run) -> subprocess.CompletedProcess[bytes]:
    ours, theirs = pty.openpty()
    try:
        return command(stdin=theirs, stdout=theirs)
    finally:
        os.close(theirs)
        os.close(ours)


AROUND: dict[str, Callable[[Run, Path], subprocess.CompletedProcess[bytes]]] = {
    "locale": lambda run, _: run(env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "another locale": lambda run, _: run(env={"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    "time zone": lambda run, _: run(env={"TZ": "Pacific/Kiritimati"}),
    "umask": lambda run, _: run(umask=0o077),
    "working directory": lambda run, tmp: run(cwd=tmp),
    "hash seed": lambda run, _: run(env={"PYTHONHASHSEED": "4711"}),
    "large environment": lambda run, _: run(env={f"LARGE_{n}": "x" * 4000 for n in range(100)}),
    "bare environment": lambda run, tmp: run(env=dict.fromkeys(("HOME", "USER", "LANG", "TERM", "COLUMNS"), "")),
    "terminal": lambda run, _: in_a_terminal(run),
    "closed input": lambda run, _: run(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL),
    "many workers": lambda run, _: run("executor.workers=5"),
    "one core": lambda run, _: run(preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})),
    "another's home": lambda run, tmp: run(env={"HOME": str(tmp / "nowhere"), "XDG_CACHE_HOME": "/proc"}),
    "few open files": lambda run, _: run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))),
    "no temporary folder": lambda run, tmp: run(env={"TMPDIR": str(tmp / "nowhere")}),
    "clock set back": lambda run, tmp: run(env={"PYTHONPATH": f"{tmp / 'early'}:{os.environ.get('PYTHONPATH', '')}"}),
    "order on disk": lambda run, tmp: run(source=tmp / "reversed"),
}


@pytest.mark.parametrize("what", AROUND)
def test_it_does_not_matter(
    what: str, run_in: Run, plain: dict[str, str], small_source: Path, checkout: Path, tree: Tree, tmp_path: Path
) -> None:
    if what == "clock set back":
        (tmp_path / "early").mkdir()
        (tmp_path / "early" / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(checkout)!r})\n{EARLY}")
    if what == "order on disk":
        for file in sorted(small_source.rglob("*.jpg"), reverse=True):
            (tmp_path / "reversed" / file.relative_to(small_source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / "reversed" / file.relative_to(small_source))
    said = AROUND[what](run_in, tmp_path)
    assert said.returncode == 0, said.stderr.decode()
    assert b"Traceback" not in said.stderr
    assert tree(tmp_path / "out") == plain
