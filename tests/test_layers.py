"""Imports run one way: whatever a module imports stands on its own step or on a lower one."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# From the bottom up. A name stands for a module or for a whole package below augflow.
LAYERS = (
    "errors offered command transform markup sweep config.catalogue ledger.versions config.arguments docstring",
    "draw kernels kernels.build kinds store config.strict config.usage engine.output",
    "config.explain recipe.labels config.lineage registry engine.render schema symmetry plan.target transforms",
    "recipe.recipe executor",
    "recipe.preserve plan.weighting engine.order engine.time_limit engine.wholeness engine.plain_png",
    "recipe.reader recipe.json_schema engine.footprint engine.product",
    "engine.sampling",
    "engine.canvas",
    "engine.chain engine.modes",
    "engine.codec",
    "engine.performing",
    "recipe.passes recipe.effect recipe.diff",
    "recipe.written",
    "recipe.lock",
    "recipe.findings importing exporting",
    "source sink",
    "plan.census engine.sample",
    "plan.plan",
    "plan.names",
    "ledger.journal",
    "ledger.newest",
    "engine.views ledger.ledger",
    "engine.opening",
    "engine.work",
    "ledger.stock ledger.account",
    "ledger.dataset",
    "recipe.sides exporting.croissant exporting.prov",
    "exporting.data_set",
    "checker testing scaffold",
    "audit.result audit.probe audit.descriptors audit.features",
    "audit.hint audit.leakage audit.redundancy audit.damage audit.balance audit.look audit.near",
    "audit.audit audit.quick",
    "runner plan.survey replay verify signing online report",
    "preview bridges.datasets bridges.torch",
    "config.door",
    "config.compose",
    "verbs jobs",
    "cli",
    "__main__",
)
STEP = {name: step for step, names in enumerate(LAYERS) for name in names.split()}

# What may be imported where a module begins, beside the standard library and augflow; the rest waits until it is used.
EARLY = {"annotated_types", "numpy"}
EARLY_FOR = {
    "audit.descriptors": {"cv2"},
    "audit.features": {"PIL", "cv2"},
    "audit.look": {"cv2"},
    "audit.near": {"cv2"},
    "config.compose": {"hydra", "omegaconf", "yaml"},
    "config.door": {"hydra", "omegaconf"},
    "config.strict": {"yaml"},
    "bridges.datasets": {"datasets"},
    "bridges.torch": {"torch"},
    "engine.canvas": {"cv2", "stringzilla"},
    "engine.codec": {"PIL", "simplejpeg", "stringzilla"},
    "engine.modes": {"PIL"},
    "engine.sampling": {"cv2"},
    "engine.views": {"pydantic_core"},
    "engine.work": {"cv2", "pydantic_core"},
    "importing": {"yaml"},
    "jobs": {"hydra", "omegaconf"},
    "kernels.build": {"hatchling", "packaging"},
    "online": {"cv2"},
    "preview": {"PIL"},
    "replay": {"cv2"},
    "report": {"PIL", "cv2", "simplejpeg", "yaml"},
    "runner": {"yaml"},
    "schema": {"pydantic"},
    "sink": {"pydantic_core"},
    "verbs": {"rich", "yaml"},
}
IMAGES = {"numpy", "cv2", "PIL", "simplejpeg", "albumentations"}

PACKAGE = Path(__file__).resolve().parent.parent / "augflow"
MODULES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """`augflow/verbs/run.py` → `augflow.verbs.run`."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """`augflow.verbs.run` → `verbs`, `augflow.plan.census` → `plan.census`; nothing for what is not on a step."""
    words = module.split(".")[1:] if module.startswith("augflow.") else []
    return next((part for end in (2, 1) if (part := ".".join(words[:end])) in STEP), "")


def imports(path: Path, early: bool = False) -> Iterator[tuple[int, str]]:
    """Every imported module with its line; with `early` only what importing the module itself imports."""
    pending: list[ast.AST] = [ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if early and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if early and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.lineno, node.module or ""
            if node.module == "augflow":
                yield from ((node.lineno, f"augflow.{alias.name}") for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))


def test_every_module_has_its_step() -> None:
    homes = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    parts = {module: part_of(module) for module in map(name_of, MODULES) if module not in homes}
    assert all(parts.values()), [module for module, part in parts.items() if not part]
    assert set(STEP) == set(parts.values())


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_run_downwards(path: Path) -> None:
    own = STEP.get(part_of(name_of(path)), len(LAYERS))
    for line, module in imports(path):
        part = part_of(module)
        assert not part or STEP[part] <= own, f"{path}:{line} imports {module}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_command_line_knows_hydra(path: Path) -> None:
    if part_of(name_of(path)) not in ("jobs", "config.compose", "config.door"):
        found = [(line, module) for line, module in imports(path) if module.split(".")[0] in ("hydra", "omegaconf")]
        assert not found, path


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_what_is_slow_to_import_waits(path: Path) -> None:
    part = part_of(name_of(path))
    allowed = EARLY | EARLY_FOR.get(part, set()) | {"augflow"} | sys.stdlib_module_names
    if part in ("", "__main__", "cli"):
        allowed -= {"numpy"}
    for line, module in imports(path, early=True):
        assert module.split(".")[0] in allowed, f"{path}:{line} imports {module} at once"


@pytest.mark.parametrize("path", [path for path in MODULES if part_of(name_of(path)) == "executor"], ids=str)
def test_executors_know_no_images(path: Path) -> None:
    parts = {"engine", "registry", "transforms"}
    for line, module in imports(path):
        assert module.split(".")[0] not in IMAGES, f"{path}:{line}"
        assert part_of(module).split(".")[0] not in parts, f"{path}:{line}"


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    known = {name_of(path) for path in MODULES}
    graph = {
        name_of(path): {module for _, module in imports(path, early=True) if module in known and module != "augflow"}
        for path in MODULES
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for other in graph[module]:
                visit(other, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


HEAVY = sorted(IMAGES | set("hydra omegaconf yaml pydantic pyarrow rich scipy duckdb pandas".split()))


def imported_by(code: str, among: list[str], cwd: Path) -> list[str]:
    """Which of `among` an interpreter of its own has imported after `code`."""
    code = f"{code}\nimport sys; print(*sorted(set({among!r}) & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1].split()


def test_starting_the_command_line_imports_nothing_heavy(checkout: Path) -> None:
    assert imported_by("import augflow.cli", HEAVY, checkout) == []


def test_planning_imports_neither_opencv_nor_albumentations(checkout: Path) -> None:
    code = (
        "import sys, augflow.cli; sys.argv = ['augflow', 'plan', 'source=demo']\n"
        "try: code = augflow.cli.main()\n"
        "except SystemExit as stop: code = stop.code\n"
        "assert not code, code"
    )
    found = imported_by(code, HEAVY, checkout)
    assert "hydra" in found
    assert not {"cv2", "albumentations", "scipy", "pyarrow"} & set(found)
