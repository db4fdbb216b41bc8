"""How long previews and reports take, start-up of Python included: wall clock, and CPU, which other work disturbs less.

    python benchmarks/pages.py                     previews and a report of the photographs, a report of 100,000 images
    python benchmarks/pages.py --rounds 5 --large 0

The data sets that are reported on are made first, untimed, in a folder that is gone afterwards.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workloads import PHOTOGRAPHS

CODE = "from augflow.cli import command; command()"


def augflow(*words: str | Path) -> tuple[float, float]:
    """Run a verb; return the seconds it took, and those of CPU. Exit code 1 tells of samples, and is no failure."""
    began, before = time.perf_counter(), cpu()
    done = subprocess.run([sys.executable, "-c", CODE, *map(str, words)], stdout=subprocess.DEVNULL, check=False)
    if done.returncode > 1:
        raise SystemExit(f"augflow {' '.join(map(str, words))}: exit code {done.returncode}")
    return time.perf_counter() - began, cpu() - before


def cpu() -> float:
    """Seconds of CPU that all commands took so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tell(what: str, rounds: int, page: Path, *words: str | Path) -> None:
    seconds, processor = zip(*(augflow(*words, "--to", page) for _ in range(rounds)), strict=True)
    figures = (statistics.median(seconds), statistics.median(processor), page.stat().st_size / 1e6)
    print(f"| {what} | {' | '.join(f'{figure:.1f}' for figure in figures)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="photographs, a folder for each class")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=100_000, help="images of the large data set; 0 leaves it out")
    asked = parser.parse_args()
    print("| what | s | CPU s | MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="augflow-pages-") as folder:
        work = Path(folder)
        if asked.source.is_dir():
            source = f"source.root={asked.source}"
            for what, more in (("preview", []), ("step by step", ["--step-by-step"]), ("extremes", ["--extremes"])):
                for kind in ("png", "html"):
                    tell(f"{what}, {kind}", asked.rounds, work / f"page.{kind}", "preview", source, *more)
            sink = work / "photographs"
            augflow("run", source, f"sink.root={sink}")
            images = sum(1 for _ in sink.glob("*/*.jpg"))
            tell(f"report of {images:,} photographs", asked.rounds, work / "page.html", "report", f"sink.root={sink}")
        else:
            print(f"no photographs at {asked.source}: skipped", file=sys.stderr)
        if asked.large:
            sink, each = work / "large", asked.large // 6
            sizes = ["recipe.render.size=48", f"recipe.target={each}", f"recipe.max_copies={each}"]
            augflow("run", "source=demo", f"sink.root={sink}", *sizes)
            tell(f"report of {asked.large:,} images", asked.rounds, work / "page.html", "report", f"sink.root={sink}")


if __name__ == "__main__":
    main()
