"""What a data set, which may be another's, may choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import SourceError
from augflow.ledger.dataset import Dataset


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"kind": "folder", "root": "s3://bucket/x"}, "in a store, s3://bucket/x"),
        ({"kind": "webdataset", "root": "https://host/x.tar"}, "in a store"),
        ({"kind": "parquet", "root": "file:///x"}, "in a store"),
        ({"kind": "theirs", "root": "x"}, "a plugin's"),
        ({"kind": "folder", "root": "x", "max_pixels": 10**12}, "larger|lets images"),
    ],
)
def test_a_source_that_shows_credentials_runs_code_or_fills_memory_is_yours_to_say(
    source: dict[str, Any], says: str, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": "1", "source": source}))
    with pytest.raises(SourceError, match=rf"{says}.*yours to say|{says}.*If you trust that, say so"):
        _ = Dataset({"kind": "folder", "root": str(tmp_path)}).source


def test_a_source_on_this_machine_is_taken(tmp_path: Path) -> None:
    source = {"kind": "webdataset", "root": "/x", "max_pixels": 10}
    (tmp_path / "run.json").write_text(json.dumps({"format": "1", "source": source}))
    assert Dataset({"kind": "folder", "root": str(tmp_path)}).source == source
