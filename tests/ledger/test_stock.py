"""A second run makes only what is asked for anew, removes only what augflow made, and leaves everything else alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.config.compose import compose
from augflow.errors import SinkError
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import Outcome, run

Times = dict[str, int]


def make(*overrides: str, force: bool = False) -> Outcome:
    settings = compose([*overrides, "executor.workers=1"])
    recipe = read_recipe(settings.recipe, Registry(settings.plugins))
    return run(recipe, settings.source, settings.sink, settings.executor, settings.plugins, force=force)


def tree(root: Path) -> dict[str, str]:
    """Digest every file but `run.json`, and name every folder."""
    return {
        path.relative_to(root).as_posix(): "" if path.is_dir() else hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.name != "run.json"
    }


def times(root: Path) -> Times:
    """When each output was written."""
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in root.glob("*/*")}


def remade(before: Times, after: Times) -> set[str]:
    """Outputs that are new, or were written again."""
    return {path for path, time in after.items() if before.get(path) != time}


def paint(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    Image.fromarray(pixels).save(file, quality=90)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three classes of four, three and two small photographs."""
    root = tmp_path / "source"
    for number in range(9):
        label = "crowd" if number < 4 else "some" if number < 7 else "few"
        paint(root / label / f"{number}.jpg", number)
    return root


@pytest.fixture
def words(source: Path, tmp_path: Path) -> list[str]:
    return [f"source.root={source}", f"sink.root={tmp_path / 'out'}", "recipe.target=6", "recipe.render.size=16"]


@pytest.fixture
def out(words: list[str], tmp_path: Path) -> Path:
    """A finished sink of three times six."""
    assert make(*words).exit_code == 0
    return tmp_path / "out"


def fresh(words: list[str], root: Path) -> dict[str, str]:
    """What a run into an empty sink leaves."""
    make(*words, f"sink.root={root}")
    return tree(root)


def test_a_replaced_photograph_is_noticed_and_all_that_came_of_it_made_again(
    words: list[str], out: Path, source: Path, tmp_path: Path
) -> None:
    file = source / "few" / "7.jpg"
    was, before = file.stat(), times(out)
    # As long as before, and its time set back.
    paint(file, 99)
    file.write_bytes((file.read_bytes() + bytes(was.st_size))[: was.st_size])
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    outcome = make(*words)
    assert (outcome.made, outcome.kept, outcome.removed) == (3, 15, 0)
    assert {path.partition("-")[0] for path in remade(before, times(out))} == {"few/7"}
    assert tree(out) == fresh(words, tmp_path / "fresh")


def test_only_the_class_whose_chain_was_edited_is_made_again(words: list[str], out: Path, tmp_path: Path) -> None:
    edit = ["+chain@recipe.chains.strong=strong", "+recipe.classes.some.chain=strong"]
    before = times(out)
    assert make(*words, *edit).made == 6
    assert {path.partition("/")[0] for path in remade(before, times(out))} == {"some"}
    before = times(out)
    outcome = make(*words, *edit, "recipe.chains.strong.grain.p=0.9")
    assert (outcome.made, outcome.kept, outcome.removed) == (6, 12, 6)
    assert {path.partition("/")[0] for path in remade(before, times(out))} == {"some"}
    assert tree(out) == fresh([*words, *edit, "recipe.chains.strong.grain.p=0.9"], tmp_path / "fresh")


def test_a_new_photograph_changes_no_other_class(words: list[str], out: Path, source: Path, tmp_path: Path) -> None:
    before = times(out)
    paint(source / "few" / "new.jpg", 50)
    make(*words)
    changed = remade(before, times(out)) | before.keys() - times(out).keys()
    assert {path.partition("/")[0] for path in changed} == {"few"}
    assert tree(out) == fresh(words, tmp_path / "fresh")


def test_a_photograph_that_left_takes_its_outputs_along(
    words: list[str], out: Path, source: Path, tmp_path: Path
) -> None:
    (source / "some" / "5.jpg").unlink()
    make(*words)
    assert not list(out.glob("some/5-*"))
    assert tree(out) == fresh(words, tmp_path / "fresh")


def test_what_was_lost_comes_back(words: list[str], out: Path) -> None:
    before = tree(out)
    first, second, *_ = sorted(out.glob("crowd/*"))
    first.unlink()
    second.write_bytes(b"")  # As a power cut leaves it.
    shutil.rmtree(out / "few")
    assert make(*words).made == 8
    assert tree(out) == before


