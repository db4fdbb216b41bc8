"""The command line: a verb, its own flags, and everything else for Hydra.

Importing this module imports nothing but `sys`, so that `augflow` alone answers at once.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

    from omegaconf import DictConfig

    from augflow.config.compose import Settings
    from augflow.sweep import Board

VERBS = (
    "scan",
    "plan",
    "preview",
    "run",
    "report",
    "verify",
    "audit",
    "replay",
    "sign",
    "check",
    "diff",
    "transforms",
    "recipes",
    "import",
    "export",
    "schema",
    "new",
)

OVERVIEW = """\
augflow turns an imbalanced image-classification dataset into a balanced one, with a record for every image.

usage: augflow VERB [flags] [RECIPE.yaml] [key=value ...]

{verbs}

augflow VERB --help   the verb's flags, settings and choices
augflow --version     the version
eval "$(augflow -sc install=bash)"   completion in bash
"""

MAKING = ("run",)
"""Verbs that make images: their workers' imports begin before anything else."""

_WORKERS_IMPORT = (
    "augflow.engine.work",
    "augflow.source.folder",
    "augflow.sink.folder",
    *(f"augflow.transforms.{name}" for name in ("geometry", "window", "colour", "filters", "noise")),
)
"""What most runs need; the rest is imported by each worker."""

WRONG = 2
FAULT = 70
INTERRUPTED = 130
TERMINATED = 143
PIPE_CLOSED = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks (`sys.argv` unless given) and return the exit code."""
    if arguments is None and sys.getfilesystemencoding() != "utf-8":
        _begin_anew_in_utf8()
    import gc

    words = list(sys.argv[1:] if arguments is None else arguments)
    gc.disable()  # Until a verb begins: looking for garbage in what is imported takes a tenth of the time.
    try:
        code = _guarded(lambda: _main(words))
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        kept = " What was made is kept; the same command goes on from there." if words[0] in MAKING else ""
        print(f"augflow: stopped.{kept}", file=sys.stderr)
        code = stop.args[0] if stop.args else INTERRUPTED
    except BrokenPipeError:
        code = _pipe_closed()
    finally:
        gc.enable()
    return code


def _begin_anew_in_utf8() -> None:
    """Names of files are bytes, and records are UTF-8, whatever the locale says; Python settles that as it starts."""
    import os

    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(OVERVIEW.format(verbs="\n".join(f"  {verb:<12}{_summary(verb)}" for verb in VERBS)), end="")
        return 0
    verb, *rest = words
    if verb == "--version":
        from augflow import __version__

        print(f"augflow {__version__}")
        return 0
    if verb in ("-sc", "--shell-completion"):
        return _completion(rest)
    if verb not in VERBS:
        from augflow.errors import RecipeError, nearest

        first = " A verb comes first: augflow run …" if "=" in verb or verb.startswith("-") else ""
        raise RecipeError(f"There is no verb '{verb}'.{nearest(verb, VERBS)}{first} Verbs: {', '.join(VERBS)}.")
    if verb in MAKING and not {"-h", "--help", "-c", "--cfg"} & {*rest}:
        from augflow.executor import forkserver

        forkserver.start(_WORKERS_IMPORT)
        _stop_on_terminate()
    return _run(_module(verb), verb, rest)


def _stop_on_terminate() -> None:
    """End on SIGTERM as on Ctrl-C: in order, with exit code 143."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt(TERMINATED)

    signal.signal(signal.SIGTERM, stop)


def _begin_verb() -> None:
    """Look for garbage from here on, and not in what is there by now."""
    import gc

    if not gc.get_freeze_count():  # What further jobs leave behind is garbage.
        gc.freeze()
    gc.enable()


def _summary(verb: str) -> str:
    """The first line of a verb's docstring, without importing the verb."""
    with open(f"{__file__.removesuffix('cli.py')}verbs/{_file(verb)}.py", encoding="utf-8") as lines:
        return lines.readline().strip().strip('"')


def _file(verb: str) -> str:
    """A verb's module; one that is a word of Python's own has an underscore after it."""
    return "import_" if verb == "import" else verb


def _module(verb: str) -> ModuleType:
    from importlib import import_module

    return import_module(f"augflow.verbs.{_file(verb)}")


