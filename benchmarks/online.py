"""Images into a training loop: augflow's stream by processes, by threads and for PyTorch, beside its peers.

    python benchmarks/online.py                              an epoch each, five rounds
    python benchmarks/online.py --images 1600 --rounds 3     shorter

Batches of 32 at 224 × 224, the chain of the workload `photos`, no lossy encoding; two workers where there are such.
Each is a process of its own, in turn, round after round; what counts is the time from asking for the first batch to
having the last, and the processors' time of all its processes. Ratios are medians of the rounds' own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from throughput import ENVIRONMENT, machine
from workloads import HERE, PHOTOGRAPHS, WORKLOADS, prepare, workplace


@dataclass(frozen=True)
class Contestant:
    """A loop; `share` of the images is enough for the slow one."""

    name: str
    script: str
    needs: tuple[str, ...]
    share: float = 1.0


STREAM, THREADS, TORCH = "augflow, 2 processes", "augflow, 2 threads", "augflow, StreamLoader"
LOADER, GENERATOR = "albumentations, DataLoader(2)", "Keras ImageDataGenerator"
CONTESTANTS = (
    Contestant(STREAM, "augflow_stream.py", ("augflow",)),
    Contestant(THREADS, "augflow_threads.py", ("augflow",)),
    Contestant(TORCH, "augflow_torch.py", ("augflow", "torch")),
    Contestant(LOADER, "albumentations_loader.py", ("albumentations", "cv2", "torch")),
    Contestant(GENERATOR, "keras_generator.py", ("keras", "torch", "scipy"), 0.25),
)


@dataclass(frozen=True)
class Figures:
    rate: float
    cpu_ms: float


def lacking(who: Contestant, python: str) -> list[str]:
    code = "import sys; from importlib.util import find_spec; print(*[n for n in sys.argv[1:] if not find_spec(n)])"
    return subprocess.run([python, "-c", code, *who.needs], capture_output=True, text=True).stdout.split()


def measure(who: Contestant, python: str, source: Path, images: int) -> Figures:
    command = [python, str(HERE / "loops" / who.script), str(source), str(int(images * who.share))]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ENVIRONMENT)
    if done.returncode:
        raise SystemExit(f"{who.name} failed:\n{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Figures(told["images"] / told["seconds"], told["cpu"] / told["images"] * 1e3)


def table(results: dict[str, list[Figures]]) -> str:
    """Medians, and by how much augflow is ahead of each peer."""
    lines = [f"{'':<32}{'images/s':>10}{'CPU ms':>9}   processes: rate, CPU   threads: rate, CPU   loader: rate, CPU"]
    for name, found in results.items():
        rate, cpu = (statistics.median(getattr(f, what) for f in found) for what in ("rate", "cpu_ms"))
        line = f"{name:<32}{rate:>10,.0f}{cpu:>9.2f}"
        for ours in (STREAM, THREADS, TORCH):
            if ours in results and name in (LOADER, GENERATOR):
                pairs = list(zip(results[ours], found, strict=True))
                ahead = statistics.median(mine.rate / theirs.rate for mine, theirs in pairs)
                spared = statistics.median(theirs.cpu_ms / mine.cpu_ms for mine, theirs in pairs)
                line += f"{ahead:>14.2f}{spared:>7.2f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Images into a training loop, side by side.")
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="folder of class folders of photographs")
    parser.add_argument("--images", type=int, default=7936, help="how many each takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers installed")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="contestants whose name holds one of these words")
    options = parser.parse_args()
    if not options.source.is_dir():
        parser.error(f"there are no photographs under {options.source}")
    present = []
    for who in CONTESTANTS:
        if options.only and not any(word.lower() in who.name.lower() for word in options.only):
            continue
        python = sys.executable if "augflow" in who.needs else options.peer_python
        if lacks := lacking(who, python):
            print(f"skipped: {who.name} (not installed: {', '.join(lacks)})", file=sys.stderr)
        else:
            present.append((who, python))
    results: dict[str, list[Figures]] = {who.name: [] for who, _ in present}
    print(machine())
    with workplace() as folder:
        source = prepare(WORKLOADS["photos"], options.source, 1.0, folder)
        for number in range(options.rounds):
            for who, python in present:
                found = measure(who, python, source, options.images)
                results[who.name].append(found)
                told = f"{found.rate:,.0f} images/s, {found.cpu_ms:.2f} ms"
                print(f"  round {number + 1}  {who.name}: {told}", file=sys.stderr)
    print(table(results))


if __name__ == "__main__":
    main()
