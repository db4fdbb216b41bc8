"""`augflow check`: everything that is wrong at once, each thing with its place, nothing run."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest
import yaml

from augflow.cli import main
from augflow.config import catalogue
from augflow.recipe.effect import can_change
from augflow.recipe.findings import Finding, files_of, kind_of, look
from augflow.recipe.labels import told_apart
from augflow.recipe.reader import read_recipe
from augflow.registry import BUILT_IN, Registry

REGISTRY = Registry()
CONF = catalogue.conf_dir()
SHIPPED = sorted(CONF.glob("recipe/*.yaml")) + sorted(CONF.glob("chain/*.yaml"))

FAULTY = """\
version: 1
seed: &x 1
taget: 5
target: ${oc.env:HOME}
defaults:
  - /chain@chains.gentle: gentle
  - /chain@chains.other: gentel
weights: {gentle: 1, gentel: 2}
chains:
  mine:
    rotate: {limit: 200, bordr: 3}
    albumentations.Blur: {blur_limit: [7, 3], blur: 1}
    zoom: {scale: [1.2, 0.8]}
  idle:
    rotate: {limit: 0}
    flip: {p: 0}
    blur: {sigma: [0, 0]}
classes:
  key: {target: 5}
  kye: {chain: idle, target: 5, target: 6}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(file: Path, labels: list[str] | None = None) -> list[tuple[str, str, str]]:
    """Place, level and key of each finding."""
    assert all(finding.file == str(file) for finding in look(file, REGISTRY, labels))
    return [(f"{one.line}:{one.column}", one.level, one.key) for one in look(file, REGISTRY, labels)]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_ships_is_faultless(file: Path) -> None:
    assert look(file, REGISTRY) == []


def test_everything_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", FAULTY)
    assert found(file, ["key", "leaf"]) == [
        ("2:7", "error", ""),
        ("3:1", "error", ""),
        ("4:9", "error", ""),
        ("7:5", "error", ""),
        ("8:22", "error", "weights.gentel"),
        ("10:3", "warning", "chains.mine"),
        ("11:14", "error", "chains.mine.rotate.limit"),
        ("11:26", "error", "chains.mine.rotate.bordr"),
        ("12:5", "error", "chains.mine.albumentations.Blur"),
        ("12:47", "error", "chains.mine.albumentations.Blur.blur"),
        ("13:12", "error", "chains.mine.zoom.scale"),
        ("20:3", "error", "classes.kye"),
        ("20:33", "error", ""),
    ]
    said = {one.line: one.message for one in look(file, REGISTRY, ["key", "leaf"])}
    assert "Did you mean 'target'?" in said[3]
    assert "No chain is called 'gentel'. Did you mean 'gentle'?" in said[7]
    assert "low end first" in said[13]


