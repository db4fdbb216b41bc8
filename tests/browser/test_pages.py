"""Report and preview in a real browser: they open from disk, alone, and work by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Visit = Callable[..., Any]
HOSTILE = "<script>pwned=1<&>"
WILD = "<b onclick=pwned=1>wild"
SHOWN = "#gallery li:not([hidden]) .open"


def labels_shown(page: Any) -> list[str]:
    return [text for text in page.locator(f"{SHOWN} b").all_inner_texts() if text]


def test_the_report_opens_from_disk(visit: Visit, report: Path) -> None:
    page = visit(report)
    assert page.title() == "bal'<u>anced · augflow report"
    assert page.locator("h1").inner_text() == "bal'<u>anced"
    assert page.locator("h2").all_inner_texts()[:6] == [
        "Balance", "Made, set aside, converted", "Drawn, against what the recipe declares", "Gallery", "Audit",
        "Versions and recipe",
    ]  # fmt: skip
    assert page.locator("#balance tbody tr").first.inner_text().split()[-2:] == ["5", "24"]
    assert page.locator("#made").get_by_text("not <b>an image.jpg").count() == 4
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == page.locator("img[src^='data:']").count()


def test_the_gallery_filters(visit: Visit, report: Path) -> None:
    page = visit(report)
    assert "60 of 96 shown" in page.locator("#count").inner_text()
    page.get_by_label("Class", exact=True).select_option(label=HOSTILE)
    assert page.locator("#count").inner_text() == "24 shown"
    assert set(labels_shown(page)) == {HOSTILE}
    page.get_by_label("Chain", exact=True).select_option(label=WILD)
    some = page.locator(SHOWN).count()
    assert 0 < some < 24
    assert all(WILD in text for text in page.locator(SHOWN).all_inner_texts())
    page.get_by_label("What", exact=True).select_option(label="originals")
    assert page.locator(SHOWN).count() < some
    page.get_by_role("button", name="Show all").click()
    assert page.locator(SHOWN).count() == 60
    page.get_by_role("button", name="Show more").click()
    assert page.locator(SHOWN).count() == 96
    assert page.get_by_role("button", name="Show more").is_hidden()


def test_a_record_opens_with_parents_and_the_command(visit: Visit, report: Path, made: Path) -> None:
    page = visit(report)
    page.get_by_label("Class", exact=True).select_option(label=HOSTILE)
    page.get_by_label("What", exact=True).select_option(label="copies")
    page.locator(SHOWN).first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    text = dialog.inner_text()
    for expected in ("sha256", "recipe_digest", "Parents", "Steps", "source: <script>pwned=1<&>/", "angle: "):
        assert expected in text
    command = dialog.locator("pre").first.inner_text()
    assert re.match(r"augflow replay [0-9a-f]{16} ", command)
    assert dialog.locator(".pair img").count() == 2
    href = dialog.get_by_role("link").get_attribute("href")
    assert page.evaluate("href => new URL(href, location.href).href", href).startswith(made.as_uri())
    before = dialog.locator("h2").inner_text(), command
    dialog.get_by_role("button", name="Next").click()
    assert (dialog.locator("h2").inner_text(), dialog.locator("pre").first.inner_text()) != before
    dialog.locator(".siblings button").first.click()
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert dialog.is_hidden()


def test_the_command_replays_the_output(visit: Visit, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    from augflow import cli

    page = visit(report)
    page.locator(SHOWN).first.click()
    words = shlex.split(page.locator("dialog pre").first.inner_text())
    assert words[0] == "augflow"
    assert cli.main(words[1:]) == 0
    assert "1 equal" in capsys.readouterr().out


def test_the_keyboard_is_enough(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "open":
            break
    assert page.evaluate("document.activeElement.dataset.number") == "0"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    first = dialog.locator("pre").first.inner_text()
    page.keyboard.press("ArrowRight")
    assert dialog.locator("pre").first.inner_text() != first
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("pre").first.inner_text() == first
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert page.evaluate("document.activeElement.dataset.number") == "0"
    page.keyboard.press("Space")
    assert dialog.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_one_way(visit: Visit, report: Path, preview: Path, scheme: str) -> None:
    for file in (report, preview):
        page = visit(file, width=375, scheme=scheme)
        for details in page.locator("details").all():
            details.evaluate("it => it.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page = visit(report, width=375, scheme=scheme)
    page.locator(SHOWN).first.click()
    inner, outer = page.evaluate(
        "(() => { const it = document.getElementById('record-body'); return [it.scrollWidth, it.clientWidth]; })()"
    )
    assert inner <= outer
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(16, 19, 24)") == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_serious(visit: Visit, report: Path, preview: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

    def faults(page: Any) -> list[str]:
        found = axe.Axe().run(page).response["violations"]
        return [f"{fault['id']}: {fault['nodes'][0]['html'][:200]}" for fault in found if fault["impact"] != "minor"]

    page = visit(report, width=width, scheme=scheme)
    for details in page.locator("details").all():
        details.evaluate("it => it.open = true")
    assert not faults(page)
    page.locator(SHOWN).first.click()
    assert not faults(page)
    assert not faults(visit(preview, width=width, scheme=scheme))


def test_the_preview_shows_its_tiles(visit: Visit, preview: Path) -> None:
    page = visit(preview)
    assert page.locator("h2").all_inner_texts()[0] == "Set aside"
    assert HOSTILE in page.locator("h2").all_inner_texts()
    assert page.locator("figure img").count() > 20
    assert page.evaluate("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    assert page.get_by_text("turn: angle").count() > 3


def test_without_javascript_the_report_can_still_be_read(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert all(tile.is_visible() for tile in page.locator("#gallery .open").all())
    assert page.locator("#gallery .open").count() == 96
    assert page.locator("#drawn svg").first.is_visible()
    context.close()
