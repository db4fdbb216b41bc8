"""The example of docs/keras.md, as it stands there, in short."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peers import photograph
from PIL import Image

from augflow.registry import Registry

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keras.md"
pytest.importorskip("keras", reason="Keras 3 is not installed")


def block(language: str, name: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(# {re.escape(name)}.*?)```", PAGE.read_text(), re.DOTALL)
    return blocks[0]


def test_the_example_trains_evaluates_and_predicts(tmp_path: Path) -> None:
    if not PAGE.is_file() or "keras" not in Registry().names():
        pytest.skip("needs a checkout, and the plugin installed")
    for folder, counts in (("train", (3, 9)), ("validation", (2, 5))):
        for name, count in zip(("hat", "shirt"), counts, strict=True):
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(count):
                image = photograph(120, 140, seed=number).astype(np.uint8)
                Image.fromarray(image).save(tmp_path / folder / name / f"{number}.jpg")
    (tmp_path / "clothes.yaml").write_text(block("yaml", "clothes.yaml"))
    (tmp_path / "train.py").write_text(block("python", "train.py"))
    done = subprocess.run(
        [sys.executable, "train.py", "train", "validation", "2"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Epoch 2/2" in done.stdout
    assert "18 images of 2 classes in an epoch" in done.stdout
    assert re.search(r"7 images to evaluate on, [\d.]+% of them right", done.stdout)
