"""A folder for each class, and beside them what is told of every image, as `datasets` reads both."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

from pydantic_core import to_json

from augflow.sink import Found
from augflow.sink.folder import LEDGER, FolderSink, remove_empty
from augflow.sink.own import OwnFiles, StrangeFileError, Told
from augflow.sink.rows import Row, rows

METADATA = "metadata.jsonl"


class ImageFolderSink(FolderSink):
    """Class folders below `root` with a `metadata.jsonl`, a line for every image; in each split's folder, if any.

    Args:
        root: created when the first run begins; refused when it holds something that augflow did not make.
    """

    kind = "imagefolder"

    def sizes(self) -> Iterator[tuple[str, int]]:
        ours = OwnFiles(self.root, self.workshop).names
        return (found for found in super().sizes() if found[0] not in ours)

    def pack(
        self, force: bool = False, seen: Callable[[int], None] = lambda outputs: None
    ) -> tuple[dict[str, Any], list[Found]]:
        """Write `metadata.jsonl` by the ledger, unless it is there as it shall be."""
        own = OwnFiles(self.root, self.workshop)
        files: dict[str, Told] = {}
        left: list[Found] = []
        for folder, lines in self._lines():
            name, digest, outputs = f"{folder}{METADATA}", hashlib.sha256(), 0
            for line in lines:
                digest.update(line)
                outputs += 1
            try:
                files[name] = own.bring(name, digest.hexdigest(), outputs, partial(self._fill, folder), force)
            except StrangeFileError as error:
                left.append(Found(name, -1, 0, error.kind, error.detail))
                files |= own.doubted(name)
            seen(outputs)
        for name in sorted(own.names - files.keys() - {found.path for found in left}):
            if name.count("/") > 1 or name.rpartition("/")[2] != METADATA:
                continue  # An account that is another's may not choose what is removed.
            try:
                if own.there(name, thorough=True):
                    os.unlink(self.root / name)
                    remove_empty((self.root / name).parent)
            except StrangeFileError as error:
                left.append(Found(name, -1, 0, error.kind, error.detail))
        return {"kind": self.kind, "files": files}, left

    def _fill(self, wanted: str, file: IO[bytes]) -> None:
        for folder, lines in self._lines():
            if folder == wanted:
                file.writelines(lines)

    def _lines(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The lines for each folder above those of classes: the root or, since `datasets` looks there, a split's."""
        for folder, some in itertools.groupby(rows(self.root / LEDGER), lambda row: _above(row["path"])):
            yield folder, (to_json(_told(row, folder)) + b"\n" for row in some)


def _above(path: str) -> str:
    return path[: path.rfind("/", 0, path.rfind("/")) + 1]


def _told(row: Row, folder: str) -> Row:
    return {"file_name": row["path"].removeprefix(folder), **{name: row[name] for name in row if name != "path"}}