@pytest.mark.parametrize("how", ["longer", "as long"])
@pytest.mark.parametrize("then", ["another seed", "a replaced source"])
def test_an_edited_output_is_neither_removed_nor_made_over(
    then: str, how: str, words: list[str], out: Path, source: Path, tmp_path: Path
) -> None:
    file = min(out.glob("few/7-*"))
    mine = b"retouched " + file.read_bytes() if how == "longer" else file.read_bytes()[::-1]
    file.write_bytes(mine)
    if then == "another seed":
        words = [*words, "recipe.seed=1"]
    else:
        paint(source / "few" / "7.jpg", 99)
    outcome = make(*words)
    assert outcome.exit_code == 1
    assert [(item.key, item.kind) for item in outcome.left] == [(file.relative_to(out).as_posix(), "edited output")]
    assert file.read_bytes() == mine
    (tmp_path / "fresh").mkdir()
    forced = make(*words, force=True)
    if then == "another seed":
        # The last run asked for it no more, and left it to the one who had edited it.
        assert [item.kind for item in forced.left] == ["foreign file"]
        assert file.read_bytes() == mine
        file.unlink()
    else:
        assert (forced.left, forced.exit_code) == ([], 0)
    assert tree(out) == fresh(words, tmp_path / "fresh")


def test_force_mends_whatever_was_done_to_outputs(words: list[str], out: Path) -> None:
    before = tree(out)
    flipped, cut, swapped, other, renamed, replaced, *_ = sorted(out.glob("*/*"))
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:-7])
    swapped.rename(out / "swap")
    other.rename(swapped)
    (out / "swap").rename(other)
    renamed.rename(renamed.with_name("mine.jpg"))
    replaced.unlink()
    replaced.symlink_to(flipped)
    outcome = make(*words)
    assert {item.kind for item in outcome.left} == {"edited output", "foreign file"}
    outcome = make(*words, force=True)
    assert [(item.key, item.kind) for item in outcome.left] == [("crowd/mine.jpg", "foreign file")]
    assert outcome.exit_code == 1
    (out / "crowd" / "mine.jpg").unlink()
    assert tree(out) == before
    assert make(*words).exit_code == 0


def test_foreign_files_are_left_alone_and_named(words: list[str], out: Path) -> None:
    (out / "few" / "mine.txt").write_text("mine")
    (out / "album").mkdir()
    (out / "album" / "1.jpg").write_text("mine too")
    for force in (False, True):
        outcome = make(*words, "recipe.seed=1", force=force)
        assert [(item.key, item.kind) for item in outcome.left] == [
            ("album", "foreign folder"),
            ("few/mine.txt", "foreign file"),
        ]
        assert outcome.exit_code == 1
    assert (out / "few" / "mine.txt").read_text() == "mine"
    assert (out / "album" / "1.jpg").read_text() == "mine too"


def test_a_foreign_file_in_the_way_of_an_output_stays_unless_forced(words: list[str], tmp_path: Path) -> None:
    expected = fresh(words, tmp_path / "fresh")
    way = min(path for path in expected if path.startswith("few/"))
    out = tmp_path / "out"
    make(*words, "recipe.seed=1")
    (out / way).write_bytes(b"mine")
    outcome = make(*words)
    assert [item.key for item in outcome.left] == [way]
    assert (outcome.exit_code, outcome.made, (out / way).read_bytes()) == (1, 17, b"mine")
    assert make(*words, force=True).exit_code == 0
    assert tree(out) == expected


