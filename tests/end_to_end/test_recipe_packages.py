"""docs/recipe-packages.md does what it says: its shell blocks are run in order, in a fresh environment and folder.

A `text` block after a `sh` block holds lines that this must have printed, in that order.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("build", reason="the extra `test` brings build and hatchling")
pytest.importorskip("hatchling", reason="the extra `test` brings build and hatchling")

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "@@ end of block"


def blocks(document: Path) -> list[tuple[str, list[str]]]:
    """Each shell block, with the lines that it must print."""
    found: list[tuple[str, list[str]]] = []
    for kind, text in BLOCK.findall(document.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append((text, []))
        else:
            found[-1][1].extend(text.splitlines())
    return found


def test_every_shell_block_is_found(checkout: Path) -> None:
    text = (checkout / "docs/recipe-packages.md").read_text(encoding="utf-8")
    assert text.count("```sh") == len(blocks(checkout / "docs/recipe-packages.md")) >= 8
    assert text.count("```text") == sum(1 for _, lines in blocks(checkout / "docs/recipe-packages.md") if lines)


@pytest.fixture(scope="module")
def scripts(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of a fresh environment are: augflow from here, its libraries borrowed, no other plugin."""
    home = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    borrowed = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(home / "bin/python"),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, "--no-build-isolation", "--editable", str(checkout)], check=True, cwd=home)
    return home / "bin"


def test_the_walk_through_of_recipe_packages(scripts: Path, checkout: Path, tmp_path: Path) -> None:
    steps = blocks(checkout / "docs/recipe-packages.md")
    script = "".join(f"{shell}\nset +x; echo '{END}'; set -x\n" for shell, _ in steps)
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PATH": f"{scripts}:{os.environ['PATH']}",
    }
    # The document says `python -m build`, which would fetch hatchling; here it is borrowed like all libraries.
    script = script.replace("python -m build ", "python -m build --no-isolation ")
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=kept | offline,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for shell, lines in steps:
        told = printed[: printed.index(END)]
        del printed[: len(told) + 1]
        at = 0
        for line in (" ".join(line.split()) for line in lines):
            later = [number for number in range(at, len(told)) if line in told[number]]
            assert later, f"{shell}\nprinted\n{chr(10).join(told)}\nand not, where it should\n{line}"
            at = later[0] + 1
    assert list(scripts.parent.glob("lib/*/site-packages/augflow_recipes_acme-0.1.0.dist-info"))
    made = Counter(path.parent.name for path in (tmp_path / "balanced").glob("*/*.*"))
    assert made == dict.fromkeys(("acorn", "feather", "key", "leaf", "pebble", "shell"), 60)
