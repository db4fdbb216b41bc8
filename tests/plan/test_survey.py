"""What `scan` and `plan` say of the images is what `run` will meet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augflow.config.compose import compose
from augflow.plan.census import take_census
from augflow.plan.plan import Plan
from augflow.plan.survey import Survey, decode_all, estimate_bytes, read_headers
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import run
from augflow.source import open_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of several formats, modes and sizes, and files that are none."""
    root = tmp_path_factory.mktemp("source")
    for label in ("many", "few", "none"):
        (root / label).mkdir()
    rng = np.random.default_rng(1)
    for number in range(10):
        width = 40 + 8 * (number % 2)
        # Smooth, as photographs are: what a file takes then goes with its pixels.
        pixels = np.linspace(0, 255, 60)[:, None, None] + rng.normal(0, 6, (60, width, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(root / "many" / f"{number}.jpg", quality=90)
    image = Image.fromarray(np.full((50, 70, 3), 128, np.uint8))
    image.save(root / "few" / "plain.png")
    image.convert("CMYK").save(root / "few" / "print.jpg")
    image.convert("L").save(root / "few" / "gray.webp", lossless=True)
    image.putalpha(100)
    image.save(root / "few" / "clear.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((30, 90, 3), np.uint8)).save(root / "few" / "turned.jpg", exif=exif)
    whole = (root / "many" / "0.jpg").read_bytes()
    (root / "few" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "few" / "words.png").write_text("no picture")
    (root / "few" / "empty.jpg").write_bytes(b"")
    return root


def surveyed(root: Path, workers: int = 2) -> Survey:
    settings = {"kind": "folder", "root": str(root)}
    return decode_all(take_census(open_source(settings)), settings, {"kind": "local", "workers": workers})


def test_every_image_is_looked_at_wholly(source: Path) -> None:
    survey = surveyed(source)
    many, few, none = (survey.classes[label] for label in ("many", "few", "none"))
    assert (many.samples, few.samples, none.samples) == (10, 5, 0)
    assert many.formats == Counter({"JPEG": 10})
    assert few.formats == Counter({"PNG": 2, "JPEG": 2, "WEBP": 1})
    assert many.sizes == Counter({(60, 40): 5, (60, 48): 5})
    assert few.sizes == Counter({(50, 70): 4, (90, 30): 1}), "a photograph is measured as it is seen"
    assert many.bytes == sum(path.stat().st_size for path in (source / "many").iterdir())
    assert few.pixels == 4 * 50 * 70 + 90 * 30
    assert few.converted == Counter(
        {"CMYK converted to RGB": 1, "alpha laid over white": 1, "orientation 6 applied": 1}
    )


def test_what_run_would_set_aside_is_set_aside(source: Path, tmp_path: Path) -> None:
    survey = surveyed(source)
    assert {item.key: item.kind for item in survey.aside} == {
        "few/cut.jpg": "damaged",
        "few/empty.jpg": "empty",
        "few/words.png": "not an image",
    }
    settings = compose([f"source.root={source}", f"sink.root={tmp_path}"])
    outcome = run(read_recipe(settings.recipe, Registry()), settings.source, settings.sink, settings.executor)
    assert survey.aside == outcome.aside
    assert sum((found.converted for found in survey.classes.values()), Counter[str]()) == outcome.converted


def test_it_does_not_depend_on_the_workers(source: Path) -> None:
    assert surveyed(source, workers=1) == surveyed(source, workers=3)


def test_every_sample_is_told_as_it_comes(source: Path) -> None:
    settings = {"kind": "folder", "root": str(source)}
    seen: Counter[str] = Counter()
    sound = 0

    def watch(label: str, look: object) -> None:
        nonlocal sound
        seen[label] += 1
        sound += not getattr(look, "kind", "")

    decode_all(take_census(open_source(settings)), settings, {"kind": "local"}, watch)
    assert seen == Counter({"many": 10, "few": 8})
    assert sound == 15


def test_headers_tell_sizes_without_decoding(source: Path) -> None:
    opened = open_source({"kind": "folder", "root": str(source)})
    steps: list[int] = []
    survey = read_headers(opened, take_census(opened).samples(), steps.append)
    assert sum(steps) == 18
    assert survey.classes["many"].sizes == Counter({(60, 40): 5, (60, 48): 5})
    kinds = {item.key: item.kind for item in survey.aside}
    assert kinds == {"few/empty.jpg": "empty", "few/words.png": "not an image"}, "the cut one has a sound header"


@pytest.mark.parametrize("size", ["null", "32", "[64,48]"])
def test_the_estimate_is_of_the_right_order(size: str, source: Path, tmp_path: Path) -> None:
    settings = compose([f"source.root={source}", f"sink.root={tmp_path}", f"recipe.render.size={size}"])
    recipe = read_recipe(settings.recipe, Registry())
    opened = open_source(settings.source)
    census = take_census(opened)
    estimate = estimate_bytes(Plan(recipe, census), read_headers(opened, census.samples(), lambda seen: None))
    outcome = run(recipe, settings.source, settings.sink, settings.executor)
    assert outcome.bytes / 4 < estimate < outcome.bytes * 4
