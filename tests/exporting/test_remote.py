"""A data set in an object store: its card goes along, and the standards describe it into a file of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def augflow(*words: str | Path, code: int = 0) -> str:
    """Run a command in a process of its own, whose workers then know the store; return what it said."""
    done = subprocess.run([sys.executable, "-m", "augflow", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_it_is_described_as_the_same_data_set_in_a_folder(
    object_store: Any, small_source: Path, tmp_path: Path
) -> None:
    bucket = object_store.bucket("standards")
    url, folder = f"s3://{bucket.name}/out/made", tmp_path / "made"
    words = [f"source.root={small_source}", "recipe.render.size=16", "sink.card=true", "--no-audit"]
    told: dict[str, list[str]] = {}
    for sink in (url, str(folder)):
        augflow("run", *words, f"sink.root={sink}", "recipe.target=13")
        for to in ("croissant", "prov"):
            file = tmp_path / f"{to}.json"
            assert "26 outputs" in augflow("export", f"sink.root={sink}", "--to", to, "--file", file)
            told.setdefault(sink, []).append(file.read_text())
    assert told[url] == told[str(folder)]
    assert f"{url} is no folder of this machine" in augflow("export", f"sink.root={url}", "--to", "prov", code=2)

    card = bucket.Object("out/made/README.md")
    assert card.get()["Body"].read() == (folder / "README.md").read_bytes()
    mine = (folder / "README.md").read_bytes().replace(b"**Not said yet.**", b"CC0.")
    card.put(Body=mine)
    assert "edited card" in augflow("run", *words, f"sink.root={url}", "recipe.target=12", code=1)
    assert card.get()["Body"].read() == mine
