"""What `augflow audit` finds on the photographs, as the tables of docs/audit.md.

    python benchmarks/audit.py                        # keep, render, augment × balance, article, strong
    python benchmarks/audit.py --planted              # 50 planted leaks of each kind; false alarms among all

Takes every third photograph of a class unless told otherwise; sets are made in a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from workloads import PHOTOGRAPHS

from augflow import compose, read_recipe, run
from augflow.audit.audit import audit
from augflow.audit.result import Item
from augflow.registry import Registry

RECIPES = ("balance", "article", "strong")
ORIGINALS = ("keep", "render", "augment")
EACH = 50


def thin(source: Path, every: int, to: Path) -> None:
    """Copy every so-manyth photograph of each class."""
    for label in sorted(path for path in source.iterdir() if path.is_dir()):
        (to / label.name).mkdir(parents=True)
        for file in sorted(label.iterdir())[::every]:
            shutil.copy(file, to / label.name)


def make(source: Path, sink: Path, *words: str) -> None:
    settings = compose([*words, f"source.root={source}", f"sink.root={sink}"])
    run(read_recipe(settings.recipe, Registry()), settings.source, settings.sink)


def tabulate(source: Path, seed: int) -> None:
    print(
        "| recipe | originals | hint: copies against originals | by pixels alone | rarest against commonest class |",
        end="",
    )
    print(" newness of a copy: first, last | damaged | verdicts |\n|---|---|---|---|---|---|---|---|", flush=True)
    for recipe in RECIPES:
        for originals in ORIGINALS:
            with tempfile.TemporaryDirectory() as sink:
                make(
                    source,
                    Path(sink, "set"),
                    f"recipe={recipe}",
                    f"recipe.originals={originals}",
                    f"recipe.seed={seed}",
                )
                items = {item.name: item for item in audit({"kind": "folder", "root": f"{sink}/set"}).items}
            hint = items["hint"].figures
            shown = [f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})" for figure in hint[:3]]
            curve = [figure.value for figure in items["redundancy"].figures if figure.name.startswith("newness")]
            damaged = items["damage"].figures[0].value
            told = ", ".join(f"{name} {item.verdict}" for name, item in items.items() if item.verdict != "ok")
            newness = f"{curve[0]:.2f}, {curve[-1]:.2f}" if curve else "too few images"
            cells = [recipe, originals, *shown, newness, f"{damaged:.1%}", told or "all ok"]
            print(f"| {' | '.join(cells)} |", flush=True)


def plant(files: list[Path], to: Path) -> dict[str, set[frozenset[str]]]:
    """Put a copy of some photographs, changed in each way, into a folder."""
    rng = random.Random(0)
    planted: dict[str, set[frozenset[str]]] = {}
    for way in (
        "copied",
        "resized",
        "re-encoded",
        "cropped by up to 1/20 of each side",
        "cropped by up to 1/10 of each side",
    ):
        planted[way] = set()
        for number, file in enumerate(rng.sample(files, EACH)):
            name = f"{way.replace(' ', '-').replace('/', '_')}-{number}.jpg"
            image, quality = Image.open(file).convert("RGB"), 90
            if way == "resized":
                share = rng.uniform(0.3, 0.9)
                image = image.resize((round(image.width * share), round(image.height * share)))
            elif way == "re-encoded":
                quality = rng.randint(30, 70)
            elif way.startswith("cropped"):
                most = 0.05 if "20" in way else 0.1
                left, top, right, bottom = (rng.uniform(0, most) for _ in range(4))
                width, height = image.size
                sides = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
                image = image.crop(tuple(round(side) for side in sides))
            data = io.BytesIO()
            image.save(data, "JPEG", quality=quality)
            (to / name).write_bytes(file.read_bytes() if way == "copied" else data.getvalue())
            planted[way].add(frozenset((f"{file.parent.name}/{file.name}", name)))
    return planted


def find_planted(source: Path) -> None:
    files = sorted(source.glob("*/*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, "other")
        other.mkdir()
        planted = plant(files, other)
        make(source, Path(folder, "set"), "recipe.target=keep", "recipe.originals=render", "recipe.render.size=32")
        began = time.monotonic()
        leaks = leakage(Path(folder, "set"), other)
        took = time.monotonic() - began
    found = {frozenset(finding.about): finding for finding in leaks.findings if finding.kind == "in the other folder"}
    for way, pairs in planted.items():
        print(f"{way}: {len(pairs & found.keys())} of {len(pairs)} found")
    print(f"false, in the other folder: {len(found.keys() - set().union(*planted.values()))}")
    print(f"among {len(files)} photographs, to be looked at by eye:")
    for finding in leaks.findings:
        if finding.kind != "in the other folder":
            print(f"  {finding.kind}: {' = '.join(finding.about)}: {finding.detail}")
    print(f"{took:.0f} s")


def leakage(sink: Path, other: Path) -> Item:
    found = audit({"kind": "folder", "root": str(sink)}, against=str(other))
    return next(item for item in found.items if item.name == "leakage")


def main() -> None:
    parser = argparse.ArgumentParser(description="What `augflow audit` finds on the photographs.")
    parser.add_argument("--source", type=Path, default=PHOTOGRAPHS, help="folder of class folders of JPEG files")
    parser.add_argument("--every", type=int, default=3, help="take every so-manyth photograph")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--planted", action="store_true", help="look for planted leaks instead")
    options = parser.parse_args()
    if options.planted:
        find_planted(options.source)
        return
    with tempfile.TemporaryDirectory() as folder:
        thin(options.source, options.every, Path(folder, "source"))
        tabulate(Path(folder, "source"), options.seed)


if __name__ == "__main__":
    main()
