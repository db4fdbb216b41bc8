"""Whatever a run made is made again from its record and its source, byte for byte; what is not so is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow import cli
from augflow.config.compose import compose
from augflow.errors import PluginError, RecipeError, SinkError, SourceError
from augflow.ledger.dataset import Dataset, find
from augflow.recipe.reader import read_recipe
from augflow.registry import BUILT_IN, Registry
from augflow.replay import Replay, replay
from augflow.runner import run
from augflow.transform import Image as Pixels

FOG = """
from dataclasses import dataclass
import os
import numpy as np

@dataclass(frozen=True)
class Fog:
    '''Blend towards gray.'''

    density: float = 0.3
    version = VERSION

    def draw(self, rng, size):
        return {"density": float(rng.uniform(0, self.density))}

    def table(self, density):
        return np.rint(np.arange(256) * 0.9 * (1 - density) + 10).astype(np.uint8) + np.uint8(VERSION - 1)
"""
WORKERS = {"kind": "local", "workers": 2}
PLAIN = {"version": 1, "target": 10, "max_copies": 50}

MakeSet = Callable[..., Any]
EditLedger = Callable[..., None]
Rows = list[dict[str, Any]]


def again(root: Path, what: str = "all", **more: Any) -> Replay:
    source = {"kind": "folder", "root": str(more.pop("source"))} if "source" in more else None
    return replay(what, {"kind": "folder", "root": str(root)}, source, WORKERS, **more)


def rows_of(root: Path) -> Rows:
    found: Rows = pq.read_table(root / "ledger.parquet").to_pylist()
    return found


def kinds(done: Replay) -> dict[str, int]:
    return dict(done.counts)


def pixels(file: Path) -> Pixels:
    return np.asarray(Image.open(file))


@pytest.fixture
def fog(tmp_path: Path) -> Path:
    """A plugin file of the operator's."""
    file = tmp_path / "fog.py"
    file.write_text(FOG.replace("VERSION", "1"))
    return file