def _run(module: ModuleType, verb: str, typed: list[str]) -> int:
    from pathlib import Path

    from augflow.config import usage
    from augflow.config.arguments import sort, take_operand

    flags = getattr(module, "FLAGS", {})
    composes = getattr(module, "COMPOSES", True)
    operand = getattr(module, "OPERAND", "")
    needs_source = getattr(module, "NEEDS_SOURCE", True)
    if {"-h", "--help"} & {*typed}:
        roots = [Path(root) for root in sort(typed, flags, composes).roots]
        text = module.__doc__ or ""
        takes = None if needs_source else operand
        print(usage.composed(verb, text, flags, roots, takes) if composes else usage.plain(verb, text, flags), end="")
        return 0
    arguments = sort(typed, flags, composes)
    if not composes:
        _begin_verb()
        return int(module.main(arguments.words, arguments.flags))
    if (prepare := getattr(module, "prepare", None)) and (code := prepare(arguments)) is not None:
        return int(code)
    if operand:
        arguments.flags["operand"] = take_operand(arguments.words, f"augflow {verb} {operand}")
    job = _Job(module.main, arguments.flags, needs_source, verb in MAKING)
    return _compose(job, f"augflow {verb}", arguments.hydra, arguments.words, arguments.roots)


class _Job:
    """The function that Hydra calls once, or once for each job of a sweep; it keeps the worst exit code."""

    def __init__(
        self,
        verb: Callable[[Settings, dict[str, Any]], int],
        flags: dict[str, Any],
        needs_source: bool = True,
        makes: bool = False,
    ) -> None:
        import os

        self.verb = verb
        self.flags = flags
        self.needs_source = needs_source
        self.makes = makes
        self.fixed: frozenset[str] = frozenset()
        self.process = os.getpid()
        self.code = 0
        self.board = ""
        self.carried: object = None

    def __call__(self, config: DictConfig) -> None:
        import os

        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        from augflow.config.compose import settle
        from augflow.config.door import BY_PATH

        about: Any = HydraConfig.get()
        job = about.job.override_dirname.replace(f"recipe={BY_PATH}", "recipe=")

        def act() -> int:
            settings = settle(config, about, self.fixed, self.needs_source)
            _begin_verb()
            if self.makes and settings.job:
                self._claim(os.path.join(str(settings.sink.get("root", "")), settings.job))
            return int(self.verb(settings, self.flags))

        code = _guarded(act, f"{job}: " if about.mode == RunMode.MULTIRUN else "")
        self.code = max(self.code, code)
        if os.getpid() != self.process and not self._board().leave(about.job.num, job, code) and code:
            raise _JobError(code)

    def _board(self) -> Board:
        from augflow.sweep import Board

        return Board(self.board)

    def _claim(self, root: str) -> None:
        """Two jobs would undo each other's outputs in one sink, or wait for each other."""
        from augflow.errors import RecipeError

        if not self._board().claim(root):
            raise RecipeError(
                f"sink.root: another job of this sweep writes to {root} too. Each needs a sink of its own: sweep over "
                "values that differ, or say sink.root='NAME-${hydra:job.num}'"
            )

    def worst(self) -> int:
        """The worst exit code of all jobs; those in other processes, which may have spoken elsewhere, are told."""
        left = self._board().codes() if self.board else []
        for job, code in left:
            if code:
                print(f"augflow: {job}: exit code {code}", file=sys.stderr)
        return max([self.code, *(code for _, code in left)])


class _JobError(Exception):
    """How a job on another machine hands its exit code back, through Hydra's launcher; of several the first is told."""


