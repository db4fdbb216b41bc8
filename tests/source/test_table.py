"""A table of images: every format says the same, and whatever is wrong with a row is told by kind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from augflow.errors import ImageError, SourceError
from augflow.plan.census import take_census
from augflow.source import Aside, Sample, open_source

ROWS = [("a/1.jpg", "cat"), ("a/2 two.jpg", "dög"), ('b/quo"ted,3.jpg', "0012")]


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"some bytes of " + path.encode())


def found(table: Path, **settings: Any) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """Samples as (label, key), and what was set aside: key → kind."""
    items = list(open_source({"kind": "table", "table": str(table), **settings}).scan())
    samples = [(item.label, item.key) for item in items if isinstance(item, Sample)]
    asides = [item for item in items if isinstance(item, Aside)]
    assert len(samples) + len(asides) == len(items)
    assert len(set(samples)) == len(samples)
    assert all(item.detail for item in asides)
    return set(samples), {item.key: item.kind for item in asides}


def csv_of(root: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    (root / name).write_bytes(text.encode(encoding, "surrogateescape"))
    return root / name


def as_csv(file: Path, rows: list[tuple[str, str]]) -> None:
    pyarrow.csv.write_csv(pa.table({"path": [row[0] for row in rows], "label": [row[1] for row in rows]}), file)


def as_tsv(file: Path, rows: list[tuple[str, str]]) -> None:
    options = pyarrow.csv.WriteOptions(delimiter="\t")
    pyarrow.csv.write_csv(pa.table({"path": [r[0] for r in rows], "label": [r[1] for r in rows]}), file, options)


def as_parquet(file: Path, rows: list[tuple[str, str]]) -> None:
    labels = pa.array([row[1] for row in rows]).dictionary_encode()
    pq.write_table(pa.table({"more": [0.5] * len(rows), "label": labels, "path": [row[0] for row in rows]}), file)


def as_json(file: Path, rows: list[tuple[str, str]]) -> None:
    file.write_text("\n".join(json.dumps({"path": path, "label": label, "more": [1]}) for path, label in rows) + "\n\n")


@pytest.mark.parametrize(
    ("name", "write"),
    [("t.csv", as_csv), ("t.TSV", as_tsv), ("t.parquet", as_parquet), ("t.jsonl", as_json), ("t.ndjson", as_json)],
)
def test_every_format_says_the_same(
    name: str, write: Callable[[Path, list[tuple[str, str]]], None], tmp_path: Path
) -> None:
    put(tmp_path, *(path for path, _ in ROWS))
    write(tmp_path / name, ROWS)
    assert found(tmp_path / name) == ({(label, path) for path, label in ROWS}, {})
    source = open_source({"kind": "table", "table": str(tmp_path / name)})
    assert source.labels() == ["0012", "cat", "dög"]
    assert source.read("a/2 two.jpg") == b"some bytes of a/2 two.jpg"
    with pytest.raises(ImageError, match="unreadable"):
        source.read("a/gone.jpg")


def test_marks_line_ends_quotes_and_blank_lines_are_understood(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2, two.jpg", "line\nbreak.jpg")
    text = '\ufeff"path","label"\r\n1.jpg,"say ""cat"""\r\n\r\n"2, two.jpg",cat\r\n"line\nbreak.jpg",cat\r\n'
    samples, aside = found(csv_of(tmp_path, text))
    assert samples == {('say "cat"', "1.jpg"), ("cat", "2, two.jpg"), ("cat", "line\nbreak.jpg")}
    assert not aside
    assert found(csv_of(tmp_path, "path,label\r1.jpg,cat", "mac.csv"))[0] == {("cat", "1.jpg")}


