"""The journal bears a kill at any moment; the sealed ledger is one table, the same bytes for the same records."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augflow.config.compose import compose
from augflow.errors import SinkError
from augflow.ledger import ledger, newest
from augflow.ledger.journal import Journal, record_lines
from augflow.ledger.ledger import seal
from augflow.ledger.newest import record_path
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import run
from augflow.sink.notes import Notes


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A record as a worker tells it."""
    steps = [
        {
            "step": name,
            "transform": name,
            "version": 1,
            "arguments": '{"limit": 25.0, "border": "reflect", "fill": 0}',
            "fired": number % 3 > 0,
            "draw": json.dumps({"angle": number / 7}) if number % 3 else None,
        }
        for name in ("flip", "rotate", "shift", "light", "grain")
    ]
    return {
        "path": f"hat/{number:06}-{number % 4:03}-{number * 7919 % 2**64:016x}.jpg",
        "key": f"{number * 7919 % 2**64:016x}",
        "label": "hat",
        "copy": number % 4,
        "chain": "gentle" if number % 4 else None,
        "render": '{"size": null}',
        "converted": ["alpha laid over white"] if number % 5 == 0 else [],
        "steps": steps if number % 4 else [],
        "height": 533,
        "width": 400,
        "size": 10_000 + number,
        "sha256": f"{number:064x}",
        "parents": [{"key": f"hat/{number // 4}.jpg", "sha256": f"{number // 4:064x}", "role": "source"}],
    } | changes


def line(number: int, **changes: Any) -> bytes:
    return json.dumps(record(number, **changes), separators=(",", ":")).encode()


def lines(numbers: list[int]) -> list[bytes]:
    return [line(number) for number in numbers]


def recorded(folder: Path, *parts: list[bytes]) -> Journal:
    """A journal of one run with a writer for each part."""
    journal = Journal(folder)
    journal.open()
    for part in parts:
        Notes(folder, journal.run).append(part)
    return journal


def held(journal: Journal) -> list[str]:
    return [path for path, entry in journal.entries() if entry]


def sealed(folder: Path, *parts: list[int]) -> bytes:
    """Write each part to a journal of its own and seal it into the ledger; return the ledger's bytes."""
    folder.mkdir()
    wanted = None
    for part in parts:
        journal = recorded(folder, lines(part[::2]), lines(part[1::2]))
        if wanted is not None or len(parts) > 1:
            wanted = {record(number)["path"] for number in part} | (wanted or set())
        seal(folder / "ledger.parquet", journal, wanted, "recipe", "plan")
        for left in folder.glob("*.jsonl"):
            left.unlink()
    return (folder / "ledger.parquet").read_bytes()


def test_every_record_comes_back_as_it_was(tmp_path: Path) -> None:
    numbers = list(range(23))
    sealed(tmp_path / "a", numbers)
    rows = ledger.read(tmp_path / "a" / "ledger.parquet").to_pylist()
    told = {"split": None, "group": None, "recipe_digest": "recipe", "plan_digest": "plan"}
    assert rows == sorted((record(number) | told for number in numbers), key=lambda row: str(row["path"]))


