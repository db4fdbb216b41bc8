"""The package as a user has it: installed, found by its entry point, named by a chain; no Keras is needed for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent

SCRIPT = """
import json
import sys
import numpy as np
from augflow.engine.performing import perform
from augflow.registry import Registry
from augflow.schema import check
from augflow.transform import Size

registry = Registry()
image = np.full((40, 50, 3), 90, np.uint8)
image[10:30, 10:30] = 200
made = []
for name in ("keras",):
    assert name in registry.names(), name
    cls = registry.find(name)
    assert check(cls, {}, ()) == []
    assert check(cls, {"fill_mode": "black"}, ()) != []
    transform = registry.build(name, {"rotation_range": 20})
    draw = json.loads(json.dumps(transform.draw(np.random.default_rng(3), Size(40, 50))))
    assert perform(image, [(transform, draw)]).shape == (40, 50, 3)
    made.append(registry.origin(name))
assert "keras" not in sys.modules
print(made, end="")
"""


def test_installed_it_is_found_by_its_entry_point(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path), str(PACKAGE)], check=True)
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry and Path(entry) != PACKAGE)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == str(["augflow_keras.transform:Keras"])
