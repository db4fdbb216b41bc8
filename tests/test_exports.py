"""The public names: all there, none imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import augflow


def fresh(code: str) -> str:
    """Run `code` in an interpreter of its own and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_augflow_imports_nothing_heavy() -> None:
    heavy = ["numpy", "hydra", "omegaconf", "cv2", "PIL", "albumentations", "pyarrow", "pydantic", "yaml", "rich"]
    assert fresh(f"import sys, augflow; print(*sorted(set({heavy!r}) & sys.modules.keys()))").split() == []


def test_every_public_name_resolves_by_itself() -> None:
    assert augflow.__all__
    for name in augflow.__all__:
        fresh(f"import augflow; assert augflow.{name} is augflow.{name}")


@pytest.mark.parametrize("order", ["", "reversed"])
def test_no_public_name_is_hidden_by_a_module(order: str) -> None:
    """Importing a module `augflow.x` sets the attribute `x`; a public name of that name would turn into the module."""
    code = f"import augflow, types\nfor name in {order}(augflow.__all__): getattr(augflow, name)\n"
    hidden = "print(*[n for n in augflow.__all__ if isinstance(getattr(augflow, n), types.ModuleType)])"
    assert fresh(code + hidden).split() == []


def test_public_names_are_listed_once_and_complete() -> None:
    assert len(set(augflow.__all__)) == len(augflow.__all__)
    assert set(augflow.__all__) <= set(dir(augflow))
    assert fresh("from augflow import *; print(*sorted(n for n in dir() if n[0] != '_'))").split() == sorted(
        name for name in augflow.__all__ if name[0] != "_"
    )


def test_unknown_names_are_told_as_python_tells_them() -> None:
    assert not hasattr(augflow, "no_such_name")
    code = "import augflow\ntry:\n augflow.no_such_name\nexcept AttributeError as error:\n print(error)"
    assert "no_such_name" in fresh(code)


def test_the_version_is_that_of_the_package(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert augflow.__version__ == project["version"]
