"""Columns of tables that hold the images themselves, as Hugging Face's `datasets` writes them, and what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from augflow.errors import ImageError, SourceError, nearest
from augflow.source.files import most_bytes
from augflow.source.layout import SUFFIXES
from augflow.source.listed import Listed, named
from augflow.source.rows import Torn, texts

if TYPE_CHECKING:
    import pyarrow as pa

Said = tuple[str, "Listed | Torn"]
"""The ending of an image's name, which its bytes tell where it has none; and what is said of it."""

_MAGIC = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)


class Columns(NamedTuple):
    """What the columns are called, nothing where there is none; and the names of the classes that numbers count."""

    image: str
    label: str
    split: str
    group: str
    weight: str
    classes: list[str]
    soft: tuple[str, ...]
    """Columns that hold a list of numbers for each image, which are passed over."""

    @property
    def said(self) -> list[str]:
        return [name for name in self[1:5] if name]


def choose(schema: pa.Schema, asked: Mapping[str, str | None], classes: Sequence[str], where: str) -> Columns:
    """Find the columns of a table.

    Args:
        asked: `image`, `label`, `split`, `group`, `weight` → the column's name; None for the one that is meant.

    Raises:
        SourceError: one that is asked for is not there, or that of the images or labels cannot be told.
    """
    import pyarrow as pa

    features = features_of(schema)
    kinds = {name: about.get("_type") for name, about in features.items() if isinstance(about, dict)}
    found = {}
    for what, usual, other in (("image", "Image", "img"), ("label", "ClassLabel", "class")):
        meant = [name for name in schema.names if kinds.get(name) == usual]
        likely = [name for name in (what, other) if name in schema.names]
        name = asked[what] or next(iter(meant if len(meant) == 1 else likely), "")
        found[what] = name
    found |= {what: asked[what] or "" for what in ("split", "group", "weight")}
    for what, name in found.items():
        if name in schema.names:
            if schema.names.count(name) > 1:
                raise SourceError(f"source.root: {where} has two columns called '{name}'.")
        elif what in ("image", "label") or name != what:
            there = ", ".join(map(repr, schema.names))
            said = (
                f"no column '{name}'.{nearest(name, schema.names)}"
                if name
                else f"no column that is plainly the {what}."
            )
            raise SourceError(f"source.{what}_column: {where} has {said} It has {there}.")
        else:
            found[what] = ""
    kind = schema.field(found["image"]).type
    parts = {part.name: part.type for part in kind} if pa.types.is_struct(kind) else {"bytes": kind}
    if not _is_binary(parts.get("bytes", pa.null())):
        raise SourceError(
            f"source.image_column: '{found['image']}' of {where} holds {kind}, and neither bytes nor a struct of them."
        )
    about = features.get(found["label"])
    names = about.get("names") if isinstance(about, dict) else None
    names = classes or (names if isinstance(names, list) else [])
    soft = tuple(field.name for field in schema if pa.types.is_list(field.type) and _is_number(field.type.value_type))
    return Columns(**found, classes=[str(name) for name in names], soft=soft)


def features_of(schema: pa.Schema) -> dict[str, Any]:
    """What `datasets` told of the columns when it wrote the table; nothing where it did not."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def tell(batch: pa.RecordBatch, columns: Columns) -> Iterator[Listed | Torn]:
    """What the rows of a batch say of their images."""
    count = len(batch)
    listed = {name: batch.column(name).to_pylist() for name in columns.said}
    for place in range(count):
        values = texts([listed[name][place] if name else None for name in columns[1:5]])
        yield values if isinstance(values, Torn) else Listed(named(values[0], columns.classes), *values[1:])


def endings(images: pa.Array) -> list[str]:
    """The ending of each image's name, or of what its first bytes are where these are there; else nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names: list[str | None] = [None] * len(images)
    heads: list[bytes | None] = [None] * len(images)
    if pa.types.is_struct(images.type):
        parts = {part.name for part in images.type}
        if "path" in parts:
            names = pc.struct_field(images, "path").to_pylist()
        if "bytes" in parts:
            heads = pc.binary_slice(pc.struct_field(images, "bytes"), 0, 12).to_pylist()
    else:
        heads = pc.binary_slice(images.cast(pa.large_binary()), 0, 12).to_pylist()
    return [_ending(name, head) for name, head in zip(names, heads, strict=True)]


def _ending(name: Any, head: bytes | None) -> str:
    ending = os.path.splitext(name)[1].lower() if isinstance(name, str) else ""
    if ending in SUFFIXES or head is None:
        return ending if ending in SUFFIXES else ""
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in _MAGIC if head.startswith(magic)), "")


def image_bytes(value: Any, max_pixels: int) -> bytes:
    """The bytes of an image as a column has it.

    Raises:
        ImageError: it is `empty` or `too large`.
    """
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise ImageError("empty", "its row holds no bytes; a path that may stand there is not followed")
    if len(data) > most_bytes(max_pixels):
        raise ImageError("too large", f"{len(data)} bytes")
    return data


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind))
