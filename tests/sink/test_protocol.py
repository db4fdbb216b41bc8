"""Every sink that is built in is what the rest of augflow takes a sink for; mypy holds their methods against it."""

from __future__ import annotations

from augflow.sink import BUILT_IN, Sink
from augflow.sink.folder import FolderSink
from augflow.sink.imagefolder import ImageFolderSink
from augflow.sink.parquet import ParquetSink
from augflow.sink.remote import RemoteSink
from augflow.sink.webdataset import WebDatasetSink

SINKS: dict[str, type[Sink]] = {
    "folder": FolderSink,
    "remote": RemoteSink,
    "imagefolder": ImageFolderSink,
    "webdataset": WebDatasetSink,
    "parquet": ParquetSink,
}


def test_each_is_named() -> None:
    assert {kind: f"{sink.__module__}:{sink.__name__}" for kind, sink in SINKS.items()} == BUILT_IN
