"""augflow, its peers and the limit on the same work, in turn, in one run.

    python benchmarks/throughput.py                        all workloads, everyone that is installed
    python benchmarks/throughput.py photos --share 0.05    a smoke run on a twentieth of the photographs

Everyone is a command of its own, timed from start to exit and, by the times of the files it leaves, from the first
file to the last. What each figure means and how to install the peers: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import CommandError, Run, adopt_orphans, run
from peers.jobs import census, missing
from workloads import HERE, PHOTOGRAPHS, WORKLOADS, Workload, prepare, workplace

ENVIRONMENT = {"NO_ALBUMENTATIONS_UPDATE": "1", "KERAS_BACKEND": "torch", "PYTHONDONTWRITEBYTECODE": ""}
"""Modules are compiled once, as what pip installs is."""
AUGFLOW, POOL, LIMIT = "augflow", "albumentations, pool of 2", "the limit"


@dataclass(frozen=True)
class Contestant:
    """Somebody who does the work: a script of ours, or augflow where there is none."""

    name: str
    needs: tuple[str, ...]
    script: str = ""
    more: tuple[str, ...] = ()
    every_round: bool = False
    copies_originals: bool = True
    overshoots: bool = False
    workloads: tuple[str, ...] = tuple(WORKLOADS)


CONTESTANTS = (
    Contestant(AUGFLOW, ("augflow",), every_round=True),
    Contestant(POOL, ("albumentations", "cv2"), "peers/albumentations_pool.py", every_round=True),
    Contestant(LIMIT, ("cv2", "simplejpeg", "stringzilla", "PIL"), "limit.py", every_round=True),
    Contestant(
        "albumentations, crop and resize first",
        ("albumentations", "cv2"),
        "peers/albumentations_pool.py",
        ("crop-first",),
        workloads=("photos",),
    ),
    Contestant("torchvision v2, DataLoader(2)", ("torchvision",), "peers/torchvision_loader.py"),
    Contestant("Pillow + NumPy, pool of 2", ("PIL",), "peers/pillow_numpy.py"),
    Contestant(
        "Keras ImageDataGenerator",
        ("keras", "torch", "scipy"),
        "peers/keras_generator.py",
        copies_originals=False,
        overshoots=True,
    ),
    Contestant("Augmentor sample()", ("Augmentor",), "peers/augmentor_sample.py", copies_originals=False),
)


def augflow_command(workload: Workload, source: Path, sink: Path, workers: int, *overrides: str) -> list[str]:
    code = "from augflow.cli import command; command()"
    settings = [f"source.root={source}", f"sink.root={sink}", f"executor.workers={workers}"]
    return [sys.executable, "-c", code, "run", str(workload.recipe), *settings, *overrides]


def command(who: Contestant, workload: Workload, source: Path, sink: Path, python: str) -> list[str]:
    if who.name == AUGFLOW:
        return augflow_command(workload, source, sink, 2)
    script = str(HERE / who.script)
    if who.name == LIMIT:
        return [python, script, workload.name, "--source", str(source), "--sink", str(sink), "--workers", "2"]
    return [python, script, workload.name, str(source), str(sink), *who.more]


def lacking(who: Contestant, python: str) -> list[str]:
    """Packages that the contestant's interpreter does not have."""
    code = "import sys; from importlib.util import find_spec; print(*[n for n in sys.argv[1:] if not find_spec(n)])"
    interpreter = sys.executable if who.name == AUGFLOW else python
    return subprocess.run([interpreter, "-c", code, *who.needs], capture_output=True, text=True).stdout.split()


def expected(who: Contestant, workload: Workload, source: Path) -> dict[str, int]:
    """Files that each class folder must hold in the end."""
    counts = missing(source, workload.originals)
    if workload.originals == "keep" and who.copies_originals:
        return {label: count + len(census(source)[label]) for label, count in counts.items()}
    return {label: count for label, count in counts.items() if count}


def problem(who: Contestant, done: Run, wanted: dict[str, int], sink: Path) -> str:
    """Say what is wrong with what a run left behind, or nothing."""
    if who.overshoots:
        short = {label: count for label, count in wanted.items() if done.pictures.get(label, 0) < count}
        return f"too few images: {short}" if short else ""
    if done.pictures != wanted:
        return f"wrong counts: {done.pictures}, not {wanted}"
    if who.name == AUGFLOW and not (sink / "ledger.parquet").is_file():
        return "no ledger"
    return ""


@dataclass(frozen=True)
class Figures:
    """One run, per image made; copied originals are work done, but not images made."""

    rate: float
    writing_rate: float
    cpu_ms: float
    kilobytes: float


def figures(done: Run, copied: int) -> Figures:
    files = sum(done.pictures.values())
    made = files - copied
    return Figures(made / done.wall, made / max(done.writing, 1e-9), done.cpu / made * 1e3, done.bytes / files / 1e3)


