"""A run makes what is asked and not there, and bears being stopped at any moment."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augflow.config import strict
from augflow.config.compose import compose
from augflow.errors import RecipeError, SinkError, SourceError, SurroundingsError
from augflow.plan.plan import Plan
from augflow.recipe.reader import read_recipe
from augflow.registry import Registry
from augflow.runner import Outcome, Watch, run
from augflow.sink.folder import FolderSink
from augflow.source import Aside


@pytest.fixture(scope="module")
def source(small_source: Path) -> Path:
    return small_source


def make(*overrides: str, watch: Watch | None = None) -> Outcome:
    settings = compose(list(overrides))
    recipe = read_recipe(settings.recipe, Registry(settings.plugins))
    files = settings.origin["files"]
    return run(recipe, settings.source, settings.sink, settings.executor, settings.plugins, watch, files=files)


def tree(root: Path) -> dict[str, str]:
    """Digest every file but `run.json`, and name every folder."""
    return {
        path.relative_to(root).as_posix(): "" if path.is_dir() else hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.name != "run.json"
    }


def test_what_was_done_is_told(source: Path, tmp_path: Path) -> None:
    outcome = make(f"source.root={source}", f"sink.root={tmp_path}", "recipe.target=20")
    files = list(tmp_path.glob("*/*.jpg"))
    assert (outcome.made, outcome.kept, outcome.removed, outcome.exit_code) == (40, 0, 0, 0)
    assert outcome.bytes == sum(file.stat().st_size for file in files)
    assert len(files) == 40
    assert outcome.seconds > 0
    assert outcome.plan.outputs == 40
    assert (outcome.aside, outcome.converted) == ([], Counter())


class Told(Watch):
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def planned(self, plan: Plan, present: Counter[str]) -> None:
        self.heard.append(("planned", plan.outputs, dict(present)))

    def made(self, label: str, outputs: int, size: int) -> None:
        self.heard.append(("made", label, outputs, size))

    def aside(self, aside: Aside) -> None:
        self.heard.append(("aside", aside.key))

    def sealing(self) -> None:
        self.heard.append(("sealing",))


def test_a_watch_hears_of_everything(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "source"
    for file in source.rglob("*.jpg"):
        (broken / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (broken / file.relative_to(source)).write_bytes(file.read_bytes())
    (broken / "few" / "03.jpg").write_bytes(b"")
    watch = Told()
    words = [f"source.root={broken}", f"sink.root={tmp_path / 'out'}", "recipe.target=20"]
    outcome = make(*words, watch=watch)
    assert watch.heard[0] == ("planned", 40, {})
    assert watch.heard[-1] == ("sealing",)
    assert ("aside", "few/03.jpg") in watch.heard
    made = [heard for heard in watch.heard if heard[0] == "made"]
    assert sum(heard[2] for heard in made) == outcome.made == 40
    assert sum(heard[3] for heard in made) == outcome.bytes
    assert [heard[0] for heard in watch.heard].count("planned") == 2
    again = Told()
    make(*words, watch=again)
    assert again.heard[0] == ("planned", 40, {"crowd": 20, "few": 20})
    assert not [heard for heard in again.heard if heard[0] == "made"]


def test_a_lowered_target_removes_what_is_too_much(source: Path, tmp_path: Path) -> None:
    words = [f"source.root={source}", f"sink.root={tmp_path}", "recipe.surplus=drop"]
    make(*words, "recipe.target=20")
    outcome = make(*words, "recipe.target=10")
    assert (outcome.made, outcome.kept, outcome.removed) == (0, 20, 20)
    assert Counter(path.parent.name for path in tmp_path.glob("*/*")) == {"crowd": 10, "few": 10}


def test_another_recipe_leaves_nothing_of_the_one_before(source: Path, tmp_path: Path) -> None:
    words = [f"source.root={source}", "recipe.target=20"]
    make(*words, f"sink.root={tmp_path / 'both'}")
    make(*words, f"sink.root={tmp_path / 'both'}", "recipe.seed=1", "recipe.render.format=png")
    make(*words, f"sink.root={tmp_path / 'one'}", "recipe.seed=1", "recipe.render.format=png")
    assert tree(tmp_path / "both") == tree(tmp_path / "one")


def test_the_account_says_what_was_asked_and_with_what(source: Path, tmp_path: Path) -> None:
    make(f"source.root={source}", f"sink.root={tmp_path}", "recipe.target=20")
    account = json.loads((tmp_path / "run.json").read_text())
    assert account["classes"]["few"] == {"has": 4, "target": 20, "originals": 4, "copies": 16}
    assert account["recipe"]["seed"] == 0
    assert account["recipe"]["chains"]["gentle"][1]["arguments"]["limit"] == 25
    assert {"python", "numpy", "opencv-python-headless", "simplejpeg", "albumentations"} <= account["versions"].keys()
    assert account["source"]["root"] == str(source)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["+recipe.classes.hat.target=3"], RecipeError),
        (["source.root=there/is/none"], SourceError),
        (["recipe.target=-1"], RecipeError),
        (["recipe.chain=absent"], RecipeError),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_touched(
    words: list[str], kind: type[Exception], source: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind):
        make(f"source.root={source}", f"sink.root={tmp_path / 'out'}", *words)
    assert not (tmp_path / "out").exists()


def test_a_sink_with_other_things_is_refused_and_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("a year's work")
    with pytest.raises(SinkError, match=r"thesis\.txt"):
        make(f"source.root={source}", f"sink.root={tmp_path}")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("below", ["", "out", "few/out"])
def test_a_sink_inside_its_source_is_refused(below: str, source: Path, tmp_path: Path) -> None:
    """Sources are read-only, and the next run would take the sink for a class."""
    root = tmp_path / "source"
    for label in ("a", "few"):
        (root / label).mkdir(parents=True)
        (root / label / "1.jpg").write_bytes((source / "few" / "01.jpg").read_bytes())
    before = tree(root)
    with pytest.raises(SinkError):
        make(f"source.root={root}", f"sink.root={root / below}", "recipe.target=2")
    assert tree(root) == before


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1 and no more"])
def test_a_ledger_that_cannot_be_read_is_told_and_left_alone(content: bytes, source: Path, tmp_path: Path) -> None:
    (tmp_path / "ledger.parquet").write_bytes(content)
    with pytest.raises((SinkError, SurroundingsError), match=r"ledger\.parquet"):
        make(f"source.root={source}", f"sink.root={tmp_path}")
    assert (tmp_path / "ledger.parquet").read_bytes() == content


Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(checkout: Path) -> Iterator[Command]:
    """Start `augflow run` in a process group of its own."""
    started = []

    def call(*words: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "augflow", "run", *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


LONG = ["source=demo", "recipe.render.size=96", "recipe.target=300", "recipe.max_copies=40"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an undisturbed run leaves."""
    root = tmp_path_factory.mktemp("whole")
    make(*LONG, f"sink.root={root}")
    return tree(root)


