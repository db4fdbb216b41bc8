"""The command line: verbs, flags, what Hydra's habits still do, exit codes, completion in a real bash."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import augflow
from augflow import cli
from augflow.config.arguments import sort
from augflow.config.compose import Settings
from augflow.errors import AugflowError, RecipeError, SurroundingsError

CHECKOUT = Path(augflow.__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(CHECKOUT), os.environ.get("PYTHONPATH", "")))}


def augflow_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "augflow", *words]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


Act = Callable[[Settings, Mapping[str, Any]], int]
Probe = Callable[[Act], None]


def show(settings: Settings, flags: Mapping[str, Any]) -> int:
    print(json.dumps({**dataclasses.asdict(settings), "flags": dict(flags)}))
    return 0


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Probe:
    """Adds the verb `probe`, which shows what it was called with; call this to have it do something else."""
    module: Any = types.ModuleType("augflow.verbs.probe", "Show what was asked.\n\nIn full.")
    module.FLAGS = {"--format": ("text", "text or json"), "--dry-run": (False, "do nothing")}
    module.main = show
    monkeypatch.setitem(sys.modules, "augflow.verbs.probe", module)
    monkeypatch.setattr(cli, "VERBS", (*cli.VERBS, "probe"))
    monkeypatch.chdir(tmp_path)
    return lambda act: setattr(module, "main", act)


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_alone_it_answers_in_under_three_times_a_bare_interpreter(tmp_path: Path) -> None:
    def fastest(*command: str) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    bare = fastest("-c", "pass")
    for word in ((), ("--help",), ("--version",)):
        assert fastest("-m", "augflow", *word) < 3 * bare


def test_help_names_every_verb_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"], ["-h"]):
        assert cli.main(words) == 0
        text = capsys.readouterr().out
        for verb in cli.VERBS:
            assert f"  {verb} " in text
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"augflow {augflow.__version__}\n"


def test_every_verb_is_a_module_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in cli.VERBS:
        assert cli.main([verb, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"usage: augflow {verb} " in text
        assert text.splitlines()[0].endswith(".")


def test_the_help_of_a_verb_tells_flags_choices_settings_and_examples(
    probe: Probe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine/recipe").mkdir(parents=True)
    (tmp_path / "mine/recipe/own.yaml").write_text("# For our own.\nseed: 1\n")
    assert cli.main(["probe", "--config-dir", "mine", "--help", "recipe.taget=5"]) == 0
    text = capsys.readouterr().out
    for part in (
        "Show what was asked.",
        "--format text           text or json",
        "  --dry-run               do nothing",
        "  balance     (default) Every class",
        "  own         For our own.",
        "source.root=???",
        "executor.workers=auto",
        "recipe.target=max",
        "plugins=[]",
        "augflow probe source=demo recipe=strong +recipe.classes.hat.target=800",
        "--multirun",
        "--hydra-help",
    ):
        assert part in text


def test_help_does_not_wait_for_hydra(tmp_path: Path) -> None:
    code = "import sys; from augflow.cli import main; main(['plan', '--help']); print('hydra' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rnu"], "There is no verb 'rnu'. Did you mean 'run'?"),
        (["source.root=x"], "A verb comes first"),
        (["-m", "run"], "A verb comes first"),
        (["probe", "--fromat", "json"], "There is no flag --fromat. Did you mean '--format'?"),
        (["probe", "--format"], "--format needs a value."),
        (["probe", "--dry-run=yes"], "--dry-run takes no value."),
        (["probe", "--experimental-rerun", "x"], "There is no flag --experimental-rerun."),
        (["probe", "recipe.taget=5"], "recipe has no 'taget'. Did you mean 'target'?"),
        (["probe", "-m", "recipe.seed=1,2", "recipe.taget=5"], "recipe has no 'taget'. Did you mean 'target'?"),
        (["probe", "recipe=gentel"], "No recipe is called 'gentel'. Did you mean 'gentle'?"),
        (["probe", "no.yaml"], "There is no recipe no.yaml"),
        (["probe", "recipe.target=[5"], "cannot be read"),
        (["probe", "recipe.seed=1,2"], "add --multirun"),
        (["probe"], "source.root is needed"),
        (["probe", "--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder."),
        (["probe", "--config-name", "nothing"], "Cannot find primary config 'nothing'"),
        (["probe", "--cfg", "nothing"], "invalid choice: 'nothing'"),
        (["probe", "--resolve"], "can only be used in conjunction with --cfg"),
        (["probe", "--cfg", "job", "-p", "nothing"], "package 'nothing' not found"),
        (["probe", "evil.yaml"], "evil.yaml:2:1: the key 'hydra'"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_ends_with_2(
    words: list[str], expected: str, probe: Probe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evil.yaml").write_text("version: 1\nhydra: {}\n")
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert expected in err
    assert "Traceback" not in err
    assert out == ""


def test_a_verb_gets_settings_and_its_own_flags_wherever_they_stand(
    probe: Probe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["probe", "source=demo", "--format", "json", "recipe.target=5", "--dry-run"]) == 0
    assert cli.main(["probe", "--format=json", "source=demo"]) == 0
    first, second = shown(capsys)
    assert first["flags"] == {"format": "json", "dry_run": True}
    assert first["recipe"]["target"] == 5
    assert first["overrides"] == ["source=demo", "recipe.target=5"]
    assert first["job"] == ""
    assert second["flags"] == {"format": "json", "dry_run": False}


def test_flags_may_stand_after_settings_and_have_their_values_in_either_way() -> None:
    found = sort(["a=1", "-c", "job", "b=2", "--config-dir=x", "-cd", "y", "-i", "c=3", "--", "-d"], {})
    assert found.hydra == ["--cfg=job", "--info=all"]
    assert found.roots == ["x", "y"]
    assert found.words == ["a=1", "b=2", "c=3", "-d"]
    assert sort(["--info", "searchpath", "a=1"], {}).hydra == ["--info=searchpath"]


def test_a_sweep_runs_each_job_and_writes_nothing(
    probe: Probe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["probe", "-m", "source=demo", "sink.root=out", "executor.workers=2", "recipe.seed=1,2"]
    assert cli.main([*words, "recipe=gentle,strong"]) == 0
    jobs = shown(capsys)
    assert [(job["recipe"]["seed"], job["origin"]["recipe"]) for job in jobs] == [
        (1, "gentle"),
        (1, "strong"),
        (2, "gentle"),
        (2, "strong"),
    ]
    assert [job["job"] for job in jobs][:2] == ["recipe.seed=1,recipe=gentle", "recipe.seed=1,recipe=strong"]
    assert all(job["multirun"] for job in jobs)
    assert list(tmp_path.iterdir()) == []


def test_the_jobs_of_a_sweep_have_names_of_their_own_that_are_fit_for_folders(
    probe: Probe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    assert cli.main(["probe", "-m", "mine.yaml", "source=demo", "recipe.seed=1,2"]) == 0
    assert cli.main(["probe", "-m", "source.root=a/b,a_b,../c", "sink.root=x"]) == 0
    assert (
        cli.main(["probe", "-m", "source=demo", f"+recipe.classes={{{'x' * 300}: {{target: 1}}}}", "sink.root=x"]) == 0
    )
    assert cli.main(["probe", "-m", "source=demo"]) == 0
    names = [job["job"] for job in shown(capsys)]
    assert names[:2] == ["recipe.seed=1,recipe=mine", "recipe.seed=2,recipe=mine"]
    assert names[-1] == "0"
    assert len({*names}) == len(names) == 7
    for name in names:
        assert "/" not in name
        assert not name.startswith(".")
        assert 0 < len(name.encode()) <= 150


def test_the_worst_exit_code_of_a_sweep_is_its_exit_code(probe: Probe, capsys: pytest.CaptureFixture[str]) -> None:
    def act(settings: Settings, flags: Mapping[str, Any]) -> int:
        seed = settings.recipe["seed"]
        if seed == 2:
            raise RecipeError("two is too much")
        print(seed)
        return 1 if seed == 1 else 0

    probe(act)
    assert cli.main(["probe", "-m", "source=demo", "recipe.seed=0,1,2,3"]) == 2
    out, err = capsys.readouterr()
    assert out.split() == ["0", "1", "3"]
    assert err == "augflow: recipe.seed=2,source=demo: two is too much\n"
    assert cli.main(["probe", "-m", "source=demo", "recipe.seed=0,1"]) == 1
    assert cli.main(["probe", "-m", "source=demo", "recipe.seed=0,3"]) == 0


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RecipeError("look there"), 2, "augflow: look there\n"),
        (SurroundingsError("disk full"), 3, "augflow: disk full\n"),
        (SystemExit(3), 3, ""),
        (KeyboardInterrupt(), 130, "augflow: stopped.\n"),
    ],
)
def test_what_a_verb_raises_becomes_an_exit_code(
    raised: BaseException, code: int, said: str, probe: Probe, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(settings: Settings, flags: Mapping[str, Any]) -> int:
        raise raised

    probe(act)
    assert cli.main(["probe", "source=demo"]) == code
    assert capsys.readouterr().err == said
    assert not isinstance(raised, AugflowError) or raised.exit_code == code


@pytest.mark.parametrize("verb", ["run", "plan", "scan", "verify", "audit"])
def test_a_format_that_is_none_is_refused_before_anything_is_done(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([verb, "--format", "xml", "source=demo", f"sink.root={tmp_path / 'out'}"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "augflow: --format xml: it is text or json.\n"
    assert not (tmp_path / "out").exists()


def test_only_a_fault_of_our_own_shows_a_traceback(probe: Probe, capsys: pytest.CaptureFixture[str]) -> None:
    def act(settings: Settings, flags: Mapping[str, Any]) -> int:
        raise ZeroDivisionError

    probe(act)
    assert cli.main(["probe", "source=demo"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "fault of augflow's own: please report it" in err


def test_garbage_is_looked_for_again_once_a_verb_begins(probe: Probe) -> None:
    found: list[bool] = []

    def main(settings: Settings, flags: Mapping[str, Any]) -> int:
        found.append(gc.isenabled())
        return 0

    probe(main)
    assert cli.main(["probe", "source=demo"]) == 0
    assert cli.main(["no such verb"]) == 2
    assert (found, gc.isenabled()) == ([True], True)


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    for words in (["plan", "--help"], ["plan", "source=demo", "--cfg", "job"]):
        command = [sys.executable, "-m", "augflow", *words]
        with subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["--version"], ["plan", "source=demo"]])
def test_no_room_for_what_is_printed_is_said_in_words(words: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "augflow", *words]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "no room left for what this writes or prints" in done.stderr


def test_closed_streams_change_nothing_but_that_nobody_hears(tmp_path: Path) -> None:
    """Whatever is opened first would be the standard output else, and workers would write into it."""
    command = f"{sys.executable} -m augflow run source=demo sink.root=made <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, env=ENVIRONMENT).returncode == 0
    done = augflow_in(tmp_path, "verify", "sink.root=made")
    assert done.returncode == 0, done.stdout


def test_hydra_shows_what_it_composes(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("defaults: [{/chain@chains.gentle: gentle}]\nseed: 7\n")
    done = augflow_in(tmp_path, "plan", "mine.yaml", "source=demo", "--cfg", "job", "recipe.seed=8")
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    assert shown["recipe"]["seed"] == 8
    assert shown["recipe"]["chains"]["gentle"]["rotate"]["limit"] == 25
    assert set(shown) == {"recipe", "source", "sink", "executor", "plugins"}
    info = augflow_in(tmp_path, "plan", "--info", "searchpath", "source=demo")
    assert "file://" in info.stdout
    assert augflow_in(tmp_path, "plan", "--hydra-help").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml"]


def test_a_primary_config_of_ones_own_builds_on_the_shipped_one(
    probe: Probe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/team.yaml").write_text(
        "defaults: [config, override source: demo, _self_]\nexecutor: {workers: 3}\n"
    )
    assert cli.main(["probe", "--config-dir", "mine", "--config-name", "team"]) == 0
    (job,) = shown(capsys)
    assert job["executor"] == {"kind": "local", "task_timeout": 600, "workers": 3}
    assert job["source"] == {"kind": "demo"}


def test_a_verb_that_composes_nothing_gets_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module: Any = types.ModuleType("augflow.verbs.say", "Say it.")
    module.COMPOSES = False
    module.FLAGS = {"--loud": (False, "louder")}
    module.main = lambda arguments, flags: 0 if print(arguments, flags) is None else 1
    monkeypatch.setitem(sys.modules, "augflow.verbs.say", module)
    monkeypatch.setattr(cli, "VERBS", ("say",))
    assert cli.main(["say", "a", "--loud", "b.yaml", "c=d"]) == 0
    assert capsys.readouterr().out == "['a', 'b.yaml', 'c=d'] {'loud': True}\n"
    assert cli.main(["say", "--config-dir", "x"]) == 2
    assert "There is no flag --config-dir" in capsys.readouterr().err
    assert cli.main(["say", "--help"]) == 0
    assert "--loud" in capsys.readouterr().out


def test_completion_in_bash(tmp_path: Path) -> None:
    tried = {
        "augflow ": {*cli.VERBS, "--help", "--version"},
        "augflow pl": {"plan"},
        "augflow plan --fo": {"--format"},
        "augflow plan recipe=": {"recipe=article", "recipe=balance", "recipe=gentle", "recipe=keras", "recipe=strong"},
        "augflow plan recipe.chains.gentle.ro": {"recipe.chains.gentle.rotate."},
        "augflow plan --format json recipe=strong sink=folder recipe.chains.strong.per": {
            "recipe.chains.strong.perspective."
        },
        "augflow plan mine.yaml recipe.max": {"recipe.max_copies="},
        "augflow plan --config-dir mine recipe=o": {"recipe=own"},
        "augflow nothing recipe=": set(),
    }
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/augflow"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m augflow "$@"\n')
    script.chmod(0o755)
    (tmp_path / "mine/recipe").mkdir(parents=True)
    for name in ("mine.yaml", "mine/recipe/own.yaml"):
        (tmp_path / name).write_text("max_copies: 3\n")
    lines = "\n".join(f"complete_line '{line}'" for line in tried)
    (tmp_path / "try.bash").write_text(
        f"""
        eval "$(augflow -sc install=bash)"
        complete -p augflow | grep -q hydra_bash_completion || exit 1
        complete_line() {{
            COMP_LINE="$1" COMP_POINT=${{#1}} COMPREPLY=()
            COMP_WORDS=($1) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
            [[ "$1" == *" " ]] && COMP_CWORD=$(( COMP_CWORD + 1 ))
            hydra_bash_completion
            echo "${{COMPREPLY[@]}}"
        }}
        {lines}
        """
    )
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "try.bash"],
        cwd=tmp_path,
        env={**ENVIRONMENT, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [{*line.split()} for line in done.stdout.splitlines()] == list(tried.values())
