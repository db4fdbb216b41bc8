"""Work that does with an item what the item says, for tests of executors: it dies, hangs and fails to order."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

ENTRY = f"{__name__}:Obedient"


class Obedient:
    """Called with (number, word, argument) it returns what follows from number and spec, and does what the word says.

    Args:
        spec: `factor`, by which numbers are multiplied; `log`, a file that gets a line `built PID` when this is built
            and `NUMBER PID` for every item begun; `begin`: `die` or `fail`, while this is being built.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = json.loads(json.dumps(spec))
        self._note("built")
        if spec.get("begin") == "die":
            os._exit(1)
        if spec.get("begin") == "fail":
            raise ValueError("it cannot be built")

    def __call__(self, item: tuple[int, str, Any]) -> Any:
        number, word, argument = item
        self._note(str(number))
        if word:
            getattr(self, f"_{word}")(number, argument)
        return [
            number,
            number * int(self.spec.get("factor", 10)),
            "ü\udce9",
            b"\x00" * (argument if word == "much" else 1),
        ]

    def _note(self, what: str) -> None:
        if "log" in self.spec:
            with Path(self.spec["log"]).open("a", encoding="utf-8") as log:
                log.write(f"{what} {os.getpid()}\n")

    def _much(self, _number: int, _size: int) -> None:
        """Return so many bytes."""

    def _sleep(self, _number: int, seconds: float) -> None:
        time.sleep(seconds)

    def _exit(self, _number: int, _argument: object) -> NoReturn:
        os._exit(1)

    def _kill(self, _number: int, _argument: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _crash(self, _number: int, _argument: object) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _spend(self, _number: int, seconds: float) -> NoReturn:
        """Use the processor until the kernel ends the process for it."""
        signal.setitimer(signal.ITIMER_PROF, seconds)
        while True:
            pass

    def _once(self, _number: int, mark: str) -> None:
        """Die, unless the file is there that is written before."""
        if not Path(mark).exists():
            Path(mark).touch()
            os._exit(1)

    def _lift(self, number: int, _argument: object) -> NoReturn:
        raise LookupError(f"item {number}")

    def _print(self, number: int, _argument: object) -> None:
        """Write on both streams, past Python as well."""
        print("printed", number, flush=True)
        os.write(1, b"written\n")
        os.write(2, b"")
