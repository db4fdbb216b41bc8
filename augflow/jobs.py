"""A verb as the job that Hydra calls: once, or once for each job of a sweep."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from augflow.command import WRONG, begin_verb, guarded
from augflow.config import catalogue
from augflow.config import compose as config
from augflow.config.compose import Settings, settle
from augflow.config.door import BY_PATH, VERSION_BASE, Carried, composed_once, opened
from augflow.config.explain import explain
from augflow.errors import RecipeError, SurroundingsError
from augflow.sweep import Board


class Job:
    """The function that Hydra calls once, or once for each job of a sweep; it keeps the worst exit code."""

    def __init__(
        self,
        verb: Callable[[Settings, dict[str, Any]], int],
        flags: dict[str, Any],
        needs_source: bool = True,
        makes: bool = False,
    ) -> None:
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
        about: Any = HydraConfig.get()
        job = about.job.override_dirname.replace(f"recipe={BY_PATH}", "recipe=")

        def act() -> int:
            settings = settle(config, about, self.fixed, self.needs_source)
            begin_verb()
            if self.makes and settings.job:
                self._claim(os.path.join(str(settings.sink.get("root", "")), settings.job))
            return int(self.verb(settings, self.flags))

        code = guarded(act, f"{job}: " if about.mode == RunMode.MULTIRUN else "")
        self.code = max(self.code, code)
        if os.getpid() != self.process and not self._board().leave(about.job.num, job, code) and code:
            raise JobError(code)

    def _board(self) -> Board:
        return Board(self.board)

    def _claim(self, root: str) -> None:
        """Two jobs would undo each other's outputs in one sink, or wait for each other."""
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


class JobError(Exception):
    """How a job on another machine hands its exit code back, through Hydra's launcher; of several the first is told."""


def compose(job: Job, program: str, flags: list[str], typed: list[str], roots: Sequence[str] = ()) -> int:
    """Let Hydra compose the settings and call `job`, or do what its flags say; return the exit code."""
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
        composed_once(words, flags, roots),
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
        except JobError as failed:
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


def _warn(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    place = "" if "hydra" in filename else f"{filename}:{lineno}: {category.__name__}: "
    print(f"augflow: {place}{str(message).strip()}", file=sys.stderr)
