"""What augflow costs beyond one machine: Ray against the local executor, and a run without pixels.

    pip install -e plugins/augflow-ray             for `ray`; `stub` needs it only with --executor ray
    python benchmarks/scale.py                     both
    python benchmarks/scale.py ray --rounds 5      20,000 tiny outputs by two workers, of either executor in turn
    python benchmarks/scale.py stub --outputs 10000000 --folder /var/tmp/stub

What follows from the figures for larger data sets and clusters: docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from growth import RECIPE
from measure import CommandError, adopt_orphans, run
from throughput import ENVIRONMENT, augflow_command, machine
from workloads import HERE, PHOTOGRAPHS, WORKLOADS, prepare, workplace

EXECUTORS = ("local", "ray")
PER_SAMPLE = 3
"""Outputs of a sample in growth.py's recipe: ten classes of which the largest holds 30 %."""


def compare(outputs: int, rounds: int) -> None:
    """Make `outputs` tiny images with either executor in turn, and print what Ray reaches of the local one."""
    with workplace() as folder:
        source = prepare(WORKLOADS["tiny"], PHOTOGRAPHS, outputs / 100_000, folder)
        found: dict[str, list[Figures]] = {name: [] for name in EXECUTORS}
        trees = set()
        print(f"\n{outputs:,} outputs of 32 × 32 by two workers")
        print(f"  {'':<6}{'steady/s':>10}{'command s':>10}{'CPU s':>8}")
        for number in range(rounds):
            for name in EXECUTORS if number % 2 == 0 else EXECUTORS[::-1]:
                sink = folder / "sink"
                sink.mkdir()
                words = [f"recipe.target={outputs // 10}", "--no-audit", f"executor={name}"]
                command = augflow_command(WORKLOADS["tiny"], source, sink, 2, *words)
                done = run(command, sink, ENVIRONMENT, folder / "log")
                if sum(done.pictures.values()) != outputs:
                    raise CommandError(f"{name} left {sum(done.pictures.values()):,} outputs")
                trees.add((sink / "ledger.parquet").read_bytes())
                told = Figures(steady_rate(sink), done.wall, done.cpu)
                shutil.rmtree(sink)
                found[name].append(told)
                print(f"  {name:<6}{told.rate:>10,.0f}{told.wall:>10.2f}{told.cpu:>8.2f}", flush=True)
        if len(trees) != 1:
            raise CommandError("the ledgers are not equal")
        rate, wall, cpu = (
            statistics.median(
                getattr(ray, what) / getattr(local, what) for local, ray in zip(*found.values(), strict=True)
            )
            for what in Figures._fields
        )
        print(f"Ray at {rate:.2f} × the local executor's rate in steady state (aim: 0.8 at least), equal ledgers;")
        print(f"the whole command takes {wall:.2f} × its time, {cpu:.2f} × its CPU, with Ray's own start and end")


class Figures(NamedTuple):
    """Outputs per second in steady state; seconds and CPU seconds of the whole command."""

    rate: float
    wall: float
    cpu: float


def steady_rate(sink: Path) -> float:
    """Outputs per second from the time when a quarter of them were there: by then every worker is at work."""
    written = sorted(
        entry.stat().st_mtime for folder in sink.iterdir() if folder.is_dir() for entry in os.scandir(folder)
    )
    start = len(written) // 4
    return (len(written) - 1 - start) / (written[-1] - written[start])


