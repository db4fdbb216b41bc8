"""The desk of a sweep: one sink for one job, and word of every job that can leave it."""

from __future__ import annotations

from pathlib import Path

from augflow.desk import Desk


def test_a_sink_is_claimed_once_whatever_its_path(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    desk = Desk(str(tmp_path / "desk"))
    assert desk.claim(f"{tmp_path}/out/a")
    assert desk.claim(f"{tmp_path}/out/b")
    assert not Desk(str(tmp_path / "desk")).claim(f"{tmp_path}/link/../out/a")
    assert not desk.claim(f"{tmp_path}/link/b")


def test_codes_are_left_with_their_jobs(tmp_path: Path) -> None:
    desk = Desk(str(tmp_path))
    assert desk.codes() == []
    assert desk.leave(1, "recipe.seed=2,sink.root=a b\udce9", 3)
    assert desk.leave(0, "recipe.seed=1", 0)
    assert desk.codes() == [("recipe.seed=1", 0), ("recipe.seed=2,sink.root=a b\\udce9", 3)]


def test_on_another_machine_nothing_can_be_left_and_all_is_free(tmp_path: Path) -> None:
    desk = Desk(str(tmp_path / "elsewhere"))
    assert not desk.leave(0, "recipe.seed=1", 2)
    assert desk.claim("out")
    assert desk.claim("out")
