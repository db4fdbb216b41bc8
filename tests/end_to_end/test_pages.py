"""`augflow preview` and `augflow report` as a person types them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from PIL import Image

Command = Callable[..., CompletedProcess[str]]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module")
def made(small_source: Path, augflow: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "sink"
    assert augflow("run", f"source.root={small_source}", f"sink.root={root}").returncode == 0
    return root


def test_preview_writes_a_picture_and_a_page_and_nothing_else(
    small_source: Path, augflow: Command, tree: Tree, tmp_path: Path
) -> None:
    before = tree(small_source)
    words = ["preview", f"source.root={small_source}", "sink.root=sink"]
    for more in (
        ["--to", "a.png"],
        ["--to", "a.html"],
        ["--step-by-step", "--format", "png"],
        ["--extremes", "--format=html"],
    ):
        said = augflow(*words, *more, cwd=tmp_path)
        assert said.returncode == 0, said.stderr
        assert "Nothing was written to the sink" in said.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.html", "a.png", "preview.html", "preview.png"]
    assert tree(small_source) == before
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
    assert "crowd" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "Name a file: --to preview.png"),
        (["--to", "a.gif"], "its ending 'gif' is unknown"),
        (["--to", "a"], "its ending '' is unknown"),
        (["--format", "pdf"], "--format pdf: it is png or html"),
        (["--format", "terminal", "--to", "a.png"], "writes no file"),
        (["--step-by-step", "--extremes", "--to", "a.png"], "two sheets"),
        (["--to", "sink/a.png"], "it lies in the sink"),
    ],
)
def test_what_cannot_be_previewed(
    words: list[str], expected: str, small_source: Path, augflow: Command, tmp_path: Path
) -> None:
    said = augflow("preview", f"source.root={small_source}", "sink.root=sink", *words, cwd=tmp_path)
    assert said.returncode == 2
    assert expected in said.stderr
    assert "Traceback" not in said.stderr
    assert not [*tmp_path.iterdir()]


def test_a_preview_does_not_go_into_the_source(own_source: Path, augflow: Command) -> None:
    said = augflow("preview", f"source.root={own_source}", "--to", own_source / "crowd" / "a.png")
    assert said.returncode == 2
    assert "lies in the source" in said.stderr


def test_a_preview_that_cannot_be_written_is_told(small_source: Path, augflow: Command, tmp_path: Path) -> None:
    said = augflow("preview", f"source.root={small_source}", "--to", tmp_path / "gone" / "a.png")
    assert said.returncode == 3
    assert "No such file" in said.stderr


def test_a_preview_of_what_is_partly_damaged_names_it(own_source: Path, augflow: Command, tmp_path: Path) -> None:
    for file in (own_source / "few").iterdir():
        file.write_bytes(file.read_bytes()[:300])
    said = augflow("preview", f"source.root={own_source}", "--to", tmp_path / "a.html")
    assert said.returncode == 1
    assert "few/00.jpg: damaged" in said.stdout
    assert "few/00.jpg" in (tmp_path / "a.html").read_text()


def test_a_sweep_writes_a_preview_for_each_job(small_source: Path, augflow: Command, tmp_path: Path) -> None:
    words = ["-m", "recipe.seed=1,2", f"source.root={small_source}", "--to", "a.html"]
    assert augflow("preview", *words, cwd=tmp_path).returncode == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a-recipe.seed=1.html", "a-recipe.seed=2.html"]


def in_terminal(
    *words: str | Path, answers: tuple[tuple[bytes, bytes], ...] = (), **environment: str
) -> tuple[int, str]:
    """Run in a terminal of 100 columns that answers what it is asked; return exit code and what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 500, 400))
    process = subprocess.Popen(
        [sys.executable, "-m", "augflow", *map(str, words)],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "COLUMNS": "100", **environment},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        if not select.select([ours], [], [], 120)[0]:
            break
        try:
            more = os.read(ours, 1 << 16)
        except OSError:
            break
        if not more:
            break
        said += more
        for question, answer in answers:
            if question in more:
                os.write(ours, answer)
    os.close(ours)
    return process.wait(), said.decode(errors="replace")


