"""What is composed, from where, and that nothing else gets in on the way."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from augflow.config import catalogue
from augflow.config.compose import Settings, compose
from augflow.errors import RecipeError


def composed(*overrides: str, **more: Any) -> Settings:
    return compose(["source=demo", *overrides], **more)


def refusal(*overrides: str, **more: Any) -> str:
    with pytest.raises(RecipeError) as refused:
        composed(*overrides, **more)
    return str(refused.value)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


RECIPE = "defaults: [{/chain@chains.soft: soft}]\nversion: 1\ntarget: 5\nchain: soft\n"
CHAIN = "rotate: {limit: 3}\nflip: {}\n"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of recipes, as `--config-dir` names one."""
    write(tmp_path / "shelf/recipe/acme/xray.yaml", RECIPE)
    write(tmp_path / "shelf/chain/soft.yaml", CHAIN)
    return tmp_path / "shelf"


def test_the_default_is_balance_in_plain_containers() -> None:
    settings = composed()
    assert settings.origin["recipe"] == "balance"
    assert settings.recipe["target"] == "max"
    assert settings.recipe["originals"] == "augment"
    assert list(settings.recipe)[:3] == ["version", "seed", "target"]
    assert settings.source == {"kind": "demo"}
    assert settings.sink == {"kind": "folder", "root": "balanced", "card": False}
    assert settings.executor == {"kind": "local", "workers": "auto", "task_timeout": 600}
    assert (settings.plugins, settings.overrides) == ([], ["source=demo"])
    assert (settings.multirun, settings.job) == (False, "")
    assert json.loads(json.dumps(settings.recipe)) == settings.recipe


@pytest.mark.parametrize("recipe", list(catalogue.choices("recipe", [catalogue.conf_dir()])))
def test_every_shipped_recipe_composes(recipe: str) -> None:
    settings = composed(f"recipe={recipe}")
    assert settings.recipe["version"] == 1
    assert settings.recipe["chain"] in settings.recipe["chains"]
    assert settings.origin["recipe"] == recipe
    assert Path(settings.origin["file"]).name == f"{recipe}.yaml"


def test_the_shipped_recipes_are_those_that_are_promised() -> None:
    assert {"balance", "gentle", "strong", "article", "keras"} <= set(
        catalogue.choices("recipe", [catalogue.conf_dir()])
    )
    assert composed("recipe=article").recipe["originals"] == "keep"
    assert composed("recipe=keras").recipe["chains"]["generator"] == {
        "rotate": {"limit": 40, "border": "nearest"},
        "shift": {"x": 0.2, "y": 0.2, "border": "nearest"},
        "shear": {"x": 0.2, "y": 0, "border": "nearest"},
        "zoom": {"scale": [0.8, 1.2], "separate": True, "border": "nearest"},
        "flip": {"axis": "horizontal", "p": 0.5},
    }


def test_steps_are_changed_removed_and_added_by_name() -> None:
    before = composed().recipe["chains"]["gentle"]
    after = composed(
        "recipe.chains.gentle.rotate.limit=10",
        "~recipe.chains.gentle.flip",
        "+recipe.chains.gentle.poisson_noise.p=0.3",
    ).recipe["chains"]["gentle"]
    assert after["rotate"] == {**before["rotate"], "limit": 10}
    assert list(after) == [*(step for step in before if step != "flip"), "poisson_noise"]
    assert after["poisson_noise"] == {"p": 0.3}


def test_classes_are_added_by_name() -> None:
    settings = composed(
        "+recipe.classes.hat.target=800",
        "+recipe.classes={my class: {target: 3}}",
        "+recipe.classes.no.target=4",
        "+recipe.classes={0012: {target: 5}}",
    )
    assert settings.recipe["classes"] == {
        "hat": {"target": 800},
        "my class": {"target": 3},
        "no": {"target": 4},
        "0012": {"target": 5},
    }


def test_a_class_name_that_hydra_reads_as_a_number_is_refused_rather_than_lost() -> None:
    assert "recipe.classes: a name was read as the float 1000.0" in refusal("+recipe.classes={1e3: {target: 3}}")
    assert "'+recipe.classes={my class: {target: 3}}'" in refusal("+recipe.classes.0012.target=3")


def test_chains_are_swapped_and_added_as_hydra_groups() -> None:
    swapped = composed("chain@recipe.chains.gentle=strong")
    assert "perspective" in swapped.recipe["chains"]["gentle"]
    assert swapped.origin["chains"]["gentle"]["chain"] == "strong"
    assert set(composed("+chain@recipe.chains.strong=strong").recipe["chains"]) == {"gentle", "strong"}