def test_what_a_missing_parent_would_have_is_not_missed_too(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", "extends: blance\nchain: gentel\nclasses: {hat: {chain: x, taget: 3}}\n")
    (missing, typo) = look(file, REGISTRY)
    assert "Did you mean 'balance'?" in missing.message
    assert "Did you mean 'target'?" in typo.message
    alone = look(write(tmp_path / "mine.yaml", "extends: balance\nchain: gentel\n"), REGISTRY)
    assert "Did you mean 'gentle'?" in alone[0].message


def test_a_circle_is_told_from_where_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.yaml", "extends: b\n")
    write(tmp_path / "b.yaml", "extends: a\n")
    (circle,) = look("a.yaml", REGISTRY)
    assert f"in a circle: a.yaml → {tmp_path}/b.yaml → {tmp_path}/a.yaml." in circle.message


def test_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    for name in (".venv/recipe/a.yaml", "conf/recipe/b.yaml", "conf/recipe/.c.yaml"):
        write(tmp_path / name, "seed: 1\n")
    assert files_of([str(tmp_path)]) == [str(tmp_path / "conf/recipe/b.yaml")]


def test_chains_that_are_unused_or_change_nothing_are_warned_of(tmp_path: Path) -> None:
    text = (
        "chain: a\nchains:\n  a: {b: {p: 0.5}}\n  b: {rotate: {limit: 0}, posterize: {bits: [8, 8]}}\n  c: {flip: {}}\n"
    )
    file = write(tmp_path / "mine.yaml", text)
    assert found(file) == [
        ("3:3", "warning", "chains.a"),
        ("4:3", "warning", "chains.b"),
        ("5:3", "warning", "chains.c"),
    ]
    pulled = write(
        tmp_path / "pulled.yaml", "defaults:\n  - /chain@chains.x: gentle\nchain: a\nchains: {a: {flip: {}}}\n"
    )
    assert found(pulled) == [("2:5", "warning", "chains.x")]


@pytest.mark.parametrize("name", sorted({*BUILT_IN} - {"affine"}))
def test_every_transform_that_ships_has_an_effect(name: str) -> None:
    chain = read_recipe({"chains": {"a": {name: {}}}}, REGISTRY).chains["a"]
    assert can_change(chain, REGISTRY)
    assert not can_change([{**chain[0], "p": 0}], REGISTRY)


@pytest.mark.parametrize(
    "step",
    [
        "quarter_turns: {turns: [0]}",
        "zoom: {scale: [1, 1]}",
        "brightness_contrast: {brightness: 0, contrast: 0}",
        "erase: {count: [0, 0]}",
        "crop: {scale: [1, 1]}",
        "albumentations.NoOp: {}",
        "hue_saturation: {hue: 0, saturation: 0}",
    ],
)
def test_what_has_no_effect_is_found_by_trying(step: str) -> None:
    chain = read_recipe({"chains": {"a": yaml.safe_load(step)}}, REGISTRY).chains["a"]
    assert not can_change(chain, REGISTRY)


def test_labels_that_a_step_may_confuse_are_hinted_at(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", "chains:\n  a:\n    flip: {}\n    rotate: {limit: 90}\n    invert: {p: 0.1}\n")
    assert found(file, [str(digit) for digit in range(10)]) == [("4:5", "hint", "chains.a.rotate")]
    assert found(file, ["left-shoe", "right-shoe", "sock"]) == [("3:5", "hint", "chains.a.flip")]
    assert found(file, ["redLight", "green_light"]) == [("5:5", "hint", "chains.a.invert")]
    assert found(file, ["cat", "dog"]) == found(file) == []
    asked = write(tmp_path / "asked.yaml", "preserve: [handedness]\nchains: {a: {flip: {}}}\n")
    assert found(asked, ["left", "right"]) == [("2:14", "error", "chains.a.flip")]
    calm = write(
        tmp_path / "calm.yaml",
        "chains: {a: {flip: {}}, b: {blur: {}}}\nchain: a\nclasses: {left: {chain: b}, right: {chain: b}}\n",
    )
    assert found(calm) == []
    assert told_apart(["b", "d"]) == {"handedness": ["b", "d"]}


def test_what_is_inherited_is_checked_with_its_own_place(tmp_path: Path) -> None:
    parent = write(tmp_path / "parent.yaml", "seed: -1\nchains: {a: {flip: {}}}\n")
    child = write(tmp_path / "child.yaml", "extends: parent\nchains: {a: {flip: {axis: up}}}\n")
    assert [(one.file, one.line, one.key) for one in look(child, REGISTRY)] == [
        (str(child), 2, "chains.a.flip.axis"),
        (str(parent), 1, "seed"),
    ]
    lonely = write(tmp_path / "lonely.yaml", "extends: nobody\nchains: {a: {flip: {}}}\n")
    assert found(lonely) == [("1:1", "error", "")]


def test_chains_are_checked_by_themselves(tmp_path: Path) -> None:
    write(tmp_path / "chain/inner.yaml", "flip: {}\n")
    file = write(tmp_path / "chain/mine.yaml", "inner: {p: 0.5}\nrotate: {limit: 200}\nrotat: {}\nx: 5\n")
    assert found(file) == [("2:10", "error", "rotate.limit"), ("3:1", "error", "rotat"), ("4:4", "error", "")]
    assert found(write(tmp_path / "chain/idle.yaml", "flip: {p: 0}\n")) == [("1:1", "warning", "")]
    circle = write(tmp_path / "chain/one.yaml", "two: {}\n")
    write(tmp_path / "chain/two.yaml", "one: {}\n")
    assert [level for _, level, _ in found(circle)] in ([], ["error"])


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("recipe/x.yaml", "flip: {}\n", "recipe"),
        ("chain/team/x.yaml", "target: {}\n", "chain"),
        ("x.yaml", "flip: {}\nrotate:\n", "chain"),
        ("x.yaml", "target: 5\n", "recipe"),
        ("x.yaml", "chains: {a: {flip: {}}}\n", "recipe"),
        ("x.yaml", "taget: 5\n", "recipe"),
    ],
)
def test_a_file_is_a_recipe_or_a_chain(path: str, text: str, kind: str, tmp_path: Path) -> None:
    assert kind_of(text.encode(), str(tmp_path / path)) == kind


