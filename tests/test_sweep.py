"""The board of a sweep: one sink for one job, and word of every job that can leave it."""

from __future__ import annotations

from pathlib import Path

from augflow.sweep import Board


def test_a_sink_is_claimed_once_whatever_its_path(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    board = Board(str(tmp_path / "board"))
    assert board.claim(f"{tmp_path}/out/a")
    assert board.claim(f"{tmp_path}/out/b")
    assert not Board(str(tmp_path / "board")).claim(f"{tmp_path}/link/../out/a")
    assert not board.claim(f"{tmp_path}/link/b")


def test_codes_are_left_with_their_jobs(tmp_path: Path) -> None:
    board = Board(str(tmp_path))
    assert board.codes() == []
    assert board.leave(1, "recipe.seed=2,sink.root=a b\udce9", 3)
    assert board.leave(0, "recipe.seed=1", 0)
    assert board.codes() == [("recipe.seed=1", 0), ("recipe.seed=2,sink.root=a b\\udce9", 3)]


def test_on_another_machine_nothing_can_be_left_and_all_is_free(tmp_path: Path) -> None:
    board = Board(str(tmp_path / "elsewhere"))
    assert not board.leave(0, "recipe.seed=1", 2)
    assert board.claim("out")
    assert board.claim("out")