def test_a_terminal_shows_pictures(small_source: Path, checkout: Path) -> None:
    told: dict[str, Any] = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(checkout)}
    code, said = in_terminal("preview", f"source.root={small_source}", **told)
    assert code == 0
    assert said.count("▀") > 1000
    assert re.search(r"\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m▀", said)
    assert "copy 1 · gentle" in said
    code, said = in_terminal("preview", f"source.root={small_source}", **(told | {"TERM": "dumb", "COLORTERM": ""}))
    assert code == 2
    assert "fewer than 256 colours" in " ".join(said.split())


KITTY = ((b"\x1b_G", b"\x1b_Gi=1;OK\x1b\\"), (b"\x1b[c", b"\x1b[?62;c"))
SIXEL = ((b"\x1b[c", b"\x1b[?62;4;c"),)


@pytest.mark.parametrize(("answers", "expected"), [(KITTY, "\x1b_G"), (SIXEL, "\x1bP"), ((), "▀")])
def test_a_terminal_that_takes_true_pictures_gets_them(
    answers: tuple[tuple[bytes, bytes], ...], expected: str, small_source: Path, checkout: Path
) -> None:
    pytest.importorskip("textual_image", reason="textual-image is not installed: the extra `terminal`")
    told: dict[str, Any] = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(checkout)}
    code, said = in_terminal("preview", f"source.root={small_source}", answers=answers, **told)
    assert code == 0
    assert said.count(expected) > 6
    assert ("▀" in said) == (expected == "▀")


def test_report_lies_in_the_data_set_and_disturbs_nothing(made: Path, augflow: Command, small_source: Path) -> None:
    said = augflow("report", f"sink.root={made}")
    assert said.returncode == 0, said.stderr
    assert "24 outputs" in said.stdout
    page = (made / "report.html").read_text()
    assert "augflow report" in page
    assert augflow("verify", f"sink.root={made}").returncode == 0
    again = augflow("run", f"source.root={small_source}", f"sink.root={made}")
    assert again.returncode == 0
    assert "kept 24" in again.stdout
    assert (made / "report.html").read_text() == page


def test_report_elsewhere(made: Path, augflow: Command, tmp_path: Path) -> None:
    assert augflow("report", f"sink.root={made}", "--to", tmp_path / "client.html").returncode == 0
    assert "Open the file" in (tmp_path / "client.html").read_text()
    assert '"file": null' in (tmp_path / "client.html").read_text()
    said = augflow("report", f"sink.root={made}", "--to", made / "crowd" / "a.html")
    assert said.returncode == 2
    assert "Name a file elsewhere" in said.stderr
    assert augflow("report", f"sink.root={made}", "--to", tmp_path / "gone" / "a.html").returncode == 3


def test_report_with_an_audit(made: Path, augflow: Command, tmp_path: Path) -> None:
    said = augflow("report", f"sink.root={made}", "--audit", "--to", tmp_path / "audited.html")
    assert said.returncode == 0, said.stderr
    page = (tmp_path / "audited.html").read_text()
    assert "No audit was made" not in page
    for item in ("hint", "leakage", "redundancy", "damage", "balance"):
        assert item in page.lower().partition('id="audit"')[2]


def test_report_of_what_is_none_or_damaged(made: Path, augflow: Command, tmp_path: Path) -> None:
    said = augflow("report", f"sink.root={tmp_path}")
    assert (said.returncode, "Traceback" in said.stderr) == (2, False)
    import shutil

    own = Path(shutil.copytree(made, tmp_path / "own"))
    next((own / "few").iterdir()).write_bytes(b"no picture")
    said = augflow("report", f"sink.root={own}")
    assert said.returncode == 1
    assert "changed" in said.stdout
    (own / "ledger.parquet").write_bytes(b"no ledger")
    said = augflow("report", f"sink.root={own}")
    assert (said.returncode, "Traceback" in said.stderr) == (2, False)
    assert "unreadable ledger" in said.stderr
