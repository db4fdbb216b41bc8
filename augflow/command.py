"""How a command begins and ends: exit codes, and what goes wrong as people are told of it.

Importing this module imports nothing but `sys`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = 2
FAULT = 70
INTERRUPTED = 130
TERMINATED = 143
PIPE_CLOSED = 141


def guarded(act: Callable[[], int], job: str = "") -> int:
    """Call `act`; turn what it raises into a message and an exit code. A traceback is for a fault of our own."""
    try:
        return act()
    except SystemExit as done:
        # rich tells of a closed pipe so, and argparse of what is wrong.
        return PIPE_CLOSED if isinstance(done.__context__, BrokenPipeError) else int(done.code or 0)
    except BrokenPipeError:
        return pipe_closed()
    except Exception as error:
        import errno

        from augflow.errors import AugflowError, SurroundingsError

        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            where = f" to {error.filename}" if error.filename else ""
            error = SurroundingsError(f"there is no room left for what this writes or prints{where}.")
        if isinstance(error, AugflowError):
            print(f"augflow: {job}{error}", file=sys.stderr)
            return error.exit_code
        import traceback

        traceback.print_exc()
        print(f"augflow: {job}this is a fault of augflow's own: please report it with the lines above", file=sys.stderr)
        return FAULT


def mend_streams() -> None:
    """Give a process that was started with closed standard streams such as lead nowhere.

    The first files that it opens would take their places else, and what is printed would go there.
    """
    import os

    while (opened := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(opened, True)
    os.close(opened)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


_LAST_STREAM = 2


def pipe_closed() -> int:
    """Nobody reads on; say so by the exit code."""
    import os

    # Python would complain once more when it closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return PIPE_CLOSED


def begin_verb() -> None:
    """Look for garbage from here on, and not in what is there by now."""
    import gc

    if not gc.get_freeze_count():  # What further jobs leave behind is garbage.
        gc.freeze()
    gc.enable()
