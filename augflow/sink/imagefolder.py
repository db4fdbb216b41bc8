"""A folder for each class, and beside them what is told of every image, as `datasets` reads both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import IO, Any

from pydantic_core import to_json

from augflow.sink import Found
from augflow.sink.folder import LEDGER, FolderSink
from augflow.sink.own import OwnFiles, StrangeFileError
from augflow.sink.rows import rows

METADATA = "metadata.jsonl"


class ImageFolderSink(FolderSink):
    """Class folders below `root` with a `metadata.jsonl`, a line for every image.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
    """

    kind = "imagefolder"

    def pack(self, force: bool = False) -> tuple[dict[str, Any], list[Found]]:
        """Write `metadata.jsonl` by the ledger, unless it is there as it shall be."""
        own = OwnFiles(self.root, self.workshop)
        digest, outputs = hashlib.sha256(), 0
        for line in self._lines():
            digest.update(line)
            outputs += 1
        try:
            told = own.bring(METADATA, digest.hexdigest(), outputs, self._fill, force)
        except StrangeFileError as error:
            left = [Found(METADATA, -1, 0, error.kind, error.detail)]
            return {"kind": self.kind, "files": own.doubted(METADATA)}, left
        return {"kind": self.kind, "files": {METADATA: told}}, []

    def _fill(self, file: IO[bytes]) -> None:
        for line in self._lines():
            file.write(line)

    def _lines(self) -> Iterator[bytes]:
        for row in rows(self.root / LEDGER):
            yield to_json({"file_name": row.pop("path"), **row}) + b"\n"
