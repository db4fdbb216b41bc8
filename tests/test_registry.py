"""Three doors lead to the transforms; one name leads to one class, imported only when it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from augflow.errors import PluginError, RecipeError
from augflow.registry import BUILT_IN, Registry, camel, snake

FOG = '''
from dataclasses import dataclass
from augflow.transform import IDENTITY
from augflow.transforms.geometry import Rotate

@dataclass(frozen=True)
class ThickFog:
    """Blend towards gray."""
    density: tuple = (0.1, 0.4)

    def draw(self, rng, size):
        return {"density": float(rng.uniform(*self.density))}

    def table(self, density):
        return IDENTITY

class _Hidden:
    def draw(self, rng, size): ...

class NoTransform:
    pass

def draw(): ...
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "my fog.py"
    file.write_text(FOG, encoding="utf-8")
    return file


def test_every_built_in_name_leads_to_its_class() -> None:
    registry = Registry()
    for name, where in BUILT_IN.items():
        cls = registry.find(name)
        assert f"{cls.__module__}:{cls.__name__}" == where == registry.origin(name)
        assert (camel(name), snake(cls.__name__)) == (cls.__name__, name)
        assert name in registry
    assert set(BUILT_IN) <= set(registry.names())
    assert registry.names() == sorted(registry.names())


def test_the_list_is_that_of_the_first_issue() -> None:
    wanted = (
        "flip rotate shift shear zoom affine perspective crop random_resized_crop pad quarter_turns transpose "
        "brightness_contrast gamma hue_saturation channel_shift gray posterize solarize equalize autocontrast invert "
        "sharpen blur jpeg_artefacts poisson_noise gaussian_noise salt_and_pepper speckle_noise erase grid_drop"
    )
    assert set(wanted.split()) <= set(BUILT_IN)


def test_looking_at_names_imports_no_transform(checkout: Path) -> None:
    code = (
        "import sys\nfrom augflow.registry import Registry\n"
        "registry = Registry()\nassert 'rotate' in registry and 'albumentations.Blur' in registry\nregistry.names()\n"
        "print([m for m in sys.modules if m.startswith('augflow.transforms') or m in ('cv2', 'albumentations')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_name_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"No transform is called 'rotat'\. Did you mean 'rotate'\?"):
        Registry().find("rotat")
    assert "rotat" not in Registry()
    with pytest.raises(
        RecipeError, match=r"albumentations\.GausianBlur.*Did you mean '(albumentations\.)?GaussianBlur'"
    ):
        Registry().find("albumentations.GausianBlur")


def test_building_makes_tuples_of_lists() -> None:
    crop = Registry().build("crop", {"scale": [0.5, 0.6], "size": [3, 4], "position": "centre"})
    assert (crop.scale, crop.size) == ((0.5, 0.6), (3, 4))
    assert hash(crop) == hash(Registry().build("crop", {"scale": [0.5, 0.6], "size": [3, 4], "position": "centre"}))
    rotate = Registry().build("rotate", {"limit": [1, 2], "border": "constant", "fill": [1, 2, 3]})
    assert (rotate.limit, rotate.fill) == ((1, 2), (1, 2, 3))


def test_albumentations_go_through_the_adapter() -> None:
    registry = Registry()
    assert registry.build("albumentations.Blur", {"blur_limit": [3, 5]}).apply
    assert registry.origin("albumentations.Blur") == "albumentations:Blur"
    assert "albumentations.Blur" not in registry.names()


def test_a_plugin_file_offers_its_transforms(plugin: Path) -> None:
    registry = Registry([plugin])
    assert set(registry.names()) - set(Registry().names()) == {"thick_fog"}
    assert registry.origin("thick_fog") == f"{plugin}:ThickFog"
    assert registry.build("thick_fog", {"density": [0.2, 0.3]}).density == (0.2, 0.3)
    assert registry.plugins == (str(plugin),)
    assert "thick_fog" not in Registry()


def test_a_plugin_file_is_the_same_in_every_process(plugin: Path, checkout: Path) -> None:
    cls = Registry([plugin]).find("thick_fog")
    code = (
        "import sys; from augflow.registry import Registry; print(Registry([sys.argv[1]]).find('thick_fog').__module__)"
    )
    command = [sys.executable, "-c", code, str(plugin)]
    ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == cls.__module__


def test_a_relative_path_is_the_same_file(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin.parent)
    assert Registry([plugin.name]).find("thick_fog") is Registry([plugin]).find("thick_fog")
    assert Registry([plugin.name, plugin]).names() == Registry([plugin]).names()


def test_two_files_of_one_name_are_kept_apart(plugin: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / plugin.name
    other.parent.mkdir()
    other.write_text(FOG.replace("ThickFog", "ThinFog"), encoding="utf-8")
    registry = Registry([plugin, other])
    assert registry.find("thick_fog").__module__ != registry.find("thin_fog").__module__


def test_one_name_offered_twice_names_both_places(plugin: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(FOG, encoding="utf-8")
    with pytest.raises(PluginError) as refused:
        Registry([plugin, other])
    told = str(refused.value)
    assert "Two transforms are called 'thick_fog'" in told
    assert f"{plugin}:ThickFog" in told
    assert f"{other}:ThickFog" in told

    plugin.write_text(FOG.replace("ThickFog", "Rotate"), encoding="utf-8")
    third = tmp_path / "third.py"
    third.write_text(FOG.replace("ThickFog", "Flip"), encoding="utf-8")
    with pytest.raises(PluginError) as refused:
        Registry([third])
    assert "augflow.transforms.geometry:Flip" in str(refused.value)
    assert f"{third}:Flip" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("def (", "SyntaxError"),
        ("raise ValueError('as it happens')", "ValueError: as it happens"),
    ],
)
def test_a_plugin_file_that_breaks_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")
    before = set(sys.modules)
    with pytest.raises(PluginError, match=re.escape(str(file))) as refused:
        Registry([file])
    assert said in str(refused.value)
    assert not {name for name in set(sys.modules) - before if "augflow_plugin" in name}
    file.write_text(FOG, encoding="utf-8")
    assert "thick_fog" in Registry([file])


def test_nothing_is_left_beside_a_plugin_file(plugin: Path) -> None:
    """Python's cache goes by whole seconds and sizes: an edit within a second would be missed."""
    code = f"import sys; sys.dont_write_bytecode = False; from augflow import Registry; Registry([{str(plugin)!r}])"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not (plugin.parent / "__pycache__").exists()


