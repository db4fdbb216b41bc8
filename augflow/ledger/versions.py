"""Versions of what decides pixels and bytes."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

DECIDING = ("augflow", "numpy", "opencv-python-headless", "pillow", "simplejpeg", "albumentations", "pyarrow")


def versions() -> dict[str, str]:
    """Name → version of Python and of each library whose change may change pixels or bytes."""
    found = {"python": platform.python_version()}
    for name in DECIDING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
