"""The pixels of every transform and every shipped chain are those that were looked at and kept.

Where the same libraries run on the same kind of processor, to the byte; elsewhere within a few levels, drawn alike.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image as Pillow

from augflow.draw import Streams
from augflow.engine.chain import Chain
from augflow.engine.performing import finish, perform
from augflow.engine.render import Render
from augflow.engine.sampling import Photograph
from augflow.recipe.reader import read_recipe
from augflow.registry import BUILT_IN, Registry
from augflow.source.finds import draw_image
from augflow.transform import Size

HERE = Path(__file__).resolve().parent
KEPT = HERE / "pixels.json"
CHAINS = sorted((HERE.parent.parent / "conf" / "chain").glob("*.yaml"))
TOLERANCE = 6
REGISTRY = Registry()

# Where the defaults would show nothing.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "affine": {"rotate": 30, "shift": 0.2, "scale": [0.8, 1.2], "shear": 15, "border": "wrap"},
    "autocontrast": {"cutoff": 5.0},
    "flip": {"axis": "any"},
    "perspective": {"scale": [0.2, 0.25]},
    "quarter_turns": {"turns": [1, 3]},
    "shear": {"x": [20, 30], "border": "nearest"},
    "shift": {"x": [0.1, 0.3], "border": "constant", "fill": [200, 30, 60]},
    "zoom": {"scale": [0.6, 0.7], "separate": True},
}


@dataclass(frozen=True)
class Case:
    """What is performed, on what."""

    name: str
    gray: bool
    draw: Any = field(compare=False)
    """What chance gave."""
    pixels: NDArray[np.uint8] = field(compare=False)

    @property
    def file(self) -> Path:
        return HERE / "pictures" / f"{self.name}{'-gray' if self.gray else ''}.png"

    @property
    def digest(self) -> str:
        return sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


def photograph(gray: bool, size: Size) -> NDArray[np.uint8]:
    image = draw_image("acorn", 4)
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape[:2], size, strict=True))
    window = image[top : top + size.height, left : left + size.width]
    return np.ascontiguousarray(window[..., 1:2] if gray else window)


def of_transform(name: str, gray: bool, draw: Any = None) -> Case:
    size = Size(24, 32)
    transform = REGISTRY.build(name, ARGUMENTS.get(name, {}))
    drawn = transform.draw(Streams(0, "golden", 2 if gray else 1).at(name), size)
    made = perform(photograph(gray, size), [(transform, drawn if draw is None else draw)])
    return Case(name, gray, json.loads(json.dumps(drawn)), made.squeeze(2) if gray else made)


def of_chain(path: Path, gray: bool) -> Case:
    size = Size(80, 96)
    steps = yaml.safe_load(path.read_text(encoding="utf-8"))
    description = read_recipe({"chains": {path.stem: steps}}, REGISTRY).chains[path.stem]
    chain, render = Chain(path.stem, description, REGISTRY), Render(size=(36, 40))
    entries, drawn = chain.draw(size, render, Streams(0, "golden", 2 if gray else 1))
    image = photograph(gray, size)
    made = finish(Photograph(image.squeeze(2) if gray else image), drawn, chain.fold, render)
    return Case(f"chain-{path.stem}", gray, {entry["step"]: entry["draw"] for entry in entries}, made)


def cases() -> Iterator[Case]:
    for gray in (False, True):
        yield from (of_transform(name, gray) for name in BUILT_IN)
        yield from (of_chain(path, gray) for path in CHAINS)


def made_with() -> dict[str, str]:
    """What pixels may hang on besides our own code."""
    libraries = ("numpy", "opencv-python-headless", "simplejpeg", "stringzilla")
    return {name: version(name) for name in libraries} | {
        "processor": f"{platform.machine()} {cv2.getCPUFeaturesLine()}"
    }


def renew() -> None:
    """Keep the pixels as they are made now."""
    (HERE / "pictures").mkdir(exist_ok=True)
    for old in (HERE / "pictures").glob("*.png"):
        old.unlink()
    kept = {}
    for case in cases():
        Pillow.fromarray(case.pixels).save(case.file, optimize=True)
        kept[case.file.stem] = {"sha256": case.digest, "draw": case.draw}
    text = json.dumps({"made with": made_with(), "pixels": kept}, indent=1, ensure_ascii=False)
    KEPT.write_text(text + "\n", encoding="utf-8")


def known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def check(case: Case) -> None:
    kept = known()["pixels"].get(case.file.stem)
    assert kept, f"{case.name} has no golden pixels: look at what it makes and run python tests/golden/renew.py"
    if known()["made with"] == made_with():
        assert case.draw == kept["draw"]
        assert case.digest == kept["sha256"], f"{case.name} makes other pixels of the same draw: is its version raised?"
        return
    if case.name in BUILT_IN:
        case = of_transform(case.name, case.gray, kept["draw"])
    elif case.draw != kept["draw"]:
        pytest.skip("this NumPy draws other numbers")
    with Pillow.open(case.file) as picture:
        wanted = np.asarray(picture)
    assert case.pixels.shape == wanted.shape
    differs = abs(case.pixels.astype(int) - wanted)
    assert differs.max() <= TOLERANCE, f"{case.name} differs by up to {differs.max()} levels"


@pytest.mark.parametrize("gray", [False, True], ids=["colour", "gray"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_golden_pixels_of_every_transform(name: str, gray: bool) -> None:
    check(of_transform(name, gray))


@pytest.mark.parametrize("gray", [False, True], ids=["colour", "gray"])
@pytest.mark.parametrize("path", CHAINS, ids=lambda path: path.stem)
def test_golden_pixels_of_every_chain(path: Path, gray: bool) -> None:
    check(of_chain(path, gray))


@pytest.mark.parametrize("name", BUILT_IN)
def test_golden_pixels_show_something(name: str) -> None:
    case, before = of_transform(name, gray=False), photograph(gray=False, size=Size(24, 32))
    assert case.pixels.shape != before.shape or (case.pixels != before).mean() > 0.005
    with Pillow.open(case.file) as picture:
        assert picture.size == case.pixels.shape[1::-1]


def test_nothing_is_kept_of_what_is_no_more() -> None:
    names = {case.file.stem for case in cases()}
    assert set(known()["pixels"]) == names
    assert {path.stem for path in (HERE / "pictures").iterdir()} == names
