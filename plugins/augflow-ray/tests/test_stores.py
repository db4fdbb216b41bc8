"""From an object store to an object store, by tasks of Ray: killed and gone on with, it is what one machine makes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

WORDS = ["recipe.target=90", "recipe.render.size=64"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket of a server on this machine that speaks S3's protocol; this process and its children know the way."""
    server = pytest.importorskip("moto.server", reason="moto[server] speaks S3's protocol")
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs", reason="the extra `remote` of augflow")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTONLY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "told-nowhere")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = boto3.resource("s3").Bucket("images")
    found.create()
    yield found
    running.stop()


def augflow(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "augflow", "run", *words, *WORDS], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "torn.jpg" in done.stdout
    assert "Traceback" not in done.stderr


def objects(bucket: Any, below: str) -> dict[str, bytes]:
    found = {one.key.removeprefix(below): one.get()["Body"].read() for one in bucket.objects.filter(Prefix=below)}
    assert found.pop("run.json")
    return found


def recorded(bucket: Any) -> set[str]:
    """Outputs that the journal of a run has records of."""
    journal = bucket.objects.filter(Prefix="out/.augflow/records.")
    return {json.loads(line)["path"] for one in journal for line in one.get()["Body"].read().splitlines()}


def test_killed_and_gone_on_with(bucket: Any, source: Path, tmp_path: Path) -> None:
    augflow(f"source.root={source}", f"sink.root={tmp_path / 'local'}", "executor.workers=2")
    files = [path for path in (tmp_path / "local").rglob("*") if path.is_file() and path.name != "run.json"]
    local = {path.relative_to(tmp_path / "local").as_posix(): path.read_bytes() for path in files}
    for path in source.rglob("*.jpg"):
        bucket.put_object(Key=f"in/{path.relative_to(source).as_posix()}", Body=path.read_bytes())
    words = ["source.root=s3://images/in", "sink.root=s3://images/out", "executor=ray"]
    process = subprocess.Popen(
        [sys.executable, "-m", "augflow", "run", *words, *WORDS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(recorded(bucket)) < 20:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(3)  # Ray's processes notice that their driver is gone.
    made = recorded(bucket)
    assert 20 <= len(made) < 180
    times = {path: bucket.Object(f"out/{path}").last_modified for path in made}
    augflow(*words)
    assert objects(bucket, "out/") == local
    assert {path: bucket.Object(f"out/{path}").last_modified for path in made} == times
