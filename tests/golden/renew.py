"""Renew the golden pixels, after a change that is meant to change them: `python tests/golden/renew.py`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

if __name__ == "__main__":
    runpy.run_path(str(HERE / "test_golden.py"))["renew"]()
