"""`augflow new`: what it writes is whole, faultless and passes its own tests; nothing is ever overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from augflow.cli import main
from augflow.config import catalogue
from augflow.scaffold import TEMPLATES
from augflow.testing import RecipeContract


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> dict[str, str]:
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in found}


def call(*words: str | Path, cwd: Path, checkout: Path) -> str:
    """Run a tool of this environment beside this checkout's augflow; return what it printed."""
    path = os.environ | {"PYTHONPATH": str(checkout), "MYPYPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, env=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("words", "folder", "passed"),
    [
        (["package", "acme"], "augflow-recipes-acme", 6),
        (["package", "my_team-2", "--license", "MIT"], "augflow-recipes-my_team-2", 6),
        (["plugin", "mist", "--license", "None"], "augflow-mist", 16),
        (["plugin", "a-1", "--license", "mit"], "augflow-a-1", 16),
        (["plugin", "a" * 30], f"augflow-{'a' * 30}", 16),
    ],
)
def test_what_is_written_passes_its_tests_and_all_checks(
    words: list[str],
    folder: str,
    passed: int,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = tmp_path_factory.getbasetemp() / "mypy"
    assert main(["new", *words]) == 0
    told = capsys.readouterr().out.splitlines()
    home = tmp_path / folder
    written = files(home)
    assert {f"{folder}/{name}" for name in written} == set(told[: len(written)])
    assert ("LICENSE" in written) == ("MIT" in words or "mit" in words)
    project = tomllib.loads(written["pyproject.toml"])["project"]
    assert project["name"] == folder
    assert ("license" in project) != ("Private :: Do Not Upload" in project.get("classifiers", []))
    assert not [name for name, text in written.items() if "{{" in text.replace("}},", "")]
    tested = call("pytest", "-q", "-p", "no:cacheprovider", cwd=home, checkout=checkout)
    assert f"{passed} passed" in tested
    call("ruff", "check", "--no-cache", ".", cwd=home, checkout=checkout)
    call("ruff", "format", "--no-cache", "--check", ".", cwd=home, checkout=checkout)
    call("mypy", "--strict", "--cache-dir", shared, ".", cwd=home, checkout=checkout)
    if words[0] == "package":
        assert main(["check", folder]) == 0
        assert "2 files: nothing to find fault with." in capsys.readouterr().out


def test_a_recipe_is_faultless_runs_and_names_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "recipe", "xray"]) == 0
    assert sorted(files(tmp_path)) == ["recipe.schema.json", "xray.yaml"]
    assert main(["new", "recipe", "shelf/recipe/acme/xray.yaml"]) == 0
    assert main(["new", "recipe", "other", "shelf/recipe"]) == 0
    capsys.readouterr()
    for name in ("xray.yaml", "shelf/recipe/acme/xray.yaml", "shelf/recipe/other.yaml"):
        file = tmp_path / name
        assert main(["check", name]) == 0
        assert "nothing to find fault with" in capsys.readouterr().out
        line = next(line for line in files(tmp_path)[name].splitlines() if line.startswith(catalogue.MODELINE))
        assert (file.parent / line.removeprefix(catalogue.MODELINE)).is_file()
        assert catalogue.purpose(file)
    assert (tmp_path / "shelf/recipe.schema.json").is_file()
    assert not list((tmp_path / "shelf/recipe").rglob("*.json"))
    assert main(["plan", "xray.yaml", "source=demo"]) == 0


