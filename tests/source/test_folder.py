"""A folder of class folders: what is a sample, what is passed over, what is set aside and why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import ImageError, SourceError
from augflow.plan.census import Census, take_census
from augflow.source import Aside, Noted, Sample, open_source
from augflow.source.folder import FolderSource


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"some bytes of " + path.encode())


def found(root: Path) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """Samples as (label, key), and what was set aside: key → kind."""
    items = [item for item in FolderSource(str(root)).scan() if not isinstance(item, Noted)]
    samples = {(item.label, item.key) for item in items if isinstance(item, Sample)}
    aside = {item.key: item.kind for item in items if isinstance(item, Aside)}
    assert len(samples) + len(aside) == len(items)
    assert all(item.detail for item in items if isinstance(item, Aside))
    return samples, aside


def test_each_folder_is_a_class_with_all_that_lies_below(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/2.PNG", "hat/new/3.webp", "hat/new/er/4.JPeG", "t-shirt/1.jpg")
    samples, aside = found(tmp_path)
    assert samples == {
        ("hat", "hat/1.jpg"),
        ("hat", "hat/2.PNG"),
        ("hat", "hat/new/3.webp"),
        ("hat", "hat/new/er/4.JPeG"),
        ("t-shirt", "t-shirt/1.jpg"),
    }
    assert not aside
    assert FolderSource(str(tmp_path)).labels() == ["hat", "t-shirt"]


def test_a_class_without_samples_is_a_class(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg")
    (tmp_path / "void").mkdir()
    assert FolderSource(str(tmp_path)).labels() == ["hat", "void"]


@pytest.mark.parametrize("name", ["no", "1e3", "0012", "two words", "größe", "null", "~", "a,b", "x=y", "[1]"])
def test_class_names_are_words_whatever_they_look_like(name: str, tmp_path: Path) -> None:
    put(tmp_path, f"{name}/1.jpg")
    assert found(tmp_path)[0] == {(name, f"{name}/1.jpg")}


def test_hidden_files_and_debris_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/.2.jpg", "hat/Thumbs.db", ".git/x.jpg", "hat/.cache/3.jpg", "desktop.ini")
    put(tmp_path, ".DS_Store")
    samples, aside = found(tmp_path)
    assert samples == {("hat", "hat/1.jpg")}
    assert not aside
    assert {item for item in FolderSource(str(tmp_path)).scan() if isinstance(item, Noted)} == {
        ("hat/.2.jpg", "hidden"),
        ("hat/Thumbs.db", "system file"),
        (".git", "hidden"),
        ("hat/.cache", "hidden"),
        ("desktop.ini", "system file"),
        (".DS_Store", "system file"),
    }


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/notes.txt", "hat/clip.mp4", "hat/bare", "readme.md", "photo.jpg")
    assert found(tmp_path)[1] == {
        "hat/notes.txt": "not an image",
        "hat/clip.mp4": "not an image",
        "hat/bare": "not an image",
        "readme.md": "outside a class",
        "photo.jpg": "outside a class",
    }


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/1.jpg", "photos/hat/1.jpg", "photos/cap/1.jpg")
    root = tmp_path / "photos"
    (root / "scarf").symlink_to(tmp_path / "elsewhere")
    (root / "hat" / "2.jpg").symlink_to(root / "hat" / "1.jpg")
    (root / "hat" / "inner").mkdir()
    (root / "hat" / "inner" / "up").symlink_to(root / "hat")
    (root / "hat" / "root").symlink_to(root)
    (root / "hat" / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    (root / "hat" / "self.jpg").symlink_to("self.jpg")
    (root / "self").symlink_to("self")
    samples, aside = found(root)
    assert samples == {
        ("scarf", "scarf/1.jpg"),
        ("hat", "hat/1.jpg"),
        ("hat", "hat/2.jpg"),
        ("cap", "cap/1.jpg"),
    }
    assert aside == {
        "hat/inner/up": "loop",
        "hat/root": "loop",
        "hat/nowhere.jpg": "dangling link",
        "hat/self.jpg": "loop",
        "self": "loop",
    }


@pytest.mark.parametrize("first", ["real", "linked"])
def test_a_folder_that_is_linked_again_counts_once_and_as_itself(first: str, tmp_path: Path) -> None:
    other = {"real": "zz-link", "linked": "aa-link"}[first]
    put(tmp_path, "hat/mm-real/1.jpg", "cap/1.jpg")
    (tmp_path / "hat" / other).symlink_to(tmp_path / "hat" / "mm-real")
    (tmp_path / "hat" / "far-b").symlink_to(tmp_path / "cap")
    (tmp_path / "hat" / "far-a").symlink_to(tmp_path / "cap")
    samples, aside = found(tmp_path)
    assert samples == {("hat", "hat/mm-real/1.jpg"), ("hat", "hat/far-a/1.jpg"), ("cap", "cap/1.jpg")}
    assert aside == {f"hat/{other}": "linked twice", "hat/far-b": "linked twice"}


def test_links_that_double_at_every_level_end_soon(tmp_path: Path) -> None:
    put(tmp_path, *(f"store/{level}/1.jpg" for level in range(30)), "photos/hat/1.jpg")
    for level in range(29):
        for name in "ab":
            (tmp_path / "store" / str(level) / name).symlink_to(tmp_path / "store" / str(level + 1))
    (tmp_path / "photos" / "hat" / "in").symlink_to(tmp_path / "store" / "0")
    assert len(found(tmp_path / "photos")[0]) == 31


def test_folders_may_lie_deeper_than_python_may_call(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg")
    here = os.getcwd()
    os.chdir(tmp_path / "hat")
    try:
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
        Path("2.jpg").write_bytes(b"deep")
    finally:
        os.chdir(here)
    try:
        samples, aside = found(tmp_path)
    finally:
        subprocess.run(["rm", "-r", tmp_path / "hat" / "d"], check=True)  # Python's own removal calls itself as deep.
    assert len(samples) == 2
    assert not aside


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg")
    os.mkfifo(tmp_path / "hat" / "2.jpg")
    samples, aside = found(tmp_path)
    assert samples == {("hat", "hat/1.jpg")}
    assert aside == {"hat/2.jpg": "not a file"}
    with pytest.raises(ImageError, match="not a file"):
        FolderSource(str(tmp_path)).read("hat/2.jpg")


def test_a_sample_is_read_as_it_is(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg")
    source = open_source({"kind": "folder", "root": str(tmp_path)})
    assert source.read("hat/1.jpg") == b"some bytes of hat/1.jpg"
    with pytest.raises(ImageError, match="unreadable"):
        source.read("hat/gone.jpg")
    with pytest.raises(ImageError, match=r"not a file|unreadable"):
        source.read("hat")


ANYONE = 65534


def test_what_may_not_be_read_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/2.jpg", "hat/locked/1.jpg", "shut/1.jpg", "blind/1.jpg")
    (tmp_path / "hat" / "link.jpg").symlink_to(tmp_path / "hat" / "locked" / "1.jpg")
    for path, mode in {"hat/1.jpg": 0, "hat/locked": 0, "shut": 0, "blind": 0o444}.items():
        (tmp_path / path).chmod(mode)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.owner() == tmp_path.owner() and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(ANYONE)
    try:
        samples, aside = found(tmp_path)
        with pytest.raises(ImageError, match="unreadable"):
            FolderSource(str(tmp_path)).read("hat/1.jpg")
        with pytest.raises(SourceError, match="Permission denied"):
            FolderSource(str(tmp_path / "shut"))
    finally:
        os.seteuid(was)
        for path in ("hat/locked", "shut", "blind"):
            (tmp_path / path).chmod(0o755)
    assert samples == {("hat", "hat/1.jpg"), ("hat", "hat/2.jpg"), ("blind", "blind/1.jpg")}
    assert aside == {"hat/locked": "unreadable", "hat/link.jpg": "unreadable", "shut": "unreadable"}


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/2.jpg")
    os.truncate(tmp_path / "hat" / "2.jpg", 10**12)
    with pytest.raises(ImageError, match="too large"):
        FolderSource(str(tmp_path)).read("hat/2.jpg")


def test_a_name_in_another_encoding_is_a_sample_like_others(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    try:
        with open(os.path.join(os.fsencode(tmp_path), b"hat", b"caf\xe9.jpg"), "wb") as file:
            file.write(b"coffee")
    except OSError:
        pytest.skip("this file system takes no such name")
    source = FolderSource(str(tmp_path))
    (sample,) = source.scan()
    assert isinstance(sample, Sample)
    assert source.read(sample.key) == b"coffee"


def test_what_cannot_be_a_source_is_told(tmp_path: Path) -> None:
    put(tmp_path, "photo.jpg")
    with pytest.raises(SourceError, match="there is no folder"):
        FolderSource(str(tmp_path / "gone"))
    with pytest.raises(SourceError, match="there is no folder"):
        FolderSource(str(tmp_path / "photo.jpg"))
    with pytest.raises(SourceError, match="holds no folders"):
        FolderSource(str(tmp_path))
    with pytest.raises(SourceError, match=r"there is no source 'foldr'. Did you mean 'folder'\?"):
        open_source({"kind": "foldr"})
    with pytest.raises(SourceError, match=r"source\.roof.*root"):
        open_source({"kind": "folder", "root": str(tmp_path), "roof": "red"})


def split_of(root: Path, **settings: Any) -> Census:
    return take_census(FolderSource(str(root), **settings))


def put_splits(root: Path) -> None:
    put(root, "train/hat/1.jpg", "train/hat/2.jpg", "train/cap/1.jpg", "val/hat/3.jpg", "val/gown/1.jpg")
    put(root, "test/cap/2.jpg", "test/cap/notes.txt", "val/stray.jpg", "train/stray.jpg", "labels.csv", ".cache/x")
    (root / "train" / "void").mkdir()


def test_of_splits_train_alone_is_taken(tmp_path: Path) -> None:
    put_splits(tmp_path)
    census = split_of(tmp_path)
    assert (census.split, census.counts) == ("train", {"cap": 1, "hat": 2, "void": 0})
    assert census.left_out == {"val": {"hat": 1, "gown": 1}, "test": {"cap": 1}}
    assert [item.key for item in census.aside] == ["labels.csv", "train/stray.jpg"]
    assert sorted(sample[:4] for sample in census.samples()) == [
        ("cap", "train/cap/1.jpg", "train", None),
        ("hat", "train/hat/1.jpg", "train", None),
        ("hat", "train/hat/2.jpg", "train", None),
    ]
    census = split_of(tmp_path, split="val")
    assert (census.split, census.counts) == ("val", {"gown": 1, "hat": 1})


def test_the_others_pass_if_asked(tmp_path: Path) -> None:
    put_splits(tmp_path)
    census = split_of(tmp_path, others="pass")
    assert census.counts == {"cap": 1, "hat": 2, "void": 0}
    assert {split: other.counts for split, other in census.others.items()} == {
        "val": {"gown": 1, "hat": 1},
        "test": {"cap": 1},
    }
    assert not census.left_out
    assert {item.key: item.kind for item in census.aside} == {
        "labels.csv": "outside a class",
        "train/stray.jpg": "outside a class",
        "val/stray.jpg": "outside a class",
        "test/cap/notes.txt": "not an image",
    }
    assert census.total == 6


@pytest.mark.parametrize("names", ["train val test", "Train Test", "train dev", "train valid", "train validation"])
def test_what_splits_are_called(names: str, tmp_path: Path) -> None:
    first, *_ = names.split()
    put(tmp_path, *(f"{name}/hat/1.jpg" for name in names.split()))
    assert split_of(tmp_path).split == first


def test_what_is_not_wholly_of_splits_is_of_classes(tmp_path: Path) -> None:
    put(tmp_path, "train/1.jpg", "test/1.jpg")
    assert (split_of(tmp_path).split, split_of(tmp_path).counts) == (None, {"test": 1, "train": 1})
    put(tmp_path, "train/hat/2.jpg")
    assert split_of(tmp_path).counts == {"test": 1, "train": 2}
    with pytest.raises(SourceError, match="has no splits: 'test' holds no class folders"):
        split_of(tmp_path, split="train")
    put(tmp_path, "test/hat/2.jpg")
    assert split_of(tmp_path).split == "train"
    put(tmp_path, "masks/hat/2.jpg")
    assert split_of(tmp_path).split is None
    with pytest.raises(SourceError, match="has no splits: its folder 'masks' is not called dev, test, train"):
        split_of(tmp_path, others="pass")


def test_a_split_that_is_not_there_is_told(tmp_path: Path) -> None:
    put_splits(tmp_path)
    with pytest.raises(SourceError, match=r"no split 'tets'. Did you mean 'test'\? There are test, train, val"):
        split_of(tmp_path, split="tets")
    with pytest.raises(SourceError, match="neither omit nor pass"):
        split_of(tmp_path, others="keep")
    put(tmp_path / "two", "val/hat/1.jpg", "test/hat/1.jpg")
    with pytest.raises(SourceError, match="has no train, only test, val"):
        split_of(tmp_path / "two")


def test_groups_are_read_off_the_key_and_may_not_straddle(tmp_path: Path) -> None:
    put(tmp_path, "train/hat/p1_a.jpg", "train/hat/p1_b.jpg", "train/cap/p2_a.jpg", "val/hat/p3_a.jpg")
    census = split_of(tmp_path, group_by=r"/(p\d+)_")
    assert [census.groups["hat"][place] for place in (0, 1)] == ["p1", "p1"]
    assert census.groups["cap"][0] == "p2"
    put(tmp_path, "val/cap/p2_b.jpg", "train/hat/other.jpg")
    with pytest.raises(SourceError, match=r"1 groups lie in several splits: p2 \(train, val\)"):
        split_of(tmp_path, group_by=r"/(p\d+)_")
    (tmp_path / "val" / "cap" / "p2_b.jpg").unlink()
    (found,) = split_of(tmp_path, group_by=r"/(p\d+)_").aside
    assert found[:2] == ("train/hat/other.jpg", "no group")
    for wrong in ("patient", "(a)(b)", "(", "["):
        with pytest.raises(SourceError, match=r"source\.group_by"):
            split_of(tmp_path, group_by=wrong)


def test_without_splits_groups_are_only_told(tmp_path: Path) -> None:
    put(tmp_path, "hat/p1_a.jpg", "cap/p1_b.jpg")
    census = split_of(tmp_path, group_by=r"/(p\d+)_")
    assert (census.groups["hat"][0], census.groups["cap"][0], census.split) == ("p1", "p1", None)
