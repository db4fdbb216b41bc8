"""Tar shards: what webdataset writes is read as it is, and what is wrong with a shard is told by kind."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import ImageError, SourceError
from augflow.source import Aside, Noted, Sample, open_source
from augflow.source.shelf import expand_braces

Member = tuple[str, bytes]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "augflow"


def shard(path: Path, members: Iterable[Member | tarfile.TarInfo], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return path


def found(root: object, **settings: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Key → label of the samples, key → kind of what was set aside."""
    items = list(open_source({"kind": "webdataset", "root": str(root), **settings}).scan())
    samples = {item.key: item.label for item in items if isinstance(item, Sample)}
    aside = {item.key: item.kind for item in items if isinstance(item, Aside)}
    assert len(samples) + len(aside) + sum(isinstance(item, Noted) for item in items) == len(items)
    return samples, aside


def test_what_webdataset_writes_is_read(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    with wds.ShardWriter(str(tmp_path / "a-%03d.tar"), maxcount=2, verbose=0) as writer:
        for number in range(5):
            said = {"label": f"name {number % 2}", "group": f"g{number}", "weight": number}
            writer.write({"__key__": f"sub/{number:04}", "jpg": b"%d" % number * 700, "cls": number % 2, "json": said})
    source = open_source({"kind": "webdataset", "root": str(tmp_path)})
    samples = sorted(item for item in source.scan() if isinstance(item, Sample))
    assert [(item.key, item.label, item.group, item.weight) for item in sorted(samples, key=lambda item: item.key)] == [
        (f"a-00{number // 2}.tar/sub/{number:04}.jpg", str(number % 2), f"g{number}", number) for number in range(5)
    ]
    assert source.labels() == ["0", "1"]
    for number in range(5):
        assert source.read(f"a-00{number // 2}.tar/sub/{number:04}.jpg") == b"%d" % number * 700
    assert set(found(tmp_path, label="json")[0].values()) == {"name 0", "name 1"}
    assert set(found(tmp_path, classes=["cat", "dog"])[0].values()) == {"cat", "dog"}
    (tmp_path / "names.txt").write_text("cat\nhund ü\n")
    assert set(found(tmp_path, classes=str(tmp_path / "names.txt"))[0].values()) == {"cat", "hund ü"}


def test_shards_are_named_by_folder_pattern_or_braces(tmp_path: Path) -> None:
    for name in ("x-00", "x-01", "x-02", "y-00", "below/z-00", ".hidden/a-00"):
        shard(tmp_path / f"{name}.tar", [("1.jpg", b"1"), ("1.cls", b"3")])

    def shards(root: object) -> list[str]:
        return sorted(key.removesuffix("/1.jpg") for key in found(root)[0])

    every = ["below/z-00.tar", "x-00.tar", "x-01.tar", "x-02.tar", "y-00.tar"]
    assert shards(tmp_path) == every
    assert shards(tmp_path / "x-*.tar") == every[1:4]
    assert shards(tmp_path / "*.tar") == every[1:]
    assert shards(tmp_path / "x-{00..01}.tar") == every[1:3]
    assert shards(tmp_path / "{x-02,below/z-00}.tar") == [every[0], every[3]]
    assert shards(tmp_path / "x-02.tar") == [every[3]]
    for wrong, says in (
        ("x-{00..03}.tar", r"no file x-03\.tar"),
        ("q-*.tar", r"no file q-\*\.tar in"),
        ("none", "no folder"),
        ("x-{0..99999999}.tar", "more than 1,000,000"),
        ("x-{a,{b,c}}.tar", "braces within braces"),
    ):
        with pytest.raises(SourceError, match=says):
            found(tmp_path / wrong)
    assert list(expand_braces("{a,b}-{09..11}")) == [f"{a}-{b}" for a in "ab" for b in ("09", "10", "11")]


def test_splits_are_those_of_shards_or_of_json(tmp_path: Path) -> None:
    for name in ("train-0", "train-1", "val-0", "deep/test/0"):
        shard(tmp_path / f"{name}.tar", [("1.jpg", b"1"), ("1.cls", b"cat"), ("2.txt", b"no image")])
    samples, aside = found(tmp_path)
    assert len(samples) == 4
    assert {*aside} == {"train-0.tar/2", "train-1.tar/2"}
    source = open_source({"kind": "webdataset", "root": str(tmp_path)})
    assert sorted(str(item.split) for item in source.scan() if isinstance(item, Sample)) == [
        *("test", "train", "train", "val")
    ]
    assert source.labels() == ["cat"]
    with pytest.raises(SourceError, match=r"has no split 'train'\. There are val"):
        open_source({"kind": "webdataset", "root": str(tmp_path / "val-*.tar")}).labels()
    shard(tmp_path / "x" / "all.tar", [("1.jpg", b"1"), ("1.json", b'{"label": 3, "split": "val"}')])
    assert open_source({"kind": "webdataset", "root": str(tmp_path / "x"), "split": "val"}).labels() == ["3"]
    shard(tmp_path / "x" / "more.tar", [("1.jpg", b"1"), ("1.json", b'{"label": 3}')])
    with pytest.raises(SourceError, match="some images have a split and others none"):
        open_source({"kind": "webdataset", "root": str(tmp_path / "x"), "split": "val"}).labels()
    shard(tmp_path / "y" / "all.tar", [("1.jpg", b"1"), ("1.cls", b"3")])
    with pytest.raises(SourceError, match="has no splits"):
        open_source({"kind": "webdataset", "root": str(tmp_path / "y"), "split": "val"}).labels()


def test_each_fault_of_a_sample_is_told(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    pipe = tarfile.TarInfo("pipe.jpg")
    pipe.type = tarfile.FIFOTYPE
    long = "n" * 150
    members: list[Member | tarfile.TarInfo] = [
        *((f"{name}.jpg", b"x" * 900) for name in ("ok", "./dotted", f"{long}/é")),
        ("nolabel.jpg", b"1"),
        *(("many.jpg", b"1"), ("many.png", b"2"), ("many.cls", b"1")),
        *(("none.cls", b"1"), ("none.json", b"{}")),
        *(("twice.jpg", b"1"), ("twice.cls", b"1"), ("other.jpg", b"1"), ("other.cls", b"1")),
        *(("twice.jpg", b"2"), ("twice.cls", b"2")),
        *(("same.jpg", b"1"), ("same.jpg", b"2"), ("same.cls", b"1")),
        *(("slash.jpg", b"1"), ("slash.cls", b"../../etc")),
        *(("torn.jpg", b"1"), ("torn.json", b'{"label": ')),
        *(("list.jpg", b"1"), ("list.json", b'{"label": ["a"]}')),
        *(("weight.jpg", b"1"), ("weight.json", b'{"label": "a", "weight": "much"}')),
        *(("bytes.jpg", b"1"), ("bytes.cls", b"\xff\xfe")),
        *(("essay.jpg", b"1"), ("essay.cls", b"x" * 1_100_000)),
        *(("large.jpg", bytes(1_000_100)), ("large.cls", b"1")),
        *(("/etc/abs.jpg", b"1"), ("../up.jpg", b"1"), ("a/../../b.jpg", b"1")),
        *(("._ok.jpg", b"1"), ("PaxHeader/.x", b"1")),
        *(link, pipe),
    ]
    labelled: list[Member | tarfile.TarInfo] = []
    for member in members:
        labelled.append(member)
        if isinstance(member, tuple) and member[0].rpartition("/")[2] in ("ok.jpg", "dotted.jpg", "é.jpg"):
            labelled.append((member[0].replace(".jpg", ".cls"), b"cat\n"))
    shard(tmp_path / "s.tar", labelled)
    samples, aside = found(tmp_path, max_pixels=10)
    assert samples == {
        "s.tar/ok.jpg": "cat",
        "s.tar/dotted.jpg": "cat",
        f"s.tar/{long}/é.jpg": "cat",
        "s.tar/twice.jpg": "1",
        "s.tar/other.jpg": "1",
    }
    assert aside == {
        "s.tar/nolabel.jpg": "no label",
        "s.tar/many.jpg": "several images",
        "s.tar/none": "no image",
        "s.tar/twice.jpg": "duplicate key",
        "s.tar/same.jpg": "duplicate key",
        "s.tar/slash.jpg": "unfit label",
        "s.tar/torn.jpg": "damaged row",
        "s.tar/list.jpg": "damaged row",
        "s.tar/weight.jpg": "unfit weight",
        "s.tar/bytes.jpg": "damaged row",
        "s.tar/essay.jpg": "damaged row",
        "s.tar/large.jpg": "too large",
        "s.tar//etc/abs.jpg": "unfit path",
        "s.tar/../up.jpg": "unfit path",
        "s.tar/a/../../b.jpg": "unfit path",
        "s.tar/link.jpg": "link",
        "s.tar/pipe.jpg": "not a file",
    }
    source = open_source({"kind": "webdataset", "root": str(tmp_path), "max_pixels": 10})
    assert source.read(f"s.tar/{long}/é.jpg") == b"x" * 900
    for key in ("s.tar/link.jpg", "s.tar/../up.jpg", "s.tar/none", "../s.tar/ok.jpg", "x.tar/ok.jpg", "s.tar", ""):
        with pytest.raises(ImageError, match="unreadable"):
            source.read(key)
    chosen = open_source({"kind": "webdataset", "root": str(tmp_path), "image": ".PNG"}).scan()
    assert [item[:2] for item in chosen if isinstance(item, Sample)] == [("1", "s.tar/many.png")]


def test_a_damaged_shard_keeps_what_is_before_the_damage(tmp_path: Path) -> None:
    members = [(f"{n}.{ending}", b"x" * size) for n in range(4) for ending, size in (("cls", 200), ("jpg", 900))]
    whole = shard(tmp_path / "whole.tar", members).read_bytes()
    made = {
        "cut": whole[: 2 * 2560 + 1024 + 600],
        "no-end": whole[: 4 * 2560],
        "torn": whole[: 2 * 2560] + b"\x01" * 512 + whole[2 * 2560 + 512 :],
        "text": b"no tar at all " * 100,
        "empty": b"",
        "gzip": b"\x1f\x8b\x08" + bytes(2000),
    }
    for name, data in made.items():
        (tmp_path / f"{name}.tar").write_bytes(data)
    samples, aside = found(tmp_path / "*.tar")
    kept = {name: len([key for key in samples if key.startswith(name)]) for name in made}
    assert kept == {"cut": 2, "no-end": 4, "torn": 2, "text": 0, "empty": 0, "gzip": 0}
    assert {key: kind for key, kind in aside.items() if kind != "no image"} == {
        "cut.tar/2.jpg": "damaged",
        "no-end.tar": "damaged",
        "torn.tar": "damaged",
        "text.tar": "damaged",
        "empty.tar": "empty",
        "gzip.tar": "damaged",
    }


def _header(name: str, size: int | bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        (b"\xff" * 12, tarfile.REGTYPE),
        (b"\xff" * 11 + b"\x00", tarfile.REGTYPE),
        (b"\x80" + b"\x7f" * 11, tarfile.REGTYPE),
        (8**11 - 1, tarfile.REGTYPE),
        (8**11 - 1, tarfile.GNUTYPE_LONGNAME),
        (8**11 - 1, tarfile.XHDTYPE),
        (8**11 - 1, tarfile.XGLTYPE),
        (8**11 - 1, tarfile.GNUTYPE_SPARSE),
        (5_000_000, tarfile.XHDTYPE),
    ],
)
def test_a_claimed_size_is_not_believed(claim: int | bytes, kind: bytes, tmp_path: Path) -> None:
    good = shard(tmp_path / "x" / "good.tar", [("1.jpg", b"1"), ("1.cls", b"2")]).read_bytes()[:2048]
    path = tmp_path / "bad.tar"
    path.write_bytes(good + _header("2.jpg", claim, kind))
    os.truncate(path, 6_000_000)
    samples, aside = found(path)
    assert samples == {"bad.tar/1.jpg": "2"}
    assert "damaged" in aside.values()
    assert {*aside.values()} <= {"damaged", "not a file", "no image"}


def test_sparse_members_are_not_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        info = tarfile.TarInfo("1.jpg")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**15)}
        info.pax_headers["GNU.sparse.name"] = "1.jpg"
        info.size = 512
        tar.addfile(info, io.BytesIO(b"1\n0\n1000000000000000\n".ljust(512, b"\0")))
    samples, aside = found(tmp_path)
    assert samples == {}
    assert set(aside.values()) <= {"not a file", "damaged", "no image"}
    assert aside


