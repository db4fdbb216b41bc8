"""The strict door: what gets through as it was written, and that nothing else gets through at all."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow.config import strict
from augflow.errors import RecipeError

FILES = sorted((Path(__file__).parents[2] / "conf").glob("recipe/*.yaml")) + sorted(
    (Path(__file__).parents[2] / "conf").glob("chain/*.yaml")
)
LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


def recipe(text: str) -> dict[str, Any]:
    return strict.parse(text.encode(), "recipe", "my.yaml").data


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_shipped_files_get_through_and_say_what_they_are_for(file: Path) -> None:
    kind: strict.Kind = "recipe" if file.parent.name == "recipe" else "chain"
    assert strict.load(file, kind).data
    assert file.read_text(encoding="utf-8").startswith("# ")


NAMES = ["no", "yes", "on", "off", "null", "~", "true", "1e3", "0012", "0x1F", "1_000", "12:30", "2026-01-02", ".5"]


@pytest.mark.parametrize("name", [*NAMES, "my class", "a.b", "a/b", "_background_noise", "hydra", "été", "犬"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_class_names_survive_as_they_are_written(name: str, quote: str) -> None:
    assert recipe(f"classes:\n  {quote}{name}{quote}: {{target: 3}}\n") == {"classes": {name: {"target": 3}}}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-1.5e+2", -150.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("1.5x", "1.5x"),
        ("0.8max", "0.8max"),
        ("0012", "0012"),
        ("0x10", "0x10"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-02", "2026-01-02"),
        ("'5'", "5"),
        ('"null"', "null"),
        ("$5", "$5"),
        ("not majority", "not majority"),
        ("[1, 2.0, a]", [1, 2.0, "a"]),
        ("{a: 1}", {"a": 1}),
        ("|\n  two\n  lines", "two\nlines\n"),
    ],
)
def test_values_are_read_by_the_core_schema(written: str, value: object) -> None:
    found = recipe(f"target: {written}\n")["target"]
    assert found == value
    assert type(found) is type(value)


def test_every_key_and_item_has_its_place() -> None:
    text = "# first\nversion: 1\nchains:\n  gentle:\n    zoom: {scale: [0.8, 1.2]}\n"
    document = strict.parse(text.encode(), "recipe", "my.yaml")
    assert document.where(["version"]) == "my.yaml:2:1"
    assert document.where(["chains", "gentle"]) == "my.yaml:4:3"
    assert document.where(["chains", "gentle", "zoom", "scale"]) == "my.yaml:5:12"
    assert document.where(["chains", "gentle", "zoom", "scale", "1"]) == "my.yaml:5:25"
    assert document.where(["seed"]) is None


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_obstacle() -> None:
    document = strict.parse(b"\xef\xbb\xbfversion: 1\r\nseed: 2\r\n", "recipe")
    assert document.data == {"version": 1, "seed": 2}
    assert document.marks["seed",] == (2, 1)


def test_what_a_recipe_pulls_in_comes_before_its_own_keys() -> None:
    pull = "/chain@chains.a: gentle"
    assert recipe(f"defaults:\n- {pull}\n")["defaults"] == [{"/chain@chains.a": "gentle"}, "_self_"]
    assert recipe(f"defaults:\n- _self_\n- {pull}\n")["defaults"] == ["_self_", {"/chain@chains.a": "gentle"}]
    assert recipe("defaults: [{/chain@chains.x-ray_2: acme/x-ray}]")["defaults"][0] == {
        "/chain@chains.x-ray_2": "acme/x-ray"
    }
    assert "defaults" not in recipe("defaults: []\nseed: 1\n")


LAUGHS = "\n".join(["seed: 1", *[f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]])

HOSTILE = {
    # What Hydra and OmegaConf would obey.
    "target": ("chains:\n  a:\n    _target_: numpy.save\n", "3:5: the key '_target_'"),
    "target of a class": ("classes:\n  _target_: {_args_: [x]}\n", "2:3: the key '_target_'"),
    "target in a list": ("chains: {a: {b: {use: [{_target_: os.system}]}}}", "1:25: the key '_target_'"),
    "quoted target": ('chains: {a: {"_target_": os.system}}', "the key '_target_'"),
    "escaped target": (r'chains: {a: {"\x5ftarget_": os.system}}', "the key '_target_'"),
    "partial": ("render: {_partial_: true}", "the key '_partial_'"),
    "hydra callbacks": ("hydra:\n  callbacks: {a: {_target_: x.Y}}\n", "1:1: the key 'hydra'"),
    "hydra job_logging": ("seed: 1\nhydra: {job_logging: {root: {}}}\n", "2:1: the key 'hydra'"),
    "hydra searchpath": ("hydra: {searchpath: ['pkg://evil']}\n", "1:1: the key 'hydra'"),
    "hydra deep down": ("render: {hydra: {}}\n", "1:10: the key 'hydra'"),
    "package header": ("# @package _global_\nhydra: {}\n", "1:1: '# @package _global_'"),
    "package header further down": ("version: 1\n#@package hydra\n", "2:1: '#@package hydra'"),
    "defaults outside": ("defaults: [../secret]\n", "1:12: '../secret' in defaults"),
    "defaults absolute": ("defaults:\n  - /hydra/launcher: evil\n", "2:5: '/hydra/launcher: evil' in defaults"),
    "defaults override": ("defaults: [{override /hydra/launcher: evil}]", "in defaults"),
    "defaults to the source": ("defaults: [{/source@source: evil}]", "in defaults"),
    "defaults to the top": ("defaults: [{/chain@_global_: evil}]", "in defaults"),
    "defaults to elsewhere": ("defaults: [{/chain@chains.a.b: evil}]", "in defaults"),
    "defaults renamed": ("defaults: [{/chain@chains.a:hydra: evil}]", "in defaults"),
    "defaults climbing": ("defaults: [{/chain@chains.a: ../../secret}]", "in defaults"),
    "defaults by path": ("defaults: [{/chain@chains.a: /etc/passwd}]", "in defaults"),
    "defaults filled in": ("defaults: [{/chain@chains.a: '${oc.env:HOME}'}]", "Nothing is filled in"),
    "defaults of a list": ("defaults: [{/chain@chains.a: [gentle, strong]}]", "in defaults"),
    "defaults of two keys": ("defaults: [{/chain@chains.a: x, /chain@chains.b: y}]", "in defaults"),
    "defaults optional": ("defaults: [{optional /chain@chains.a: x}]", "in defaults"),
    "defaults a map": ("defaults: {/chain@chains.a: x}", "'defaults' is not a list"),
    "defaults twice the same": ("defaults: [{/chain@chains.a: x}, {/chain@chains.a: y}]", "twice"),
    "environment": ("target: ${oc.env:HOME}\n", "1:9: '${oc.env:HOME}'"),
    "environment quoted": ("target: '${oc.env:HOME}'\n", "1:9: '${oc.env:HOME}'"),
    "environment escaped": (r'target: "\x24{oc.env:HOME}"', "1:9: '${oc.env:HOME}'"),
    "environment in a key": ("classes:\n  ${oc.env:HOME}: {target: 3}\n", "2:3: '${oc.env:HOME}'"),
    "environment nested": ("target: ${oc.decode:${oc.env:HOME}}", "Nothing is filled in"),
    "another key": ("seed: ${hydra:runtime.cwd}", "Nothing is filled in"),
    "missing value": ("seed: ???\n", "1:7: '???'"),
    # What YAML would obey.
    "alias": ("seed: &a 1\nmax_copies: *a\n", "1:7: the anchor '&a'"),
    "alias without anchor": ("seed: *a\n", "1:7: "),
    "alias as a key": ("classes: {*a : 1}", "1:1"),
    "anchor on a key": ("classes: {&a b: {}}", "a key with an anchor"),
    "anchor on a map": ("classes: &a {}", "1:10: the anchor '&a'"),
    "merge": ("classes: {<<: {a: 1}}", "1:11: the merge key '<<'"),
    "merge of an alias": ("classes: &a {}\nchains:\n  <<: *a\n", "the anchor '&a'"),
    "python object": ("seed: !!python/object/apply:os.system [id]", "the tag 'tag:yaml.org,2002:python/object"),
    "python name": ("seed: !!python/name:os.system", "the tag"),
    "local tag": ("seed: !env HOME", "1:7: the tag '!env'"),
    "standard tag": ("seed: !!str 5", "the tag"),
    "non-specific tag": ("seed: ! 5", "the tag"),
    "tag on a key": ("classes: {!!str a: {}}", "a key with an anchor or a tag"),
    "tag on a map": ("classes: !!omap []", "the tag"),
    "directive": ("%YAML 1.1\n---\nseed: 1\n", "a directive"),
    "tag directive": ("%TAG ! tag:x,2026:\n---\nseed: 1\n", "a directive"),
    "second document": ("seed: 1\n---\nseed: 2\n", "2:1: a second document"),
    "third document": ("seed: 1\n...\n---\nseed: 2\n", "3:1: a second document"),
    "key twice": ("seed: 1\ntarget: 5\nseed: 2\n", "3:1: 'seed' stands here twice. It is on line 1 already."),
    "key twice, quoted": ("classes: {a: {}, 'a': {}}", "'a' stands here twice"),
    "key a list": ("classes: {[a]: {}}", "a key that is a list"),
    "key a map": ("classes: {{a: b}: {}}", "a key that is a list, a map"),
    "key empty": ("classes: {'': {}}", "a key of 0 characters"),
    "key missing": ("classes:\n  : {}\n", "2:3: this is not YAML"),
    # What only wastes memory and time.
    "billion laughs": (LAUGHS, "2:1: 'a1' is no key"),
    "laughs below a key": ("classes:\n  " + LAUGHS.replace("\n", "\n  "), "the anchor '&a1'"),
    "deep list": ("seed: " + "[" * 100_000, "more than 32 levels"),
    "deep map": ("seed: " + "{a: " * 100_000, "more than 32 levels"),
    "deep block": ("seed:\n" + "".join(" " * n + "- \n" for n in range(1, 900)), "more than 32 levels"),
    "deep on one line": ("seed:\n  " + "- " * 100_000, "more than 32 levels"),
    "wide": ("classes:\n" + "".join(f"  c{n}: 1\n" for n in range(60_000)), "more than 5,000 entries"),
    "wide list": ("seed: [" + "1," * 400_000 + "]", "more than 5,000 entries"),
    "complex keys": ("? " * 100_000, ":1:"),
    "long": ("seed: " + "1" * 2_000_000, "1:1: the file is larger than 1 MB"),
    "long number": ("seed: " + "1" * 900_000, "is too large"),
    "long fraction": ("seed: 0." + "1" * 900_000 + "e999999", "is too large"),
    "long key": ("? " + "a" * 900_000 + "\n: 1", "1:3: a key of 900,000 characters"),
    "comment lines": ("# x\n" * 240_000, "a recipe is a map"),
    "open quote": ("seed: '" + "a\n" * 300_000, "this is not YAML"),
    # What is no text.
    "null byte": ("seed: 1\ntarget: \0\n", "2:9: the character U+0000"),
    "null escaped": (r'target: "\0"', "the character U+0000"),
    "bell": ("target: \a", "U+0007"),
    "escape sequence": ("target: \x1b[2J", "U+001B"),
    "right to left": ("target: \u202e5", "U+202E"),
    "isolate": (r'target: "\u2066"', "U+2066"),
    "line separator": ("target: a\u2028b", "U+2028"),
    "mark in the middle": ("seed: 1\n\ufefftarget: 2\n", "2:1: the character U+FEFF"),
    "tab": ("classes:\n\ta: {}\n", "Indent with spaces, not tabs."),
    "not a number": ("target: .nan", "1:9: '.nan' is no number"),
    "endless": ("target: -.INF", "is no number"),
    "too large": ("seed: 9223372036854775808", "1:7: the number 9223372036854775808 is too large"),
    "fraction too large": ("seed: 1e999", "is too large"),
    # What is no recipe.
    "empty": ("", "1:1: a recipe is a map"),
    "comments only": ("# nothing\n", "a recipe is a map"),
    "null": ("null", "a recipe is a map"),
    "list": ("- seed: 1", "1:1: a recipe is a map"),
    "words": ("rotate the cats", "a recipe is a map"),
    "unclosed": ("classes: {a: 1", "this is not YAML"),
    "two colons": ("seed: 1: 2", "this is not YAML"),
    "source": ("source: {root: /}", "'source' is no key of a recipe"),
    "sink": ("seed: 1\nsink: {root: /}", "2:1: 'sink' is no key of a recipe"),
    "executor": ("executor: {kind: ray}", "'executor' is no key of a recipe"),
    "plugins": ("plugins: [evil.py]", "'plugins' is no key of a recipe"),
    "typo": ("taget: 5", "1:1: 'taget' is no key of a recipe"),
    "private key": ("chains: {a: {_b: 1}}", "the key '_b'"),
}


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_recipes_are_refused_at_once_with_their_place(
    name: str, loader: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = HOSTILE[name]
    monkeypatch.setattr(strict, "_LOADER", loader)
    start = time.process_time()
    with pytest.raises(RecipeError) as refused:
        recipe(text)
    assert time.process_time() - start < 2
    message = str(refused.value)
    assert re.match(r"my\.yaml:\d+:\d+: ", message)
    assert expected in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("seed: 1".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
        ("a: é".encode("latin-1"), "1:4: byte 0xe9 is not UTF-8"),
        (b"seed: 1\ntarget: \xff", "2:9: byte 0xff is not UTF-8"),
        (b"target: \xed\xa0\x80", "is not UTF-8"),
        (b'target: "\\ud800"', "my.yaml:1:"),
        (bytes(range(256)), "is not UTF-8"),
        (b"\x1f\x8b\x08" + bytes(1000), "is not UTF-8"),
        (os.urandom(4000) + b"\xff", "my.yaml:"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, expected: str) -> None:
    with pytest.raises(RecipeError) as refused:
        strict.parse(content, "recipe", "my.yaml")
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defaults: [gentle]", "1:1: 'defaults' in a chain"),
        ("flip: 1", "1:7: the step 'flip' is not a map. Write `flip: {}`"),
        ("flip: {}\nrotate: [1]\n", "2:9: the step 'rotate' is not a map"),
        ("hydra: {}", "the key 'hydra'"),
        ("_target_: {}", "the key '_target_'"),
        ("flip: {p: '${oc.env:P}'}", "Nothing is filled in"),
    ],
)
def test_a_chain_is_a_map_of_steps_and_nothing_else(text: str, expected: str) -> None:
    assert strict.parse(b"flip:\nrotate: {limit: 3}\n", "chain").data == {"flip": None, "rotate": {"limit": 3}}
    with pytest.raises(RecipeError) as refused:
        strict.parse(text.encode(), "chain", "my.yaml")
    assert f"my.yaml:{expected}" in str(refused.value) or expected in str(refused.value)


def test_the_nearest_key_is_named() -> None:
    with pytest.raises(RecipeError, match=r"There are version, seed, .* Did you mean 'max_copies'\?"):
        recipe("max_copy: 5")


def test_only_a_file_that_can_be_read_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    large = tmp_path / "large.yaml"
    with large.open("wb") as sparse:
        sparse.truncate(100_000_000)
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    for path in (tmp_path / "none.yaml", tmp_path, pipe, Path("/dev/zero"), large, loop):
        start = time.perf_counter()
        with pytest.raises(RecipeError, match=re.escape(str(path))):
            strict.load(path, "recipe")
        assert time.perf_counter() - start < 1


PIECES = [*"{}[]:,-?&*!|>'\"%@#`~ \n\t\0\\é$", "${a}", "<<", "&a ", "*a", "!!", "---\n", "hydra", "_target_", "  "]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_to_a_recipe_breaks_the_door(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(FILES)).read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:]
    document = None
    with contextlib.suppress(RecipeError):
        document = strict.parse(text.encode(), "recipe", "my.yaml")
    if document:
        assert set(document.data) <= set(strict.RECIPE_KEYS)
        assert_harmless(document.data)


def assert_harmless(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            assert type(key) is str
            assert "${" not in key
            assert key not in ("_target_", "<<")
            assert_harmless(item)
    elif isinstance(value, list):
        for item in value:
            assert_harmless(item)
    else:
        assert value is None or type(value) in (bool, int, float, str)
        assert not isinstance(value, str) or "${" not in value
