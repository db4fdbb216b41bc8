"""A data set in PROV's terms: PROV's own library reads it, and it says what the ledger says."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from augflow.exporting.data_set import describe, finished
from augflow.exporting.prov import Once
from augflow.ledger import ledger
from augflow.ledger.dataset import Dataset

RECIPE = {"target": 14, "render": {"size": 24}, "chain": "a", "chains": {"a": {"turn": {"use": "rotate", "limit": 9}}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small_source: Path, make_set: Any) -> Path:
    root = tmp_path_factory.mktemp("prov") / "made"
    make_set(RECIPE, small_source, root)
    return root


def told(root: Path) -> str:
    return "".join(describe(*finished({"kind": "folder", "root": str(root)}), "prov"))


def test_it_says_what_the_ledger_says(made: Path) -> None:
    document = json.loads(told(made))
    rows = ledger.read(made / "ledger.parquet").to_pylist()
    assert len(rows) == 28
    outputs = {name: said for name, said in document["entity"].items() if name.startswith("output:")}
    assert {said["prov:label"]: said["augflow:sha256"] for said in outputs.values()} == {
        row["path"]: row["sha256"] for row in rows
    }
    kinds = Counter(said["prov:type"]["$"] for said in document["entity"].values())
    assert kinds == {
        "augflow:Copy": 12,
        "augflow:Original": 16,
        "augflow:Sample": 16,
        "prov:Plan": 1,
        "augflow:Ledger": 1,
    }
    made_of = {
        (said["prov:generatedEntity"], said["prov:usedEntity"].rpartition("@")[0])
        for said in document["wasDerivedFrom"].values()
    }
    assert made_of == {(f"output:{row['key']}", f"sample:{row['parents'][0]['key']}") for row in rows}
    for row in rows:
        making = document["activity"][f"making:{row['key']}"]
        (step,) = json.loads(making["augflow:steps"])
        assert step["draw"] == json.loads(row["steps"][0]["draw"])
        assert making["augflow:chain"] == "a"
    assert "software:numpy@" in str(document["agent"].keys())


def test_the_library_of_prov_reads_it(made: Path) -> None:
    model = pytest.importorskip("prov.model", reason="prov is not installed")
    document = model.ProvDocument.deserialize(content=told(made), format="json")
    counts = Counter(type(record).__name__ for record in document.get_records())
    software = counts.pop("ProvAgent")
    assert counts.pop("ProvAssociation") == software >= 5
    assert counts == {
        "ProvEntity": 28 + 16 + 2,
        "ProvActivity": 28 + 1,
        "ProvGeneration": 28 + 1,
        "ProvUsage": 28 + 1,
        "ProvDerivation": 28,
    }
    declared = {record.identifier for record in document.get_records() if record.identifier}
    for record in document.get_records(model.ProvDerivation):
        assert {value for _, value in record.formal_attributes if value is not None} <= declared
    assert model.ProvDocument.deserialize(content=document.serialize(), format="json") == document


def test_odd_names_stay_apart(tmp_path: Path, small_source: Path, make_set: Any) -> None:
    source = tmp_path / "source"
    names = ["a:b", "a", "a-000", "ü%41", "[x] y"]
    (source / "odd: [class]" / "deeper").mkdir(parents=True)
    for number, name in enumerate(names):
        data = (small_source / "crowd" / f"{number:02}.jpg").read_bytes()
        (source / "odd: [class]" / f"{name}.jpg").write_bytes(data)
        (source / "odd: [class]" / "deeper" / f"{name}.jpg").write_bytes(data)
    make_set({**RECIPE, "target": 40}, source, tmp_path / "made")
    text = told(tmp_path / "made")
    samples = [said["prov:label"] for name, said in json.loads(text)["entity"].items() if name.startswith("sample:")]
    assert sorted(samples) == sorted(f"odd: [class]/{deeper}{name}.jpg" for name in names for deeper in ("", "deeper/"))
    assert text.count('": {"prov:type": {"$": "augflow:Sample"') == 10, "a name that comes twice would hide one"
    model = pytest.importorskip("prov.model", reason="prov is not installed")
    document = model.ProvDocument.deserialize(content=text, format="json")
    assert len(list(document.get_records(model.ProvEntity))) == 40 + 10 + 2


def test_what_comes_for_the_first_time_is_told_whatever_the_names() -> None:
    stems = ["a", "a-000", "a-000-001", "a-0", "b", "a-", "a--000"]
    keys = ["0005aaaaaaaaaaaa", "fffaaaaaaaaaaaaa", "0000000000000000"]
    paths = {
        f"x/{stem}-{copy:03d}-{key}.jpg": (stem, key) for stem in stems for copy in (0, 1, 12, 1000) for key in keys
    }
    once = Once()
    found = [sample for path, sample in sorted(paths.items()) if once.is_new(path, sample)]
    assert Counter(found) == Counter({*paths.values()})


def test_memory_does_not_grow_with_outputs(
    made: Path, tmp_path: Path, edit_ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augflow.ledger.dataset._ROWS", 256)

    def peak(times: int) -> tuple[int, int]:
        def change(rows: list[dict[str, Any]]) -> None:
            first = rows[:]
            rows.clear()
            for number in range(times):
                for row in first:
                    sample = {**row["parents"][0], "key": f"{number:05}{row['parents'][0]['key']}"}
                    path = f"{row['label']}/{number:05}-{row['path'].partition('/')[2]}"
                    sha256 = hashlib.sha256(path.encode()).hexdigest()
                    key = f"{number:05}{row['key'][5:]}"
                    rows.append({**row, "key": key, "path": path, "parents": [sample], "sha256": sha256})
            rows.sort(key=lambda row: row["path"])

        root = tmp_path / str(times)
        root.mkdir()
        for name in ("ledger.parquet", "run.json"):
            (root / name).write_bytes((made / name).read_bytes())
        edit_ledger(root, change)
        dataset = Dataset({"kind": "folder", "root": str(root)})
        tracemalloc.start()
        size = sum(len(part) for part in describe(dataset, "", "prov"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size, most

    few, many = peak(20), peak(100)
    assert many[0] > 4.5 * few[0] > 1_000_000
    assert many[1] < 1.2 * few[1], (few, many)
