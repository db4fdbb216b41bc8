"""Signatures: what is signed is proved, by minisign's own tool too, and any change to it shows."""

from __future__ import annotations

import io
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from augflow import cli
from augflow.errors import AugflowError, RecipeError, SinkError
from augflow.signing import SignatureError, check, new_keys, sign
from tests.conftest import EditLedger

minisign = pytest.importorskip("minisign", reason="the extra `sign` brings py-minisign")

RECIPE = "target: 8\nchains: {soft: {flip: {}}}\n"
# From minisign's own tool, as its documentation has it.
ITS_KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
ITS_SIGNATURE = """\
untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
"""


def unasked() -> str:
    raise AssertionError("a passphrase was asked for")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A secret key without a passphrase, in the folder that is gone to."""
    monkeypatch.chdir(tmp_path)
    return new_keys(Path("acme.key"), None).secret


@pytest.fixture
def recipe(key: Path) -> Path:
    Path("mine.yaml").write_text(RECIPE, encoding="utf-8")
    sign(Path("mine.yaml"), key, unasked)
    return Path("mine.yaml")


@pytest.fixture
def balanced(key: Path, small_source: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A signed data set."""
    Path("mine.yaml").write_text(RECIPE, encoding="utf-8")
    words = ["mine.yaml", f"source.root={small_source}", "sink.root=balanced", "executor.workers=1"]
    assert cli.main(["run", *words]) == 0
    sign(Path("balanced"), key, unasked)
    capfd.readouterr()
    return Path("balanced")


