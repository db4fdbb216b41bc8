"""What a finished data set says of itself beside its ledger: `run.json`, and the recipe to make it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augflow.ledger import ledger
from augflow.plan.plan import Plan
from augflow.recipe.recipe import Recipe
from augflow.sink.folder import LEDGER, LOCK, RUN, read_account
from augflow.source import Aside


def read(root: Path) -> dict[str, Any]:
    """What `run.json` says; nothing where it is missing or damaged."""
    return read_account(root)


def write(
    root: Path,
    workshop: Path,
    recipe: Recipe,
    plan: Plan,
    aside: Sequence[Aside],
    facts: Mapping[str, Any],
    lock: str,
    kept: bool = False,
    packed: Mapping[str, Any] | None = None,
) -> None:
    """Write `run.json` and the locked recipe; the ledger lies there.

    Args:
        lock: the locked recipe, as a file.
        kept: whether outputs of earlier runs are part of the data set; these may have been made with other versions.
        packed: what the sink tells of the files in which it hands outputs on.
    """
    before = read(root) if kept else {}
    earlier = [*before.get("earlier_versions", []), before.get("versions", facts["versions"])]
    told = {
        "format": ledger.FORMAT,
        "recipe_digest": recipe.digest,
        "plan_digest": plan.digest,
        "ledger_sha256": ledger.sha256(root / LEDGER),
        "lock_sha256": hashlib.sha256(lock.encode()).hexdigest(),
        "classes": {
            label: {"has": done.has, "target": done.target, "originals": done.originals, "copies": done.copies}
            for label, done in plan.classes.items()
        },
        "split": plan.split,
        "passed": plan.passed,
        "left_out": plan.left_out,
        "aside": [item._asdict() for item in aside],
        **({"packed": packed} if packed else {}),
        **facts,
        "earlier_versions": [some for some in earlier if some != facts["versions"]],
        "recipe": recipe.as_json(),
    }
    ledger.write_text(root / LOCK, lock, workshop)
    ledger.write_json(root / RUN, told, workshop)
