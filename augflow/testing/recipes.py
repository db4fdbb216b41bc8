"""What a recipe package promises, as tests that its author inherits."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from augflow.config import catalogue
from augflow.draw import Streams
from augflow.registry import Registry
from augflow.testing.transforms import SIZES, images


class RecipeContract:
    """Tests that hold for every recipe package; a subclass names the folder of its pyproject.toml in `project`.

    The package need not be installed.
    """

    project: ClassVar[Path]

    def test_recipes_are_found_under_their_own_name(self) -> None:
        for name, conf in self._packages():
            assert conf.is_dir(), f"{name}: the entry point leads to {conf}, and there is no such folder."
            fault = catalogue.misplaced(conf, name)
            assert not fault, f"{name}: {fault}"

    def test_package_holds_data_only(self) -> None:
        for name, conf in self._packages():
            for file in sorted(conf.parent.rglob("*")):
                code = file.suffix == ".py" and ast.parse(file.read_text(encoding="utf-8")).body
                holds = [part for part in code or () if not _is_text(part)]
                assert not holds, f"{name}: {file} holds code. Recipes are data; transforms go into a plugin."
                assert file.suffix not in _COMPILED, f"{name}: {file} is code. Recipes are data."

    def test_check_finds_nothing(self) -> None:
        """Neither errors nor warnings; a hint may well be meant."""
        from augflow.recipe.findings import look

        registry = Registry()
        for name, conf in self._packages():
            found = [finding for file in _files(conf) for finding in look(file, registry, None, _shelves(name, conf))]
            told = [str(finding) for finding in found if finding.level != "hint"]
            assert not told, "\n".join(told)

    def test_recipes_say_what_they_are_for(self) -> None:
        for _, conf in self._packages():
            for file in _files(conf, "recipe"):
                assert catalogue.purpose(file), f"{file} does not begin with a line `# …` that says what it is for."

    def test_files_name_a_schema_that_is_there(self) -> None:
        for _, conf in self._packages():
            for file in _files(conf):
                lines = file.read_text(encoding="utf-8").splitlines()
                named = [line.removeprefix(catalogue.MODELINE) for line in lines if line.startswith(catalogue.MODELINE)]
                assert named, f"{file} has no line {catalogue.MODELINE}…, which editors complete by."
                there = "://" in named[0] or (file.parent / named[0]).is_file()
                assert there, f"{file} names the schema {named[0]}, and there is no such file: augflow schema > …"

    def test_chains_make_images(self) -> None:
        """Every chain of every recipe makes the same image of the same draw, of the size that render says."""
        from augflow.config import lineage, strict
        from augflow.engine.chain import Chain
        from augflow.engine.performing import finish
        from augflow.engine.sampling import Photograph
        from augflow.recipe.reader import read_recipe

        registry = Registry()
        for name, conf in self._packages():
            for file in _files(conf, "recipe"):
                found = lineage.gather(strict.load(file, "recipe"), _shelves(name, conf))
                recipe = read_recipe(found.demand(), registry)
                for chain, steps in recipe.chains.items():
                    compiled = Chain(chain, steps, registry)
                    for image in images(SIZES[-1]):
                        made = []
                        for _ in range(2):
                            _, drawn = compiled.draw(SIZES[-1], recipe.render, Streams(0, "sample", 1))
                            made.append(finish(Photograph(image.copy()), drawn, compiled.fold, recipe.render))
                        same = np.array_equal(made[0], made[1]) and made[0].size > 0
                        assert same, f"{file}: the chain {chain} makes other images of the same draw."

    def _packages(self) -> list[tuple[str, Path]]:
        """Name and `conf` folder of each package that pyproject.toml offers."""
        file = self.project / "pyproject.toml"
        assert file.is_file(), f"{type(self).__name__}.project: there is no {file}."
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
        points = project.get("entry-points", {}).get("augflow.recipes", {})
        assert points, f'{file} has no [project.entry-points."augflow.recipes"].'
        return [(name, self._home(value) / "conf") for name, value in points.items()]

    def _home(self, module: str) -> Path:
        places = [self.project.joinpath(*above, *module.split(".")) for above in ((), ("src",))]
        return next((place for place in places if place.is_dir()), places[0])


_COMPILED = (".so", ".pyd", ".dll", ".dylib")


def _is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def _files(conf: Path, *groups: str) -> list[Path]:
    return [file for group in groups or catalogue.SHARED for file in sorted((conf / group).rglob("*.yaml"))]


def _shelves(name: str, conf: Path) -> Any:
    """Where the recipes of a package look: there, and wherever they would but for the package as it is installed."""
    from augflow.config.lineage import Shelves

    others = [folder for other, folder in catalogue.packages().items() if other != name]
    return Shelves([catalogue.conf_dir(), conf, *others])