def test_keys_are_their_owners_alone_and_are_never_written_over(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"not encrypted" in key.read_bytes()
    before = key.read_bytes()
    with pytest.raises(RecipeError, match=r"acme\.key is there already"):
        new_keys(key, None)
    with pytest.raises(RecipeError, match=r"acme\.pub is there already"):
        new_keys(Path("acme.sec"), None)
    with pytest.raises(RecipeError, match="would have this name"):
        new_keys(Path("other.pub"), None)
    assert key.read_bytes() == before
    assert not Path("acme.sec").exists()


def test_what_is_signed_is_named_with_its_key(recipe: Path) -> None:
    found = check(recipe, "acme.pub")
    text = Path("acme.pub").read_text(encoding="utf-8")
    assert f"minisign public key {found.key}\n" in text
    assert "\tfile:mine.yaml\thashed\taugflow recipe" in found.comment
    assert check(recipe, text.splitlines()[1]) == found


def test_any_change_shows(recipe: Path) -> None:
    signature = Path("mine.yaml.minisig")
    for file in (recipe, signature):
        whole = file.read_bytes()
        for place in range(0, len(whole), 7):
            if file == signature and place < whole.index(b"\n"):
                continue  # The first line is a comment that nothing covers.
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(SignatureError):
                check(recipe, "acme.pub")
        file.write_bytes(whole)
    assert check(recipe, "acme.pub")
    signature.unlink()
    with pytest.raises(SignatureError, match="it is not signed"):
        check(recipe, "acme.pub")


def test_another_key_is_told_from_a_changed_file(recipe: Path) -> None:
    new_keys(Path("other.key"), None)
    with pytest.raises(SignatureError, match=r"it is signed by the key [0-9A-F]{16}, and not by"):
        check(recipe, "other.pub")


def test_the_signature_of_another_file_does_not_fit(recipe: Path, key: Path) -> None:
    Path("other.yaml").write_text(RECIPE.replace("8", "9"), encoding="utf-8")
    shutil.copy("mine.yaml.minisig", "other.yaml.minisig")
    with pytest.raises(SignatureError, match="this is not what the key"):
        check(Path("other.yaml"), "acme.pub")


def test_a_passphrase_is_needed_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr("augflow.signing._WORK", {"opslimit": 1 << 20, "memlimit": 1 << 25})
    monkeypatch.setattr("sys.stdin", io.StringIO("open sesame\n"))
    assert cli.main(["sign", "--new-key", "acme.key"]) == 0
    with pytest.raises(RecipeError, match="wrong password"):
        sign(Path("mine.yaml"), Path("acme.key"), lambda: "open says me")
    assert not Path("mine.yaml.minisig").exists()
    sign(Path("mine.yaml"), Path("acme.key"), lambda: "open sesame")
    assert check(Path("mine.yaml"), "acme.pub")


def test_what_minisign_signed_is_checked_here(tmp_path: Path) -> None:
    (tmp_path / "test").write_bytes(b"test")
    (tmp_path / "test.minisig").write_text(ITS_SIGNATURE, encoding="utf-8")
    assert check(tmp_path / "test", ITS_KEY).comment == "timestamp:1555779966\tfile:test"


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign itself is not installed")
def test_minisign_checks_what_is_signed_here_and_the_other_way_round(recipe: Path, key: Path) -> None:
    def its(*words: str) -> str:
        done = subprocess.run(
            ["minisign", *words], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return done.stdout

    assert "signature verified" in its("-V", "-p", "acme.pub", "-m", "mine.yaml")
    Path("theirs").write_bytes(b"anything")
    its("-S", "-s", "acme.key", "-m", "theirs")
    assert check(Path("theirs"), "acme.pub")


@pytest.mark.parametrize("text", ["words", "", "seed: 1\nhydra: {}\n", "seed: !!python/name:os.system\n"])
def test_only_what_a_team_shares_is_signed(key: Path, text: str) -> None:
    Path("thing.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"^thing\.yaml:"):
        sign(Path("thing.yaml"), key, unasked)
    assert not Path("thing.yaml.minisig").exists()


@pytest.mark.parametrize(
    "data", [b"", b"x", b"a\nb\n", b"untrusted comment: x\n" + b"A" * 200, bytes(range(256)), b"A" * 99_999]
)
def test_what_is_no_key_or_signature_is_said(recipe: Path, data: bytes) -> None:
    Path("bad.key").write_bytes(data)
    with pytest.raises(RecipeError, match=r"bad\.key"):
        sign(recipe, Path("bad.key"), unasked)
    with pytest.raises(RecipeError, match=r"bad\.key"):
        check(recipe, "bad.key")
    Path("mine.yaml.minisig").write_bytes(data)
    with pytest.raises(AugflowError, match=r"mine\.yaml\.minisig"):
        check(recipe, "acme.pub")


def test_a_data_set_is_bound_by_its_signature(
    balanced: Path, edit_ledger: EditLedger, capfd: pytest.CaptureFixture[str]
) -> None:
    def verified() -> tuple[int, str]:
        code = cli.main(["verify", f"sink.root={balanced}", "--signature", "acme.pub", "executor.workers=1"])
        return code, capfd.readouterr().out

    code, said = verified()
    assert code == 0
    assert "run.json, which binds all the rest: signed by the key" in said
    pristine = shutil.copytree(balanced, "pristine")
    image = next(balanced.glob("few/*.jpg"))

    def no_ledger_hash(account: dict[str, object]) -> None:
        del account["ledger_sha256"]

    def change(edit: Callable[[dict[str, object]], object]) -> None:
        account = json.loads((balanced / "run.json").read_bytes())
        edit(account)
        (balanced / "run.json").write_text(json.dumps(account), encoding="utf-8")

    breaks: dict[str, Callable[[], object]] = {
        "changed: ": lambda: image.write_bytes(b"x" + image.read_bytes()[1:]),
        "missing: ": image.unlink,
        "edited lock: ": lambda: (balanced / "recipe.lock.yaml").write_text("seed: 1\n", encoding="utf-8"),
        "edited ledger: ": lambda: edit_ledger(balanced, lambda rows: rows[0].update(chain="other"), seal=False),
        # Whoever edits the ledger and seals it again cannot sign again.
        "not signed: run.json": lambda: edit_ledger(balanced, lambda rows: rows[0].update(chain="other")),
        "the file or its signature was changed": lambda: change(no_ledger_hash),
        "it is not signed": (balanced / "run.json.minisig").unlink,
    }
    for told, breaking in breaks.items():
        breaking()
        code, said = verified()
        assert code == 1, told
        assert told in said.replace("\n", " ")
        shutil.rmtree(balanced)
        shutil.copytree(pristine, balanced)
    assert verified()[0] == 0


def test_an_unfinished_or_edited_data_set_is_not_signed(balanced: Path, key: Path) -> None:
    (balanced / "run.json.minisig").unlink()
    (balanced / ".augflow").mkdir()
    with pytest.raises(SinkError, match="a run is on"):
        sign(balanced, key, unasked)
    (balanced / ".augflow").rmdir()
    (balanced / "recipe.lock.yaml").write_text("seed: 1\n", encoding="utf-8")
    with pytest.raises(SinkError, match=r"recipe\.lock\.yaml: it is not the file whose hash"):
        sign(balanced, key, unasked)
    assert not (balanced / "run.json.minisig").exists()


def test_the_verb_signs_and_says_by_which_key(key: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text(RECIPE, encoding="utf-8")
    key.chmod(0o644)
    assert cli.main(["sign", "mine.yaml", "--key", "acme.key"]) == 0
    said = capfd.readouterr()
    assert "Signed mine.yaml by the key " in said.out
    assert "can be read by others" in said.err
    assert cli.main(["verify", "mine.yaml", "--signature", "acme.pub"]) == 0
    assert "mine.yaml: signed by the key " in capfd.readouterr().out
    for words, told in (
        (["sign", "mine.yaml"], "augflow sign FILE|SINK --key KEY"),
        (["sign", "none.yaml", "--key", "acme.key"], "none.yaml: there is no such file"),
        (["sign", "mine.yaml", "--key", "none.key"], "none.key: there is no such file"),
        (["sign", "--new-key", "a.key", "--key", "acme.key"], "signs nothing"),
        (["verify", "mine.yaml"], "only a signature proves a file"),
        (["verify", "mine.yaml", "--signature", "none.pub"], "none.pub: there is no such file"),
    ):
        assert cli.main(words) == 2
        assert told in capfd.readouterr().err