def made(root: Path) -> int:
    """How many images there are."""
    return sum(1 for _ in root.glob("[!.]*/*"))


def wait_for_images(root: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while made(root) < count:
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.002)


def wait_for_the_end_of(process: subprocess.Popen[str]) -> None:
    """Wait until every process that came of it has ended, the workers too."""
    deadline = time.monotonic() + 5
    while group(process):
        assert time.monotonic() < deadline, f"still there: {group(process)}"
        time.sleep(0.02)


def group(process: subprocess.Popen[str]) -> list[str]:
    """The command lines of the living processes of its group; nothing where there is no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgid = stat.read_text().rpartition(")")[2].split()[:3]
            if int(pgid) == process.pid and state != "Z":
                found.append(stat.with_name("cmdline").read_text().replace("\0", " "))
    return found


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_tree(
    whole: dict[str, str], start: Command, tmp_path: Path
) -> None:
    chance = random.Random()
    moments = []
    for share in (0.05, 0.4, 0.9):
        process = start(*LONG, f"sink.root={tmp_path}")
        wait_for_images(tmp_path, int(share * 1800))
        moments.append(chance.uniform(0, 0.05))
        time.sleep(moments[-1])
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"it was over before: {moments}"
        assert (tmp_path / ".augflow").is_dir()
        assert not (tmp_path / "ledger.parquet").exists()
        wait_for_the_end_of(process)
    last = make(*LONG, f"sink.root={tmp_path}")
    assert last.kept > 900, "what was made is not made again"
    assert last.made + last.kept == last.plan.outputs
    assert tree(tmp_path) == whole, moments


def test_killed_while_it_settles_it_goes_on(source: Path, start: Command, tmp_path: Path) -> None:
    """After the ledger has been sealed, before the workshop is gone."""
    words = [f"source.root={source}", f"sink.root={tmp_path}", "recipe.target=20"]
    make(*words)
    before = tree(tmp_path)
    (tmp_path / ".augflow" / "half").mkdir(parents=True)
    (tmp_path / ".augflow" / "half" / "123").write_bytes(b"half of")
    (tmp_path / ".augflow" / "begun.1.jsonl").write_bytes(b'["few/torn')
    (tmp_path / ".augflow" / "records.1.here-5-0.jsonl").write_bytes(b'{"path":"few/torn')
    outcome = make(*words)
    assert (outcome.made, outcome.kept) == (0, 40)
    assert tree(tmp_path) == before


def test_stopped_while_the_journal_goes_nothing_is_made_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever files of the journal are gone already, the ledger and the rest of them vouch for every output."""
    unlink, scandir, gone, most = os.unlink, os.scandir, 0, 0

    def list_records_first(path: Any) -> Any:
        listed = scandir(path)
        return sorted(listed, key=lambda entry: entry.name, reverse=True) if Path(path).name == ".augflow" else listed

    def fail_soon(path: Any) -> None:
        nonlocal gone
        if Path(path).name.startswith(("begun.", "records.")):
            if gone == most:
                raise OSError("the power goes")
            gone += 1
        unlink(path)

    monkeypatch.setattr(os, "unlink", fail_soon)
    monkeypatch.setattr(os, "scandir", list_records_first)
    words = (f"source.root={source}", f"sink.root={tmp_path / 'out'}", "recipe.target=20", "executor.workers=2")
    for most in range(100):
        gone, told = 0, Told()
        with contextlib.suppress(SurroundingsError):
            make(*words, watch=told)
            break
        assert most == 0 or not any(heard[0] == "made" for heard in told.heard), f"stopped at {most + 1} of its files"
    assert most >= 3
    assert not (tmp_path / "out" / ".augflow").exists()