@pytest.fixture(scope="module")
def made(mixed_source: Path, make_set: MakeSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of twenty PNGs whose only step is point-wise, only to be read."""
    root = tmp_path_factory.mktemp("made") / "set"
    light = {"use": "brightness_contrast", "brightness": 0.2, "contrast": 0}
    recipe = {**PLAIN, "chain": "c", "chains": {"c": {"light": light}}, "render": {"format": "png"}}
    make_set(recipe, mixed_source, root)
    return root


@pytest.fixture
def plain(made: Path, mixed_source: Path, tmp_path: Path) -> Path:
    """A copy of that, and of its source, which its run.json names."""
    root = Path(shutil.copytree(made, tmp_path / "set"))
    source = shutil.copytree(mixed_source, tmp_path / "source")
    account = json.loads((root / "run.json").read_bytes())
    account["source"]["root"] = str(source)
    (root / "run.json").write_text(json.dumps(account))
    return root


@pytest.mark.parametrize("recipe", ["balance", "strong", "article", "keras"])
def test_every_output_of_the_shipped_recipes_is_made_again(recipe: str, tmp_path: Path) -> None:
    words = ["source=demo", f"recipe={recipe}", "recipe.target=16", "recipe.surplus=drop", f"sink.root={tmp_path}"]
    settings = compose(words)
    run(read_recipe(settings.recipe, Registry()), settings.source, settings.sink, WORKERS)
    done = again(tmp_path, to=tmp_path.with_name(f"{tmp_path.name}-again"))
    assert done.outputs == len(rows_of(tmp_path)) == 6 * 16
    assert kinds(done) == {"equal": done.outputs}
    assert done.exit_code == 0
    for row in rows_of(tmp_path):
        file = tmp_path.with_name(f"{tmp_path.name}-again") / row["path"]
        assert file.read_bytes() == (tmp_path / row["path"]).read_bytes()


@pytest.mark.parametrize(
    "render",
    [
        {"format": "png", "size": [40, 56]},
        {"format": "webp", "size": 48, "fit": "pad", "border": "constant", "fill": [9, 99, 199]},
        {"format": "jpeg", "size": [50, 30], "fit": "stretch", "quality": 71},
        {"format": "png"},
        {"format": "jpeg", "size": [2, 3]},
    ],
    ids=lambda render: f"{render['format']}-{render.get('fit', 'crop')}",
)
def test_chains_of_every_kind_are_made_again(
    render: dict[str, Any], mixed_source: Path, make_set: MakeSet, fog: Path, tmp_path: Path
) -> None:
    chains = {
        "outer": {
            "turn": {"use": "rotate", "limit": 40, "p": 0.7},
            "one": {
                "p": 0.8,
                "one_of": {
                    "blur": {"weight": 2},
                    "inner": {"p": 0.6},
                    "clahe": {"use": "albumentations.CLAHE"},
                    "warp": {"use": "albumentations.ElasticTransform", "alpha": 20},
                },
            },
            "deep": {"use": "middle", "p": 0.9},
            "fog": {"density": 0.5},
            "patch": {"use": "erase", "fill": "random"},
        },
        "middle": {"inner": {"p": 0.5}, "shift": {}, "grain": {"use": "poisson_noise"}},
        "inner": {
            "colour": {"use": "hue_saturation"},
            "crop": {"p": 0.5},
            "noise": {"use": "albumentations.GaussNoise"},
        },
        "last": {"light": {"use": "gamma"}, "flip": {"axis": "any"}},
    }
    recipe = {"version": 1, "target": 25, "max_copies": 50, "weights": {"outer": 4, "last": 1}, "chains": chains}
    make_set({**recipe, "render": render}, mixed_source, tmp_path / "set", [fog])
    used = {step["transform"] for row in rows_of(tmp_path / "set") for step in row["steps"] if step["fired"]}
    reduced = {note for row in rows_of(tmp_path / "set") for note in row["converted"] if "decoded at" in note}
    assert bool(reduced) == (render.get("size") == [2, 3])
    assert {"one_of", "chain middle", "chain inner", "fog", "albumentations.CLAHE", "albumentations.GaussNoise"} <= used
    done = again(tmp_path / "set", plugins=[str(fog)])
    assert kinds(done) == {"equal": 50}


def test_outputs_of_every_built_in_transform_are_made_again(
    mixed_source: Path, make_set: MakeSet, edit_ledger: EditLedger, tmp_path: Path
) -> None:
    chains = {
        f"c_{name}": {"before": {"use": "rotate", "p": 0.5}, "it": {"use": name, "p": 1}, "after": {"use": "gamma"}}
        for name in BUILT_IN
    }
    weights = dict.fromkeys(chains, 1)
    root = tmp_path / "set"
    make_set({"version": 1, "target": 130, "max_copies": 50, "weights": weights, "chains": chains}, mixed_source, root)
    used = [step["transform"] for row in rows_of(root) for step in row["steps"] if step["step"] == "it"]
    assert len(used) == 260
    assert set(used) == set(BUILT_IN)

    def forget(rows: Rows) -> None:
        for row in rows:
            row["copy"], row["chain"], row["recipe_digest"], row["plan_digest"] = 7, "forgotten", "", ""

    account = json.loads((root / "run.json").read_bytes())
    (root / "run.json").write_text(json.dumps({**account, "recipe": {"seed": 99}}))
    edit_ledger(root, forget)
    assert kinds(again(root)) == {"equal": 260}  # by the draws alone: nothing is left that could seed a generator


def test_an_edited_draw_shows_in_the_pixels(plain: Path, edit_ledger: EditLedger, tmp_path: Path) -> None:
    path = next(row["path"] for row in rows_of(plain) if row["height"] == 40)

    def edit(rows: Rows) -> None:
        for row in rows:
            if row["path"] == path:
                row["steps"][0]["draw"] = '{"brightness": 0.0, "contrast": 0.5}'

    edit_ledger(plain, edit)
    done = again(plain, to=tmp_path / "to")
    assert kinds(done) == {"equal": 19, "pixels differ": 1}
    (verdict,) = done.differing
    apart = np.abs(pixels(plain / path).astype(int) - pixels(tmp_path / "to" / path))
    assert (verdict.path, verdict.most) == (path, apart.max())
    assert verdict.mean == pytest.approx(apart.mean())
    assert not done.changed


def test_a_plugin_that_changed_is_named_with_the_difference(
    mixed_source: Path, make_set: MakeSet, fog: Path, tmp_path: Path
) -> None:
    recipe = {**PLAIN, "chain": "c", "chains": {"c": {"fog": {}}}, "render": {"format": "png"}}
    make_set(recipe, mixed_source, tmp_path / "set", [fog])
    assert kinds(again(tmp_path / "set", plugins=[str(fog)])) == {"equal": 20}
    fog.write_text(FOG.replace("VERSION", "2"))
    done = again(tmp_path / "set", plugins=[str(fog)])
    assert kinds(done) == {"pixels differ": 20}
    assert {(verdict.most, verdict.mean) for verdict in done.differing} == {(1, 1.0)}
    assert {verdict.detail for verdict in done.differing} == {"fog was version 1 and is 2"}


def test_plugin_files_are_loaded_only_where_they_are_named(
    mixed_source: Path, make_set: MakeSet, fog: Path, tmp_path: Path
) -> None:
    recipe = {**PLAIN, "chain": "c", "chains": {"c": {"fog": {}}}}
    make_set(recipe, mixed_source, tmp_path / "set", [fog])
    fog.write_text(f"import os; os.mkdir({str(tmp_path / 'ran')!r})\n{FOG.replace('VERSION', '1')}")
    with pytest.raises(PluginError, match=r"No transform is called 'fog' here\. The run had plugins=\[.*fog\.py\]"):
        again(tmp_path / "set")
    assert not (tmp_path / "ran").exists()
    fog.write_text(FOG.replace("VERSION", "1"))
    moved = fog.rename(tmp_path / "moved.py")
    assert kinds(again(tmp_path / "set", plugins=[str(moved)])) == {"equal": 20}


def test_a_plugin_that_kills_its_worker_costs_its_outputs_alone(
    mixed_source: Path, make_set: MakeSet, fog: Path, tmp_path: Path
) -> None:
    recipe = {**PLAIN, "chain": "c", "chains": {"c": {"fog": {"p": 0.3}}}, "render": {"format": "png"}}
    make_set(recipe, mixed_source, tmp_path / "set", [fog])
    fogged = {row["parents"][0]["key"] for row in rows_of(tmp_path / "set") for step in row["steps"] if step["fired"]}
    fog.write_text(
        FOG.replace("VERSION", "1").replace("        return np.rint", "        os._exit(1)\n        return np.rint")
    )
    done = again(tmp_path / "set", plugins=[str(fog)])
    lost = [row for row in rows_of(tmp_path / "set") if row["parents"][0]["key"] in fogged]
    assert 0 < len(lost) < 20
    assert kinds(done) == {"equal": 20 - len(lost), "failed": len(lost)}
    assert {verdict.detail for verdict in done.differing} == {"the worker died"}


def test_other_bytes_with_the_same_pixels_are_told_from_other_pixels(plain: Path, edit_ledger: EditLedger) -> None:
    path = rows_of(plain)[0]["path"]
    Image.open(plain / path).save(plain / path, compress_level=1)

    def edit(rows: Rows) -> None:
        import hashlib

        data = (plain / path).read_bytes()
        rows[0]["size"], rows[0]["sha256"] = len(data), hashlib.sha256(data).hexdigest()

    edit_ledger(plain, edit)
    (verdict,) = again(plain, path).differing
    assert verdict[:5] == (path, "bytes differ", "", 0, 0.0)


def test_pictures_of_another_shape_are_not_measured(plain: Path, edit_ledger: EditLedger) -> None:
    def edit(rows: Rows) -> None:
        rows[0]["render"] = json.dumps({**json.loads(rows[0]["render"]), "size": 8})

    edit_ledger(plain, edit)
    (verdict,) = again(plain, rows_of(plain)[0]["path"]).differing
    assert verdict.kind == "pixels differ"
    assert verdict.most is None
    assert "8×8" in verdict.detail


def test_libraries_that_changed_are_named(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = json.loads((plain / "run.json").read_bytes())
    account["versions"]["numpy"] = "1.0"
    (plain / "run.json").write_text(json.dumps(account))
    done = again(plain)
    assert list(done.changed) == ["numpy"]
    assert done.changed["numpy"][0] == "1.0"
    assert cli.main(["replay", "all", f"sink.root={plain}", "executor.workers=2"]) == 0
    said = capsys.readouterr().out
    assert f"Other versions than when the data set was made: numpy 1.0 → {np.__version__}." in said
    assert "20 made again: 20 equal." in said


def test_a_file_that_is_gone_or_changed_is_told_and_made_again_elsewhere(plain: Path, tmp_path: Path) -> None:
    first, second, third, *_ = (row["path"] for row in rows_of(plain))
    before = {path: (plain / path).read_bytes() for path in (first, second, third)}
    (plain / first).unlink()
    (plain / second).write_bytes(before[second][:-1])
    (plain / third).write_bytes(bytes([*before[third][:-1], before[third][-1] ^ 1]))
    done = again(plain, to=tmp_path / "to")
    assert [(verdict.path, verdict.kind) for verdict in done.differing] == [
        (first, "file missing"),
        (second, "file changed"),
        (third, "file changed"),
    ]
    assert {path: (tmp_path / "to" / path).read_bytes() for path in before} == before


def test_nothing_is_written_over_another_file_nor_into_data_set_or_source(plain: Path, tmp_path: Path) -> None:
    path = rows_of(plain)[0]["path"]
    assert kinds(again(plain, path, to=tmp_path / "to")) == {"equal": 1}
    assert kinds(again(plain, path, to=tmp_path / "to")) == {"equal": 1}
    (tmp_path / "to" / path).write_bytes(b"mine")
    assert kinds(again(plain, path, to=tmp_path / "to")) == {"in the way": 1}
    assert (tmp_path / "to" / path).read_bytes() == b"mine"
    assert sorted(file.name for file in (tmp_path / "to").rglob("*") if file.is_file()) == [Path(path).name]
    (tmp_path / "link").symlink_to(plain)
    for to in (plain, plain / "new", tmp_path / "source", tmp_path / "source/new", tmp_path / "link/x"):
        with pytest.raises(RecipeError, match="Name another folder"):
            again(plain, to=to)
    with pytest.raises(RecipeError, match="it is a file"):
        again(plain, to=__file__)


def test_a_ledger_of_another_cannot_lead_out_of_the_folders(
    plain: Path, edit_ledger: EditLedger, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes((tmp_path / "source/few/2.png").read_bytes())

    def edit(rows: Rows) -> None:
        rows[0]["path"] = "../../escaped.png"
        rows[1]["path"] = str(tmp_path / "absolute.png")
        rows[2]["parents"][0]["key"] = "../secret.png"
        rows[3]["parents"][0]["key"] = str(tmp_path / "secret.png")
        rows[4]["steps"][0]["transform"] = "os.system"
        rows[5]["steps"][0]["arguments"] = '{"brightness": 1e9}'
        rows[6]["render"] = '{"size": 1000000, "after": null}'
        rows[7]["parents"] = []

    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if "set" not in file.parts}
    edit_ledger(plain, edit)
    with pytest.raises(PluginError, match=r"os\.system"):
        again(plain, to=tmp_path / "out/to")
    edit_ledger(plain, lambda rows: rows[4]["steps"].clear())
    done = again(plain, to=tmp_path / "out/to")
    assert {verdict.kind for verdict in done.differing} == {"failed", "source missing", "pixels differ"}
    assert sum(done.counts.values()) == 20
    assert done.counts["equal"] == 12
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file in before} == before
    assert not [file for file in tmp_path.rglob("*") if file.name in ("escaped.png", "absolute.png")]


def test_a_source_that_changed_or_is_gone_is_said(plain: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "few/0.jpg").write_bytes((source / "many/0.jpg").read_bytes()[:-2] + b"\xff\xd9")
    (source / "few/1.jpg").unlink()
    (source / "few/2.png").write_bytes((source / "few/2.png").read_bytes() + b"\0")
    done = again(plain)
    made_from = {row["path"]: row["parents"][0]["key"] for row in rows_of(plain)}
    told = {(made_from[verdict.path], verdict.kind) for verdict in done.differing}
    assert ("few/1.jpg", "source missing") in told
    assert ("few/2.png", "source changed") in told
    assert "few/1.jpg" in next(verdict.detail for verdict in done.differing if verdict.kind == "source missing")
    source.rename(tmp_path / "moved")
    with pytest.raises(SourceError, match=r"there is no folder .*source\.root=…"):
        again(plain)
    with pytest.raises(SourceError, match="there is no folder"):
        again(plain, source=tmp_path / "nowhere")
    assert again(plain, source=tmp_path / "moved").counts["equal"] == done.counts["equal"]


def test_an_original_that_was_kept_is_its_source(mixed_source: Path, make_set: MakeSet, tmp_path: Path) -> None:
    recipe = {**PLAIN, "originals": "keep", "chain": "c", "chains": {"c": {"flip": {}}}}
    make_set(recipe, mixed_source, tmp_path / "set")
    assert {row["render"] is None for row in rows_of(tmp_path / "set")} == {True, False}
    assert kinds(again(tmp_path / "set")) == {"equal": 20}


@pytest.mark.parametrize("name", [b"caf\xe9 \xff.jpg", rb"a\xe9.jpg", "日本 'x' \n=.jpg".encode(), b"-n.jpg"])
def test_a_name_of_any_bytes_leads_back_to_its_source(name: bytes, make_set: MakeSet, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "source/one")
    os.makedirs(folder)
    try:
        with open(os.path.join(folder, name), "wb") as file:
            Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(file, "JPEG")
    except OSError:
        pytest.skip("this file system takes no such name")
    recipe = {**PLAIN, "target": 2, "chain": "c", "chains": {"c": {"light": {"use": "gamma"}}}}
    make_set(recipe, tmp_path / "source", tmp_path / "set")
    assert kinds(again(tmp_path / "set")) == {"equal": 2}


def test_an_output_is_found_by_key_beginning_or_path(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows_of(plain)[3]
    path, key = row["path"], row["key"]
    dataset = Dataset({"kind": "folder", "root": str(plain)})
    monkeypatch.chdir(plain.parent)
    (plain.parent / "link").symlink_to(plain)
    for what in (path, key, key[:9], key[:6], str(plain / path), f"set/{path}", f"./set/{path}", f"link/{path}"):
        assert find(dataset, what) == path
    wrong = "f" if key[-1] != "f" else "e"
    with pytest.raises(SinkError, match=f"is called '{key[:-1]}{wrong}'. Did you mean '{key}'"):
        find(dataset, key[:-1] + wrong)
    with pytest.raises(SinkError, match=f"Did you mean '{path}'"):
        find(dataset, path.replace("/", "/x"))
    for what in ("", key[:5], "nothing like it", key.upper(), "../x", path + "/", "all "):
        with pytest.raises(SinkError, match="No record in"):
            find(dataset, what)


def test_a_beginning_that_several_keys_have_names_them(plain: Path, edit_ledger: EditLedger) -> None:
    def edit(rows: Rows) -> None:
        rows[0]["key"], rows[1]["key"] = "abcdef0000000000", "abcdef1111111111"

    edit_ledger(plain, edit)
    with pytest.raises(SinkError, match="2 outputs have a key that begins with abcdef"):
        find(Dataset({"kind": "folder", "root": str(plain)}), "abcdef")


def test_without_ledger_or_account_it_says_what_is_missing(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="holds no data set of augflow's"):
        again(tmp_path / "source")
    with pytest.raises(SinkError, match="is no folder"):
        again(tmp_path / "nowhere")
    (plain / "ledger.parquet").rename(tmp_path / "aside")
    with pytest.raises(SinkError, match=r"no ledger: ledger\.parquet"):
        again(plain)
    (tmp_path / "aside").rename(plain / "ledger.parquet")
    (plain / "run.json").unlink()
    with pytest.raises(SinkError, match=r"no run\.json"):
        again(plain)


def test_the_verb(plain: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    row = rows_of(plain)[0]
    to = ["--to", str(tmp_path / "to")]
    assert cli.main(["replay", f"sink.root={plain}", row["key"], *to]) == 0
    assert f"1 made again, and written to {tmp_path / 'to'}: 1 equal." in capsys.readouterr().out
    assert (tmp_path / "to" / row["path"]).read_bytes() == (plain / row["path"]).read_bytes()

    (plain / row["path"]).unlink()
    assert cli.main(["replay", "all", f"sink.root={plain}", f"source.root={tmp_path / 'source'}", "--format=json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["outputs"], told["verdicts"]) == (20, {"equal": 19, "file missing": 1})
    assert [(one["path"], one["kind"]) for one in told["differing"]] == [(row["path"], "file missing")]
    assert told["versions"] == {}

    for words, expected in (
        ([f"sink.root={plain}"], "Say which: augflow replay KEY|PATH|all"),
        (["all", f"sink.root={tmp_path / 'no'}"], "is no folder"),
        (["few/nothing.png", f"sink.root={plain}"], "No record in"),
        (["all", f"sink.root={plain}", "source.max_pixels=9"], "source.root is needed"),
        (["all", f"sink.root={plain}", "source.root=nowhere"], "there is no folder"),
        (["all", "all", f"sink.root={plain}"], "neither a setting"),
        (["all", f"sink.root={plain}", "--to", str(plain)], "Name another folder"),
    ):
        assert cli.main(["replay", *words]) == 2
        assert expected in capsys.readouterr().err


def test_versions_of_earlier_runs_count_as_well(plain: Path) -> None:
    account = json.loads((plain / "run.json").read_bytes())
    earlier = [{**account["versions"], "numpy": "1.0"}, {**account["versions"], "numpy": "1.1"}]
    (plain / "run.json").write_text(json.dumps({**account, "earlier_versions": earlier}))
    now = account["versions"]["numpy"]
    assert again(plain).changed == {"numpy": (f"1.0 and 1.1 and {now}", now)}
