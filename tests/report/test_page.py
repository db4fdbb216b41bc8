"""The page holds all it shows, lets nothing out, and shows names as what they are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augflow.config.compose import compose
from augflow.errors import SourceError
from augflow.report.command import replay, setting
from augflow.report.report import Report


class Page(HTMLParser):
    """What of a page matters here: tags with their attributes, and the texts of some."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)


def html(root: Path, **more: Any) -> str:
    return Report({"kind": "folder", "root": str(root)}, **more).html()


@pytest.fixture(scope="module")
def page(made: Path) -> str:
    return html(made)


def test_nothing_is_asked_of_anybody(page: str) -> None:
    tags = Page(page).tags
    for tag, attributes in tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "style"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")) or tag == "a", (tag, name, value)
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"@import|url\(", page)


def test_the_policy_allows_this_very_style_and_script(page: str) -> None:
    (policy,) = [tag["content"] for name, tag in Page(page).tags if tag.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_record_is_there_with_the_command_that_makes_it_again(page: str, made: Path) -> None:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    tiles = json.loads(text)["tiles"]
    assert len(tiles) == 28
    for tile in tiles:
        assert shlex.split(tile["replay"])[:3] == ["augflow", "replay", tile["record"]["key"]]
        assert f"sink.root={made}" in tile["replay"]
        assert (made / tile["file"]).is_file()
        assert tile["record"]["parents"][0]["sha256"]


def test_a_seed_keeps_its_last_digits(page: str, made: Path) -> None:
    rows = pq.read_table(made / "ledger.parquet").to_pylist()
    grains = [step for row in rows for step in row["steps"] if step["step"] == "grain" and step["fired"]]
    assert grains
    for step in grains:
        assert f'"{json.loads(step["draw"])["seed"]}"' in page


def test_figures_are_on_the_page(page: str) -> None:
    texts = " ".join(text for texts in Page(page).texts.values() for text in texts)
    for expected in ("many", "few", "chain mild", "chain wild", "mild/turn", "declared 60", "numpy", "rendered"):
        assert expected in texts
    assert "No audit was made" in texts


AUDIT = {
    "verdict": "bad",
    "outputs": 28,
    "looked_at": 20,
    "notes": ["Nothing was <b>hidden</b>."],
    "items": [
        {
            "name": "hint",
            "verdict": "bad",
            "says": "copies are told from originals",
            "advice": "originals: augment",
            "figures": [{"name": "AUC", "value": 0.97, "low": 0.96, "high": None}],
            "findings": [{"kind": "class", "about": ["<script>few"], "detail": "90% of it are copies"}],
        }
    ],
}


def test_an_audit_is_shown_where_there_is_one(made: Path) -> None:
    found = html(made, audit=AUDIT)
    assert "What to change:" in found
    assert "originals: augment" in found
    assert "0.97" in found
    assert "&lt;script&gt;few" in found
    assert "<b>hidden" not in found


def test_equal_data_sets_give_equal_pages(made: Path, page: str) -> None:
    assert html(made) == page


def test_a_source_that_moved_is_named_in_the_command(made: Path, mixed_source: Path) -> None:
    found = html(made, source={"kind": "folder", "root": str(mixed_source)}, plugins=[])
    assert f"source.root={mixed_source}" in found


def test_a_source_that_is_gone_is_told(own: Path) -> None:
    account = json.loads((own / "run.json").read_bytes())
    account["source"]["root"] = str(own / "gone")
    (own / "run.json").write_text(json.dumps(account))
    report = Report({"kind": "folder", "root": str(own)})
    assert "gone" in report.no_source
    assert "Parents are not shown" in report.html()
    with pytest.raises(SourceError):
        Report({"kind": "folder", "root": str(own)}, source={"kind": "folder", "root": str(own / "gone")})


@pytest.mark.parametrize(
    "name",
    ["photos/balanced", "with space", "a,b", "it's", r"back\slash", r"\'", "k=v", "[x]", "{a: b}", "naïve", "~x"],
)
def test_a_command_can_be_pasted_into_a_shell(name: str) -> None:
    words = shlex.split(replay("0123456789abcdef", name, None, ["my plugin.py"]))
    assert words[:3] == ["augflow", "replay", "0123456789abcdef"]
    settings = compose([*words[3:], "source=demo"])
    assert settings.sink["root"] == name
    assert settings.plugins == ["my plugin.py"]
    assert setting("sink.root", name).startswith("sink.root=")
