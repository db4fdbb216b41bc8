"""Data sets of others: whatever their ledgers, journals, accounts and links say, nothing outside them is touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augflow import cli
from augflow.command import FAULT
from augflow.ledger import ledger
from tests.conftest import EditLedger, Make

PRECIOUS = b"precious"


@pytest.fixture(scope="module")
def pristine(small_source: Path, make_set: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pristine") / "set"
    make_set({"target": 14, "chains": {"soft": {"flip": {}, "rotate": {}}}}, small_source, root)
    return root


@pytest.fixture
def evil(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set to be made hostile, and beside it what it must not reach."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("target: 14\nseed: 5\nchains: {soft: {flip: {}}}\n", encoding="utf-8")
    (tmp_path / "victim").mkdir()
    for name in ("one", "two", "lock"):
        (tmp_path / "victim" / name).write_bytes(PRECIOUS)
    return Path(shutil.copytree(pristine, tmp_path / "evil"))


@pytest.fixture
def verbs(small_source: Path, evil: Path) -> Callable[..., dict[str, int]]:
    """Give the data set to every verb that takes one; return their exit codes."""

    def call() -> dict[str, int]:
        sink = ["sink.root=evil", "executor.workers=1"]
        run = ["mine.yaml", f"source.root={small_source}", *sink]
        words = {
            "verify": ["verify", *sink],
            "replay": ["replay", "all", *sink, "--to", "again"],
            "diff": ["diff", "evil", "evil"],
            "plan": ["plan", *run],
            "run": ["run", *run],
        }
        codes = {}
        for verb, typed in words.items():
            start = time.process_time()
            codes[verb] = cli.main(typed)
            assert time.process_time() - start < 5, verb
        victims = {path.name: path.read_bytes() for path in Path("victim").iterdir()}
        assert victims == dict.fromkeys(("one", "two", "lock"), PRECIOUS)
        assert FAULT not in codes.values()
        return codes

    return call


PATHS = ["../victim/one", "few/../../victim/one", "./few/x", "few//x", "/etc/passwd", "..", "", "few/x\0y"]


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_out(path: str, verbs: Callable[[], dict[str, int]], edit_ledger: EditLedger) -> None:
    def add(rows: list[dict[str, Any]]) -> None:
        digest = hashlib.sha256(PRECIOUS).hexdigest()
        rows.append({**rows[0], "path": path, "size": len(PRECIOUS), "sha256": digest, "key": "0" * 16})

    edit_ledger(Path("evil"), add)
    codes = verbs()
    assert (codes["verify"], codes["plan"], codes["run"]) == (1, 2, 2)
    assert not list(Path().glob("again/**/../one"))


def test_a_journal_that_leads_out(verbs: Callable[[], dict[str, int]], evil: Path) -> None:
    (evil / ".augflow/half").mkdir(parents=True)
    digest = hashlib.sha256(PRECIOUS).hexdigest()
    records: list[Any] = [
        {"path": "../victim/one", "size": 8, "sha256": digest, "parents": []},
        {"path": 5, "size": 8, "sha256": digest, "parents": []},
        {"path": "few/x", "size": {}, "sha256": [], "parents": 7},
        [],
    ]
    (evil / ".augflow/records.1.x.jsonl").write_text(
        "".join(f"{json.dumps(one)}\n" for one in records), encoding="utf-8"
    )
    begun = '["../victim/two"]\n["x", "few/y"]\n7\n{"a": 1}\n"text"\n[5, null]\n'
    (evil / ".augflow/begun.1.jsonl").write_text(begun, encoding="utf-8")
    verbs()


LINKS = [".augflow", ".augflow/half", "few", "run.json", "recipe.lock.yaml", "ledger.parquet"]
FILES = [".augflow/lock", ".augflow/workers", ".augflow/records.1.x.jsonl", ".augflow/begun.1.jsonl"]


@pytest.mark.parametrize("place", [*LINKS, *FILES])
def test_links_are_not_followed(
    place: str, verbs: Callable[[], dict[str, int]], evil: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = evil / place
    file.parent.mkdir(exist_ok=True)
    if file.is_dir():
        shutil.rmtree(file)
    file.unlink(missing_ok=True)
    file.symlink_to(Path("victim/lock" if place in FILES or "." in place[1:] else "victim").absolute())
    assert verbs()["run"] == 2
    assert f"{place} is a link" in capfd.readouterr().err


@pytest.mark.parametrize("place", ["run.json", "ledger.parquet", ".augflow/records.1.x.jsonl", ".augflow/lock"])
def test_pipes_are_not_waited_for(place: str, verbs: Callable[[], dict[str, int]], evil: Path) -> None:
    (evil / place).parent.mkdir(exist_ok=True)
    (evil / place).unlink(missing_ok=True)
    os.mkfifo(evil / place)
    assert verbs()["run"] == 2


def test_a_ledger_that_unfolds_to_all_memory(verbs: Callable[[], dict[str, int]], evil: Path) -> None:
    rows = 10_000_000
    names = ledger.schema().names
    once = pq.read_table(evil / "ledger.parquet").slice(0, 1)
    columns = [pa.repeat(once[name].combine_chunks()[0], rows) if name == "path" else None for name in names]
    table = pa.table(
        [
            column if column is not None else pa.nulls(rows, ledger.schema().field(name).type)
            for name, column in zip(names, columns, strict=True)
        ],
        schema=ledger.schema().with_metadata({"augflow.ledger": ledger.FORMAT}),
    )
    pq.write_table(table, evil / "ledger.parquet", compression="zstd")
    assert (evil / "ledger.parquet").stat().st_size < 1_000_000
    assert verbs()["verify"] == 1


ACCOUNTS: list[Callable[[dict[str, Any]], object]] = [
    lambda told: told["source"].update(kind="s3", endpoint_url="http://127.0.0.1:9"),
    lambda told: told["source"].update(max_pixels=10**12),
    lambda told: told["source"].update(max_pixels="many"),
    lambda told: told.update(source={"kind": "table", "table": "/dev/zero"}),
    lambda told: told.update(source={"kind": ["x"]}),
    lambda told: told.update(recipe={"rule": 1, "classes": [], "chains": {}, "render": {}}),
    lambda told: told.update(recipe=None, classes=5, passed=[], left_out=7, versions=[]),
    lambda told: told["recipe"]["chains"].update(soft=[{"steps": [[]]}]),
    lambda told: told["recipe"]["rule"].update(target={"__class__": "x"}),
    lambda told: told.update(plugins=["/etc/passwd", 5, None]),
    lambda told: told.update(versions={"numpy": ["x"]}, earlier_versions=5),
    lambda told: told.update(classes={"../victim": {"originals": 1, "copies": 0}}),
    lambda told: told.update(format=[], ledger_sha256=5, lock_sha256=[]),
    lambda told: told.clear(),
]


@pytest.mark.parametrize("change", ACCOUNTS)
def test_accounts_that_lie(
    change: Callable[[dict[str, Any]], object], verbs: Callable[[], dict[str, int]], evil: Path
) -> None:
    told = json.loads((evil / "run.json").read_bytes())
    change(told)
    (evil / "run.json").write_text(json.dumps(told), encoding="utf-8")
    verbs()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 100_000, '{"a":' * 50_000, "\0", '{"source": {}, "format": "1"}', "NaN"]
)
def test_accounts_that_are_none(text: str, verbs: Callable[[], dict[str, int]], evil: Path) -> None:
    (evil / "run.json").write_text(text, encoding="utf-8")
    verbs()


RECORDS: list[dict[str, Any]] = [
    {"key": "/../../victim/one"},
    {"key": "../x"},
    {"render": "["},
    {"render": '{"size": [60000, 60000], "after": null}'},
    {"render": '{"after": "nothing"}'},
    {"steps": None},
    {"steps": [{"step": None, "transform": None, "version": None, "arguments": None, "fired": None, "draw": None}]},
    {"steps": [{"step": "x", "transform": "os:system", "version": 1, "arguments": "{}", "fired": True, "draw": "{}"}]},
    {
        "steps": [
            {
                "step": "x",
                "transform": "rotate",
                "version": 1,
                "arguments": '{"limit": 1e9}',
                "fired": True,
                "draw": "{}",
            }
        ]
    },
    {
        "steps": [
            {"step": "x", "transform": "rotate", "version": 1, "arguments": "{}", "fired": True, "draw": "[" * 5_000}
        ]
    },
    {
        "steps": [
            {
                "step": "x",
                "transform": "rotate",
                "version": 1,
                "arguments": "{}",
                "fired": True,
                "draw": '{"angle": 1e400}',
            }
        ]
    },
    {"parents": None},
    {"parents": []},
    {"parents": [{"key": "../../etc/passwd", "sha256": "00", "role": "source"}]},
    {"parents": [{"key": None, "sha256": None, "role": None}]},
    {"size": -1},
    {"label": "\x1b[2J", "path": "few/\x1b[2J.jpg"},
]


@pytest.mark.parametrize("change", RECORDS, ids=lambda change: json.dumps(change)[:40])
def test_records_that_lie(
    change: dict[str, Any],
    verbs: Callable[[], dict[str, int]],
    edit_ledger: EditLedger,
    capfd: pytest.CaptureFixture[str],
) -> None:
    edit_ledger(Path("evil"), lambda rows: rows[0].update(change))
    verbs()
    said = capfd.readouterr()
    assert "\x1b[2J" not in said.out + said.err
