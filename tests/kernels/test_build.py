"""The kernels are compiled by what is there: a library that works, or what the compiler said."""

from __future__ import annotations

import ctypes
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hatchling", reason="the extra `test` brings hatchling")

from augflow.kernels.build import compile_kernels, system_compiler


def test_the_system_compiler_makes_a_library_that_works(tmp_path: Path) -> None:
    compiler = system_compiler()
    if compiler is None:
        pytest.skip("there is no C compiler here")
    library = tmp_path / "kernels.so"
    library.write_bytes(b"an older one")
    compile_kernels(compiler, library)
    assert os.listdir(tmp_path) == ["kernels.so"]
    compiled = ctypes.CDLL(str(library))
    assert all(hasattr(compiled, name) for name in ("warp", "unfilter", "add_noise"))
    raw = np.array([[1, 10, 5, 250], [2, 1, 1, 1]], np.uint8)  # each behind the one to its left, then below
    made = np.zeros((2, 3), np.uint8)
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in (raw, made))
    compiled.unfilter(*pointers, 3, 2, 1)
    assert made.tolist() == [[10, 15, 9], [11, 16, 10]]


def test_what_a_compiler_says_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    library = tmp_path / "kernels.so"
    library.write_bytes(b"the last that worked")
    broken = [sys.executable, "-c", "import sys; sys.exit('warp.c:7: no such thing')"]
    with pytest.raises(SystemExit, match=r"(?s)could not be compiled by .*CC.*warp\.c:7: no such thing"):
        compile_kernels(broken, library)
    assert os.listdir(tmp_path) == ["kernels.so"]
    assert library.read_bytes() == b"the last that worked"


@pytest.mark.parametrize("command", ["/nonexistent", "false", f"{shlex.quote(sys.executable)} -c 'exit(1)'"])
def test_a_compiler_that_does_not_work_is_none(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", command)
    assert system_compiler() is None


def test_a_compiler_is_found_by_its_name_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    working = f"{shlex.quote(sys.executable)} -c 'exit(0)'"
    monkeypatch.setenv("CC", working)
    assert system_compiler() == [sys.executable, "-c", "exit(0)"]