@pytest.mark.parametrize("words", [["package", "acme"], ["plugin", "mist"], ["recipe", "xray"]])
def test_nothing_is_overwritten(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", *words]) == 0
    whole = files(tmp_path)
    for name in whole:
        if name.endswith(".schema.json"):
            continue
        for other in set(whole) - {name}:
            (tmp_path / other).unlink()
        (tmp_path / name).write_text("mine", encoding="utf-8")
        assert main(["new", *words]) == 2
        assert f"In the way: {name}. Nothing was written" in capsys.readouterr().err
        assert files(tmp_path) == {name: "mine"}
        (tmp_path / name).unlink()
        assert main(["new", *words]) == 0
    assert files(tmp_path) == whole


def test_a_file_where_a_folder_should_be_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "augflow-mist").write_text("mine", encoding="utf-8")
    assert main(["new", "plugin", "mist"]) == 2
    assert "In the way: augflow-mist. Nothing was written" in capsys.readouterr().err
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    assert main(["new", "recipe", "link"]) == 2
    assert files(tmp_path) == {"augflow-mist": "mine"}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "plugin", "mist", "x" * 300]) == 3
    assert "cannot be written: File name too long." in capsys.readouterr().err
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["package", "class"], "it is a word of Python's own"),
        (["package", "match"], "it is a word of Python's own"),
        (["package", "path"], "it is a word of augflow's own"),
        (["package", "balance"], "it is a recipe that ships"),
        (["package", "MyTeam"], "Did you mean 'my-team'?"),
        (["package", "my recipes"], "Did you mean 'my-recipes'?"),
        (["package", "../acme"], "Did you mean 'acme'?"),
        (["package", "ÄÖ"], "is no name for a package. It begins"),
        (["package", "a" * 31], "is no name for a package"),
        (["plugin", "rotate"], "it is a transform already, augflow.transforms.geometry:Rotate"),
        (["plugin", "one_of"], "it is a word of recipes"),
        (["plugin", "table"], "its files need the word Table"),
        (["plugin", "tester"], "its files need the word Tester"),
        (["plugin", "Fog"], "Did you mean 'fog'?"),
        (["recipe", "x.yml"], "Did you mean 'x.yaml'?"),
        (["recipe", "x y"], "Did you mean 'x-y.yaml'?"),
        (["recipe", ".."], "'..' is no name for a recipe"),
        (["recipe", "conf/chain/x"], "would lie among chains"),
        (["recipe", "x", "--license", "MIT"], "--license is for a package or plugin"),
        (["package", "x", "--license", "MTI"], "Did you mean 'MIT'?"),
        (["package", "x", "--license", "GPL-3.0-only"], "put its text into a file LICENSE"),
        (["pakage", "x"], "Did you mean 'package'?"),
        (["package"], "Name it: augflow new package NAME"),
        (["package", "a", "b", "c"], "at most one folder"),
        ([], "Say what. augflow new"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *words]) == 2
    assert said in capsys.readouterr().err
    assert files(tmp_path) == {}


def test_a_package_of_a_name_that_is_installed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = tmp_path / "site/acme-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[augflow.recipes]\nacme = acme_recipes\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert main(["new", "package", "acme"]) == 2
    assert "what acme 1 calls its recipes" in capsys.readouterr().err


def test_templates_are_all_used() -> None:
    kinds = {path.relative_to(TEMPLATES).parts[0] for path in TEMPLATES.rglob("*.template")}
    assert kinds == {"package", "plugin", "recipe", "LICENSE.template"}
    assert not [path for path in TEMPLATES.rglob("*") if path.is_file() and path.suffix != ".template"]


def failures(project: Path) -> dict[str, str]:
    """Run the contract of recipe packages as pytest would: name of each failing test → its message."""
    suite = type("TestIt", (RecipeContract,), {"project": project})()
    failed = {}
    for name in (name for name in vars(RecipeContract) if name.startswith("test_")):
        try:
            getattr(suite, name)()
        except Exception as error:
            failed[name] = str(error)
    return failed


MODULE = "augflow_recipes_acme"
BROKEN = [
    ("pyproject.toml", '"augflow_recipes_acme"', '"nowhere"', "found_under_their_own_name", "there is no such folder"),
    (f"{MODULE}/conf/chain/mine.yaml", "", "flip: {}", "found_under_their_own_name", "does not lie in chain/acme/"),
    (f"{MODULE}/__init__.py", "", "import os", "holds_data_only", "holds code"),
    (f"{MODULE}/fast.so", "", "", "holds_data_only", "is code"),
    (f"{MODULE}/conf/recipe/acme/balance.yaml", "target:", "taget:", "check_finds_nothing", "Did you mean 'target'?"),
    (f"{MODULE}/conf/chain/acme/slight.yaml", "rotate:", "flip: {p: 0}\nrotat:", "check_finds_nothing", "'rotat'"),
    (f"{MODULE}/conf/recipe/acme/balance.yaml", "# Every", "# yaml-language-server: $schema=x\nx: #", "what_they", ""),
    (f"{MODULE}/conf/recipe.schema.json", "{", None, "schema_that_is_there", "there is no such file"),
    (f"{MODULE}/conf/chain/acme/slight.yaml", "# yaml-language-server", "# yaml", "schema_that_is_there", "no line"),
    (f"{MODULE}/conf/recipe/acme/balance.yaml", "chain: slight", "chain: none", "chains_make_images", "no chain"),
]


@pytest.mark.parametrize(("name", "old", "new", "test", "said"), BROKEN, ids=lambda value: str(value)[:40])
def test_the_contract_of_recipe_packages_finds_what_is_broken(
    name: str, old: str, new: str | None, test: str, said: str, tmp_path: Path
) -> None:
    assert main(["new", "package", "acme"]) == 0
    project = tmp_path / "augflow-recipes-acme"
    assert failures(project) == {}
    (project / MODULE / "__init__.py").write_text('"""Recipes."""\n', encoding="utf-8")
    assert failures(project) == {}
    file = project / name
    if new is None:
        file.unlink()
    else:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else new, encoding="utf-8")
    failed = {key: message for key, message in failures(project).items() if test in key}
    assert failed
    assert said in next(iter(failed.values()))
