"""A folder in an object store gives what the same folder gives on a disk."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import ImageError, SourceError
from augflow.plan.census import Census, take_census
from augflow.source import Aside, Noted, Sample, anywhere, open_source
from augflow.store import Store

pytest.importorskip("fsspec", reason="the extra `remote`")


@pytest.fixture(params=["s3", "memory"])
def place(request: pytest.FixtureRequest) -> str:
    """An empty place in a store."""
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/some"
    request.getfixturevalue("object_store").bucket(name := f"b{uuid.uuid4().hex}")
    return f"s3://{name}/some"


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"some bytes of " + path.encode())
    return root


def uploaded(root: Path, place: str) -> str:
    store = Store(place)
    for path in root.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(root).as_posix(), path.read_bytes())
    return place


def scanned(root: object, **settings: Any) -> tuple[list[str], list[Sample | Aside | Noted]]:
    source = open_source({"kind": "folder", "root": str(root), **settings})
    return source.labels(), sorted(source.scan(), key=repr)


PLAIN = ("hat/1.jpg", "hat/2.PNG", "hat/new/3.webp", "hat/new/er/4.JPeG", "t-shirt/1.jpg", "größe 1e3/a b+c%20&.jpg")
ODD = ("hat/.2.jpg", "hat/Thumbs.db", ".git/x.jpg", ".git/y/z.jpg", "hat/.cache/3.jpg", "hat/.cache/d/3.jpg")
MORE = (*PLAIN, *ODD, "hat/.cache-2/1.jpg", ".DS_Store", "hat/notes.txt", "hat/bare", "readme.md", "photo.jpg")


def test_classes_and_what_lies_among_them_are_those_of_a_disk(tmp_path: Path, place: str) -> None:
    put(tmp_path, *MORE)
    assert scanned(uploaded(tmp_path, place)) == scanned(tmp_path)


@pytest.mark.parametrize("settings", [{}, {"others": "pass"}, {"split": "val"}, {"group_by": r"/(p\d)_"}])
def test_splits_and_groups_are_those_of_a_disk(settings: dict[str, Any], tmp_path: Path, place: str) -> None:
    put(tmp_path, "train/hat/p1_1.jpg", "train/hat/.x/1.jpg", "train/cap/p2_1.jpg", "train/cap/n/e/s/other.jpg")
    put(tmp_path, "val/hat/p3_3.jpg", "val/gown/n/p4_1.jpg", "val/stray.jpg", "val/hat/notes.txt", "train/stray.jpg")
    put(tmp_path, "labels.csv", ".cache/x")
    assert scanned(uploaded(tmp_path, place), **settings) == scanned(tmp_path, **settings)


def test_refusals_are_those_of_a_disk(tmp_path: Path, place: str) -> None:
    put(tmp_path, "train/hat/1.jpg", "val/hat/2.jpg")
    uploaded(tmp_path, place)
    for settings in ({"split": "tets"}, {"others": "keep"}, {"group_by": "("}, {"max_pixels": 0}):
        said = []
        for root in (str(tmp_path), place):
            with pytest.raises(SourceError) as refused:
                scanned(root, **settings)
            said.append(str(refused.value).replace(root, ""))
        assert said[0] == said[1]
    with pytest.raises(SourceError, match=rf"{place}/nowhere holds no folders"):
        scanned(f"{place}/nowhere")


def test_a_folder_that_a_console_made_is_a_class(object_store: Any) -> None:
    bucket = object_store.bucket("console")
    for key in ("x/", "x/hat/", "x/void/", "x/hat/1.jpg"):
        bucket.put_object(Key=key, Body=b"")
    assert scanned("s3://console/x") == (["hat", "void"], [Sample("hat", "hat/1.jpg")])
    assert scanned("s3://console/x/") == scanned("s3://console/x")
    assert take_census(open_source({"root": "s3://console/x"})).counts == {"hat": 1, "void": 0}


def test_a_bucket_itself_is_a_root(object_store: Any) -> None:
    object_store.bucket("whole").put_object(Key="hat/1.jpg", Body=b"one")
    source = open_source({"root": "s3://whole"})
    assert (list(source.scan()), source.read("hat/1.jpg")) == ([Sample("hat", "hat/1.jpg")], b"one")


def test_names_that_lead_elsewhere_are_set_aside(object_store: Any) -> None:
    bucket = object_store.bucket("hostile")
    long = "n" * 256
    keys = ("hat//1.jpg", "hat/../../2.jpg", "../3.jpg", "hat/1.jpg?versionId=x.jpg", f"{long}/1.jpg", "hat/ok.jpg")
    for key in keys:
        bucket.put_object(Key=f"x/{key}", Body=b"secret")
    bucket.put_object(Key="2.jpg", Body=b"secret")
    labels, items = scanned("s3://hostile/x")
    assert labels == ["hat"]
    assert [item for item in items if isinstance(item, Sample)] == [Sample("hat", "hat/ok.jpg")]
    assert {item.key: item.kind for item in items if isinstance(item, Aside)} == {
        "hat//1.jpg": "unfit path",
        "hat/1.jpg?versionId=x.jpg": "unfit path",
        f"{long}/1.jpg": "unfit label",
    }
    for key in ("../2.jpg", "hat/../../2.jpg", "hat//1.jpg", "./hat/ok.jpg"):
        with pytest.raises(ImageError, match="leads out of the source"):
            open_source({"root": "s3://hostile/x"}).read(key)


def test_reading_is_one_request_and_what_cannot_be_read_is_told(object_store: Any) -> None:
    bucket = object_store.bucket("reading")
    for key, size in (("hat/1.jpg", 1000), ("hat/empty.jpg", 0), ("hat/large.jpg", 1_000_100)):
        bucket.put_object(Key=f"x/{key}", Body=b"x" * size)
    source = open_source({"root": "s3://reading/x", "max_pixels": 10})
    object_store.asked.clear()
    assert source.read("hat/1.jpg") == b"x" * 1000
    assert [(method, reach) for method, _, reach in object_store.asked] == [("GET", "bytes=0-1000080")]
    assert source.read("hat/empty.jpg") == b""
    with pytest.raises(ImageError, match="too large: 1000100 bytes"):
        source.read("hat/large.jpg")
    with pytest.raises(ImageError, match="unreadable: No such file or directory"):
        source.read("hat/none.jpg")
    object_store.refusals[:] = [("403 Forbidden", "AccessDenied")]
    with pytest.raises(ImageError, match="unreadable"):
        source.read("hat/1.jpg")


def test_a_listing_holds_no_more_than_a_page(object_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augflow.store._PAGE", 7)
    bucket = object_store.bucket("long")
    for number in range(20):
        bucket.put_object(Key=f"x/hat/{number:02}.jpg", Body=b"x")
    items = open_source({"root": "s3://long/x"}).scan()
    object_store.asked.clear()
    assert next(items) == Sample("hat", "hat/00.jpg")
    assert len(object_store.asked) == 1
    assert len(list(items)) == 19


def test_a_url_stays_what_it_is() -> None:
    settings = {"kind": "folder", "root": "s3://bucket/x", "max_pixels": 3}
    assert anywhere(settings) == settings
    assert anywhere({"kind": "folder", "root": "x"})["root"] == str(Path("x").absolute())


def test_a_census_does_not_depend_on_where_it_is_taken(mixed_source: Path, place: str, tmp_path: Path) -> None:
    root = Path(shutil.copytree(mixed_source, tmp_path / "x"))

    def told(census: Census) -> Any:
        return census.counts, census.aside, census.noted, sorted(census.samples())

    uploaded(root, place)
    assert told(take_census(open_source({"root": place}))) == told(take_census(open_source({"root": str(root)})))
