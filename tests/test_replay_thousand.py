"""A thousand outputs of every transform there is, made again from their records alone: a thousand equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.registry import ALBUMENTATIONS, BUILT_IN
from augflow.replay import replay
from tests.transforms.test_albumentations import NEEDED, USABLE

POLICIES = ("rand_augment", "trivial_augment", "aug_mix")
PLUGIN = """
import sys
sys.path.insert(0, {path!r})
from augflow_policies import AugMix, RandAugment, TrivialAugment

class PolicyRandAugment(RandAugment):
    "As it is."

class PolicyTrivialAugment(TrivialAugment):
    "As it is."

class PolicyAugMix(AugMix):
    "As it is."
"""


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Small pictures in colour: some transforms take no others."""
    (tmp_path / "source" / "all").mkdir(parents=True)
    rng = np.random.default_rng(8)
    for number in range(40):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        image = coarse.resize((64, 48 + number % 3), Image.Resampling.BICUBIC)
        image.save(tmp_path / "source" / "all" / f"{number:02}.{'png' if number % 4 else 'jpg'}")
    return tmp_path / "source"


def test_a_thousand_outputs_of_every_transform_are_equal(
    photographs: Path, make_set: Callable[..., Any], checkout: Path, tmp_path: Path
) -> None:
    plugin, root = tmp_path / "policies.py", tmp_path / "set"
    plugin.write_text(PLUGIN.format(path=str(checkout / "plugins" / "augflow-policies")))
    steps: dict[str, dict[str, Any]] = {name: {} for name in BUILT_IN}
    steps |= {f"policy_{name}": {} for name in POLICIES}
    steps |= {f"{ALBUMENTATIONS}{name}": NEEDED.get(name, {}) for name in USABLE}
    chains = {
        f"chain{number}": {"it": {"use": name, "p": 1, **arguments}}
        for number, (name, arguments) in enumerate(steps.items())
    }
    recipe = {
        "version": 1,
        "seed": 3,
        "target": 1000,
        "max_copies": 25,
        "originals": "omit",
        "weights": dict.fromkeys(chains, 1),
        "chains": chains,
        "render": {"format": "png"},
    }
    make_set(recipe, photographs, root, [plugin])
    account = json.loads((root / "run.json").read_bytes())
    (root / "run.json").write_text(json.dumps({**account, "recipe": {"seed": 99}}))
    rows = pq.read_table(root / "ledger.parquet", columns=["steps"])["steps"].to_pylist()
    assert {step["transform"] for row in rows for step in row if step["fired"]} == set(steps)
    done = replay(
        "all",
        {"kind": "folder", "root": str(root)},
        {"kind": "folder", "root": str(photographs)},
        {"kind": "local", "workers": 2},
        [str(plugin)],
    )
    assert dict(done.counts) == {"equal": 1000}, done.differing[:5]
