"""Every hostile recipe and chain, by every way that leads to one: nothing runs, nothing hangs, each is named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.hostile.constructs import CHAINS, RECIPES, SECRET, Construct

VALUE = "canary-0451"
MOST_SECONDS = 10.0
MOST_SAID = 500_000
"""Characters: `check` tells every fault, as it shall, and a file holds 5,000 entries."""

Way = Callable[[str], list[str]]
WAYS: dict[str, tuple[str, Way]] = {
    "path": ("recipe", lambda name: ["plan", f"conf/recipe/{name}.yaml", "source=demo"]),
    "run": ("recipe", lambda name: ["run", f"conf/recipe/{name}.yaml", "source=demo", "sink.root=sink"]),
    "config dir": ("recipe", lambda name: ["plan", "--config-dir", "conf", f"recipe={name}", "source=demo"]),
    "search path": ("recipe", lambda name: ["plan", f"recipe={name}", "hydra.searchpath=[file://conf]", "source=demo"]),
    "python path": (
        "recipe",
        lambda name: ["plan", f"recipe={name}", "hydra.searchpath=[pkg://shelf.conf]", "source=demo"],
    ),
    "package": ("recipe", lambda name: ["plan", f"recipe=acme/{name}", "source=demo"]),
    "extended": ("recipe", lambda name: ["plan", f"conf/recipe/child-{name}.yaml", "source=demo"]),
    "shown": ("recipe", lambda name: ["recipes", f"conf/recipe/{name}.yaml"]),
    "checked": ("recipe", lambda name: ["check", f"conf/recipe/{name}.yaml"]),
    "compared": ("recipe", lambda name: ["diff", "balance", f"conf/recipe/{name}.yaml"]),
    "locked": ("recipe", lambda name: ["run", "--locked", f"conf/recipe/{name}.yaml", "source=demo", "sink.root=sink"]),
    "imported": ("recipe", lambda name: ["import", f"conf/recipe/{name}.yaml"]),
    "chain": ("chain", lambda name: ["plan", "--config-dir", "conf", f"+chain@recipe.chains.x={name}", "source=demo"]),
    "chain pulled in": ("chain", lambda name: ["plan", f"conf/recipe/pulls-{name}.yaml", "source=demo"]),
    "chain checked": ("chain", lambda name: ["check", f"conf/chain/{name}.yaml"]),
    "chain of a package": ("chain", lambda name: ["plan", f"+chain@recipe.chains.x=acme/{name}", "source=demo"]),
}
SETS: dict[str, list[Construct]] = {"recipe": RECIPES, "chain": CHAINS}


def file_of(construct: Construct) -> str:
    return re.sub(r"\W", "_", construct.name)


@pytest.fixture(scope="module")
def den(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every construct within every reach, and what they are after."""
    root = tmp_path_factory.mktemp("den")
    touch = f"from pathlib import Path\nPath({str(root / 'touched')!r}).touch()\ndef touch(*a, **k): pass\n"
    files = {
        "canary.py": touch,
        "secret.yaml": f"target: {VALUE}\n",
        "conf/secret.yaml": f"target: {VALUE}\n",
        "fine.yaml": "target: 20\nchains: {a: {flip: {}}}\n",
        "site/canary.py": touch,
        "site/shelf/__init__.py": "",
        "site/shelf/conf/__init__.py": "",
        "site/acme/__init__.py": "raise RuntimeError('imported')\n",
        "site/acme-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1\n",
        "site/acme-1.dist-info/entry_points.txt": "[augflow.recipes]\nacme = acme\n",
    }
    for kind, constructs in SETS.items():
        for construct in constructs:
            name = file_of(construct)
            text = construct.text.replace("SELF", name)
            for folder in (f"conf/{kind}", f"site/shelf/conf/{kind}", f"site/acme/conf/{kind}/acme"):
                files[f"{folder}/{name}.yaml"] = text
            if kind == "recipe":
                files[f"conf/recipe/child-{name}.yaml"] = f"extends: {name}\n"
            else:
                files[f"conf/recipe/pulls-{name}.yaml"] = f"defaults: [{{/chain@chains.a: {name}}}]\nchain: a\n"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "images/a").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(root / "images/a/1.png")
    return root


def ask(den: Path, checkout: Path, way: str) -> list[dict[str, Any]]:
    """What one way answers to every construct, in a process of its own."""
    kind, words = WAYS[way]
    site = f"{checkout}{os.pathsep}{den / 'site'}"
    done = subprocess.run(
        [sys.executable, str(checkout / "tests/hostile/warden.py")],
        input=json.dumps([words(file_of(construct)) for construct in SETS[kind]]),
        env=os.environ | {"PYTHONPATH": site, SECRET: VALUE, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=den,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def faults(way: str, construct: Construct, answer: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an answer."""
    said = answer["said"]
    if answer["events"]:
        yield f"did {answer['events'][:3]}"
    if answer["seconds"] > MOST_SECONDS:
        yield f"took {answer['seconds']:.1f} s"
    if answer["code"] != 2 or "Traceback" in said:
        yield f"ended with {answer['code']}"
    if VALUE in said or "\x1b" in said or len(said) > MOST_SAID:
        yield "said what it must not, or too much"
    if way != "imported":
        if construct.says not in said:
            yield f"did not say {construct.says!r}"
        if not re.search(rf"{file_of(construct)}\.yaml:\d+:\d+", said):
            yield "did not name file and place"


@pytest.mark.parametrize("way", WAYS)
def test_nothing_runs_nothing_hangs_and_file_and_place_are_named(way: str, den: Path, checkout: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in den.rglob("*")}
    constructs = SETS[WAYS[way][0]]
    told = [
        f"{construct.name} (to {construct.why}) {fault}: {answer['said'][:300]}"
        for construct, answer in zip(constructs, ask(den, checkout, way), strict=True)
        for fault in faults(way, construct, answer)
    ]
    assert not told, "\n".join(told)
    assert {path: path.stat().st_mtime_ns for path in den.rglob("*")} == before


def test_there_are_forty_more_than_the_facts_and_each_is_another() -> None:
    texts = {construct.text for construct in (*RECIPES, *CHAINS)}
    assert len(texts) == len(RECIPES) + len(CHAINS) >= 10 + 40