def test_a_recipe_by_path_wins_over_the_chain_that_it_pulls_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path / "my own.yaml",
        "defaults: [{/chain@chains.gentle: gentle}]\nversion: 1\nchains: {gentle: {rotate: {limit: 7}}}\n",
    )
    monkeypatch.chdir(tmp_path)
    settings = composed("my own.yaml", "recipe.version=1")
    assert settings.recipe["chains"]["gentle"]["rotate"] == {"limit": 7, "border": "reflect"}
    assert settings.origin["recipe"] == "my own.yaml"
    assert settings.overrides == ["source=demo", "my own.yaml", "recipe.version=1"]
    assert settings.where(["chains", "gentle", "rotate", "limit"]) == "my own.yaml:3:28"


def test_a_recipe_by_path_finds_the_chains_beside_it(shelf: Path, tmp_path: Path) -> None:
    assert composed(str(shelf / "recipe/acme/xray.yaml"), config_dir=shelf).recipe["chains"]["soft"]["flip"] == {}
    write(tmp_path / "one/mine.yml", RECIPE)
    write(tmp_path / "one/chain/soft.yaml", CHAIN)
    assert composed(str(tmp_path / "one/mine.yml")).recipe["chains"]["soft"]["rotate"] == {"limit": 3}
    write(tmp_path / "two/recipe/mine.yaml", RECIPE)
    write(tmp_path / "two/chain/soft.yaml", CHAIN)
    assert composed(str(tmp_path / "two/recipe/mine.yaml")).recipe["chains"]["soft"]["rotate"] == {"limit": 3}
    assert "No chain is called 'soft'" in refusal(str(write(tmp_path / "three/mine.yaml", RECIPE)))


def test_a_recipe_by_path_may_bear_a_shipped_name(tmp_path: Path) -> None:
    assert composed(str(write(tmp_path / "balance.yaml", "target: 77\n"))).recipe == {"target": 77}


def test_recipes_come_from_config_dir_and_search_path(shelf: Path) -> None:
    assert composed("recipe=acme/xray", config_dir=shelf).recipe["target"] == 5
    assert composed("recipe=acme/xray", f"hydra.searchpath=[{shelf}]").recipe["target"] == 5
    assert composed("recipe=acme/xray", f"hydra.searchpath=['file://{shelf}']").recipe["target"] == 5


def test_two_of_one_name_are_refused(shelf: Path) -> None:
    write(shelf / "chain/gentle.yaml", CHAIN)
    message = refusal(config_dir=shelf)
    assert "Two chains are called 'gentle'" in message
    assert str(shelf / "chain/gentle.yaml") in message
    assert composed("recipe=acme/xray", config_dir=shelf).recipe["target"] == 5