@pytest.mark.parametrize("how", ["deleted", "damaged", "byte flipped", "rows dropped"])
def test_without_its_ledger_a_data_set_is_left_alone_unless_forced(how: str, words: list[str], out: Path) -> None:
    before, ledger = tree(out), out / "ledger.parquet"
    data = bytearray(ledger.read_bytes())
    if how == "deleted":
        ledger.unlink()
    elif how == "damaged":
        ledger.write_bytes(data[: len(data) // 2])
    elif how == "byte flipped":
        data[len(data) // 3] ^= 1
        ledger.write_bytes(data)
    else:
        pq.write_table(pq.read_table(ledger).slice(3), ledger)
    spoilt = tree(out)
    with pytest.raises(SinkError, match=r"ledger\.parquet.*--force"):
        make(*words)
    assert tree(out) == spoilt
    assert make(*words, force=True).exit_code == 0
    assert tree(out) == before


def test_a_ledger_of_a_later_version_is_left_alone_even_if_forced(words: list[str], out: Path) -> None:
    table = pq.read_table(out / "ledger.parquet").replace_schema_metadata({"augflow.ledger": "2"})
    pq.write_table(table, out / "ledger.parquet")
    before = tree(out)
    for force in (False, True):
        with pytest.raises(SinkError, match="upgrade augflow"):
            make(*words, force=force)
    assert tree(out) == before


@pytest.mark.parametrize("missing", ["run.json", "recipe.lock.yaml"])
def test_a_lost_account_is_written_again(missing: str, words: list[str], out: Path) -> None:
    (out / missing).unlink()
    if missing == "recipe.lock.yaml":
        (out / "run.json").write_text("{")
    assert make(*words).made == 0
    assert {"run.json", "recipe.lock.yaml", "ledger.parquet"} <= {path.name for path in out.iterdir()}


def journalled(out: Path) -> list[bytes]:
    """Make a finished sink one whose run was killed before it was sealed; return the lines of its journal."""
    rows = pq.read_table(out / "ledger.parquet").to_pylist()
    for row in rows:
        del row["recipe_digest"], row["plan_digest"]
    for name in ("ledger.parquet", "run.json", "recipe.lock.yaml"):
        (out / name).unlink()
    lines = [json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows]
    (out / ".augflow").mkdir()
    (out / ".augflow" / "records.1.here-5-0.jsonl").write_bytes(b"".join(lines))
    (out / ".augflow" / "begun.1.jsonl").write_text(json.dumps([row["path"] for row in rows]) + "\n")
    return lines


def test_what_was_edited_since_an_interruption_is_noticed(words: list[str], out: Path) -> None:
    """Journalled outputs are hashed before they are kept: their size alone is not enough."""
    journalled(out)
    file = min(out.glob("some/*"))
    file.write_bytes(file.read_bytes()[::-1])
    outcome = make(*words)
    assert [item.key for item in outcome.left] == [file.relative_to(out).as_posix()]
    assert (outcome.made, outcome.kept) == (0, 17)


def test_garbage_in_the_journal_counts_for_nothing(words: list[str], out: Path, tmp_path: Path) -> None:
    """What a power cut may leave: zeros, half lines, lines of another file."""
    before = tree(out)
    lines = journalled(out)
    lines[3] = bytes(len(lines[3])) + b"\n"
    lines[5] = lines[5][:40] + b"\n"
    lines[7] = b"[1, 2]\n"
    lines[-1] = lines[-1][:-2]
    (out / ".augflow" / "records.1.here-5-0.jsonl").write_bytes(b"".join(lines))
    with (out / ".augflow" / "begun.1.jsonl").open("ab") as begun:
        begun.write(b'\n\0\0\0\n["cr')
    outcome = make(*words)
    assert (outcome.made, outcome.kept, outcome.exit_code) == (4, 14, 0)
    assert tree(out) == before


def test_a_photograph_replaced_and_put_back_between_interruptions(words: list[str], out: Path, source: Path) -> None:
    """An output that was begun again has no record until it has a new one, though an older one would fit."""
    before = tree(out)
    rows = [row for row in pq.read_table(out / "ledger.parquet").to_pylist() if row["path"].startswith("few/7-")]
    paths = [row["path"] for row in rows]
    (out / ".augflow").mkdir()
    (out / ".augflow" / "begun.1.jsonl").write_text(json.dumps(paths) + "\n")
    for path in paths:
        (out / path).write_bytes(bytes((out / path).stat().st_size))
    assert make(*words).made == len(paths) == 3
    assert tree(out) == before


def test_plan_shows_the_difference_first(
    words: list[str], out: Path, source: Path, checkout: Path, tmp_path: Path
) -> None:
    def plan(*more: str) -> dict[str, Any]:
        said = subprocess.run(
            [sys.executable, "-m", "augflow", "plan", "--format=json", *words, *more],
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    before = tree(out)
    (out / "few" / "mine.txt").write_text("mine")
    paint(source / "some" / "4.jpg", 99)
    more = ["+recipe.classes.few.target=9", "+recipe.classes.crowd.target=4"]
    found = plan(*more)
    assert found["changes"] == {
        "crowd": {"make": 0, "keep": 4, "remove": 2},
        "few": {"make": 3, "keep": 6, "remove": 0},
        "some": {"make": 2, "keep": 4, "remove": 0},
    }
    assert [item["key"] for item in found["left"]] == ["few/mine.txt"]
    (out / "few" / "mine.txt").unlink()
    assert tree(out) == before
    outcome = make(*words, *more)
    assert (outcome.made, outcome.kept, outcome.removed) == (5, 14, 2)
    assert "changes" not in plan(f"sink.root={tmp_path / 'none'}")


def test_the_account_names_versions_that_kept_outputs_were_made_with(words: list[str], out: Path) -> None:
    account = json.loads((out / "run.json").read_text())
    assert account["earlier_versions"] == []
    older = account["versions"] | {"numpy": "1.0"}
    (out / "run.json").write_text(json.dumps(account | {"versions": older}))
    for target in (7, 8):
        make(*words, f"recipe.target={target}")
        assert json.loads((out / "run.json").read_text())["earlier_versions"] == [older]
    make(*words, "recipe.seed=1")
    assert json.loads((out / "run.json").read_text())["earlier_versions"] == []


def test_no_empty_class_folder_is_left(words: list[str], out: Path, source: Path) -> None:
    shutil.rmtree(source / "few")
    make(*words)
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["crowd", "some"]


def test_a_file_in_place_of_a_class_folder_is_refused(words: list[str], tmp_path: Path, out: Path) -> None:
    shutil.rmtree(out / "few")
    (out / "few").write_text("mine")
    with pytest.raises(SinkError, match="where the folder of a class shall be"):
        make(*words)
    assert (out / "few").read_text() == "mine"


def test_counts_of_a_run_that_changes_nothing(words: list[str], out: Path) -> None:
    before = times(out)
    outcome = make(*words)
    assert (outcome.made, outcome.kept, outcome.removed, outcome.left) == (0, 18, 0, [])
    assert times(out) == before
    assert Counter(path.partition("/")[0] for path in before) == {"crowd": 6, "some": 6, "few": 6}
