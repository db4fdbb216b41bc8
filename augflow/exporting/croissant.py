"""A data set in Croissant's terms, the JSON-LD by which data set search engines and ML libraries read one another's.

Version 1.0 of the format (https://docs.mlcommons.org/croissant/docs/croissant-spec.html), whose keys and context these
are. Paths are relative to the folder of the data set, where the file belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from augflow import __version__
from augflow.ledger.dataset import Dataset
from augflow.sink.folder import LEDGER, kind_of

VERSION = "http://mlcommons.org/croissant/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {
    name: f"cr:{name}"
    for name in (
        "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset "
        "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
        "subField transform"
    ).split()
}
_MEDIA = {
    "bmp": "image/bmp",
    "dib": "image/bmp",
    "gif": "image/gif",
    "jfif": "image/jpeg",
    "jpe": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mpo": "image/jpeg",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
_SHARDS = ("webdataset", "parquet")
_PACKED = {"jsonl": "application/jsonlines", "parquet": "application/x-parquet", "tar": "application/x-tar"}
_KEY_IN_NAME = r"(?:.*-)?([0-9a-f]{16})(?:\.[^.]*)?$"
"""Also of a key alone: mlcroissant applies it once to join, and once more to what it joined."""
_COLUMNS = {
    "path": ("sc:Text", "The image, below the folder of the data set."),
    "label": ("sc:Text", "Its class."),
    "split": ("sc:Text", "Its split, where the source had splits."),
    "copy": ("sc:Integer", "0 for an original; copies of a sample count from 1."),
    "chain": ("sc:Text", "The chain of transforms that made it; none where it went through none."),
    "height": ("sc:Integer", "Pixels."),
    "width": ("sc:Integer", "Pixels."),
    "size": ("sc:Integer", "Bytes of the file."),
    "sha256": ("sc:Text", "Of the file."),
    "group": ("sc:Text", "The group of its sample, where the source had groups: never in two splits."),
    "key": ("sc:Text", "A digest of all that decides its pixels; its file's name ends in it."),
}


@dataclass
class _Found:
    """What the ledger's rows hold between them."""

    labels: set[str] = field(default_factory=set)
    splits: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    endings: set[str] = field(default_factory=set)


def croissant(dataset: Dataset, ledger_sha256: str) -> dict[str, Any]:
    """Describe a finished data set.

    Raises:
        DatasetError: it cannot be read.
    """
    found = _look(dataset)
    name = dataset.sink.name.rstrip("/").rpartition("/")[2] or "dataset"
    enumerations = [_enumeration("labels", "label", "The classes.", found.labels)]
    if found.splits:
        enumerations.append(_enumeration("splits", "split", "The splits.", found.splits))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": _description(dataset, found),
        "conformsTo": VERSION,
        "distribution": [*_distribution(dataset, found, ledger_sha256), *_packed(dataset)],
        "recordSet": [
            *enumerations,
            _records(bool(found.splits)),
            *([] if _in_shards(dataset) else [_images(bool(found.splits))]),
        ],
    }


def _look(dataset: Dataset) -> _Found:
    import pyarrow.compute as pc

    found = _Found()
    for batch in dataset.batches("path", "label", "split"):
        paths = batch.column("path")
        parts = pc.extract_regex(paths, r"(?s)^(?P<folder>.*)/[^/]*?(?:\.(?P<ending>[A-Za-z0-9]*))?$")
        for names, column in (
            (found.labels, batch.column("label")),
            (found.splits, batch.column("split")),
            (found.folders, pc.struct_field(parts, "folder")),
            (found.endings, pc.struct_field(parts, "ending")),
        ):
            names.update(name for name in pc.unique(column).to_pylist() if name is not None)
    return found


def _description(dataset: Dataset, found: _Found) -> str:
    account = dataset.account
    outputs = dataset.ledger.metadata.num_rows
    classes = account.get("classes")
    copies = sum(said["copies"] for said in classes.values()) if isinstance(classes, dict) else 0
    return (
        f"{outputs} images in {len(found.labels)} classes, {copies} of them copies that augflow {__version__} made of "
        f"the sources of the others. Recipe {account.get('recipe_digest')}, plan {account.get('plan_digest')}. Every "
        f"image has a record in {LEDGER}; a sample and its copies are one family, which no split of your own may part."
    )


