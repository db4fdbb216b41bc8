"""The command line: a verb, its own flags, and everything else for Hydra.

Importing this module imports next to nothing, so that `augflow` alone answers at once.
"""

from __future__ import annotations

import sys

from augflow.command import INTERRUPTED, TERMINATED, begin_verb, guarded, mend_streams, pipe_closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

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
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
    "augflow.source.folder",
    "augflow.sink.folder",
    *(f"augflow.transforms.{name}" for name in ("geometry", "window", "colour", "filters", "noise")),
)
"""What most runs need; the rest is imported by each worker."""


def command() -> None:
    """What is installed as `augflow`: do what the command line asks, and end with its exit code."""
    mend_streams()
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks (`sys.argv` unless given) and return the exit code."""
    if arguments is None and sys.getfilesystemencoding() != "utf-8":
        _begin_anew_in_utf8()
    import gc

    words = list(sys.argv[1:] if arguments is None else arguments)
    collects = gc.isenabled()
    gc.disable()  # Until a verb begins: looking for garbage in what is imported takes a tenth of the time.
    try:
        code = guarded(lambda: _said(_main(words, ours=arguments is None)))
    except KeyboardInterrupt as stop:
        kept = " What was made is kept; the same command goes on from there." if words[0] in MAKING else ""
        print(f"augflow: stopped.{kept}", file=sys.stderr)
        code = stop.args[0] if stop.args else INTERRUPTED
    except BrokenPipeError:
        code = pipe_closed()
    finally:
        (gc.enable if collects else gc.disable)()
        if arguments is None:
            gc.freeze()  # The process ends: to look for garbage once more would take a tenth of a second.
    return code


def _said(code: int) -> int:
    """See that all that was printed has gone out."""
    sys.stdout.flush()
    return code


def _begin_anew_in_utf8() -> None:
    """Names of files are bytes, and records are UTF-8, whatever the locale says; Python settles that as it starts."""
    import os

    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _main(words: list[str], ours: bool) -> int:
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
        if ours:
            forkserver.take_one_thread()
        _stop_on_terminate()
    return _run(_module(verb), verb, rest)


def _stop_on_terminate() -> None:
    """End on SIGTERM as on Ctrl-C: in order, with exit code 143."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt(TERMINATED)

    signal.signal(signal.SIGTERM, stop)


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
        begin_verb()
        return int(module.main(arguments.words, arguments.flags))
    if (prepare := getattr(module, "prepare", None)) and (code := prepare(arguments)) is not None:
        return int(code)
    if operand:
        arguments.flags["operand"] = take_operand(arguments.words, f"augflow {verb} {operand}")
    from augflow.jobs import Job, compose

    job = Job(module.main, arguments.flags, needs_source, verb in MAKING)
    return compose(job, f"augflow {verb}", arguments.hydra, arguments.words, arguments.roots)


def _completion(asked: list[str]) -> int:
    """Install completion in a shell, or answer one: verbs and flags from here, settings from Hydra."""
    import contextlib
    import io
    import os

    from augflow.config.arguments import BARE, VALUED, sort
    from augflow.config.door import opened
    from augflow.jobs import Job, compose

    nothing = Job(lambda _, __: 0, {})
    if not any(word.startswith("query=") for word in asked):
        return compose(nothing, "augflow", ["--shell-completion"], asked)
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
                compose(nothing, "augflow", ["--shell-completion"], asked)
    return 0
