"""Write the site's reference out of the code: verbs, transforms with pictures, the recipe's schema, records.

Run by mkdocs (`mkdocs build --strict`), which takes the pages from here instead of from files.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import mkdocs_gen_files
import numpy as np
from PIL import Image

from augflow.cli import VERBS
from augflow.draw import Streams
from augflow.engine.performing import perform
from augflow.ledger.ledger import schema as ledger_schema
from augflow.recipe.json_schema import recipe_schema
from augflow.registry import Registry
from augflow.schema import describe, fields_of, show
from augflow.source.finds import draw_image
from augflow.transform import Size
from augflow.transforms.albumentations import catalogue

COPIES = 4
SHOWN = {"affine": {"rotate": 20, "scale": [0.8, 1.2], "shear": 10}}
"""Arguments for those that do nothing unless told to."""
GAP = 8


def write(page: str, parts: Iterable[str]) -> None:
    with mkdocs_gen_files.open(f"reference/{page}.md", "w") as file:
        file.write("\n\n".join(parts) + "\n")


def verbs() -> Iterator[str]:
    yield "# Verbs"
    yield "What `augflow VERB --help` says of each. Settings and flags of Hydra work with all that compose."
    for verb in VERBS:
        text = subprocess.run(
            [sys.executable, "-m", "augflow", verb, "--help"], capture_output=True, text=True, check=True
        ).stdout
        yield f"## {verb}"
        yield f"```text\n{text.strip()}\n```"


def picture(name: str, registry: Registry) -> None:
    """The same drawn image, untouched and through the transform at its defaults, a few times."""
    transform = registry.build(name, SHOWN.get(name, {}))
    image = draw_image("shell", 3)
    tiles = [image]
    for copy in range(1, COPIES + 1):
        params = transform.draw(Streams(0, "reference", copy).at(name), Size(*image.shape[:2]))
        tiles.append(perform(image, [(transform, params)]))
    height = max(tile.shape[0] for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles) + GAP * COPIES
    sheet = np.zeros((height, width, 4), np.uint8)
    left = 0
    for tile in tiles:
        sheet[: tile.shape[0], left : left + tile.shape[1], :3] = tile
        sheet[: tile.shape[0], left : left + tile.shape[1], 3] = 255
        left += tile.shape[1] + GAP
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG", optimize=True)
    with mkdocs_gen_files.open(f"reference/transforms/{name}.png", "wb") as file:
        file.write(buffer.getvalue())


def one(name: str, registry: Registry) -> Iterator[str]:
    cls = registry.find(name)
    yield f"## {name}"
    yield (cls.__doc__ or "").replace("\n    ", "\n").strip()
    yield f"![One image, then {COPIES} copies by {name}](transforms/{name}.png)"
    rows = [
        f"| `{argument}` | {default_of(field)} | {cell(describe(field))} |"
        for argument, field in fields_of(cls).items()
    ]
    rows.append(f"| `p` | `{show(getattr(cls, 'p', 1))}` | the step's probability |")
    yield "\n".join(["| argument | default | allowed |", "|---|---|---|", *rows])


def default_of(field: Mapping[str, Any]) -> str:
    return f"`{show(field['default'])}`" if "default" in field else ""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def transforms(registry: Registry) -> Iterator[str]:
    yield "# Transforms"
    yield "Each with the same drawn image and four copies at its defaults. `augflow transforms NAME` says the same."
    for name in registry.names():
        picture(name, registry)
        yield from one(name, registry)


def albumentations() -> Iterator[str]:
    yield "# albumentations"
    yield (
        "Every transform of albumentations 2.0.8 is a step by the name `albumentations.Name`, with that library's own "
        "arguments; each draws from a seed of its own. `augflow transforms albumentations.Name` shows them."
    )
    rows = [
        f"| `{item.name}` | {cell(item.summary)} | {'no: it ' + cell(item.reason) if item.reason else 'yes'} |"
        for item in catalogue()
    ]
    yield "\n".join(["| name | | in chains |", "|---|---|---|", *rows])


def recipe(registry: Registry) -> Iterator[str]:
    yield "# Recipe schema"
    yield (
        "What a recipe may hold. `augflow schema` prints the whole as JSON Schema (draft 2020-12), with every "
        "installed transform's arguments, for completion and checks in an editor."
    )
    properties: dict[str, Any] = recipe_schema(registry)["properties"]
    rows = [
        f"| `{key}` | {default_of(field)} | {cell(field.get('description', ''))} |" for key, field in properties.items()
    ]
    yield "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def records() -> Iterator[str]:
    yield "# Records"
    yield (
        "Columns of `ledger.parquet`: a row for each output, sorted by path. Nothing in it tells when or where it was "
        "made, so that equal runs have equal ledgers, byte for byte."
    )
    rows = [f"| `{column.name}` | `{cell(str(column.type))}` |" for column in ledger_schema()]
    yield "\n".join(["| column | type |", "|---|---|", *rows])


REGISTRY = Registry()
write("verbs", verbs())
write("transforms", transforms(REGISTRY))
write("albumentations", albumentations())
write("recipe", recipe(REGISTRY))
write("records", records())