def test_values_of_other_types_are_text(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}.jpg" for number in range(6)))
    values: list[Any] = [3, True, None, 1.5, float("nan"), [1]]
    lines = [json.dumps({"path": f"{number}.jpg", "label": value}) for number, value in enumerate(values)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    samples, aside = found(tmp_path / "t.jsonl")
    assert samples == {("3", "0.jpg"), ("true", "1.jpg"), ("1.5", "3.jpg")}
    assert aside == {"2.jpg": "no label", "4.jpg": "no label", "t.jsonl:6": "damaged row"}
    pq.write_table(pa.table({"path": ["0.jpg", "1.jpg"], "label": pa.array([7, None], pa.int8())}), tmp_path / "t.pq")
    assert found(tmp_path / "t.pq") == ({("7", "0.jpg")}, {"1.jpg": "no label"})


def test_each_fault_of_a_row_is_told(tmp_path: Path) -> None:
    put(tmp_path, "ok.jpg", "twice.jpg", "torn.jpg", "nolabel.jpg", "below/x.jpg", "slash.jpg", "dot.jpg", "long.jpg")
    text = "path,label,more\n" + "\n".join(
        [
            "ok.jpg,cat,",
            "twice.jpg,cat,",
            "./below/../twice.jpg,cat,",
            "torn.jpg,cat,",
            "torn.jpg,dog,",
            "gone.jpg,cat,",
            "below,cat,",
            "nolabel.jpg,,",
            ",cat,",
            "few.jpg,cat",
            "many.jpg,cat,,",
            "slash.jpg,../../etc,",
            "dot.jpg,.augflow,",
            f"long.jpg,{'x' * 256},",
            "../outside.jpg,cat,",
            "below/../../outside.jpg,cat,",
            "/etc/passwd,cat,",
            "nul\0.jpg,cat,",
        ]
    )
    samples, aside = found(csv_of(tmp_path, text))
    assert samples == {("cat", "ok.jpg"), ("cat", "twice.jpg")}
    assert aside == {
        "twice.jpg": "duplicate row",
        "torn.jpg": "two labels",
        "gone.jpg": "missing",
        "below": "not a file",
        "nolabel.jpg": "no label",
        "t.csv:10": "no path",
        "t.csv:11": "damaged row",
        "t.csv:12": "damaged row",
        "slash.jpg": "unfit label",
        "dot.jpg": "unfit label",
        "long.jpg": "unfit label",
        "../outside.jpg": "outside the root",
        "/etc/passwd": "outside the root",
        "t.csv:19": "unfit path",
    }


def test_paths_are_relative_to_the_root_or_absolute_below_it(tmp_path: Path) -> None:
    put(tmp_path, "photos/a/1.jpg", "photos/2.jpg", "other/3.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "photos")
    text = f"path,label\na/1.jpg,cat\n{tmp_path}/photos//2.jpg,cat\n{tmp_path}/other/3.jpg,dog\n../other/3.jpg,dog\n"
    (tmp_path / "lists").mkdir()
    table = csv_of(tmp_path / "lists", text)
    both = {("cat", "a/1.jpg"), ("cat", "2.jpg")}
    outside = {f"{tmp_path}/other/3.jpg": "outside the root", "../other/3.jpg": "outside the root"}
    assert found(table, root=str(tmp_path / "photos")) == (both, outside)
    assert found(table, root=str(tmp_path / "linked")) == (both, outside)
    samples, aside = found(table, root=str(tmp_path / "photos"), outside=True)
    assert samples == both | {("dog", f"{tmp_path}/other/3.jpg"), ("dog", "../other/3.jpg")}
    assert not aside
    source = open_source({"kind": "table", "table": str(table), "root": str(tmp_path / "photos"), "outside": True})
    assert source.read(f"{tmp_path}/other/3.jpg") == source.read("../other/3.jpg") == b"some bytes of other/3.jpg"


def test_a_name_in_another_encoding_is_a_sample_like_others(tmp_path: Path) -> None:
    try:
        (tmp_path / "caf\udce9.jpg").write_bytes(b"coffee")
    except OSError:
        pytest.skip("this file system takes no such name")
    table = csv_of(tmp_path, "path,label\ncaf\udce9.jpg,th\udce9\n")
    source = open_source({"kind": "table", "table": str(table)})
    (sample,) = source.scan()
    assert isinstance(sample, Sample)
    assert (sample.label, source.read(sample.key)) == ("th\udce9", b"coffee")


@pytest.mark.parametrize("value", ["nobody \ud800 writes", "nul \0"])
def test_what_no_file_can_be_called_is_set_aside(value: str, tmp_path: Path) -> None:
    put(tmp_path, "1.jpg")
    lines = [{"path": value, "label": "cat"}, {"path": "1.jpg", "label": value}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\nno json\n[]\n")
    aside = {"t.jsonl:1": "unfit path", "1.jpg": "unfit label", "t.jsonl:3": "damaged row", "t.jsonl:4": "damaged row"}
    assert found(tmp_path / "t.jsonl") == (set(), aside)


def test_what_cannot_be_a_table_is_told(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg")

    def refused(match: str, text: str = "path,label\n1.jpg,cat\n", name: str = "t.csv", **settings: Any) -> None:
        with pytest.raises(SourceError, match=match):
            found(csv_of(tmp_path, text, name), **settings)

    refused("no column 'path'. Did you mean 'paht'", "paht,label\n")
    refused("label_column: .* no column 'klass'. Did you mean 'class'", "path,class\n", label_column="klass")
    refused("It has 'file', 'kind'", "file,kind\n")
    refused("two columns called 'path'", "path,path,label\n")
    refused("split_column: .* no column 'fold'", split_column="fold")
    refused("split_column: .* no column 'split'", split="train")
    refused("split_column: .* no column 'split'", others="pass")
    refused("no split 'train'. Did you mean 'trian'. There are trian, val", "path,label,split\na,b,trian\nc,d,val\n")
    refused("group_by: .* no column 'patient'.", group_by="patient")
    refused("from this disk alone", root="s3://bucket/photos")
    refused("has 2 groups", group_by="(a)(b)")
    refused("no regular expression", group_by="(")
    refused("neither omit nor pass", others="keep")
    refused("not true or false", outside="no")
    refused("t.csv is empty", "")
    refused("the row that begins on line 3", 'path,label\n1.jpg,cat\n"2.jpg,cat\n3.jpg,cat\n')
    refused("its ending says what it is", name="t.xlsx")
    refused("cannot be read", name="t.parquet")
    refused("no folder", root=str(tmp_path / "gone"))
    refused(r"source\.tabel.*Did you mean 'table'", tabel="x")
    with pytest.raises(SourceError, match="there is no file"):
        open_source({"kind": "table", "table": str(tmp_path)})
    (tmp_path / "wide.csv").write_bytes("path,label\n".encode("utf-16"))
    with pytest.raises(SourceError, match="UTF-16"):
        found(tmp_path / "wide.csv")


def test_what_may_not_be_read_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    table = csv_of(tmp_path, f"path,label\n1.jpg,cat\nloop.jpg,cat\n{'x' * 300}.jpg,cat\n1.jpg/2.jpg,cat\n")
    _, aside = found(table)
    assert aside == {"loop.jpg": "unreadable", f"{'x' * 300}.jpg": "unreadable", "1.jpg/2.jpg": "unreadable"}


SPLIT = """path,label,split,patient
t1.jpg,cat,train,p1
t2.jpg,dog,train,p1
t3.jpg,cat,train,
v1.jpg,cat,val,p2
v2.jpg,bird,val,p2
gone.jpg,cat,val,p3
e1.jpg,cat,test,p4
none.jpg,cat,,p5
"""


def census_of(root: Path, text: str = SPLIT, **settings: Any) -> Any:
    put(root, "t1.jpg", "t2.jpg", "t3.jpg", "v1.jpg", "v2.jpg", "e1.jpg", "none.jpg")
    return take_census(open_source({"kind": "table", "table": str(csv_of(root, text)), **settings}))


def test_only_the_chosen_split_is_there(tmp_path: Path) -> None:
    census = census_of(tmp_path)
    assert (census.split, census.counts) == ("train", {"cat": 2, "dog": 1})
    assert census.left_out == {"val": {"cat": 2, "bird": 1}, "test": {"cat": 1}}
    assert [(item.key, item.kind) for item in census.aside] == [("none.jpg", "no split")]
    assert not census.others
    assert not census.groups


def test_the_others_pass_if_asked(tmp_path: Path) -> None:
    census = census_of(tmp_path, split="val", others="pass", group_by="patient")
    assert (census.split, census.counts) == ("val", {"bird": 1, "cat": 1})
    assert {split: other.counts for split, other in census.others.items()} == {
        "train": {"cat": 2, "dog": 1},
        "test": {"cat": 1},
    }
    assert {item.key: item.kind for item in census.aside} == {"gone.jpg": "missing", "none.jpg": "no split"}
    train = census.others["train"]
    groups = {
        key: train.groups[label][index] for label in train.classes for index, key in enumerate(train.classes[label])
    }
    assert groups == {"t1.jpg": "p1", "t2.jpg": "p1", "t3.jpg": None}


def test_groups_by_a_column_or_by_the_path_may_not_straddle(tmp_path: Path) -> None:
    leak = SPLIT.replace("v1.jpg,cat,val,p2", "v1.jpg,cat,val,p1")
    with pytest.raises(SourceError, match=r"1 groups lie in several splits: p1 \(train, val\)"):
        census_of(tmp_path, leak, group_by="patient")
    with pytest.raises(SourceError, match=r"p1 \(train, val\)"):
        census_of(tmp_path, leak, group_column="patient")
    with pytest.raises(SourceError, match=r"p1 \(train, val\)"):
        census_of(tmp_path, leak.replace("patient", "group"))
    with pytest.raises(SourceError, match=r"1 \(test, train, val\), 2 \(train, val\)"):
        census_of(tmp_path, leak, group_by=r"[tve](\d)\.jpg")
    census_of(tmp_path, leak)


def test_a_group_that_the_path_does_not_tell_is_told(tmp_path: Path) -> None:
    census = census_of(tmp_path, group_by=r"^(t\d|v\d)")
    assert {item.key: item.kind for item in census.aside} == {"none.jpg": "no split"}
    census = census_of(tmp_path, group_by=r"^(t[12]|v\d)")
    assert {item.key: item.kind for item in census.aside} == {"none.jpg": "no split", "t3.jpg": "no group"}


def test_one_image_in_two_splits_is_refused_and_in_two_groups_set_aside(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the same image stands in several splits: t1.jpg \(train, val\)"):
        census_of(tmp_path, SPLIT + "./t1.jpg,cat,val,p1\n")
    census = census_of(tmp_path, SPLIT + "t1.jpg,cat,train,p9\n", group_by="patient")
    assert {item.key: item.kind for item in census.aside} == {"none.jpg": "no split", "t1.jpg": "two groups"}


def test_a_split_that_only_later_lines_name_is_not_overlooked(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    lines = [{"path": "1.jpg", "label": "cat"}, {"path": "2.jpg", "label": "cat", "split": "train"}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert found(tmp_path / "t.jsonl") == ({("cat", "2.jpg")}, {"1.jpg": "no split"})


def test_it_is_streamed(tmp_path: Path) -> None:
    """A table far larger than what is held at a time: many rows, few bytes of ours."""
    import tracemalloc

    put(tmp_path, "1.jpg")
    os.truncate(tmp_path / "1.jpg", 0)
    with open(tmp_path / "t.csv", "w") as file:
        file.write("path,label,more\n")
        file.writelines(f"{number}.jpg,cat,{'x' * 200}\n" for number in range(20_000))
    source = open_source({"kind": "table", "table": str(tmp_path / "t.csv")})
    tracemalloc.start()
    assert sum(isinstance(item, Sample) for item in source.scan()) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
