"""A limit on the time that decoding one image may take, kept by the kernel: it ends the process, wherever that is.

Decoders are C code that no exception reaches. The executor tries what ended its worker alone, finds the same signal,
and gives it up. What counts is the processor's time, which other work on the machine does not prolong.
"""

from __future__ import annotations

import signal
from types import TracebackType

from augflow.executor import SPENT, Lost


class TimeLimit:
    """Within it this process has so many seconds; then it is ended by the signal `SPENT`. For workers alone.

    Args:
        seconds: of processor time; 0 for no limit, which leaves the process's own timer alone.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        if self.seconds:
            signal.setitimer(signal.ITIMER_PROF, self.seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.seconds:
            signal.setitimer(signal.ITIMER_PROF, 0)


NONE = TimeLimit(0)


def reason(lost: Lost, seconds: float) -> tuple[str, str]:
    """Why an image was lost: a stable word, and the particulars."""
    if lost.signal == SPENT:
        return "too slow", f"decoding takes longer than source.decode_timeout={seconds:g} seconds"
    return "worker died", lost.why
