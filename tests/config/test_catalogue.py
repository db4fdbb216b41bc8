"""Recipe packages, as they are found among what is installed, and folders that `--config-dir` names."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from augflow.cli import main
from augflow.config import catalogue

RECIPE = """\
# Soft copies of X-rays.
defaults:
  - /chain@chains.soft: acme/soft
chain: soft
"""
FILES = {"conf/recipe/acme/xray.yaml": RECIPE, "conf/chain/acme/soft.yaml": "rotate: {limit: 3}\n"}

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lay down a package and its entry point as an installer does."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def call(files: dict[str, str], module: str = "acme_recipes", name: str = "acme", metadata: bool = True) -> Path:
        for path, text in files.items():
            write(site / module / path, text)
        about = site / f"{module}-1.2.dist-info"
        write(about / "entry_points.txt", f"[augflow.recipes]\n{name} = {module}\n")
        if metadata:
            write(about / "METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        return site / module / "conf"

    return call


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def faults() -> dict[str, str]:
    return {package.distribution: package.fault for package in catalogue.installed()}


def test_a_package_is_listed_with_origin_and_version_and_used(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = install(FILES)
    assert main(["recipes", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"recipe": "acme/xray", "from": "acme_recipes 1.2", "for": "Soft copies of X-rays."} in listed
    assert {item["from"].split()[0] for item in listed} == {"augflow", "acme_recipes"}
    assert main(["recipes", "acme/xray", "--origin"]) == 0
    assert str(conf / "chain/acme/soft.yaml") in capsys.readouterr().out
    mine = write(tmp_path / "mine.yaml", "extends: acme/xray\ntarget: 5\n")
    assert main(["check", str(mine)]) == 0
    assert main(["diff", str(mine), "acme/xray"]) == 1
    assert 'target: 5 → "max"' in capsys.readouterr().out
    assert main(["plan", "source=demo", "recipe=acme/xra"]) == 2
    assert "Did you mean 'acme/xray'?" in capsys.readouterr().err
    assert main(["plan", "--help"]) == 0
    assert "  acme/xray   Soft copies of X-rays.\n" in capsys.readouterr().out
    assert "acme_recipes" not in sys.modules


def test_a_package_may_hold_no_python_at_all(install: Install) -> None:
    conf = install(FILES)
    assert catalogue.packages() == {"acme": conf}


@pytest.mark.parametrize(
    ("files", "name", "fault"),
    [
        ({}, "acme", "there is no folder conf in acme_recipes"),
        ({"conf/source/x.yaml": ""}, "acme", "it holds neither conf/recipe/acme nor conf/chain/acme."),
        (FILES | {"conf/chain/gentle.yaml": ""}, "acme", "its chain/gentle.yaml does not lie in chain/acme/."),
        (FILES | {"conf/recipe/other/x.yaml": ""}, "acme", "its recipe/other/x.yaml does not lie in recipe/acme/."),
        (FILES | {"conf/recipe/acme/x.yml": ""}, "acme", "its recipe/acme/x.yml does not end in .yaml."),
        ({"conf/recipe/path/x.yaml": ""}, "path", "its entry point is called 'path'"),
        (FILES, "a/b", "its entry point is called 'a/b'"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_with_the_reason(
    files: dict[str, str], name: str, fault: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(files, name=name)
    assert catalogue.packages() == {}
    assert main(["recipes"]) == 1
    told = capsys.readouterr()
    assert f"acme_recipes 1.2 is not used: {fault}" in told.err
    assert "balance" in told.out
    assert main(["plan", "source=demo", f"recipe={name}/xray"]) == 2
    assert fault in capsys.readouterr().err
    assert main(["plan", "source=demo"]) == 0


def test_two_packages_of_one_name_are_both_named_and_neither_is_used(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(FILES)
    install(FILES, module="other_recipes")
    assert catalogue.packages() == {}
    assert list(faults()) == ["acme_recipes 1.2", "other_recipes 1.2"]
    mine = write(tmp_path / "mine.yaml", "extends: acme/xray\n")
    for words in (["plan", "source=demo", "recipe=acme/xray"], ["check", str(mine)], ["diff", "acme/xray", "balance"]):
        assert main(words) == 2
        said = "".join(capsys.readouterr())
        assert "acme_recipes 1.2 is not used: another package calls its recipes acme/… as well." in said
        assert "other_recipes 1.2 is not used" in said


def test_what_was_not_installed_as_it_should_be_is_told(install: Install, tmp_path: Path) -> None:
    install({}, module="torn", name="torn", metadata=False)
    assert faults() == {"torn": "there is no folder conf in torn. Install it again, unpacked, as pip does."}


def test_a_zipped_package_is_told_to_be_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("packed/__init__.py", "raise RuntimeError('imported')")
        packed.writestr("packed/conf/recipe/packed/a.yaml", "seed: 1\n")
        packed.writestr("packed-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: packed\nVersion: 1\n")
        packed.writestr("packed-1.dist-info/entry_points.txt", "[augflow.recipes]\npacked = packed\n")
    monkeypatch.syspath_prepend(archive)
    assert "unpacked" in faults()["packed 1"]


def test_verbs_that_compose_nothing_look_into_folders_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("recipe", "chain"):
        (name,) = (name for name in FILES if group in name)
        write(tmp_path / "shelf" / name.removeprefix("conf/"), FILES[name])
    mine = write(tmp_path / "mine/mine.yaml", "extends: acme/xray\ntarget: 5\n")
    shelf = ["--config-dir", str(tmp_path / "shelf")]
    assert main(["check", str(mine)]) == 2
    assert main(["check", str(mine), *shelf]) == 0
    assert main(["diff", str(mine), "acme/xray"]) == 2
    capsys.readouterr()
    assert main(["diff", str(mine), "acme/xray", *shelf]) == 1
    assert 'target: 5 → "max"' in capsys.readouterr().out
    assert main(["recipes", "--format", "json", *shelf]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"recipe": "acme/xray", "from": shelf[1], "for": "Soft copies of X-rays."} in listed
    assert main(["recipes", "acme/xray", *shelf]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["chains"]["soft"]["rotate"]["limit"] == 3
    assert printed.splitlines()[1] == "# yaml-language-server: $schema=recipe.schema.json"
    assert main(["check", str(mine), "--config-dir", str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_what_recipes_prints_is_the_same_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("balance", "gentle", "strong", "article", "keras"):
        assert main(["recipes", name]) == 0
        mine = write(tmp_path / f"{name}.yaml", capsys.readouterr().out)
        assert main(["check", str(mine)]) == 0
        assert main(["diff", name, str(mine)]) == 0
        capsys.readouterr()