@pytest.mark.parametrize("name", ["nothing.py", "folder", "text.txt"])
def test_what_is_no_python_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text(FOG, encoding="utf-8")
    with pytest.raises(PluginError, match=f"there is no Python file {re.escape(str(tmp_path / name))}"):
        Registry([tmp_path / name])


def installed(folder: Path, value: str) -> None:
    """An installed package, as far as its entry points go."""
    info = folder / "augflow_weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: augflow-weather\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[augflow.transforms]\n{value}\n", encoding="utf-8")


def test_installed_packages_offer_transforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weather.py").write_text(FOG, encoding="utf-8")
    installed(tmp_path, "fog = weather:ThickFog")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert "weather" not in sys.modules
    assert registry.origin("fog") == "weather:ThickFog"
    assert registry.find("fog").__name__ == "ThickFog"
    sys.modules.pop("weather")


def test_an_installed_package_that_cannot_be_imported_does_no_harm_until_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "storm = no_such_weather:Storm\ncalm = augflow.errors:NoSuchClass")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert registry.find("rotate")
    for name in ("storm", "calm"):
        with pytest.raises(PluginError, match=f"The transform '{name}' cannot be imported from"):
            registry.find(name)


def test_an_installed_package_cannot_take_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "rotate = weather:Rotate")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"'rotate': augflow\.transforms\.geometry:Rotate and weather:Rotate"):
        Registry()


@pytest.mark.parametrize("name", ["rotate", "quarter_turns", "salt_and_pepper", "gray"])
def test_names_and_classes_follow_from_one_another(name: str) -> None:
    assert snake(camel(name)) == name
