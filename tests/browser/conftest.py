"""A real browser, and data sets whose names are hostile to pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES = (b"plain.jpg", b"'\"><svg onload=pwned=1>.jpg", b"a&amp;b #1?%41.jpg", b"caf\xe9.jpg", b"{{7*7}}${HOME}.jpg")
LABELS = ("<script>pwned=1<&>", '"><img src=x onerror=pwned=1>', "{{7*7}}", "quiet")
RECIPE: dict[str, Any] = {
    "version": 1,
    "seed": 1,
    "target": 24,
    "weights": {"mild": 2, "<b onclick=pwned=1>wild": 1},
    "originals": "augment",
    "chains": {
        "mild": {"flip": {}, "turn": {"use": "rotate", "limit": 20}, "<i>light": {"use": "brightness_contrast"}},
        "<b onclick=pwned=1>wild": {"mild": {}, "detail": {"one_of": {"blur": {}, "sharpen": {}}}},
    },
    "render": {"size": 64, "quality": 90},
}
AUDIT = {
    "verdict": "bad",
    "outputs": 96,
    "looked_at": 96,
    "notes": ["One file <script>pwned=1</script> could not be looked at."],
    "items": [
        {
            "name": name,
            "verdict": verdict,
            "says": "Copies are told from originals with AUC 0.97.",
            "advice": "Treat every class alike: `originals: augment`.",
            "figures": [{"name": "AUC", "value": 0.973, "low": 0.961, "high": 0.984}],
            "findings": [{"kind": "class", "about": [LABELS[0], LABELS[1]], "detail": "90% of it are copies"}],
        }
        for name, verdict in (("hint", "bad"), ("leakage", "ok"), ("balance", "warning"), ("damage", "unknown"))
    ],
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, the system's own, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as driver:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        opened = driver.chromium.launch(executable_path=program, args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of a few images, whose names would be markup if a page let them."""
    root = tmp_path_factory.mktemp("hostile") / "so<u>rce"
    rng = np.random.default_rng(8)
    for number, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for name in NAMES[: 2 + number]:
            pixels = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((90, 70), Image.Resampling.BICUBIC)
            with open(os.fsencode(root / label) + b"/" + name, "wb") as file:
                image.save(file, "JPEG", quality=90)
        (root / label / "not <b>an image.jpg").write_bytes(b"text")
    return root


@pytest.fixture(scope="session")
def made(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of them."""
    from augflow.recipe.reader import read_recipe
    from augflow.registry import Registry
    from augflow.runner import run

    root = tmp_path_factory.mktemp("made") / "bal'<u>anced"
    source, sink = {"kind": "folder", "root": str(hostile)}, {"kind": "folder", "root": str(root)}
    outcome = run(read_recipe(RECIPE, Registry()), source, sink, {"kind": "local", "workers": 2})
    assert len(outcome.aside) == 4
    return root


@pytest.fixture(scope="session")
def report(made: Path) -> Path:
    """Its report, with an audit, where the command would put it."""
    from augflow.report.report import Report, write

    write(Report({"kind": "folder", "root": str(made)}, audit=AUDIT).html(), made / "report.html")
    return made / "report.html"


@pytest.fixture(scope="session")
def preview(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contact sheet of them."""
    from augflow.plan.census import take_census
    from augflow.plan.plan import Plan
    from augflow.preview.contact import contact
    from augflow.preview.making import Bench
    from augflow.recipe.reader import read_recipe
    from augflow.registry import Registry
    from augflow.report.page import page
    from augflow.source import open_source

    source = {"kind": "folder", "root": str(hostile)}
    recipe = read_recipe(RECIPE, Registry())
    sheet = contact(Plan(recipe, take_census(open_source(source))), Bench(recipe, source, []))
    file = tmp_path_factory.mktemp("preview") / "preview.html"
    file.write_text(page("preview.html.j2", sheet=sheet, version="0"), encoding="utf-8")
    return file


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file; fail at the end if the page said, asked or ran anything that it should not."""
    contexts: list[Any] = []
    said: list[str] = []

    def ask(url: str, file: Path) -> None:
        if not url.startswith(("data:", file.as_uri())):
            said.append(f"request: {url}")

    def call(file: Path, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: ask(request.url, file))
        page.goto(file.as_uri())
        return page

    yield call
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("typeof pwned") == "undefined"
        context.close()
    assert not said
