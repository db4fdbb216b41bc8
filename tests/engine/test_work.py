"""A maker does for several orders at once what it does for each alone; of what is large it holds little at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow.engine import opening
from augflow.engine.order import Done
from augflow.engine.work import Maker
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry

Order = tuple[str, str, tuple[int, ...], None, None]

RECIPE = {
    "version": 1,
    "target": "max",
    "chains": {"mine": {"flip": {}, "rotate": {"limit": 20}, "grain": {"use": "gaussian_noise", "p": 0.5}}},
    "chain": "mine",
    "render": {"size": 24},
}


class Desk:
    """A sink that keeps what comes, and the order in which it does."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.files: dict[str, bytes] = {}
        self.records: list[bytes] = []
        self.begun: list[str] = []
        self.written_down = 0

    def put(self, path: str, data: bytes) -> None:
        self.events.append(f"put {Path(path).name[0]}")
        assert path in self.begun
        self.files[path] = data

    def notes(self, run: int) -> Desk:
        return self

    def begin(self, paths: Sequence[str]) -> None:
        self.begun += paths

    def append(self, records: Sequence[bytes]) -> None:
        self.records += records
        self.written_down += 1


def maker(root: Path, recipe: Mapping[str, Any] = RECIPE) -> tuple[Maker, Desk]:
    desk = Desk()
    spec = {"recipe": read_recipe(recipe, Registry()).as_json(), "source": {"kind": "folder", "root": str(root)}}
    made = Maker({**spec, "plugins": []}, desk)
    read = made.source.read

    def reading(key: str) -> bytes:
        desk.events.append(f"read {Path(key).name[0]}")
        return read(key)

    made.source.read = reading  # type: ignore[method-assign]
    opened = made.opener._open

    def opens(task: Any) -> float:
        desk.events.append(f"open {Path(task.unit.key).name[0]}")
        return opened(task)

    made.opener._open = opens  # type: ignore[method-assign]
    encode = made._encode

    def encoded(output: Any) -> None:
        desk.events.append(f"encode {Path(output.task.unit.key).name[0]}")
        encode(output)

    made._encode = encoded  # type: ignore[method-assign]
    return made, desk


def lay(root: Path, sizes: Sequence[tuple[int, int]], ending: str = "jpg") -> list[Order]:
    """Write images named by letters; an order for each, with an original and two copies."""
    (root / "hat").mkdir(parents=True)
    names = [chr(ord("a") + number) for number in range(len(sizes))]
    for name, (height, width) in zip(names, sizes, strict=True):
        level = np.full((height, width, 3), ord(name), np.uint8)
        Image.fromarray(level).save(root / "hat" / f"{name}.{ending}")
    return [("hat", f"hat/{name}.{ending}", (0, 1, 2), None, None) for name in names]


def told(desk: Desk) -> str:
    counted = ((what, len([*run])) for what, run in itertools.groupby(desk.events))
    return ", ".join(f"{count} {what}" if count > 1 else what for what, count in counted)


def outcome(desk: Desk) -> tuple[dict[str, bytes], list[bytes]]:
    return desk.files, sorted(desk.records)


def test_several_orders_at_once_are_done_as_each_alone(mixed_source: Path) -> None:
    keys = sorted(path.relative_to(mixed_source).as_posix() for path in mixed_source.rglob("*.*"))
    orders: list[Order] = [
        (key.partition("/")[0], key, tuple(range(n % 5 + 1)), None, None) for n, key in enumerate(keys)
    ]
    (together, desk), (alone, other) = maker(mixed_source), maker(mixed_source)
    assert together.several(orders) == [alone(order) for order in orders]
    assert outcome(desk) == outcome(other)
    assert len(desk.records) == sum(len(order[2]) for order in orders)
    assert sorted(desk.begun) == sorted(desk.files)
    assert desk.written_down < other.written_down


def test_one_that_cannot_be_made_leaves_the_others_whole(tmp_path: Path) -> None:
    orders = lay(tmp_path, [(30, 40)] * 6)
    (tmp_path / "hat" / "b.jpg").write_bytes((tmp_path / "hat" / "b.jpg").read_bytes()[:300])
    (tmp_path / "hat" / "d.jpg").write_bytes(b"no image")
    (together, desk), (alone, other) = maker(tmp_path), maker(tmp_path)
    done = together.several(orders)
    assert [(one.kind, one.outputs) for one in done] == [
        ("", 3), ("damaged", 0), ("", 3), ("not an image", 0), ("", 3), ("", 3)
    ]  # fmt: skip
    assert done == [alone(order) for order in orders]
    assert outcome(desk)[1] == outcome(other)[1]
    assert not any(b'"hat/b.jpg"' in record for record in desk.records)


def test_a_step_that_fails_is_its_samples_fault_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = lay(tmp_path, [(30, 40), (31, 41), (30, 40)])
    made, desk = maker(tmp_path)
    real = made.views.perform

    def perform(begun: Any) -> Any:
        if begun.photograph.size == (31, 41) and begun.record["copy"] == 2:
            raise ArithmeticError("no such angle")
        return real(begun)

    monkeypatch.setattr(made.views, "perform", perform)
    done = made.several(orders)
    assert done[1] == Done(0, 0, (), "chain failed", "ArithmeticError: no such angle")
    assert [done[0].outputs, done[2].outputs, len(desk.records)] == [3, 3, 6]


def one_by_one(name: str) -> str:
    return 3 * f", encode {name}, put {name}"


@pytest.mark.parametrize(
    ("sides", "ending", "expected"),
    [
        ((30, 40), "jpg", "read a, read b, open a, open b, 3 encode a, 3 encode b, 3 put a, 3 put b"),
        ((400, 500), "jpg", "read a, read b, open a, open b, 3 encode a, 3 put a, 3 encode b, 3 put b"),
        ((1500, 1400), "jpg", f"read a, read b, open a, open b{one_by_one('a')}{one_by_one('b')}"),
        ((4200, 4100), "jpg", f"read a, read b, open a{one_by_one('a')}, open b{one_by_one('b')}"),
        ((1500, 1400), "png", f"read a, read b, open a{one_by_one('a')}, open b{one_by_one('b')}"),
    ],
    ids=["small", "large", "huge", "enormous", "huge and decoded as they are opened"],
)
def test_the_larger_photographs_are_the_fewer_are_made_together(
    sides: tuple[int, int], ending: str, expected: str, tmp_path: Path
) -> None:
    orders = lay(tmp_path, [sides] * 2, ending)
    made, desk = maker(tmp_path, {**RECIPE, "originals": "augment"})
    made.several(orders)
    assert told(desk) == expected


def test_files_are_read_as_many_at_a_time_as_may_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = lay(tmp_path, [(30, 40)] * 5)
    size = (tmp_path / "hat" / "a.jpg").stat().st_size
    monkeypatch.setattr(opening, "_MOST_BYTES", 2 * size)
    made, desk = maker(tmp_path)
    made.several([(*order[:2], (1,), None, None) for order in orders])
    assert [event for event in desk.events if event[:4] in ("read", "open")] == [
        f"{what} {name}" for some in ("ab", "cd", "e") for what in ("read", "open") for name in some
    ]


def test_of_many_copies_few_are_held_at_a_time(tmp_path: Path) -> None:
    (order, *_) = lay(tmp_path, [(30, 40)])
    made, desk = maker(tmp_path)
    made.several([(*order[:2], tuple(range(300)), None, None)])
    runs = "".join("e" if event == "encode a" else " " for event in desk.events).split()
    assert [len(run) for run in runs] == [128, 128, 44]
    assert len(desk.records) == 300