def test_a_shard_is_read_through_once_and_then_by_its_index(tmp_path: Path, cache: Path) -> None:
    path = shard(tmp_path / "s.tar", [("1.jpg", b"one"), ("1.cls", b"2")])
    assert found(path) == ({"s.tar/1.jpg": "2"}, {})
    (kept,) = cache.iterdir()
    before = kept.read_bytes()
    kept.write_bytes(before.replace(b"1.jpg", b"9.jpg"))
    assert found(path)[0] == {"s.tar/9.jpg": "2"}, "the index is what is read"
    for damage in (before[: len(before) // 2], b"", b"no index"):
        kept.write_bytes(damage)
        assert found(path)[0] == {"s.tar/1.jpg": "2"}
    opened = open_source({"kind": "webdataset", "root": str(path)})
    assert opened.read("s.tar/1.jpg") == b"one"
    shard(path, [("0.jpg", b"x" * 2000), ("1.jpg", b"changed"), ("1.cls", b"2")])
    with pytest.raises(ImageError, match="changed"):
        opened.read("s.tar/1.jpg")
    assert open_source({"kind": "webdataset", "root": str(path)}).read("s.tar/1.jpg") == b"changed"


def test_without_a_cache_all_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = shard(tmp_path / "s.tar", [("1.jpg", b"one"), ("1.cls", b"2")])
    assert found(path) == ({"s.tar/1.jpg": "2"}, {})
    assert open_source({"kind": "webdataset", "root": str(path)}).read("s.tar/1.jpg") == b"one"


def test_in_a_store_an_image_is_one_request(tmp_path: Path, object_store: Any) -> None:
    members = [(f"{n}.{ending}", b"%d" % n * 200) for n in range(9) for ending in ("cls", "jpg")]
    path = shard(tmp_path / "train-0.tar", members)
    bucket = object_store.bucket("shards")
    for name in ("train-0", "train-1", "val-0"):
        bucket.upload_file(str(path), f"x/{name}.tar")
    for root in ("s3://shards/x", "s3://shards/x/{train,val}-*.tar", "s3://shards/x/{train-0,train-1,val-0}.tar"):
        samples, aside = found(root)
        assert (len(samples), aside) == (27, {})
    assert found(tmp_path) == found("s3://shards/x/train-0.tar")
    source = open_source({"kind": "webdataset", "root": "s3://shards/x"})
    source.labels()
    again = open_source({"kind": "webdataset", "root": "s3://shards/x"})
    again.labels()
    object_store.asked.clear()
    read = [again.read(f"train-1.tar/{n}.jpg") for n in range(9)]
    assert read == [b"%d" % n * 200 for n in range(9)]
    assert [(method, reach[:6]) for method, _, reach in object_store.asked] == [("GET", "bytes=")] * 9


def test_shards_behind_plain_http_are_read(tmp_path: Path, object_store: Any) -> None:
    members = [(f"{n}.{ending}", b"%d" % n * 200) for n in range(9) for ending in ("cls", "jpg")]
    path = shard(tmp_path / "train-0.tar", members)
    bucket = object_store.bucket("http-shards")
    for name in ("train-0", "train-1"):
        bucket.upload_file(str(path), f"x/{name}.tar", ExtraArgs={"ACL": "public-read"})
    plain = f"{object_store.url}/http-shards/x/train-{{0..1}}.tar"
    assert found(plain) == found("s3://http-shards/x/train-*.tar")
    assert open_source({"kind": "webdataset", "root": plain}).read("train-0.tar/3.jpg") == b"3" * 200
