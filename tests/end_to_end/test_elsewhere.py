"""From another folder, in another locale, with a TMPDIR too long, without locks: it works, or one message says why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Said = subprocess.CompletedProcess[str]
Command = Callable[..., Said]


@pytest.fixture
def command(checkout: Path) -> Command:
    def call(*words: str, cwd: Path, before: tuple[str, ...] = (), **environment: str) -> Said:
        return subprocess.run(
            [*before, sys.executable, "-m", "augflow", *words],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(checkout)} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call


WORDS = ("recipe.target=4", "recipe.surplus=drop", "recipe.render.size=16", "executor.workers=1")


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_verify_and_replay_find_the_source_from_anywhere(
    kind: str, small_source: Path, command: Command, tmp_path: Path
) -> None:
    shutil.copytree(small_source, tmp_path / "here" / "photos")
    source = ["source.root=photos"]
    if kind == "table":
        rows = [f"photos/{file.parent.name}/{file.name},{file.parent.name}" for file in small_source.glob("*/*")]
        (tmp_path / "here" / "t.csv").write_text("\n".join(["path,label", *rows]))
        source = ["source=table", "source.table=t.csv"]
    assert command("run", *source, "sink.root=../out", *WORDS, cwd=tmp_path / "here").returncode == 0
    for verb in (["verify"], ["replay", "all"]):
        said = command(*verb, f"sink.root={tmp_path / 'out'}", cwd=Path("/"))
        assert said.returncode == 0, said.stdout + said.stderr
    assert "samples of the source unchanged" in command("verify", "sink.root=out", cwd=tmp_path).stdout


@pytest.mark.parametrize("verb", ["run", "scan"])
def test_whatever_the_locale_names_are_what_they_are(
    verb: str, small_source: Path, command: Command, tmp_path: Path
) -> None:
    """Names are bytes: of a file system that is told to be ASCII as well."""
    source = tmp_path / "süß"
    for number, label in enumerate(("café", "日本")):
        (source / label).mkdir(parents=True)
        for name in ("ä.jpg", os.fsdecode(b"caf\xe9.jpg")):
            shutil.copy(small_source / "few" / f"{number:02}.jpg", source / label / name)
    plain, made = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}, []
    for name, environment in (("other", plain), ("usual", {"PYTHONUTF8": "1"})):
        sink = [f"sink.root={tmp_path / name}", *WORDS] if verb == "run" else []
        said = command(verb, f"source.root={source}", *sink, cwd=tmp_path, **environment)
        assert (said.returncode, said.stderr) == (0, ""), said.stderr
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).glob("*/*")})
    assert made[0] == made[1]
    assert len(made[0]) == (8 if verb == "run" else 0)


@pytest.mark.parametrize("verb", ["run", "scan"])
def test_a_long_tmpdir_is_told(verb: str, small_source: Path, command: Command, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    sink = [f"sink.root={tmp_path / 'out'}"] if verb == "run" else []
    said = command(verb, f"source.root={small_source}", *sink, cwd=tmp_path, TMPDIR=str(folder))
    assert said.returncode == 3
    assert said.stderr.startswith(f"augflow: No workers can be started: TMPDIR={folder} is too long")
    assert len(said.stderr.splitlines()) == 1


def test_without_locks_among_processes_it_says_so(small_source: Path, command: Command, tmp_path: Path) -> None:
    before = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh")
    if subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip("/dev/shm cannot be mounted otherwise here")
    said = command("run", f"source.root={small_source}", f"sink.root={tmp_path / 'o'}", cwd=tmp_path, before=before)
    assert said.returncode == 3
    assert "a lock among processes cannot be made: [Errno" in said.stderr
    assert "/dev/shm" in said.stderr
    assert "Traceback" not in said.stderr


def test_an_edited_plugin_file_is_noticed(small_source: Path, command: Command, tmp_path: Path) -> None:
    plugin = tmp_path / "dim.py"
    plugin.write_text(
        "import numpy as np\nfrom dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Dim:\n"
        "    'Darken.'\n    def draw(self, rng, size): return {}\n"
        "    def table(self): return (np.arange(256) // 2).astype(np.uint8)\n"
    )
    words = [f"plugins=[{plugin}]", f"source.root={small_source}", f"sink.root={tmp_path / 'out'}"]
    run = ["run", *words, *WORDS, "+recipe.chains.gentle.dim={}"]
    assert "is not as it was" not in command(*run, cwd=tmp_path).stdout
    assert "is not as it was" not in command(*run, cwd=tmp_path).stdout
    plugin.write_text(plugin.read_text().replace("// 2", "// 3"))
    said = command(*run, cwd=tmp_path)
    assert f"Note: {plugin} is not as it was when outputs that were kept were made." in said.stdout
    before = json.loads((tmp_path / "out" / "run.json").read_text())["plugins_sha256"]
    assert list(before) == [str(plugin)]
    told = command("replay", "all", f"sink.root={tmp_path / 'out'}", words[0], cwd=tmp_path)
    assert told.returncode == 1
    assert f"{plugin} {before[str(plugin)][:12]} → " in told.stdout
