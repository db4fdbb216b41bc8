"""Nothing is imported before it is needed: `augflow` alone answers at once, `plan` loads nothing that knows pixels."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

PIXELS = {"cv2", "albumentations", "scipy", "pyarrow", "torch"}
HEAVY = PIXELS | {"simplejpeg", "numpy", "hydra", "omegaconf", "pydantic", "yaml", "rich", "PIL", "argparse"}


def imported(checkout: Path, cwd: Path, *words: str) -> set[str]:
    """What `augflow words` has imported when it ends."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "augflow", *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in found.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines[1:]}


def test_alone_it_imports_next_to_nothing(checkout: Path, tmp_path: Path) -> None:
    names = imported(checkout, tmp_path)
    assert "augflow.cli" in names
    assert not names & HEAVY
    assert {name for name in names if name.startswith("augflow")} == {"augflow", "augflow.cli", "augflow.command"}


def test_help_and_version_import_no_pixels(checkout: Path, tmp_path: Path) -> None:
    for words in (["--version"], ["--help"], ["run", "--help"], ["plan", "--help"]):
        assert not imported(checkout, tmp_path, *words) & PIXELS, words


def test_planning_imports_nothing_that_changes_pixels(checkout: Path, tmp_path: Path) -> None:
    names = imported(checkout, tmp_path, "plan", "source=demo", "recipe=strong")
    assert "augflow.plan.plan" in names
    assert not names & PIXELS


def test_a_run_imports_neither_what_its_workers_do_nor_more_of_arrow_than_writes(tmp_path: Path) -> None:
    for label, count in (("many", 3), ("few", 1)):
        (tmp_path / "source" / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, 9, 9)).save(tmp_path / "source" / label / f"{number}.png")
    words = ["run", f"source.root={tmp_path}/source", f"sink.root={tmp_path}/made", "executor.workers=1", "--no-audit"]
    seen = ("PIL.Image", "augflow.engine.work", "pyarrow.compute", "pyarrow.parquet")
    code = f"import sys; from augflow.cli import main; main({words}); print(*(n for n in {seen} if n in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "pyarrow.parquet"


def test_a_command_that_makes_seals_on_all_cores(tmp_path: Path) -> None:
    """It gives NumPy one thread as it starts, and Arrow as many as it would have had."""
    (tmp_path / "source" / "one").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "source" / "one" / "a.png")
    words = ["augflow", "run", f"source.root={tmp_path}/source", f"sink.root={tmp_path}/made", "executor.workers=1"]
    makes = f"import sys; from augflow.cli import main; sys.argv = {words}; main(); "
    told = "import os, pyarrow; print(pyarrow.cpu_count(), os.environ.get('OPENBLAS_NUM_THREADS'))"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    free = {name: value for name, value in os.environ.items() if name not in names}
    command, bare = ([sys.executable, "-c", code] for code in (makes + told, told))
    made, without = (subprocess.run(c, cwd=tmp_path, env=free, capture_output=True, text=True) for c in (command, bare))
    assert made.stdout.splitlines()[-1] == without.stdout.split()[0] + " 1", made.stderr


def test_alone_it_takes_under_three_times_what_a_bare_interpreter_takes(checkout: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(checkout)}

    def seconds(*command: str) -> float:
        """Processor time, which other programs of a busy machine do not take part in."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def ratio() -> float:
        pairs = [(seconds("-m", "augflow"), seconds("-c", "pass")) for _ in range(7)]
        return statistics.median(ours for ours, _ in pairs) / statistics.median(bare for _, bare in pairs)

    ratios: list[float] = []
    while len(ratios) < 4 and not (ratios and ratios[-1] < 3):
        ratios.append(ratio())
    assert ratios[-1] < 3, ratios


def test_completion_answers_without_pixels(
    checkout: Path, tmp_path: Path, augflow: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    said = augflow("-sc", "query=bash", cwd=tmp_path, COMP_LINE="augflow ru", COMP_POINT="10")
    assert said.returncode == 0, said.stderr
    assert "run" in said.stdout.split()
