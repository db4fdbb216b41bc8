"""Run commands one after another under watch: what they touch, how long they take, how much memory they hold.

Reads a list of commands as JSON from stdin, each a list of words for `augflow`; writes a list of `{code, said, seconds,
events}`. Memory is limited to 500 MB beyond what the process holds after its first, harmless command.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

from augflow.cli import main
from augflow.executor import forkserver

_NEVER = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn")
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
_MOST = 500_000_000

events: list[str] = []
watching = False


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not watching:
        return
    if event.startswith((*_NEVER, *_NETWORK)):
        events.append(f"{event} {arguments!r}"[:200])
    elif event == "import" and str(arguments[0]).split(".")[0] in ("canary", "ray"):
        events.append(f"import {arguments[0]}")
    elif event in _CHANGES and not str(arguments[0]).startswith((".", os.path.join(tempfile.gettempdir(), "augflow-"))):
        events.append(f"{event} {arguments[0]}")
    elif event == "open" and isinstance(arguments[0], str | bytes):
        path, flags = os.fsdecode(arguments[0]), arguments[2] if isinstance(arguments[2], int) else 0
        if flags & (os.O_WRONLY | os.O_RDWR) and path != os.devnull and not path.startswith("/dev/shm"):
            events.append(f"open for writing {path}")
        elif path.endswith(("secret.yaml", "/etc/passwd", "canary.py", ".ttf")):
            events.append(f"open {path}")


def perform(words: list[str]) -> dict[str, Any]:
    global watching
    events.clear()
    said = io.StringIO()
    start = time.process_time()
    watching = True
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code: int | str = main(words)
    except BaseException as error:
        code = repr(error)
    finally:
        watching = False
    return {"code": code, "said": said.getvalue(), "seconds": time.process_time() - start, "events": [*events]}


def _held() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    forkserver.start(["augflow.engine.work"])
    sys.addaudithook(watch)
    commands = json.load(sys.stdin)
    for first in (["plan", "source.root=images"], ["check", "fine.yaml"], ["diff", "balance", "fine.yaml"]):
        assert main(first) in (0, 1), first
    limit = _held() + _MOST
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.stdout.flush()
    done = [perform(words) for words in commands]
    print("\n" + json.dumps(done))
