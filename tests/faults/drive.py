"""Run what a JSON file describes, with the exit codes of the command line and without its start-up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    from augflow.executor import forkserver

    forkserver.start(["augflow.engine.work"])

    from augflow.command import guarded
    from augflow.recipe.recipe import Recipe
    from augflow.runner import run

    asked = json.loads(Path(sys.argv[1]).read_text())
    sys.exit(
        guarded(
            lambda: (
                run(
                    Recipe.from_json(asked["recipe"]),
                    asked["source"],
                    asked["sink"],
                    asked["executor"],
                    force=asked["force"],
                ).exit_code
            )
        )
    )
