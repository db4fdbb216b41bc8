"""A folder of class folders: what is a sample, what is passed over, what is set aside and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augflow.errors import ImageError, SourceError
from augflow.source import Aside, Sample, open_source
from augflow.source.folder import FolderSource


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"some bytes of " + path.encode())


def found(root: Path) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """Samples as (label, key), and what was set aside: key → kind."""
    items = list(FolderSource(str(root)).scan())
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
        "hat/nowhere.jpg": "unreadable",
        "hat/self.jpg": "unreadable",
        "self": "outside a class",
    }


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


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, "hat/1.jpg", "hat/locked/1.jpg")
    (tmp_path / "hat" / "1.jpg").chmod(0)
    (tmp_path / "hat" / "locked").chmod(0)
    try:
        assert found(tmp_path)[1] == {"hat/locked": "unreadable"}
        with pytest.raises(ImageError, match="unreadable"):
            FolderSource(str(tmp_path)).read("hat/1.jpg")
    finally:
        (tmp_path / "hat" / "locked").chmod(0o755)


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
