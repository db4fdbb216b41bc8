"""What several test files share."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).resolve().parent.parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # So it is in a shell's background, and for what begins there.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Real photographs: ten unequal classes of clothing (CC0), beside the checkout where they were put."""
    path = CHECKOUT.parent / "shared" / "data" / "clothing" / "train"
    if not path.is_dir():
        pytest.skip(f"no photographs at {path}")
    return path


class Make(Protocol):
    def __call__(
        self, recipe: Mapping[str, Any], source: Path, sink: Path, plugins: Sequence[Path] = (), **settings: Any
    ) -> Any: ...


@pytest.fixture(scope="session")
def make_set() -> Make:
    """Make a data set in this process from plain data, on two workers; further settings are the source's."""

    def call(recipe: Mapping[str, Any], source: Path, sink: Path, plugins: Sequence[Path] = (), **settings: Any) -> Any:
        from augflow.recipe.reader import read_recipe
        from augflow.registry import Registry
        from augflow.runner import run

        files = [str(plugin) for plugin in plugins]
        outcome = run(
            read_recipe(recipe, Registry(files)),
            {"kind": "folder", "root": str(source), **settings},
            {"kind": "folder", "root": str(sink)},
            {"kind": "local", "workers": 2},
            files,
        )
        assert not outcome.aside
        return outcome

    return call


@pytest.fixture(scope="session")
def mixed_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small images, only to be read: ten of `many`, four of `few`; colour, gray, alpha, EXIF-turned."""
    root = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(11)
    for label, count in (("many", 10), ("few", 4)):
        (root / label).mkdir()
        for number in range(count):
            size = (40 + 4 * number, 56, 3)
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            image = Image.fromarray(coarse).resize(size[1::-1], Image.Resampling.BICUBIC)
            if number % 4 == 1:
                image.convert("L").save(root / label / f"{number}.jpg", quality=92)
            elif number % 4 == 2:
                image.putalpha(200)
                image.save(root / label / f"{number}.png")
            elif number % 4 == 3:
                turned = Image.Exif()
                turned[0x0112] = 6
                image.save(root / label / f"{number}.jpg", quality=92, exif=turned)
            else:
                image.save(root / label / f"{number}.jpg", quality=92)
    return root


EditLedger = Callable[..., None]


@pytest.fixture(scope="session")
def edit_ledger() -> EditLedger:
    """Write a ledger again after `change` had its rows; with `seal`, run.json tells the new one's sha256."""

    def call(root: Path, change: Callable[[list[dict[str, Any]]], object], seal: bool = True) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from augflow.ledger import ledger

        file = root / "ledger.parquet"
        table = pq.read_table(file)
        rows = table.to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file, compression="zstd")
        if seal:
            account = json.loads((root / "run.json").read_bytes())
            ledger.write_json(root / "run.json", account | {"ledger_sha256": ledger.sha256(file)})

    return call


@pytest.fixture(scope="session")
def small_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sixteen small JPEGs, only to be read: twelve of one class, four of another."""
    root = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(5)
    for label, count in (("crowd", 12), ("few", 4)):
        (root / label).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(root / label / f"{number:02}.jpg", quality=90)
    return root


class ObjectStore:
    """A server on this machine that speaks S3's protocol, and can be told to refuse a while."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._application = DomainDispatcherApplication(create_backend_app)
        self.refusals: list[tuple[str, str]] = []
        """Status and code of the answers to the next requests, before any other."""
        self.asked: list[tuple[str, str, str]] = []
        """Method, path with query, and range of every request."""
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start: Any) -> Any:
        query = environ.get("QUERY_STRING", "")
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        self.asked.append((environ["REQUEST_METHOD"], path, environ.get("HTTP_RANGE", "")))
        if self.refusals:
            status, code = self.refusals.pop(0)
            start(status, [("Content-Type", "application/xml")])
            return [f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()]
        return self._application(environ, start)

    def bucket(self, name: str) -> Any:
        """Make a bucket, through another library than the one under test."""
        import boto3

        found = boto3.resource("s3").Bucket(name)
        found.create()
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def store_server() -> Iterator[ObjectStore]:
    pytest.importorskip("moto.server", reason="moto[server] speaks S3's protocol")
    pytest.importorskip("boto3")
    pytest.importorskip("s3fs", reason="the extra `remote`")
    server = ObjectStore()
    yield server
    server.close()


@pytest.fixture
def object_store(store_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The server, with the environment of this process and its children leading there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", store_server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTONLY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "told-nowhere")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store_server.refusals.clear()
    store_server.asked.clear()
    return store_server