def alternate(
    contestants: list[Contestant], workload: Workload, source: Path, options: argparse.Namespace, folder: Path
) -> Iterator[tuple[int, Contestant, Figures]]:
    """Run everyone in turn, round after round, each into a fresh folder; yield (round, who, figures)."""
    out = set()
    for number in range(options.rounds):
        for who in contestants:
            if who in out or not (who.every_round or number < options.slow_rounds):
                continue
            sink = folder / f"sink-{number}-{contestants.index(who)}"
            sink.mkdir()
            started = time.strftime("%H:%M:%S")
            print(f"  {started}  round {number + 1}  {who.name} … ", end="", file=sys.stderr, flush=True)
            try:
                done = run(command(who, workload, source, sink, options.peer_python), sink, ENVIRONMENT, folder / "log")
                wrong = problem(who, done, expected(who, workload, source), sink)
                if wrong:
                    raise CommandError(wrong)
            except CommandError as error:
                out.add(who)
                print(f"failed and left out: {error}", file=sys.stderr)
                continue
            finally:
                shutil.rmtree(sink, ignore_errors=True)
            copied = workload.copied(source) if who.copies_originals else 0
            found = figures(done, copied)
            print(f"{done.wall:.2f} s, {found.rate:,.0f} images/s", file=sys.stderr)
            yield number, who, found


Results = dict[str, dict[int, Figures]]


def ratio(results: Results, name: str, to: str, what: str) -> float | None:
    """Median over the rounds that both ran in, of `what` in the same round."""
    if name not in results or to not in results:
        return None
    rounds = results[name].keys() & results[to].keys()
    if not rounds:
        return None
    return statistics.median(float(getattr(results[name][r], what) / getattr(results[to][r], what)) for r in rounds)


def table(results: Results) -> str:
    """Medians of every contestant, slowest first, with ratios to the pool script."""
    lines = [
        f"{'':<40}{'rounds':>7}{'images/s':>10}{'ratio':>7}{'at work':>9}{'ratio':>7}{'CPU ms':>8}{'ratio':>7}{'KB':>7}"
    ]

    def show(value: float | None) -> str:
        return f"{'–' if value is None else f'{value:.2f}':>7}"

    medians = {
        name: {what: statistics.median(getattr(found, what) for found in rounds.values()) for what in FIGURES}
        for name, rounds in results.items()
    }
    for name in sorted(medians, key=lambda name: medians[name]["rate"]):
        of = medians[name]
        cpu = ratio(results, POOL, name, "cpu_ms")
        lines.append(
            f"{name:<40}{len(results[name]):>7}{of['rate']:>10,.0f}{show(ratio(results, name, POOL, 'rate'))}"
            f"{of['writing_rate']:>9,.0f}{show(ratio(results, name, POOL, 'writing_rate'))}"
            f"{of['cpu_ms']:>8.2f}{show(cpu)}{of['kilobytes']:>7.1f}"
        )
    if AUGFLOW in results and LIMIT in results:
        shares = [ratio(results, AUGFLOW, LIMIT, what) for what in ("rate", "writing_rate")]
        shares.append(ratio(results, LIMIT, AUGFLOW, "cpu_ms"))
        whole, writing, spent = (f"{100 * (share or 0):.0f} %" for share in shares)
        lines.append(f"\naugflow's share of the limit: {whole} of the whole command, {writing} at work, {spent} by CPU")
    return "\n".join(lines)


FIGURES = tuple(Figures.__dataclass_fields__)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    model = models[0] if info.is_file() and models else platform.processor()
    return f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores of {model}"


def main() -> None:
    parser = argparse.ArgumentParser(description="augflow, its peers and the limit on the same work.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all if none")
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="folder of class folders of photographs")
    parser.add_argument("--rounds", type=int, default=5, help="alternations of augflow, pool script and limit")
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds in which the other peers take part")
    parser.add_argument("--share", type=float, default=1.0, help="use the first share of every class (smoke runs)")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="contestants whose name holds one of these words")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers installed")
    parser.add_argument("--json", type=Path, help="write every single figure there")
    options = parser.parse_args()
    unknown = set(options.workloads) - WORKLOADS.keys()
    if unknown:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    adopt_orphans()
    present = []
    for who in CONTESTANTS:
        if options.only and not any(word.lower() in who.name.lower() for word in options.only):
            continue
        lacks = lacking(who, options.peer_python)
        if lacks:
            print(f"skipped: {who.name} (not installed: {', '.join(lacks)})", file=sys.stderr)
        else:
            present.append(who)
    print(machine())
    everything = {}
    for name in options.workloads or WORKLOADS:
        workload = WORKLOADS[name]
        if workload.photographs and not options.source.is_dir():
            print(f"\n{name}: skipped, there are no photographs under {options.source} (--source)")
            continue
        with workplace() as folder:
            source = prepare(workload, options.source, options.share, folder)
            print(
                f"\n{name}: {workload.title}\n"
                f"{workload.made(source):,} images to make, {workload.copied(source):,} originals to copy"
            )
            results: Results = {}
            contestants = [who for who in present if name in who.workloads]
            for number, who, found in alternate(contestants, workload, source, options, folder):
                results.setdefault(who.name, {})[number] = found
            print(table(results), flush=True)
        everything[name] = {
            who: [asdict(found) | {"round": number} for number, found in rounds.items()]
            for who, rounds in results.items()
        }
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "results": everything}, indent=1))


if __name__ == "__main__":
    main()
