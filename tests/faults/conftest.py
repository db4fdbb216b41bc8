"""A small real run in processes of its own, what it ought to leave, and how to let it fail."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow.config.compose import compose
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

HERE = Path(__file__).resolve().parent
Tree = dict[str, str]
_COMPOSING = threading.Lock()  # Hydra is one for all threads.


@dataclass
class Ended:
    """How a run ended."""

    code: int
    said: str
    seconds: float


@dataclass
class Bench:
    """Runs with one source in sinks of their own."""

    folder: Path
    checkout: Path
    source: Path
    words: list[str]
    workers: int = 1
    settings: dict[str, Any] = field(default_factory=dict)

    def asked(self, root: Path, *words: str, force: bool = False) -> Path:
        """Write down what to run, for `drive.py`."""
        file = root.with_name(f"{root.name}-{abs(hash(words))}{force}.json")
        if not file.exists():
            with _COMPOSING:
                found = compose([f"source.root={self.source}", f"sink.root={root}", *self.words, *words])
            recipe = read_recipe(found.recipe, Registry())
            executor = {"kind": "local", "workers": self.workers}
            asked = {"recipe": recipe.as_json(), "source": found.source, "sink": found.sink, "executor": executor}
            file.write_text(json.dumps(asked | {"force": force}))
        return file

    def start(self, root: Path, *words: str, force: bool = False, **faults: str) -> subprocess.Popen[str]:
        """Start a run in a process group of its own."""
        injected = {"PYTHONPATH": f"{HERE / 'injected'}{os.pathsep}{self.checkout}", "FAULTS_ROOT": str(root)}
        environment = os.environ | ({**injected, **faults} if faults else {"PYTHONPATH": str(self.checkout)})
        return subprocess.Popen(
            [sys.executable, str(HERE / "drive.py"), str(self.asked(root, *words, force=force))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, root: Path, *words: str, force: bool = False, **faults: str) -> Ended:
        """Run to the end."""
        began = time.monotonic()
        process = self.start(root, *words, force=force, **faults)
        try:
            said = process.communicate(timeout=120)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return Ended(process.returncode, said, time.monotonic() - began)

    @staticmethod
    def tree(root: Path) -> Tree:
        """Digest every file but `run.json`, and name every folder."""
        return {
            path.relative_to(root).as_posix(): "" if path.is_dir() else hashlib.blake2b(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.name != "run.json"
        }

    @staticmethod
    def group(process: subprocess.Popen[str]) -> dict[int, int]:
        """The living processes of a run: number → number of the parent."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                head, _, rest = stat.read_text().rpartition(")")
                state, parent, pgid = rest.split()[:3]
                if int(pgid) == process.pid and state != "Z":
                    found[int(head.split()[0])] = int(parent)
        return found

    @staticmethod
    def copy(source: Path, target: Path) -> None:
        """Begin anew with a sink as it was."""
        shutil.rmtree(target, ignore_errors=True)
        if source.exists():
            shutil.copytree(source, target)

    @staticmethod
    def paint(root: Path, size: int, **counts: int) -> Path:
        """Fill class folders with small JPEGs."""
        rng = np.random.default_rng(11)
        for label, count in counts.items():
            (root / label).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
                Image.fromarray(pixels).save(root / label / f"{number:02}.jpg", quality=90)
        return root


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="let everything go wrong that can, not just some of it")


@pytest.fixture(scope="session")
def bench(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Nine outputs of two classes, by one worker."""
    folder = tmp_path_factory.mktemp("faults").resolve()
    source = Bench.paint(folder / "source", 32, crowd=4, few=2)
    return Bench(folder, checkout, source, ["recipe.target=5", "recipe.surplus=drop", "recipe.render.size=16"])


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether everything is to be tried, not just some of it."""
    return bool(request.config.getoption("--all-faults", default=False))