def simulate(outputs: int, executor: str, batch_size: int | None, folder: Path | None) -> None:
    """Run `outputs` tasks without pixels in a process of their own and print what each part took."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        command = [sys.executable, __file__, "stub", "--one", root, "--executor", executor, "--outputs", str(outputs)]
        command += ["--batch-size", str(batch_size)] if batch_size else []
        said = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _path()}
        )
        if said.returncode:
            raise CommandError(said.stderr)
    done = json.loads(said.stdout)
    made, samples = done["outputs"], done["samples"]
    millions = made / 1e6
    planner = [sys.executable, str(HERE / "growth.py"), "plan", "--one", str(samples)]
    planned = subprocess.run(planner, capture_output=True, text=True, check=True).stdout.split()
    print(f"\n{made:,} outputs of {samples:,} samples without pixels, executor {executor}, {done['wall']:,.0f} s")
    for what, value in (
        ("census, s per million samples", float(planned[2]) / samples * 1e6),
        ("planning, s per million outputs", float(planned[3]) / millions),
        ("driver's CPU per output, µs", done["driver_cpu"] / made * 1e6),
        ("wall per output on two workers, µs", done["making"] / made * 1e6),
        ("journal, bytes per output", done["journal"] / made),
        ("sealing, s per million outputs", done["sealing"] / millions),
        ("ledger, bytes per output", done["ledger"] / made),
        ("driver's peak memory before making, MB", done["memory_planned"]),
        ("driver's peak memory before sealing, MB", done["memory_made"]),
        ("driver's peak memory, MB", done["memory"]),
    ):
        print(f"  {what:<42}{value:>12,.1f}")


def _path() -> str:
    return os.pathsep.join(filter(None, (str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH"))))


def simulate_one(outputs: int, executor: str, batch_size: int | None, root: Path) -> None:
    """Run in this process, and print the figures as JSON."""
    import stub

    from augflow import runner
    from augflow.plan.plan import Plan
    from augflow.recipe.reader import read_recipe
    from augflow.registry import Registry

    marks: dict[str, tuple[float, float, float]] = {}
    journal = 0

    def mark(name: str) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        marks[name] = time.perf_counter(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    class Marks(runner.Watch):
        def planned(self, plan: Plan, present: Counter[str]) -> None:
            mark("planned")

        def made(self, label: str, outputs: int, size: int) -> None:
            if "made" not in marks:
                mark("made")

        def sealing(self) -> None:
            nonlocal journal
            mark("sealing")
            files = [path for path in (root / "sink" / ".augflow").rglob("*") if path.is_file()]
            journal = sum(path.stat().st_size for path in files)

    samples = -(-outputs // PER_SAMPLE)
    listed = sum(1 for _ in stub.Photographs(samples).scan())
    runner.MAKER = "stub:Stub"
    settings: dict[str, Any] = {"kind": executor, "workers": 2}
    if batch_size:
        settings["batch_size"] = batch_size
    mark("began")
    done = runner.run(
        read_recipe(RECIPE, Registry()),
        {"kind": "listing", "count": samples},
        {"kind": "folder", "root": str(root / "sink")},
        settings,
        watch=Marks(),
    )
    mark("ended")
    if done.made != done.plan.outputs or done.aside:
        raise SystemExit(f"scale.py: {done.made:,} made of {done.plan.outputs:,}, {done.aside[:3]} set aside")
    told = {
        "samples": listed,
        "wall": marks["ended"][0] - marks["began"][0],
        "outputs": done.made,
        "making": marks["sealing"][0] - marks["made"][0],
        "driver_cpu": marks["sealing"][1] - marks["made"][1],
        "journal": journal,
        "sealing": marks["ended"][0] - marks["sealing"][0],
        "ledger": (root / "sink" / "ledger.parquet").stat().st_size,
        "memory_planned": marks["planned"][2],
        "memory_made": marks["sealing"][2],
        "memory": marks["ended"][2],
    }
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description="What augflow costs beyond one machine.")
    parser.add_argument("what", nargs="?", choices=("ray", "stub"), help="both if not given")
    parser.add_argument("--rounds", type=int, default=3, help="alternations of the two executors")
    parser.add_argument("--outputs", type=int, help="20,000 for `ray`, 1,000,000 for `stub` unless given")
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="that `stub` runs on")
    parser.add_argument("--batch-size", type=int, help="of Ray's tasks, for `stub`")
    parser.add_argument("--folder", type=Path, help="where `stub` writes: about 1 KB for each output")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        simulate_one(options.outputs, options.executor, options.batch_size, options.one)
        return
    adopt_orphans()
    print(machine())
    try:
        if options.what in (None, "ray"):
            compare(options.outputs or 20_000, options.rounds)
        if options.what in (None, "stub"):
            simulate(options.outputs or 1_000_000, options.executor, options.batch_size, options.folder)
    except CommandError as error:
        raise SystemExit(f"scale.py: {error}") from None


if __name__ == "__main__":
    main()
