"""What is no plain file with an image's name: told by `scan` and `run` alike, and never waited for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import ImageError
from augflow.plan.census import take_census
from augflow.plan.survey import decode_all
from augflow.source.files import read_file
from augflow.source.folder import FolderSource
from tests.bad_input.pictures import picture, save

NAMES = (
    "with space.jpg", "'quoted'.jpg", '"twice".jpg', "new\nline.jpg", "-dash.jpg", "--flag=x.jpg", "emoji 🧢.jpg",
    "tab\t.jpg", "$(true).jpg", "%s%n.jpg", "back\\slash.jpg", "a:b*c?.jpg", "trailing .jpg", "UPPER.JPG", "dots...jpg",
    "right\u202eto left.jpg", "e\u0301.jpg", "é.jpg", "日本語.jpg", f"{'x' * 251}.jpg", f"{'ü' * 125}.jpg",
    "caf\udce9.jpg", "\udcff\udcfe.jpg", "#hash.jpg", "~home.jpg", "semi;colon.jpg", "pipe|.jpg", "[brackets].jpg",
)  # fmt: skip


def lay(root: Path) -> dict[str, str]:
    """Lay out what file systems hold; return what is to be set aside, and as what."""
    image = save(picture(), "JPEG")
    things, odd = root / "things", root / "odd"
    for folder in (things / "below" / "deeper", odd, root / "nothing", root / "Hat", root / "hat", root / "ruins"):
        folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (odd / name).write_bytes(save(picture().rotate(number), "JPEG"))
    for place in (things / "plain.jpg", things / "below" / "deeper" / "nested.jpg", root / "Hat" / "0.jpg"):
        place.write_bytes(save(picture().crop((0, 0, 30, len(place.name) + 9)), "JPEG"))
    (root / "hat" / "0.jpg").write_bytes((root / "Hat" / "0.jpg").read_bytes())  # The same content in two classes.
    for debris in (".hidden.jpg", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (things / debris).write_bytes(image)
    (root / ".git").mkdir()
    os.mkfifo(things / "pipe.jpg")
    (things / "zero.jpg").symlink_to("/dev/zero")
    (things / "dangling.jpg").symlink_to("nowhere")
    (things / "itself.jpg").symlink_to("itself.jpg")
    (things / "round").symlink_to("..")
    (things / "linked.jpg").symlink_to("plain.jpg")
    with open(things / "sparse.jpg", "wb") as file:
        file.truncate(1 << 36)
    with open(things / "sparse-small.jpg", "wb") as file:
        file.truncate(300_000_000)
    (things / "notes.txt").write_text("not for the album")
    (root / "beside.jpg").write_bytes(image)
    for number in range(2):
        (root / "ruins" / f"{number}.jpg").write_bytes(image[:40])
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(things)  # Names of sockets are short.
        server.bind("socket.jpg")
    finally:
        os.chdir(here)
        server.close()
    return {
        "things/pipe.jpg": "not a file",
        "things/zero.jpg": "not a file",
        "things/socket.jpg": "not a file",
        "things/dangling.jpg": "dangling link",
        "things/itself.jpg": "loop",
        "things/round": "loop",
        "things/sparse.jpg": "too large",
        "things/sparse-small.jpg": "not an image",
        "things/notes.txt": "not an image",
        "beside.jpg": "outside a class",
        "ruins/0.jpg": "damaged",
        "ruins/1.jpg": "damaged",
    }


@pytest.mark.parametrize("target", ["3"])
def test_everything_is_told(target: str, tmp_path: Path, make_set: Any, checkout: Path) -> None:
    root = tmp_path / "source"
    expected = lay(root)
    census = take_census(FolderSource(str(root)))
    source = {"kind": "folder", "root": str(root)}
    survey = decode_all(census, source, {"kind": "local", "workers": 1})
    assert {item.key: item.kind for item in survey.aside} == expected
    assert {label: found.samples for label, found in survey.classes.items()} == {
        "things": 3, "odd": len(NAMES), "nothing": 0, "Hat": 1, "hat": 1, "ruins": 0,
    }  # fmt: skip
    assert [[sample.key for sample in same] for same in survey.same] == [["Hat/0.jpg", "hat/0.jpg"]]
    assert census.notes == [
        "Passed over: 2 hidden files or folders.",
        "Passed over: 3 files that systems leave behind (.DS_Store, Thumbs.db, desktop.ini).",
        "2 folders lie below class folders: their images belong to the class.",
        "Class names that differ only in case or accents: 'Hat', 'hat'.",
    ]
    words = ["run", f"source.root={root}", f"sink.root={tmp_path / 'out'}", f"recipe.target={target}"]
    said = subprocess.run(
        [sys.executable, "-m", "augflow", *words],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert said.returncode == 1, said.stderr
    assert "Set aside: 12 (" in said.stdout
    assert "ruins falls short by 3: it has no usable sample." in said.stdout
    made = {path.name: len(list(path.iterdir())) for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert made == {"things": 3, "odd": len(NAMES), "Hat": 3, "hat": 3}


@pytest.mark.parametrize("how", ["write", "grow", "shrink"])
def test_a_file_that_changes_while_it_is_read_is_noticed(how: str, tmp_path: Path) -> None:
    file = tmp_path / "changing.jpg"
    file.write_bytes(bytes(100_000_000))
    changes: dict[str, Callable[[int, int], object]] = {
        "write": lambda descriptor, number: os.pwrite(descriptor, b"x", number),
        "grow": lambda descriptor, number: os.pwrite(descriptor, b"x", 100_000_000 + number),
        "shrink": lambda descriptor, number: os.ftruncate(descriptor, 100_000_000 - number),
    }
    over = threading.Event()

    def change() -> None:
        descriptor, number = os.open(file, os.O_WRONLY), 0
        while not over.is_set():
            number += 1
            changes[how](descriptor, number)
        os.close(descriptor)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        with pytest.raises(ImageError, match="changed: it was written to while it was read"):
            [read_file(file, 100_000_000) for _ in range(20)]
    finally:
        over.set()
        thread.join()


def test_a_file_that_is_handed_out_in_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(bytes(range(256)) * 40)
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 1000)))
    assert read_file(file, 100_000_000) == file.read_bytes()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a file"):
        read_file(tmp_path, 100)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret.jpg"
    file.write_bytes(b"x")
    file.chmod(0)
    with pytest.raises(ImageError, match="unreadable: Permission denied"):
        read_file(file, 100)
