"""Wheel, sdist and editable install: each holds what it must, and runs from outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections import Counter
from email.parser import Parser
from pathlib import Path

import pytest

pytest.importorskip("build", reason="the extra `test` brings build and hatchling")
pytest.importorskip("hatchling", reason="the extra `test` brings build and hatchling")


def run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of the checkout, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, checkout, cwd=folder)
    return folder


@pytest.fixture(scope="module", params=["wheel", "editable"])
def scripts(
    request: pytest.FixtureRequest, built: Path, checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Where the commands of a fresh environment are, which borrows this one's libraries but not its augflow."""
    home = tmp_path_factory.mktemp(request.param) / "environment"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
    ]
    if request.param == "wheel":
        run(*pip, next(built.glob("*.whl")), cwd=home)
        (site / "borrowed.pth").write_text("\n".join(paths))
    else:
        (site / "borrowed.pth").write_text("\n".join(paths))
        run(*pip, "--no-build-isolation", "--editable", checkout, cwd=home)
    return home / "bin"


def test_the_wheel_holds_the_package_and_its_conf(built: Path, checkout: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read("augflow-0.1.0.dist-info/METADATA").decode())
    package = {path.relative_to(checkout).as_posix() for path in (checkout / "augflow").rglob("*.py")}
    conf = {f"augflow/{path.relative_to(checkout).as_posix()}" for path in (checkout / "conf").rglob("*.*")}
    assert "augflow/conf/config.yaml" in conf
    templates = {path.relative_to(checkout).as_posix() for path in (checkout / "augflow/templates").rglob("*.template")}
    assert "augflow/templates/package/{{module}}/conf/recipe/{{name}}/balance.yaml.template" in templates
    rest = {name for name in names if not name.startswith("augflow-0.1.0.dist-info/")}
    pages = {path.relative_to(checkout).as_posix() for path in (checkout / "augflow/report/templates").iterdir()}
    assert "augflow/report/templates/report.html.j2" in pages
    kernels = {path.relative_to(checkout).as_posix() for path in (checkout / "augflow/kernels").glob("*.[ch]")}
    assert "augflow/kernels/warp.c" in kernels
    assert sysconfig.get_platform().startswith("macosx") or next(built.glob("*.whl")).stem.endswith(
        f"-py3-none-{sysconfig.get_platform().replace('-', '_')}"
    )
    assert rest == package | conf | templates | pages | kernels | {"augflow/py.typed", "augflow/kernels/kernels.so"}
    assert "augflow-0.1.0.dist-info/licenses/LICENSE" in names
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    core = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert "albumentations==2.0.8" in core
    assert any(need.startswith("hydra-core") and ">=1.3.8" in need for need in core)


def test_the_sdist_holds_what_a_packager_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = [name.partition("/")[2] for name in sdist.getnames()]
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "conf/config.yaml", "tests/test_packaging.py"}
    assert needed <= set(names)
    assert {"augflow/kernels/kernels.h", "augflow/kernels/warp.c", "augflow/kernels/noise.c"} <= set(names)
    assert "augflow/kernels/kernels.so" not in names
    assert not [name for name in names if name.startswith((".venv", ".boot", "balanced")) or "__pycache__" in name]


def test_writes_what_its_templates_hold_from_anywhere(scripts: Path, tmp_path: Path) -> None:
    for words in (["package", "acme"], ["plugin", "mist"], ["recipe", "xray"]):
        run(scripts / "augflow", "new", *words, cwd=tmp_path)
    assert "3 files: nothing to find fault with" in run(
        scripts / "augflow", "check", "xray.yaml", "augflow-recipes-acme", cwd=tmp_path
    )
    assert (tmp_path / "augflow-mist/augflow_mist/mist.py").is_file()


def test_finds_its_recipes_from_anywhere(scripts: Path, tmp_path: Path) -> None:
    listed = run(scripts / "augflow", "recipes", cwd=tmp_path)
    for name in ("balance", "gentle", "strong", "article", "keras"):
        assert name in listed


def test_balances_the_demo_from_anywhere(scripts: Path, tmp_path: Path) -> None:
    run(scripts / "augflow", "run", "source=demo", "sink.root=balanced", "recipe.target=30", cwd=tmp_path)
    made = Counter(path.parent.name for path in (tmp_path / "balanced").glob("*/*.*"))
    assert made == {"leaf": 120, "pebble": 72, "shell": 44, "feather": 30, "acorn": 30, "key": 30}
    assert (tmp_path / "balanced" / "ledger.parquet").is_file()


def test_the_installed_code_is_the_one_meant(scripts: Path, checkout: Path, tmp_path: Path) -> None:
    where = Path(run(scripts / "python", "-c", "import augflow; print(augflow.__file__)", cwd=tmp_path).strip())
    expected = checkout if "editable" in str(scripts) else scripts.parent
    assert where.is_relative_to(expected)


def test_ci_begins_with_the_readmes_test_command(checkout: Path) -> None:
    readme, ci = ((checkout / name).read_text(encoding="utf-8") for name in ("README.md", ".ci/run"))
    first, second = (line for line in readme.splitlines() if line.startswith("python3 -m pip install"))
    assert first.endswith("augflow run source=demo sink.root=balanced")
    assert second in [line.strip() for line in ci.splitlines()]
    assert second in (checkout / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
