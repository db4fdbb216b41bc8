"""What several test files share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).resolve().parent.parent


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
