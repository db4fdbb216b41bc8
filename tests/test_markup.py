"""Recipes, plans and censuses show themselves in a notebook, whatever their names."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from augflow import Plan, Registry, compose, markup, open_source, read_recipe, take_census

HOSTILE = "<script>alert(1)</script>"


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


@pytest.fixture
def source(small_source: Path, tmp_path: Path) -> Path:
    import shutil

    root = Path(shutil.copytree(small_source, tmp_path / "source"))
    (root / "few").rename(root / "<script>alert(1)<&>")
    return root


def test_they_show_what_they_hold(source: Path) -> None:
    settings = compose([f"source.root={source}", "recipe=strong", "recipe.target=20"])
    recipe = read_recipe(settings.recipe, Registry())
    census = take_census(open_source(settings.source))
    for shown, expected in (
        (recipe, ["strong", "detail/blur", "affine", "target 20", "0.5"]),
        (census, ["crowd", "12", "<script>alert(1)<&>", "4"]),
        (Plan(recipe, census), ["40 outputs", "crowd", "16"]),
    ):
        tags = Tags(shown._repr_html_())
        assert "table" in tags.found
        assert not {"script", "style", "img"} & set(tags.found)
        for word in expected:
            assert word in tags.text
        assert len(shown._repr_html_()) < 8000


def test_many_rows_are_cut_and_counted() -> None:
    tags = Tags(markup.shown("All", ["n"], [[n] for n in range(1000)]))
    assert tags.found.count("tr") == markup.MOST + 1
    assert "970 more" in tags.text


def test_everything_is_escaped() -> None:
    tags = Tags(markup.shown(HOSTILE, [HOSTILE], [[HOSTILE], ["\udce9"]], HOSTILE))
    assert "script" not in tags.found
    assert tags.text.count(HOSTILE) == 4
    assert r"\udce9" in tags.text