def test_killed_and_gone_on_with_another_recipe_leaves_nothing_of_the_first(
    whole: dict[str, str], start: Command, tmp_path: Path
) -> None:
    process = start(*LONG, f"sink.root={tmp_path}", "recipe.seed=1")
    wait_for_images(tmp_path, 100)
    process.kill()
    process.wait()
    # As if the kill had come just after an output was written, and before its record was.
    wait_for_the_end_of(process)
    for records in (tmp_path / ".augflow").glob("records.*"):
        records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:-3]))
    make(*LONG, f"sink.root={tmp_path}")
    assert tree(tmp_path) == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_with_its_code_and_it_goes_on(
    number: signal.Signals, code: int, whole: dict[str, str], start: Command, tmp_path: Path
) -> None:
    process = start(*LONG, f"sink.root={tmp_path}")
    wait_for_images(tmp_path, 60)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # As a terminal does: to every process of the group.
    else:
        process.send_signal(number)
    said = process.communicate(timeout=20)[1]
    assert process.returncode in (code, -number if number == signal.SIGTERM else code)
    assert "Traceback" not in said
    wait_for_the_end_of(process)
    assert made(tmp_path) < 620
    outcome = make(*LONG, f"sink.root={tmp_path}")
    assert outcome.kept >= 30
    assert tree(tmp_path) == whole


def test_two_runs_into_one_sink_are_one_too_many(whole: dict[str, str], start: Command, tmp_path: Path) -> None:
    first = start(*LONG, f"sink.root={tmp_path}")
    wait_for_images(tmp_path, 20)
    second = start(*LONG, f"sink.root={tmp_path}", "recipe.seed=5")
    said = second.communicate(timeout=30)[1]
    assert first.poll() is None, "the first was still at work"
    assert second.returncode == 3, said
    assert f"process {first.pid}" in said
    assert first.wait() == 0
    assert tree(tmp_path) == whole


def test_a_full_disk_stops_it_with_3_and_it_goes_on(source: Path, checkout: Path, tmp_path: Path) -> None:
    """A limit on the size of files fails a write midway, as a full disk does."""
    words = [f"source.root={source}", "recipe.target=20"]
    code = (
        "import resource, sys\n"
        "limit = int(sys.argv.pop())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "from augflow.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    make(*words, f"sink.root={tmp_path / 'whole'}")
    sizes = sorted(path.stat().st_size for path in (tmp_path / "whole").glob("*/*"))
    limit = sizes[-3]
    command = [sys.executable, "-c", code, "run", *words, f"sink.root={tmp_path / 'full'}", str(limit)]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 3, said.stderr
    assert "Traceback" not in said.stderr
    assert "goes on from there" in said.stderr
    assert all(path.stat().st_size <= limit for path in (tmp_path / "full").glob("[!.]*/*"))
    make(*words, f"sink.root={tmp_path / 'full'}")
    assert tree(tmp_path / "full") == tree(tmp_path / "whole")


def test_a_finished_sink_holds_nothing_but_classes_and_a_few_files(source: Path, tmp_path: Path) -> None:
    make(f"source.root={source}", f"sink.root={tmp_path}")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["crowd", "few"]
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"ledger.parquet", "run.json", "recipe.lock.yaml"}
    assert not list(tmp_path.glob("*/.*"))


def test_the_locked_recipe_makes_the_same_data_set(source: Path, tmp_path: Path) -> None:
    words = ["recipe=strong", "recipe.target=14", "recipe.seed=9", "+recipe.classes.few.target=6"]
    make(f"source.root={source}", f"sink.root={tmp_path / 'first'}", *words)
    make(str(tmp_path / "first" / "recipe.lock.yaml"), f"source.root={source}", f"sink.root={tmp_path / 'second'}")
    first, second = tree(tmp_path / "first"), tree(tmp_path / "second")
    locks = [strict.load(tmp_path / name / "recipe.lock.yaml", "recipe") for name in ("first", "second")]
    assert locks[0].data == locks[1].data
    assert locks[1].lock["files"] == [{"recipe": str(tmp_path / "first/recipe.lock.yaml"), "sha256": locks[0].sha256}]
    assert {**first, "recipe.lock.yaml": ""} == {**second, "recipe.lock.yaml": ""}


def test_the_sink_is_known_by_its_workshop_while_it_is_unfinished(source: Path, tmp_path: Path) -> None:
    class Looks(Watch):
        seen = False

        def sealing(self) -> None:
            self.seen = bool([*tmp_path.glob(".augflow/records.*")])

    watch = Looks()
    make(f"source.root={source}", f"sink.root={tmp_path}", watch=watch)
    assert watch.seen
    assert not FolderSink(str(tmp_path)).workshop.exists()