def _compose(job: _Job, program: str, flags: list[str], typed: list[str], roots: Sequence[str] = ()) -> int:
    """Let Hydra compose the settings and call `job`, or do what its flags say; return the exit code."""
    import os
    import tempfile
    import warnings

    import hydra

    from augflow.config import catalogue
    from augflow.config import compose as config
    from augflow.config.door import VERSION_BASE, Carried, opened
    from augflow.config.explain import explain
    from augflow.errors import RecipeError, SurroundingsError

    for word in typed:
        sweeper = word.lstrip("+").partition("hydra/sweeper=")
        if not sweeper[0] and sweeper[2] not in ("", "basic"):
            raise RecipeError(
                f"{word}: this sweeper looks for the best of a figure, and a verb gives none. Let it sweep over a "
                "script of yours that trains, and asks augflow for the images: docs/sweeps.md shows one."
            )
    primary = next((flag.partition("=")[2] for flag in flags if flag.startswith("--config-name=")), config.PRIMARY)
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    with (
        opened(typed, roots) as words,
        tempfile.TemporaryDirectory(prefix="augflow-") as scratch,
        warnings.catch_warnings(),
    ):
        warnings.showwarning = _warn  # type: ignore[assignment]
        job.fixed, job.carried = config.fixed(words), Carried()
        sys.argv = [program, *flags, *words]
        sweeps = "--multirun" in flags or "hydra.mode=MULTIRUN" in words
        if sweeps:
            job.board = os.path.join(scratch, "board")
            os.mkdir(job.board)
        if sweeps and not any(word.startswith("hydra.sweep.dir=") for word in words):
            # Hydra's sweeper leaves a multirun.yaml there.
            sys.argv.append(f"hydra.sweep.dir='{scratch}'")
        try:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Else Hydra itself prints what went wrong, and exits with 1.
            hydra.main(str(catalogue.conf_dir()), config.PRIMARY, VERSION_BASE)(job)()
        except _JobError as failed:
            return max(int(failed.args[0]), job.worst())
        except SystemExit as done:
            return WRONG if done.code == 1 else int(done.code or 0)
        except BrokenPipeError:
            raise
        except config.REFUSALS as error:
            raise RecipeError(explain(error, lambda: config.tree(words, primary))) from None
        except Exception as error:
            if not sweeps:
                raise
            first = (str(error).splitlines() or [""])[0]
            raise SurroundingsError(
                f"The launcher of the sweep gave up ({type(error).__name__}: {first}). What was made is kept; the same "
                "command goes on from there."
            ) from error
        finally:
            sys.argv = argv
            del os.environ["HYDRA_FULL_ERROR"]
            if full_error is not None:
                os.environ["HYDRA_FULL_ERROR"] = full_error
        return job.worst()


def _completion(asked: list[str]) -> int:
    """Install completion in a shell, or answer one: verbs and flags from here, settings from Hydra."""
    import contextlib
    import io
    import os

    from augflow.config.arguments import BARE, VALUED, sort
    from augflow.config.door import opened

    nothing = _Job(lambda _, __: 0, {})
    if not any(word.startswith("query=") for word in asked):
        return _compose(nothing, "augflow", ["--shell-completion"], asked)
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT") or 10**6)]
    typed = line.split()[1:]
    current = typed.pop() if typed and not line[-1:].isspace() else ""
    if not typed:
        print(" ".join((*VERBS, "--help", "--version")))
        return 0
    if typed[0] not in VERBS:
        return 0
    module = _module(typed[0])
    flags, composes = getattr(module, "FLAGS", {}), getattr(module, "COMPOSES", True)
    if current.startswith("-"):
        print(" ".join((*flags, "--help", *((*VALUED, *BARE) if composes else ()))))
    elif composes:
        # What cannot be completed is not the moment to complain about.
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception):
            arguments = sort(typed[1:], flags)
            with opened(arguments.words, arguments.roots) as words:
                os.environ["COMP_LINE"] = " ".join(("augflow", *arguments.hydra, *words, current))
                _compose(nothing, "augflow", ["--shell-completion"], asked)
    return 0


def _guarded(act: Callable[[], int], job: str = "") -> int:
    """Call `act`; turn what it raises into a message and an exit code. A traceback is for a fault of our own."""
    try:
        return act()
    except SystemExit as done:
        # rich tells of a closed pipe so, and argparse of what is wrong.
        return PIPE_CLOSED if isinstance(done.__context__, BrokenPipeError) else int(done.code or 0)
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:
        from augflow.errors import AugflowError

        if isinstance(error, AugflowError):
            print(f"augflow: {job}{error}", file=sys.stderr)
            return error.exit_code
        import traceback

        traceback.print_exc()
        print(f"augflow: {job}this is a fault of augflow's own: please report it with the lines above", file=sys.stderr)
        return FAULT


def _pipe_closed() -> int:
    import os

    # Python would complain once more when it closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return PIPE_CLOSED


def _warn(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    place = "" if "hydra" in filename else f"{filename}:{lineno}: {category.__name__}: "
    print(f"augflow: {place}{str(message).strip()}", file=sys.stderr)
