"""Object stores: what is listed, read, written and deleted, and what is told where that cannot be."""

from __future__ import annotations

import multiprocessing
import sys
import uuid
from typing import Any

import pytest

from augflow import store
from augflow.errors import SinkError, SourceError, SurroundingsError
from augflow.store import Store, is_url

pytest.importorskip("fsspec", reason="the extra `remote`")


@pytest.fixture(params=["s3", "memory", "file"])
def root(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """An empty place of each kind."""
    if request.param == "s3":
        request.getfixturevalue("object_store").bucket(name := f"b{uuid.uuid4().hex}")
        return f"s3://{name}/some/where"
    return f"memory://{uuid.uuid4().hex}/some" if request.param == "memory" else f"file://{tmp_path}/some"


def listed(found: Store, below: str = "") -> dict[str, int]:
    return {one.key: one.size for page in found.pages(below) for one in page}


def test_what_is_put_is_listed_read_and_deleted(root: str) -> None:
    opened = Store(root)
    assert listed(opened) == {}
    assert opened.folders() == []
    for key, size in (("hat/1.jpg", 5), ("hat/new/2.jpg", 0), ("hatch/3 ü.jpg", 70_000)):
        opened.put(key, bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert listed(opened) == {"hat/1.jpg": 5, "hat/new/2.jpg": 0, "hatch/3 ü.jpg": 70_000}
    assert listed(opened, "hat") == {"hat/1.jpg": 5, "hat/new/2.jpg": 0}
    assert opened.folders() == ["hat", "hatch"]
    assert opened.folders("hat") == ["new"]
    assert (opened.size("hatch/3 ü.jpg"), opened.size("hat/new/2.jpg"), opened.size("hat"), opened.size("no")) == (
        *(70_000, 0),
        *(None, None),
    )
    whole = opened.read("hatch/3 ü.jpg")
    assert whole == bytes(range(256)) * 273 + b"x" * 112
    assert opened.read("hatch/3 ü.jpg", 255, 4) == whole[255:259]
    assert opened.read("hatch/3 ü.jpg", 0, 100_000) == whole
    assert opened.read("hatch/3 ü.jpg", 70_000, 10) == b""
    assert (opened.read("hat/new/2.jpg"), opened.read("hat/new/2.jpg", 0, 10)) == (b"", b"")
    opened.put("hat/1.jpg", b"other")
    assert opened.read("hat/1.jpg") == b"other"
    with pytest.raises(FileNotFoundError):
        opened.read("hat/none.jpg")
    opened.delete(["hat/1.jpg", "hat/none.jpg", "hat/new/2.jpg"])
    assert listed(opened) == {"hatch/3 ü.jpg": 70_000}


def test_of_several_that_create_one_succeeds(root: str) -> None:
    first, second = Store(root), Store(root)
    assert first.create("lock", b"first")
    assert not second.create("lock", b"second")
    assert not first.create("lock", b"first")
    assert first.read("lock") == b"first"


def test_a_listing_comes_in_pages(object_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAGE", 50)
    bucket = object_store.bucket("paged")
    for number in range(105):
        bucket.put_object(Key=f"all/{number:04}", Body=b"x")
    object_store.asked.clear()
    assert [len(page) for page in Store("s3://paged/all").pages()] == [50, 50, 5]
    assert len(object_store.asked) == 3
    Store("s3://paged/all").delete(f"{number:04}" for number in range(105))
    assert listed(Store("s3://paged/all")) == {}
    assert sum(method == "POST" for method, _, _ in object_store.asked) == 3


def test_names_that_other_tools_take_for_patterns_are_names(object_store: Any) -> None:
    object_store.bucket("odd")
    opened = Store("s3://odd/x")
    for key in ("a*", "a1", "a[1]", "a?", "{a,b}", "a b+c%20&="):
        opened.put(key, key.encode())
    for key in ("a*", "a[1]", "a?", "{a,b}", "a b+c%20&="):
        assert opened.read(key) == key.encode()
        opened.delete([key])
    assert listed(opened) == {"a1": 2}


@pytest.mark.parametrize(
    "refusal",
    [
        ("503 Slow Down", "SlowDown"),
        ("500 Internal Server Error", "InternalError"),
        ("429 Too Many Requests", "Busy"),
        ("400 Bad Request", "RequestTimeout"),
        ("502 Bad Gateway", "NobodyKnows"),
    ],
)
def test_a_busy_store_is_asked_again(
    refusal: tuple[str, str], object_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_WAITS", (0.01, 0.02, 0.03))
    object_store.bucket("busy").put_object(Key="x/1", Body=b"one")
    opened = Store("s3://busy/x")
    for act in (lambda: opened.read("1"), lambda: listed(opened), lambda: opened.put("2", b"two")):
        object_store.refusals[:] = [refusal] * 3
        act()
        assert not object_store.refusals
    assert opened.read("2") == b"two"
    object_store.refusals[:] = [refusal] * 4
    with pytest.raises(
        SurroundingsError, match=r"s3://busy/x (is busy or fails|does not answer) .*, asked 4 times.*goes on"
    ):
        opened.read("1")


def test_an_answer_that_was_lost_does_not_lose_what_was_created(
    object_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_WAITS", (0.01, 0.02))
    object_store.bucket("lost")
    opened = Store("s3://lost/x")
    create, lose = opened._connection().pipe_file, [True]

    def pipe_file(*arguments: Any, **options: Any) -> None:
        create(*arguments, **options)
        if lose:
            lose.clear()
            raise TimeoutError

    monkeypatch.setattr(opened._connection(), "pipe_file", pipe_file)
    assert opened.create("lock", b"mine")
    lose.append(True)
    assert not opened.create("lock", b"another's")


def test_a_store_that_does_not_answer_is_of_the_surroundings(
    object_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_WAITS", (0.01,))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SurroundingsError, match="does not answer"):
        Store("s3://far/x").folders()


@pytest.mark.parametrize("code", ["InvalidObjectName", "InvalidObjectState", "EntityTooLarge"])
def test_what_is_wrong_with_one_object_is_not_of_the_surroundings(code: str, object_store: Any) -> None:
    object_store.bucket("odd-object").put_object(Key="x/1", Body=b"one")
    object_store.refusals[:] = [("400 Bad Request", code)]
    with pytest.raises(OSError, match=r"no|InvalidObjectName"):
        Store("s3://odd-object/x").read("1")
    assert not object_store.refusals


def test_no_credentials_and_no_bucket_are_told(object_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkError, match=r"sink\.root: there is no such bucket: s3://nobody/x"):
        Store("s3://nobody/x", "sink.root", SinkError).folders()
    object_store.refusals[:] = [("403 Forbidden", "AccessDenied")]
    with pytest.raises(SourceError, match="s3://nobody/x cannot be listed: AccessDenied"):
        Store("s3://nobody/x").folders()
    object_store.refusals[:] = [("403 Forbidden", "InvalidAccessKeyId")]
    with pytest.raises(SourceError, match=r"does not accept the credentials \(InvalidAccessKeyId\)"):
        Store("s3://nobody/x").read("1")
    object_store.refusals[:] = [("400 Bad Request", "ExpiredToken")]
    with pytest.raises(SurroundingsError, match="Renew them"):
        Store("s3://nobody/x").read("1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match=r"no credentials for s3://nobody/x were.*AWS_PROFILE"):
        Store("s3://nobody/x").folders()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://AKIA:SECRET@bucket/x", "name or password"),
        ("s3://SECRET@bucket/x", "name or password"),
        ("s3://AKIA:SEC/SECRET@bucket/x", "name or password"),
        ("https://user:123/SECRET@host/x", "name or password"),
        ("https://host/x?X-Amz-Signature=SECRET", "query"),
        ("https://user:SECRET@host/x", "name or password"),
        ("s3://bucket/x#SECRET", "fragment"),
        ("simplecache::s3://bucket/SECRET", "chain"),
        ("s4://bucket/SECRET", "no store is called s4://. Known: s3, gs"),
        ("s3://", "names no bucket"),
    ],
)
def test_a_url_that_tells_secrets_is_refused_and_not_repeated(url: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as refused:
        Store(url)
    assert "SECRET" not in str(refused.value)


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(SourceError, match=r"gs:// needs a library .*pip install 'gcsfs'"):
        Store("gs://bucket/x")


def test_plain_http_tells_what_is_not_there_and_what_is_denied(object_store: Any) -> None:
    object_store.bucket("plain").put_object(Key="x/1", Body=b"one", ACL="public-read")
    opened = Store(f"{object_store.url}/plain/x")
    assert (opened.read("1"), opened.read("1", 1, 5), opened.read("1", 3, 5), opened.size("1")) == (
        *(b"one", b"ne"),
        *(b"", 3),
    )
    assert opened.size("2") is None
    with pytest.raises(FileNotFoundError):
        opened.read("2")
    object_store.refusals[:] = [("403 Forbidden", "AccessDenied")]
    with pytest.raises(OSError, match="HTTP 403"):
        opened.read("1")


def test_what_is_a_url() -> None:
    assert all(map(is_url, ("s3://b/x", "memory://x", "simplecache::s3://b", "c://x")))
    assert not any(map(is_url, ("/a/b", "a/b", "s3:/b", "a:b", None, 3, "x/s3://b", "${oc.env:X}/s3://")))


def _first_page(opened: Store, results: Any) -> None:
    results.put(listed(opened))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_store_goes_to_other_processes(start: Any, object_store: Any) -> None:
    object_store.bucket(f"far-{start}").put_object(Key="x/1", Body=b"one")
    opened = Store(f"s3://far-{start}/x")
    assert listed(opened) == {"1": 3}
    context = multiprocessing.get_context(start)
    results = context.Queue()
    given = opened if start == "fork" else Store(opened.url)
    process = context.Process(target=_first_page, args=(given, results))
    process.start()
    try:
        assert results.get(timeout=60) == {"1": 3}
    finally:
        process.join()
