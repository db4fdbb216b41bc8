"""Compiles the kernels into the package when augflow is installed (a build hook of hatchling).

The system's C compiler does it; where there is none, that of the package `ziglang`, which pip fetches for the build
alone.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "kernels.so"
FLAGS = "-std=gnu11 -O3 -ffp-contract=off -fno-strict-aliasing -fvisibility=hidden -fPIC -shared".split()
ZIG = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline", "-fno-sanitize=all", "-s"]


class KernelHook(BuildHookInterface[Any]):
    """Puts the library beside its sources: into wheels, and into the checkout for editable installs."""

    def dependencies(self) -> list[str]:
        return [] if self.target_name == "sdist" or system_compiler() else ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            return
        compile_kernels(system_compiler() or ZIG, LIBRARY)
        platform = next(tag.platform for tag in sys_tags() if not tag.platform.startswith(("manylinux", "musllinux")))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append("augflow/kernels/kernels.so")


def system_compiler() -> list[str] | None:
    """The compiler that `CC` names, or `cc`, where it works."""
    command = shlex.split(os.environ.get("CC") or "cc")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "nothing.c")
        source.write_text("#include <stdint.h>\nint nothing(void) { return 0; }\n")
        try:
            made = subprocess.run(
                [*command, "-shared", "-fPIC", "-o", f"{folder}/nothing.so", source], capture_output=True
            )
        except OSError:
            return None
    return None if made.returncode else command


def compile_kernels(compiler: Sequence[str], library: Path) -> None:
    """Compile all sources into one library, which takes its place at once: processes may have it loaded.

    Raises:
        SystemExit: what the compiler said, where it fails.
    """
    half = library.with_suffix(f".{os.getpid()}")
    command: list[str | Path] = [*compiler, *FLAGS, "-o", half, *sorted(HERE.glob("*.c"))]
    try:
        with tempfile.TemporaryDirectory() as cache:
            environment = {"ZIG_GLOBAL_CACHE_DIR": cache, **os.environ}
            made = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
        if made.returncode:
            raise SystemExit(
                f"augflow's kernels could not be compiled by `{shlex.join(compiler)}`; the variable CC names another C "
                f"compiler. It said:\n{made.stderr}"
            )
        os.replace(half, library)
    finally:
        half.unlink(missing_ok=True)