def test_the_schema_is_as_documented(tmp_path: Path) -> None:
    sealed(tmp_path / "a", [1, 2])
    table = pq.read_table(tmp_path / "a" / "ledger.parquet")
    assert table.schema.names == [
        *("path", "key", "label", "split", "group", "copy", "sha256", "size", "height", "width"),
        *("parents", "chain", "steps", "render", "converted", "recipe_digest", "plan_digest"),
    ]
    steps = table.schema.field("steps").type.value_type
    assert [field.name for field in steps] == ["step", "transform", "version", "arguments", "fired", "draw"]
    assert [field.name for field in table.schema.field("parents").type.value_type] == ["key", "sha256", "role"]
    assert table.schema.metadata[b"augflow.ledger"] == ledger.FORMAT.encode()
    assert pq.ParquetFile(tmp_path / "a" / "ledger.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_empty_ledger_has_the_same_schema(tmp_path: Path) -> None:
    seal(tmp_path / "ledger.parquet", Journal(tmp_path), None, "recipe", "plan")
    sealed(tmp_path / "a", [1])
    empty = ledger.read(tmp_path / "ledger.parquet")
    assert len(empty) == 0
    assert empty.schema.equals(ledger.read(tmp_path / "a" / "ledger.parquet").schema)


@pytest.mark.parametrize("count", [10, 17_000])
def test_equal_records_give_equal_bytes_in_whatever_order_they_came(count: int, tmp_path: Path) -> None:
    numbers = list(range(count))
    expected = sealed(tmp_path / "sorted", numbers)
    assert count < 1000 or sum(map(len, lines(numbers))) > 1 << 24, "more than one block of JSON"
    random.Random(1).shuffle(numbers)
    assert sealed(tmp_path / "shuffled", numbers) == expected
    assert sealed(tmp_path / "in parts", numbers[: count // 3], numbers[count // 3 :], numbers[::5], []) == expected


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_the_ledger_is_written_by_and_by(rows: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever part of the records is in the journal and whatever in the ledger before it, row groups are the same."""
    sealed(tmp_path / "whole", list(range(50)))
    monkeypatch.setattr(ledger, "_ROWS", rows)
    expected = sealed(tmp_path / "in groups", list(range(50)))
    assert pq.ParquetFile(tmp_path / "in groups" / "ledger.parquet").num_row_groups == -(-50 // rows)
    assert ledger.read(tmp_path / "in groups" / "ledger.parquet").equals(
        ledger.read(tmp_path / "whole" / "ledger.parquet")
    )
    parts = [list(range(0, 50, 3)), list(range(1, 50, 3)), [7, 3, 49, *range(2, 50, 3)], list(range(30, 20, -1))]
    assert sealed(tmp_path / "in parts", *parts) == expected


def test_sealing_takes_little_memory_and_no_pandas(tmp_path: Path) -> None:
    """What 70,000 records take beyond 35,000 is their paths and places: not 6 kB each, as when all were held."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from augflow.ledger import ledger\n"
        "from augflow.ledger.journal import Journal\n"
        "for number in (1, 2):\n"
        "    journal = Journal(Path(sys.argv[number]))\n"
        "    ledger.seal(Path(sys.argv[3]), journal, None, 'recipe', 'plan')\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
        "assert 'pandas' not in sys.modules\n"
    )
    files = [str(tmp_path / name) for name in ("small", "large", "ledger.parquet")]
    for name, count in zip(files, (35_000, 70_000), strict=False):
        Path(name).mkdir()
        recorded(Path(name), lines(list(range(count))))
    said = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True)
    small, large = map(int, said.stdout.split())
    assert large - small < 80


def test_of_two_records_of_one_output_the_later_runs_counts(tmp_path: Path) -> None:
    recorded(tmp_path, [line(1, sha256="old")])
    journal = recorded(tmp_path, [line(1, sha256="new")])
    seal(tmp_path / "ledger.parquet", journal, None, "recipe", "plan")
    assert ledger.read(tmp_path / "ledger.parquet")["sha256"].to_pylist() == ["new"]


def test_runs_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in range(1, 12):
        journal = recorded(tmp_path, [line(1, sha256=f"{number:02}")])
    assert journal.run == 11
    seal(tmp_path / "ledger.parquet", journal, None, "recipe", "plan")
    assert ledger.read(tmp_path / "ledger.parquet")["sha256"].to_pylist() == ["11"]


def test_what_a_later_run_began_has_no_record_of_an_earlier(tmp_path: Path) -> None:
    recorded(tmp_path, lines([1, 2]))
    later = Journal(tmp_path)
    later.open()
    notes = Notes(tmp_path, later.run)
    notes.begin([record(2)["path"], record(3)["path"]])
    assert held(later) == [record(1)["path"]]
    notes.append(lines([2]))
    assert held(later) == [record(n)["path"] for n in (1, 2)]
    assert later.made() == {record(2)["path"]}


def test_only_what_is_wanted_is_sealed(tmp_path: Path) -> None:
    wanted = [2, 3, 5, 7]
    (tmp_path / "b").mkdir()
    journal = recorded(tmp_path / "b", lines(list(range(10))))
    seal(tmp_path / "b" / "ledger.parquet", journal, {record(n)["path"] for n in wanted}, "recipe", "plan")
    assert (tmp_path / "b" / "ledger.parquet").read_bytes() == sealed(tmp_path / "a", wanted)


@pytest.mark.parametrize("torn", [1, 2, 40, 700])
def test_a_torn_last_line_is_passed_over(torn: int, tmp_path: Path) -> None:
    journal = recorded(tmp_path, lines([1, 2, 3]))
    (file,) = journal.record_files()
    file.write_bytes(file.read_bytes()[:-torn])
    assert held(Journal(tmp_path)) == [record(n)["path"] for n in (1, 2)]
    again = recorded(tmp_path, lines([3, 4]))
    seal(tmp_path / "ledger.parquet", again, None, "recipe", "plan")
    assert len(ledger.read(tmp_path / "ledger.parquet")) == 4


def test_a_line_of_garbage_is_mended_by_the_next_run(tmp_path: Path) -> None:
    (file,) = recorded(tmp_path, [*lines([1]), b'{"path": "half of', bytes(40), *lines([2])]).record_files()
    size = file.stat().st_size
    seal(tmp_path / "ledger.parquet", recorded(tmp_path), None, "recipe", "plan")
    assert len(ledger.read(tmp_path / "ledger.parquet")) == 2
    assert file.stat().st_size == size


def test_a_record_is_in_the_file_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    notes = Notes(tmp_path, 1)
    for number in (1, 2):
        notes.append(lines([number]))
        assert len(held(Journal(tmp_path))) == number


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none")
    assert not journal.exists()
    assert [*journal.entries(), *journal.record_files()] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "stem", ["caf\u00e9", "\u5e3d\u5b50" * 30, 'a "quoted" \\ name', "tab\u2028line", "\U0001f3a9"]
)
def test_names_of_every_kind_are_kept(stem: str, tmp_path: Path) -> None:
    from pydantic_core import to_json

    path = f"{stem}/{stem}-000-0123456789abcdef.jpg"
    encoders: list[Callable[[Any], bytes]] = [
        lambda value: json.dumps(value, separators=(",", ":")).encode(),
        to_json,
    ]
    for number, encode in enumerate(encoders):
        (tmp_path / str(number)).mkdir()
        journal = recorded(tmp_path / str(number), [encode(record(1, path=path, label=stem))])
        (file,) = journal.record_files()
        assert [record_path(line) for _, line in record_lines(file)] == [path]
        seal(tmp_path / "ledger.parquet", journal, {path}, "recipe", "plan")
        (row,) = ledger.read(tmp_path / "ledger.parquet").to_pylist()
        assert (row["path"], row["label"]) == (path, stem)


@pytest.mark.parametrize("most", [1, 7, 49, 50, 51])
def test_places_wait_in_the_workshop(most: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However few are sorted at a time, the ledger is the same; what waited is removed."""
    numbers = list(range(50))
    random.Random(2).shuffle(numbers)
    expected = (
        sealed(tmp_path / "at once", numbers),
        sealed(tmp_path / "parts", numbers[:20], numbers[10:], numbers[::9]),
    )
    monkeypatch.setattr(newest, "_SORTED", most)
    monkeypatch.setattr(newest, "_FEW", 1)
    found = (
        sealed(tmp_path / "waited", numbers),
        sealed(tmp_path / "in parts", numbers[:20], numbers[10:], numbers[::9]),
    )
    assert found == expected
    assert os.listdir(tmp_path / "waited") == ["ledger.parquet"]


@pytest.mark.parametrize("few", [1, 49, 50, 51])
def test_few_places_are_sorted_without_arrow_as_with_it(
    few: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The later of two records of an output holds, either way."""
    numbers = [*range(45), *range(5)]
    expected = sealed(tmp_path / "without", numbers)
    assert ledger.read(tmp_path / "without" / "ledger.parquet").num_rows == 45
    monkeypatch.setattr(newest, "_FEW", few)
    assert sealed(tmp_path / "with", numbers) == expected


def test_records_of_any_length_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Longer than what is read or parsed at a time, and many to it: a draw may hold a picture."""
    numbers = list(range(40))
    random.Random(3).shuffle(numbers)
    expected = sealed(tmp_path / "at once", numbers)
    monkeypatch.setattr(newest, "_BLOCK", 1000)
    assert sealed(tmp_path / "in blocks", numbers) == expected
    long = {"chain": "x" * 5_000}
    seal(tmp_path / "ledger.parquet", recorded(tmp_path, [line(1), line(2, **long), line(3)]), None, "recipe", "plan")
    assert ledger.read(tmp_path / "ledger.parquet")["chain"].to_pylist() == ["gentle", long["chain"], "gentle"]


def test_a_journal_that_is_cut_short_while_it_is_read_is_not_sealed(tmp_path: Path) -> None:
    """What an earlier record left in the buffer is not taken for the one that is gone."""
    journal = recorded(tmp_path, [line(1), line(2), line(3)])
    with newest.Newest(tmp_path / "none", journal, None, ledger.schema(), 2) as records:
        tables = records.in_order()
        assert next(tables).num_rows == 2
        os.truncate(journal.record_files()[0], 10)
        with pytest.raises(SinkError, match="was cut short"):
            next(tables)


def test_values_that_repeat_are_written_once_a_row_group(tmp_path: Path) -> None:
    sealed(tmp_path / "made", list(range(50)))
    group = pq.ParquetFile(tmp_path / "made" / "ledger.parquet").metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    by_dictionary = {column.path_in_schema for column in columns if "RLE_DICTIONARY" in column.encodings}
    assert by_dictionary == set(ledger._REPEATING)


def test_a_ledger_whose_rows_are_in_disorder_is_not_built_upon(tmp_path: Path) -> None:
    sealed(tmp_path / "a", [1, 2, 3])
    file = tmp_path / "a" / "ledger.parquet"
    table = pq.read_table(file)
    pq.write_table(table.take([2, 0, 1]), file)
    with pytest.raises(SinkError, match="not in the order of their paths"):
        seal(file, recorded(tmp_path / "a", lines([4])), {record(n)["path"] for n in range(5)}, "recipe", "plan")


def test_sealing_leaves_no_half_written_file(tmp_path: Path) -> None:
    sealed(tmp_path / "a", [1], [2])
    assert os.listdir(tmp_path / "a") == ["ledger.parquet"]


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sink, of photographs in several modes."""
    source, root = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sink")
    for label, modes in (("plain", ["RGB", "RGB", "RGB"]), ("odd", ["RGBA", "P"])):
        (source / label).mkdir()
        for number, mode in enumerate(modes):
            pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(source / label / f"{number}.png")
    settings = compose([f"source.root={source}", f"sink.root={root}", "recipe.target=9", "recipe.seed=3"])
    outcome = run(read_recipe(settings.recipe, Registry()), settings.source, settings.sink, settings.executor)
    assert outcome.made == 18
    return root


def test_a_record_names_all_that_made_its_output(sink: Path) -> None:
    rows = ledger.read(sink / "ledger.parquet").to_pylist()
    assert len(rows) == 18
    account = json.loads((sink / "run.json").read_text())
    for row in rows:
        assert row["chain"] == "gentle"
        assert [step["step"] for step in row["steps"]] == ["flip", "rotate", "shift", "light", "grain"]
        for step in row["steps"]:
            assert step["fired"] == (step["draw"] is not None)
            assert isinstance(json.loads(step["arguments"]), dict)
            assert not step["fired"] or isinstance(json.loads(step["draw"]), dict)
        assert row["steps"][3]["transform"] == "brightness_contrast"
        assert json.loads(row["render"])["quality"] == 90
        (parent,) = row["parents"]
        assert parent["role"] == "source"
        assert len(parent["sha256"]) == 64
        assert row["recipe_digest"] == account["recipe_digest"]
        assert row["plan_digest"] == account["plan_digest"]
        converted = {"odd/0.png": ["alpha laid over white"], "odd/1.png": ["palette converted to RGB"]}
        assert row["converted"] == converted.get(parent["key"], [])
    assert len({row["key"] for row in rows}) == 18
    assert all(row["key"] in row["path"] for row in rows)


def test_nothing_in_it_tells_when_or_where(sink: Path) -> None:
    text = json.dumps(ledger.read(sink / "ledger.parquet").to_pylist())
    for word in (socket.gethostname(), str(sink), str(sink.parent), os.getcwd()):
        assert len(word) < 4 or word not in text


def test_one_line_of_duckdb(sink: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="the extra `query` brings duckdb")
    query = "select label, count(*) n, count(distinct parents[1].key) of from '{}' group by label order by label"
    found = duckdb.sql(query.format(sink / "ledger.parquet")).fetchall()
    assert found == [("odd", 9, 2), ("plain", 9, 3)]
    query = "select count(*) from (select unnest(steps) s from '{}') where s.step = 'rotate' and s.fired"
    assert duckdb.sql(query.format(sink / "ledger.parquet")).fetchall() == [(18,)]


def test_one_line_of_pandas(sink: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="the extra `test` brings pandas")
    counts = pandas.read_parquet(sink / "ledger.parquet").groupby("label").size()
    assert counts.to_dict() == {"odd": 9, "plain": 9}


def test_a_record_of_a_later_kind_is_not_dropped_in_silence(tmp_path: Path) -> None:
    journal = recorded(tmp_path, [line(1, mood="sunny")])
    with pytest.raises(pa.ArrowInvalid, match="unexpected field"):
        seal(tmp_path / "ledger.parquet", journal, None, "recipe", "plan")
    assert not (tmp_path / "ledger.parquet").exists()