def test_the_verb_tells_people_and_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "mine.yaml", "taget: 5\nchains: {a: {flip: {}}}\nclasses: {kye: {target: 5}}\n")
    assert main(["check", str(file), "source=demo"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{file}:1:1: error: 'taget' is no key of a recipe.")
    assert lines[1].startswith(f"{file}:3:11: error: classes.kye: the source has no class 'kye'. Did you mean 'key'?")
    assert lines[2] == "1 file: 2 errors."
    assert main(["check", str(file), "--format", "json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["errors"], told["warnings"], told["hints"]) == (1, 1, 0, 0)
    assert set(told["findings"][0]) == set(Finding._fields)
    assert main(["check", str(CONF)]) == 0
    assert capsys.readouterr().out == f"{len(SHIPPED)} files: nothing to find fault with.\n"
    assert main(["check", str(write(tmp_path / "chain/idle.yaml", "flip: {p: 0}\n"))]) == 1
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    assert f"{tmp_path}/none.yaml:1:1: error: there is no such file." in capsys.readouterr().out
    assert main(["check"]) == 2
    assert main(["check", str(file), "sink.root=x"]) == 2


def test_a_hostile_file_is_answered_at_once(tmp_path: Path) -> None:
    classes = "".join(f"  c{number}: {{targt: 1}}\n" for number in range(1600))
    chains = "".join(f"  a{number}: {{blur: {{sigma: [0, 0]}}, x{number}: {{}}}}\n" for number in range(700))
    pulls = "".join(f"- /chain@chains.x{number}: nothing{number}\n" for number in range(1600))
    deep = "a: {x: {one_of: " * 9 + "{flip: {}}" + "}}" * 9
    texts = (f"classes:\n{classes}", f"chain: a0\nchains:\n{chains}", f"defaults:\n{pulls}", f"chains: {{{deep}}}")
    for number, text in enumerate(texts):
        file = write(tmp_path / f"{number}.yaml", text)
        start = time.process_time()
        assert look(file, REGISTRY)
        assert time.process_time() - start < 3, text[:100]


def test_it_is_a_hook_for_pre_commit(checkout: Path) -> None:
    (hook,) = yaml.safe_load((checkout / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["entry"] == "augflow check"
    assert hook["language"] == "python"
    for path in ("conf/recipe/a.yaml", "chains/b.yml", "recipe/team/c.yaml"):
        assert re.search(hook["files"], path)
    assert not re.search(hook["files"], "docs/a.yaml")


PIECES = [
    *"{}[]:,-&*|>'#~ \n\t\0\\",
    "${a}",
    "<<",
    "hydra",
    "null",
    "1e9",
    "true",
    "extends: gentle\n",
    "p: 0",
    "use: flip",
]


def test_no_change_to_a_file_breaks_the_check(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(200):
        file = chance.choice(SHIPPED)
        text = file.read_text(encoding="utf-8")
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 8) :]
        for one in look(write(tmp_path / file.parent.name / "x.yaml", text), REGISTRY, ["left", "right"]):
            assert one.line >= 1
            assert one.message
