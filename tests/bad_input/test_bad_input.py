"""No crash, no hang, little memory, the outcome that the docs tell, and the same as strict readers say."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from augflow.engine import codec, modes
from tests.bad_input.page import page
from tests.bad_input.table import Case, cases

CASES = cases()
SECONDS, MEBIBYTES = 5, 1536
LARGEST = 30_000_000
Looks = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file in a class of its own, which is called as the file is."""
    root = tmp_path_factory.mktemp("bad")
    for case in CASES:
        (root / case.name).mkdir()
        (root / case.name / case.name).write_bytes(case.make())
    return root


@pytest.fixture(scope="module")
def looks(folder: Path, checkout: Path) -> Looks:
    """What came of each file, decoded in a process of its own."""
    command = [sys.executable, "-m", "tests.bad_input.look", str(folder)]
    said = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True, timeout=300)
    found: Looks = json.loads(said.stdout)
    return found


def test_the_page_in_the_docs_is_this_table(checkout: Path) -> None:
    """`python -m tests.bad_input.page > docs/bad-input.md` writes it anew."""
    assert (checkout / "docs" / "bad-input.md").read_text(encoding="utf-8") == page()


def test_there_are_enough_of_them() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 150
    assert {case.format for case in CASES} == {"", *codec.FORMATS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(case: Case, looks: Looks) -> None:
    found = looks[case.name]
    assert (found["outcome"], found["format"], tuple(found["notes"])) == (case.outcome, case.format, case.notes), found
    assert case.outcome == "sound" or found["detail"]
    assert found["seconds"] < SECONDS
    assert found["mebibytes"] < MEBIBYTES


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_strict_readers_agree(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.outcome in ("too large", "too many scans", "unsupported") or case.name.startswith("large-"):
        pytest.skip("it is refused, or too large for this, whatever readers say")
    data = (folder / case.name / case.name).read_bytes()
    assert bool(refusals(data)) == (case.outcome != "sound"), refusals(data)
    if case.outcome == "sound":
        monkeypatch.setattr(modes, "_STRIP", 500)
        pixels = codec.decode(data, LARGEST).pixels
        assert np.array_equal(pixels if pixels.ndim == 2 else pixels[..., :3], as_pillow_has_it(data, pixels.ndim))


def refusals(data: bytes) -> list[str]:
    """What strict readers say against a file, each in its own words."""
    found = []
    try:
        with Image.open(io.BytesIO(data), formats=list(codec.FORMATS)) as image:
            pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            image.verify()
        with Image.open(io.BytesIO(data), formats=list(codec.FORMATS)) as image:
            for number in range(pages):
                image.seek(number)
                image.load()
    except Exception as error:
        found.append(f"Pillow: {error!r}")
    if data[:2] == b"\xff\xd8":
        try:
            space = simplejpeg.decode_jpeg_header(data)[2]
            simplejpeg.decode_jpeg(data, {"Gray": "GRAY", "YCbCr": "RGB", "RGB": "RGB"}.get(space, "CMYK"))
        except ValueError as error:
            found.append(f"libjpeg: {error}")
    if data[:4] == b"GIF8" and data[-1:] != b"\x3b":
        found.append("GIF 89a: no trailer")
    if data[:4] == b"\x89PNG" and b"\0\0\0\0IEND\xaeB`\x82" not in data:
        found.append("PNG 11.2.5: no end")
    if data[:4] == b"\x89PNG" and data[25:26] == b"\3" and b"PLTE" not in data:
        found.append("PNG 11.2.2: no palette")
    return found


def as_pillow_has_it(data: bytes, dimensions: int) -> Any:
    """The pixels by Pillow alone, reduced to 8 bits and laid over white as the docs say."""
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        return np.rint(np.asarray(image).astype(float) / 257).astype(np.uint8)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("L" if dimensions == 2 else "RGB"))


class Memory(threading.Thread):
    """Watches the peaks of memory of a process and all that come of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.peaks: dict[str, int] = {}

    def run(self) -> None:
        while self.process.poll() is None:
            for stat in Path("/proc").glob("[0-9]*/stat"):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    if int(stat.read_text().rpartition(")")[2].split()[3]) == self.process.pid:
                        status = stat.with_name("status").read_text()
                        peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
                        self.peaks[stat.parent.name] = max(peak, self.peaks.get(stat.parent.name, 0))
            time.sleep(0.02)


def command(checkout: Path, *words: str) -> tuple[int, Any, int]:
    """Run a verb in a session of its own; return its exit code, its JSON, and the peak of all its processes in MiB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "augflow", *words, "--format", "json"],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    memory = Memory(process)
    memory.start()
    said, complaints = process.communicate(timeout=240)
    memory.join()
    assert b"Traceback" not in complaints, complaints.decode()
    return process.returncode, json.loads(said), sum(memory.peaks.values())


ASIDE = {f"{case.name}/{case.name}": case.outcome for case in CASES if case.outcome != "sound"}


def test_scan_tells_them_all(folder: Path, checkout: Path) -> None:
    code, said, peak = command(checkout, "scan", f"source.root={folder}", "executor.workers=1")
    assert code == 1
    assert {item["key"]: item["kind"] for item in said["aside"]} == ASIDE
    for case in CASES:
        found = said["classes"][case.name]
        assert found["samples"] == (case.outcome == "sound"), case.name
        assert found["formats"] == ({case.format: 1} if case.format else {}), case.name
        assert set(found["converted"]) == set(case.notes), case.name
    assert peak < MEBIBYTES


def test_run_makes_what_can_be_made_and_sets_aside_the_same(folder: Path, checkout: Path, tmp_path: Path) -> None:
    words = ["recipe.target=2", "recipe.render.size=32", "executor.workers=1", "sink.root=" + str(tmp_path)]
    code, said, _ = command(checkout, "run", f"source.root={folder}", *words)
    assert code == 1
    assert {item["key"]: item["kind"] for item in said["aside"]} == ASIDE
    assert said["classes"] == {case.name: 2 * (case.outcome == "sound") for case in CASES}
    for case in CASES:
        for made in (tmp_path / case.name).glob("*"):
            with Image.open(made) as image:
                assert image.size == (32, 32)
                image.load()
