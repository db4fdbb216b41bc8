"""The data card: `datasets` reads the folder by it, equal runs write equal ones, and others' words stay."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from augflow import cli

RUN = ("run", "recipe.render.size=24", "sink.card=true", "--no-audit")


def run(source: Path, sink: Path, *words: str) -> int:
    return cli.main([*RUN, f"source.root={source}", f"sink.root={sink}", "recipe.target=14", *words])


def front(sink: Path) -> Any:
    return yaml.safe_load((sink / "README.md").read_text().split("\n---\n")[0])


def loaded(sink: Path, cache: Path) -> dict[str, Counter[str]]:
    """Split → label → images, as `datasets` finds them by nothing but the folder's name."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    found = datasets.load_dataset(str(sink), cache_dir=str(cache))
    for part in found.values():
        assert part[0]["image"].size == (24, 24)
    return {
        split: Counter(part.features["label"].names[label] for label in part["label"]) for split, part in found.items()
    }


def test_datasets_reads_the_folder(small_source: Path, tmp_path: Path) -> None:
    assert run(small_source, tmp_path / "made") == 0
    assert loaded(tmp_path / "made", tmp_path / "cache") == {"train": {"crowd": 14, "few": 14}}


def test_datasets_reads_splits_and_odd_names(small_source: Path, tmp_path: Path) -> None:
    for split, labels in (("train", ("no", "__x", "a [*] | b")), ("val", ("no", "a [*] | b"))):
        for label in labels:
            shutil.copytree(small_source / "few", tmp_path / "source" / split / label)
    assert run(tmp_path / "source", tmp_path / "made", "source.others=pass", "recipe.originals=augment") == 0
    told = {split["name"]: split["num_examples"] for split in front(tmp_path / "made")["dataset_info"]["splits"]}
    assert told == {"train": 42, "val": 8}
    os.environ["HF_HUB_OFFLINE"] = "1"
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    found = datasets.load_dataset(str(tmp_path / "made"), cache_dir=str(tmp_path / "cache"))
    names = found["train"].features["label"].names
    assert names == ["__x", "a [*] | b", "no"]
    assert Counter(found["train"]["label"]) == {0: 14, 1: 14, 2: 14}
    assert Counter(found["val"]["label"]) == {1: 4, 2: 4}


def test_datasets_notices_an_image_that_is_not_of_the_set(small_source: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    assert run(small_source, tmp_path / "made") == 0
    shutil.copy(small_source / "few" / "00.jpg", tmp_path / "made" / "few")
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        loaded(tmp_path / "made", tmp_path / "cache")


def test_equal_runs_write_equal_cards(small_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, workers in (("one", 1), ("two", 2)):
        shutil.copytree(small_source, tmp_path / place / "source")
        words = [f"executor.workers={workers}"]
        assert run(tmp_path / place / "source", tmp_path / place / "made", *words) == 0
    cards = [(tmp_path / place / "made" / "README.md").read_text() for place in ("one", "two")]
    assert cards[0] == cards[1]
    assert str(tmp_path) not in cards[0]
    assert "| few | 4 | 14 | 4 | 10 | 14 |" in cards[0]
    assert cli.main(["verify", f"sink.root={tmp_path / 'one' / 'made'}"]) == 0
    assert run(tmp_path / "one" / "source", tmp_path / "one" / "made") == 0
    assert (tmp_path / "one" / "made" / "README.md").read_text() == cards[0]


def test_it_tells_what_was_set_aside_and_what_falls_short(small_source: Path, tmp_path: Path) -> None:
    shutil.copytree(small_source, tmp_path / "source")
    (tmp_path / "source" / "few" / "no_image|*x*.jpg").write_bytes(b"nothing")
    assert run(tmp_path / "source", tmp_path / "made", "recipe.max_copies=1") == 1
    card = (tmp_path / "made" / "README.md").read_text()
    assert "few falls short by 6: max_copies=1 for each of 4 samples." in card
    assert "\n- 1 × not an image\n" in card
    assert "\n- few/no\\_image\\|\\*x\\*.jpg: not an image\n" in card


def test_it_is_renewed_with_the_data_set_and_not_asked_for_not_written(small_source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert run(small_source, made, "sink.card=false") == 0
    assert not (made / "README.md").exists()
    assert run(small_source, made) == 0
    assert front(made)["dataset_info"]["splits"][0]["num_examples"] == 28
    assert run(small_source, made, "recipe.target=13") == 0
    assert front(made)["dataset_info"]["splits"][0]["num_examples"] == 26


def test_a_readme_of_others_is_left_and_named(
    small_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    assert run(small_source, made, "sink.card=false") == 0
    (made / "README.md").write_text("My words.\n")
    capsys.readouterr()
    assert run(small_source, made) == 1
    assert "README.md: foreign file; sink.card: augflow did not make it" in capsys.readouterr().out
    assert (made / "README.md").read_text() == "My words.\n"
    assert run(small_source, made, "sink.card=false") == 0


def test_an_edited_card_is_left_and_named_once_it_is_out_of_date(
    small_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    assert run(small_source, made) == 0
    card = made / "README.md"
    mine = card.read_text().replace("**Not said yet.**", "CC0.")
    card.write_text(mine)
    assert run(small_source, made) == 0, "the edited card tells of this very data set"
    assert run(small_source, made, "recipe.target=13") == 1
    assert "README.md: edited card" in capsys.readouterr().out
    assert card.read_text() == mine
    assert run(small_source, made, "recipe.target=13", "--force") == 0
    assert "26 images" in card.read_text()


def test_a_card_that_is_a_link_is_refused(
    small_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    assert run(small_source, made) == 0
    (tmp_path / "theirs").write_text("mine")
    (made / "README.md").unlink()
    (made / "README.md").symlink_to(tmp_path / "theirs")
    assert run(small_source, made) == 2
    assert "is a link" in capsys.readouterr().err
    assert (tmp_path / "theirs").read_text() == "mine"
