"""What others read: the finished sink is a data set for the loaders that people use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

CLASSES = ["dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"]
# torchvision.datasets.folder, IMG_EXTENSIONS
IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

pytestmark = pytest.mark.photographs


def test_by_the_rules_of_image_folder(balanced: Any) -> None:
    """Every folder at the root, hidden or not, is a class; each has an image; hidden images count as well."""
    classes = sorted(entry.name for entry in os.scandir(balanced.root) if entry.is_dir())
    assert classes == CLASSES
    samples = []
    for label in classes:
        found = [
            os.path.join(folder, name)
            for folder, _, names in sorted(os.walk(balanced.root / label, followlinks=True))
            for name in sorted(names)
            if name.lower().endswith(IMAGES)
        ]
        assert found, f"ImageFolder raises where a class has none: {label}"
        samples += found
    assert len(samples) == 7950


def test_torchvision(balanced: Any) -> None:
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed", exc_type=ImportError)
    found = datasets.ImageFolder(str(balanced.root))
    assert found.classes == CLASSES
    assert len(found) == 7950
    image, target = found[7949]
    assert (image.mode, target) == ("RGB", 9)


def test_keras(balanced: Any) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("grain", reason="grain is not installed, which Keras reads with where there is no TensorFlow")
    utils = pytest.importorskip("keras.utils", reason="Keras is not installed")
    found = utils.image_dataset_from_directory(
        str(balanced.root), image_size=(32, 32), batch_size=50, shuffle=False, format="grain"
    )
    assert found.class_names == CLASSES
    assert len(found.file_paths) == 7950
    images, labels = next(iter(found))
    assert tuple(images.shape) == (50, 32, 32, 3)
    assert {int(label) for label in labels} == {0}


def test_datasets(balanced: Any, tmp_path: Path) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(balanced.root), cache_dir=str(tmp_path), split="train", drop_labels=False
    )
    assert found.features["label"].names == CLASSES
    assert len(found) == 7950
    labels = found["label"]
    assert [sum(label == number for label in labels) for number in range(10)] == [795] * 10
    assert found[0]["image"].mode == "RGB"


def test_a_torch_loader_reads_every_batch(five_hundred: Any) -> None:
    """A Dataset of ten lines, as people write it, over the ledger."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    import numpy as np
    import pyarrow.parquet as pq
    from PIL import Image

    rows = pq.read_table(five_hundred.root / "ledger.parquet", columns=["path", "label"]).to_pylist()

    class Photographs(torch.utils.data.Dataset):  # type: ignore[misc, name-defined, unused-ignore]
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: int) -> Any:
            with Image.open(five_hundred.root / rows[index]["path"]) as image:
                return torch.from_numpy(np.array(image)), CLASSES.index(rows[index]["label"])

    count = [0] * 10
    for images, labels in torch.utils.data.DataLoader(Photographs(), batch_size=250):
        assert tuple(images.shape) == (250, 32, 32, 3)
        for label in labels.tolist():
            count[label] += 1
    assert count == [500] * 10
