"""How augflow grows: planning 10 k to 10 M samples, a run with nothing left to do, and one worker against two.

python benchmarks/growth.py                 all three
python benchmarks/growth.py plan --most 1000000
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import Run, adopt_orphans, run
from throughput import ENVIRONMENT, augflow_command, machine
from workloads import PHOTOGRAPHS, WORKLOADS, prepare, workplace

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
RECIPE: dict[str, Any] = {
    "version": 1,
    "target": "max",
    "chain": "plain",
    "max_copies": 1000,
    "chains": {"plain": {"flip": {}, "rotate": {"limit": 25}}},
}
PARTS = (30, 20, 14, 10, 8, 6, 5, 4, 2, 1)


class Listing:
    """A source of `count` samples that exist only as names, in ten classes from 30 % to 1 %."""

    max_pixels = 0

    def __init__(self, count: int) -> None:
        self.count = count

    def labels(self) -> list[str]:
        return [f"class-{number}" for number in range(len(PARTS))]

    def scan(self) -> Iterator[Any]:
        from augflow.source import Sample

        for label, part in zip(self.labels(), PARTS, strict=True):
            for index in range(self.count * part // 100):
                yield Sample(label, f"{label}/photograph-{index:010d}.jpg")

    def read(self, key: str) -> bytes:
        raise NotImplementedError


def plan_one(count: int) -> None:
    """Plan `count` samples in this process and print: samples, outputs, seconds of each part, peak memory in MB."""
    from augflow.plan.census import take_census
    from augflow.plan.plan import Plan
    from augflow.recipe.reader import read_recipe
    from augflow.registry import Registry

    recipe = read_recipe(RECIPE, Registry())
    before = peak_mb()
    start = time.perf_counter()
    found = take_census(Listing(count))
    counted = time.perf_counter()
    plan = Plan(recipe, found)
    outputs = sum(unit.end - unit.first for unit in plan.units())
    walked = time.perf_counter()
    if outputs != plan.outputs:
        raise SystemExit(f"growth.py: {outputs} outputs walked, {plan.outputs} planned")
    print(count, outputs, counted - start, walked - counted, peak_mb(), before)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plan_curve(most: int) -> None:
    print("planning, a process each: census of names alone, then every task in its order, none held")
    print(f"{'samples':>12}{'outputs':>13}{'census s':>10}{'tasks s':>9}{'µs each':>9}{'peak MB':>9}{'bytes each':>12}")
    for size in (size for size in SIZES if size <= most):
        said = subprocess.run([sys.executable, __file__, "plan", "--one", str(size)], capture_output=True, text=True)
        if said.returncode:
            raise SystemExit(f"growth.py: planning {size:,} samples failed\n{said.stderr}")
        count, outputs, census_s, tasks_s, peak, before = (float(word) for word in said.stdout.split())
        each = (peak - before) * 1024 * 1024 / count
        print(
            f"{count:>12,.0f}{outputs:>13,.0f}{census_s:>10.2f}{tasks_s:>9.2f}"
            f"{(census_s + tasks_s) / count * 1e6:>9.2f}{peak:>9.0f}{each:>12.0f}",
            flush=True,
        )


def augflow(workload: str, source: Path, sink: Path, *overrides: str, workers: int = 2) -> Run:
    command = augflow_command(WORKLOADS[workload], source, sink, workers, *overrides)
    return run(command, sink, ENVIRONMENT, sink.parent / "log")


def again(outputs: int) -> None:
    """Make `outputs` tiny images, then ask for the same once more."""
    with workplace() as folder:
        source, sink = prepare(WORKLOADS["tiny"], PHOTOGRAPHS, outputs / 100_000, folder), folder / "sink"
        sink.mkdir()
        target = f"recipe.target={outputs // 10}"
        first = augflow("tiny", source, sink, target)
        state = [(path, path.stat().st_mtime_ns) for path in sorted(sink.glob("*/*"))]
        repeats = [augflow("tiny", source, sink, target) for _ in range(3)]
        if [(path, path.stat().st_mtime_ns) for path in sorted(sink.glob("*/*"))] != state:
            raise SystemExit("growth.py: the second run touched a file")
        wall = statistics.median(done.wall for done in repeats)
        print(f"\n{sum(first.pictures.values()):,} outputs made in {first.wall:.1f} s; asked again: {wall:.2f} s")


def scale(share: float, rounds: int) -> None:
    """The photographs with one worker and with two, in turn."""
    if not PHOTOGRAPHS.is_dir():
        print(f"\nscaling: skipped, there are no photographs under {PHOTOGRAPHS}")
        return
    with workplace() as folder:
        source = prepare(WORKLOADS["photos"], PHOTOGRAPHS, share, folder)
        runs: dict[int, list[Run]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers, done in runs.items():
                sink = folder / "sink"
                sink.mkdir()
                done.append(augflow("photos", source, sink, workers=workers))
                shutil.rmtree(sink)
        whole = statistics.median(one.wall / two.wall for one, two in zip(*runs.values(), strict=True))
        writing = statistics.median(one.writing / two.writing for one, two in zip(*runs.values(), strict=True))
        print(f"\none worker → two: {whole:.2f} × of the whole command, {writing:.2f} × from first file to last")


def main() -> None:
    parser = argparse.ArgumentParser(description="How augflow grows.")
    parser.add_argument("what", nargs="?", choices=("plan", "again", "scale"), help="all three if not given")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of samples to plan")
    parser.add_argument("--outputs", type=int, default=100_000, help="outputs of the run that is asked for again")
    parser.add_argument("--share", type=float, default=1.0, help="share of every class of photographs to scale with")
    parser.add_argument("--rounds", type=int, default=3, help="alternations of one worker and two")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        plan_one(options.one)
        return
    adopt_orphans()
    print(machine())
    if options.what in (None, "plan"):
        plan_curve(options.most)
    if options.what in (None, "again"):
        again(options.outputs)
    if options.what in (None, "scale"):
        scale(options.share, options.rounds)


if __name__ == "__main__":
    main()