def _distribution(dataset: Dataset, found: _Found, ledger_sha256: str) -> list[dict[str, Any]]:
    ledger = {
        "@type": "cr:FileObject",
        "@id": LEDGER,
        "name": LEDGER,
        "description": "A record for every image.",
        "contentUrl": LEDGER,
        "contentSize": f"{(dataset.root / LEDGER).stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": ledger_sha256,
    }
    if _in_shards(dataset):
        return [ledger]
    media = sorted({_MEDIA.get(ending.lower(), "application/octet-stream") for ending in found.endings})
    return [
        ledger,
        {
            "@type": "cr:FileSet",
            "@id": "image-files",
            "name": "image-files",
            "description": "The images, in a folder for each class.",
            "encodingFormat": media[0] if len(media) == 1 else media,
            "includes": [f"{_literally(folder)}/*" for folder in sorted(found.folders)],
        },
    ]


def _in_shards(dataset: Dataset) -> bool:
    """Whether images lie in shards, each with its label, instead of in files of their own."""
    return kind_of(dataset.account) in _SHARDS


def _packed(dataset: Dataset) -> list[dict[str, Any]]:
    """Shards, and what else a sink hands outputs on in."""
    packed = dataset.account.get("packed")
    files = packed.get("files") if isinstance(packed, dict) else None
    return [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{said.get('size')} B",
            "encodingFormat": _PACKED.get(name.rpartition(".")[2], "application/octet-stream"),
            "sha256": said.get("sha256"),
        }
        for name, said in sorted(files.items() if isinstance(files, dict) else ())
        if isinstance(said, dict)
    ]


def _literally(folder: str) -> str:
    """A folder's name in a glob pattern that means it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in folder)


def _enumeration(name: str, what: str, description: str, values: set[str]) -> dict[str, Any]:
    fields = [_field(f"{name}/name", "sc:Text", f"The {what}.")]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "dataType": "sc:Enumeration",
        "key": {"@id": f"{name}/name"},
        "field": fields,
        "data": [{f"{name}/name": value} for value in sorted(values)],
    }


def _records(splits: bool) -> dict[str, Any]:
    """Every column that says what an image is; needs no image to be read."""
    fields = _of_ledger("records", _COLUMNS, splits)
    family = _column("parents") | {"transform": {"jsonPath": "$.key"}}
    told = "The samples that it was made of. Images that share one belong together."
    fields.append(_field("records/family", "sc:Text", told, family) | {"repeated": True})
    return _record_set("records", "A record for every image, without its pixels.", fields, "records/path")


def _images(splits: bool) -> dict[str, Any]:
    """Pixels, joined with the ledger by the key in the name of every file."""
    key = {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": "filename"}}
    pixels = {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": "content"}}
    key |= {"transform": {"regex": _KEY_IN_NAME}}
    fields = [
        _field("images/key", "sc:Text", _COLUMNS["key"][1], key) | {"references": _column("key")},
        _field("images/image", "sc:ImageObject", "The image.", pixels),
        *_of_ledger("images", ("path", "label", "split", "copy"), splits),
    ]
    return _record_set("images", "Every image with its class.", fields, "images/key")


def _of_ledger(record_set: str, names: Iterable[str], splits: bool) -> list[dict[str, Any]]:
    """Fields out of the ledger; labels, and splits where there are any, lead to all that they may be."""
    fields = []
    for name in names:
        made = _field(f"{record_set}/{name}", *_COLUMNS[name], _column(name))
        if name == "label" or (name == "split" and splits):
            made["references"] = {"field": {"@id": f"{name}s/name"}}
        fields.append(made)
    return fields


def _record_set(name: str, description: str, fields: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": key},
        "field": list(fields),
    }


def _column(name: str) -> dict[str, Any]:
    return {"fileObject": {"@id": LEDGER}, "extract": {"column": name}}


def _field(name: str, kind: str, description: str, source: dict[str, Any] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name.rpartition("/")[2]}
    made |= {"description": description, "dataType": kind}
    return made | ({"source": source} if source else {})
