"""The examples of docs/online.md run, one after the other, each section where its library is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from augflow.online.weights import TwiceCorrectedWarning

NEEDS = {"PyTorch": "torch", "Hugging Face datasets": "datasets", "tf.data": "tensorflow"}


def examples(checkout: Path) -> dict[str, str]:
    """Section → its Python."""
    text = (checkout / "docs" / "online.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^##? (.*)$", text, flags=re.MULTILINE)
    bodies = zip(parts[::2], parts[1::2], strict=True)
    found = {name: re.findall(r"^```python\n(.*?)^```$", body, re.DOTALL | re.MULTILINE) for name, body in bodies}
    return {name: "\n".join(blocks) for name, blocks in found.items() if blocks}


@pytest.mark.parametrize("section", ["Resume, share", "PyTorch", "Hugging Face datasets", "tf.data", "Class weights"])
def test_examples_run(section: str, checkout: Path) -> None:
    if section in NEEDS:
        pytest.importorskip(NEEDS[section], reason=f"{NEEDS[section]} is not installed")
    found = examples(checkout)
    scope: dict[str, Any] = {}
    exec(found["Straight into training"], scope)
    assert scope["images"].shape[1:] == (96, 96, 3)
    if section == "Class weights":
        with pytest.warns(TwiceCorrectedWarning):
            exec(found[section], scope)
    else:
        exec(found[section], scope)


def test_no_section_is_left_out(checkout: Path) -> None:
    assert set(examples(checkout)) == {"Straight into training", "Resume, share", "Class weights", *NEEDS}