def test_a_place_is_an_override_a_file_or_what_holds_it() -> None:
    settings = composed("recipe.target=5", "+recipe.classes={hat: {target: 3}}")
    conf = catalogue.conf_dir()
    assert settings.where(["target"]) == "the override recipe.target=5"
    assert settings.where(["classes", "hat", "target"]) == "the override +recipe.classes={hat: {target: 3}}"
    lines = (conf / "chain/gentle.yaml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, line in enumerate(lines, 1) if line.startswith("light:"))
    column = lines[line - 1].index("contrast: ") + 1
    assert settings.where(["chains", "gentle", "light", "contrast"]) == f"{conf}/chain/gentle.yaml:{line}:{column}"
    assert settings.where(["chains", "gentle", "light", "nothing"]) == f"{conf}/chain/gentle.yaml:{line}:1"
    assert settings.where(["nothing"]) == f"{conf}/recipe/balance.yaml"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["recipe.taget=5"], "recipe has no 'taget'. Did you mean 'target'?"),
        (["recipe.classes.hat.target=3"], "put + in front: '+recipe.classes.hat.target=3'"),
        (["recipe.weights={gentle: 1}"], "put + in front: '+recipe.weights={gentle: 1}'"),
        (["recipe.chains.gentle.rotat.limit=3"], "recipe.chains.gentle has no 'rotat'. Did you mean 'rotate'?"),
        (["recipe.chains.gentel.rotate.limit=3"], "recipe.chains has no 'gentel'. Did you mean 'gentle'?"),
        (["~recipe.chains.gentle.flp"], "has no 'flp' to remove. Did you mean 'flip'?"),
        (["recipe=gentel"], "No recipe is called 'gentel'. Did you mean 'gentle'? There are article, balance,"),
        (["sink=fodler"], "No sink is called 'fodler'. Did you mean 'folder'?"),
        (["target=500"], "There is no setting 'target'. Did you mean recipe.target?"),
        (["+target=500"], "There is no setting 'target'. Did you mean recipe.target?"),
        (["limit=5"], "Did you mean recipe.chains.gentle.rotate.limit?"),
        (["recip.target=5"], "There is no setting 'recip.target'. Did you mean 'recipe'?"),
        (["recip=strong"], "There is no setting 'recip'. Did you mean 'recipe'?"),
        (["sink.rot=x"], "sink has no 'rot'. Did you mean 'root'?"),
        (["recipe.target=[5"], "The override 'recipe.target=[5' cannot be read"),
        (["+recipe.target=4"], "An item is already at 'recipe.target'"),
        (["recipe.seed=1,2"], "To sweep over it, add --multirun"),
        (["recipe.seed=${oc.env:NO_SUCH_VARIABLE}"], "'NO_SUCH_VARIABLE' not found"),
        (["recipe.seed=${recipe.sed}"], "recipe.sed"),
        (["no.yaml"], "There is no recipe no.yaml"),
        (["tests"], "'tests' is neither a setting (key=value) nor a recipe's file"),
        (["plugins=5"], "plugins is a list of Python files"),
        (["~recipe"], "There is no recipe: say recipe=NAME"),
        (["source=folder"], "source.root is needed"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_type_instead(overrides: list[str], expected: str) -> None:
    with pytest.raises(RecipeError) as refused:
        compose(overrides if "source=folder" in overrides else ["source=demo", *overrides])
    assert expected in str(refused.value)


@pytest.mark.parametrize("name", ["süß", "/日本/a b", "фото/x-1.csv", "emoji🧢", os.fsdecode(b"caf\xe9")])
def test_names_in_any_script_need_no_quotes(name: str) -> None:
    assert compose(["source.root=x", f"sink.root={name}"]).sink["root"] == name
    assert compose(["source.root=x", f"sink.root='{name}'"]).sink["root"] == name


def test_only_one_recipe_is_given(tmp_path: Path) -> None:
    first, second = (str(write(tmp_path / name, "seed: 1\n")) for name in ("a.yaml", "b.yaml"))
    assert "Two recipes are given" in refusal(first, second)
    assert "Two recipes are given" in refusal(first, "recipe=gentle")


LAUGHS = "\n".join([*[f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]])

HOSTILE = {
    "target": "chains: {a: {_target_: augflow_marker.touch}}\n",
    "callbacks": "hydra: {callbacks: {a: {_target_: augflow_marker.touch}}}\n",
    "job_logging": "hydra:\n  job_logging: {version: 1, handlers: {a: {(): augflow_marker.touch}}}\n",
    "searchpath": "hydra: {searchpath: ['pkg://augflow_marker']}\n",
    "package": "# @package _global_\nhydra: {callbacks: {a: {_target_: augflow_marker.touch}}}\n",
    "source": "# @package _global_\nsource: {root: /}\n",
    "defaults outside": "defaults: [../secret]\n",
    "defaults to hydra": "defaults: [{override /hydra/launcher: evil}]\n",
    "environment": "seed: ${oc.env:HOME}\n",
    "laughs": f"chains:\n  {LAUGHS}\n",
    "python": "seed: !!python/object/apply:augflow_marker.touch []\n",
    "twice": "seed: 1\nseed: 2\n",
    "large": "seed: 1\n" + "#" * 2_000_000,
}


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that exists as soon as the module `augflow_marker` is imported, which is where evil would begin."""
    touched = tmp_path / "touched"
    code = f"from pathlib import Path\nPath({str(touched)!r}).touch()\ndef touch(*a, **k): return None\n"
    write(tmp_path / "modules/augflow_marker/__init__.py", code)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    yield touched
    sys.modules.pop("augflow_marker", None)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("way", ["path", "config dir", "search path", "package", "chain"])
def test_a_hostile_file_is_refused_however_it_is_reached(
    name: str, way: str, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "secret.yaml", "target: 666\n")
    folder = tmp_path / "conf"
    file = folder / ("chain/evil.yaml" if way == "chain" else "recipe/evil.yaml")
    write(file, HOSTILE[name])
    start = time.process_time()
    if way == "path":
        message = refusal(str(file))
    elif way == "config dir":
        message = refusal("recipe=evil", config_dir=folder)
    elif way == "search path":
        message = refusal("recipe=evil", f"hydra.searchpath=['file://{folder}']")
    elif way == "chain":
        message = refusal("+chain@recipe.chains.evil=evil", config_dir=folder)
    else:
        write(tmp_path / "modules/augflow_recipes/__init__.py", "")
        folder.rename(tmp_path / "modules/augflow_recipes/conf")
        file = tmp_path / f"modules/augflow_recipes/conf/{file.relative_to(folder)}"
        write(file.parent / "__init__.py", "")
        write(file.parents[1] / "__init__.py", "")
        message = refusal("recipe=evil", "hydra.searchpath=['pkg://augflow_recipes.conf']")
        sys.modules.pop("augflow_recipes.conf", None)
        sys.modules.pop("augflow_recipes", None)
    assert message.startswith(f"{file}:")
    assert time.process_time() - start < 2
    assert not marker.exists()


def test_a_folder_of_recipes_cannot_set_hydra(shelf: Path, marker: Path) -> None:
    evil = "_target_: augflow_marker.touch\n"
    write(shelf / "hydra/config.yaml", f"callbacks: {{a: {{{evil.strip()}}}}}\njob: {{name: evil}}\n")
    for group in ("launcher", "sweeper"):
        write(shelf / f"hydra/{group}/basic.yaml", evil)
    for group in ("job_logging", "hydra_logging", "env", "output"):
        for name in ("default", "none"):
            write(shelf / f"hydra/{group}/{name}.yaml", "handlers: {a: {(): augflow_marker.touch}}\n")
    write(shelf / "config.yaml", "hydra: {job: {name: evil}}\n")
    assert composed("recipe=acme/xray", config_dir=shelf).recipe["target"] == 5
    assert not marker.exists()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed recipe package whose code must not run."""
    site = tmp_path / "site"
    write(site / "acme_recipes/__init__.py", "raise RuntimeError('imported')\n")
    write(site / "acme_recipes/conf/recipe/acme/xray.yaml", RECIPE.replace(": soft}", ": acme/soft}"))
    write(site / "acme_recipes/conf/chain/acme/soft.yaml", CHAIN)
    write(site / "acme_recipes/conf/source/evil.yaml", "kind: evil\n")
    write(site / "acme_recipes/conf/hydra/launcher/evil.yaml", "_target_: os.system\n")
    write(site / "acme_recipes-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-recipes\nVersion: 1\n")
    write(site / "acme_recipes-1.dist-info/entry_points.txt", "[augflow.recipes]\nacme = acme_recipes\n")
    monkeypatch.syspath_prepend(site)
    return site / "acme_recipes/conf"


def test_an_installed_recipe_package_serves_recipes_and_chains_only(package: Path) -> None:
    assert catalogue.packages() == {"acme": package}
    settings = composed("recipe=acme/xray")
    assert settings.recipe["chains"]["soft"]["rotate"] == {"limit": 3}
    assert settings.origin["file"] == str(package / "recipe/acme/xray.yaml")
    assert "No source is called 'evil'" in refusal("source=evil")
    assert "hydra/launcher" in refusal("hydra/launcher=evil")
    assert "acme_recipes" not in sys.modules


def test_another_hydra_in_the_process_is_left_as_it_was(shelf: Path, tmp_path: Path) -> None:
    plugins, types = Plugins.instance(), SourcesRegistry.instance().types
    before = dict(types), list(plugins.discover(SearchPathPlugin)), dict(ConfigStore.instance().repo)
    composed("recipe=acme/xray", config_dir=shelf)
    composed(str(write(tmp_path / "mine.yaml", "seed: 1\n")))
    refusal("recipe=nothing")
    refusal(str(write(tmp_path / "evil.yaml", "hydra: {}\n")))
    assert (dict(types), list(plugins.discover(SearchPathPlugin)), dict(ConfigStore.instance().repo)) == before
    assert "recipes" not in types
    assert not GlobalHydra.instance().is_initialized()
    write(tmp_path / "other/main.yaml", "defaults: [recipe: cake]\n")
    write(tmp_path / "other/recipe/cake.yaml", "flour: ${oc.env:NO_SUCH_VARIABLE,fine}\n")
    with hydra.initialize_config_dir(str(tmp_path / "other"), version_base="1.3"):
        assert hydra.compose("main").recipe.flour == "fine"
        assert composed().recipe["target"] == "max"
        assert hydra.compose("main").recipe.flour == "fine"


def test_a_large_recipe_is_composed_in_reasonable_time(tmp_path: Path) -> None:
    rules = "".join(f"  c{number:04}: {{target: {number}}}\n" for number in range(2_490))
    start = time.process_time()
    settings = composed(str(write(tmp_path / "large.yaml", f"version: 1\nclasses:\n{rules}")))
    assert settings.recipe["classes"]["c2489"] == {"target": 2489}
    assert time.process_time() - start < 5


def test_a_path_that_is_there_needs_no_quotes_whatever_its_name(tmp_path: Path) -> None:
    sink = tmp_path / "out" / "recipe.seed=1,recipe.target=14"
    sink.mkdir(parents=True)
    assert compose(["source=demo", f"sink.root={sink}"]).sink["root"] == str(sink)
    with pytest.raises(RecipeError):
        compose(["source=demo", f"sink.root={sink}0"])
