"""Where the jobs of a sweep leave word for each other and for the command that began them, on one machine."""

from __future__ import annotations

import os
from hashlib import blake2b


class Board:
    """A folder; a job on another machine does not find it.

    Args:
        folder: empty, and there as long as the sweep is on.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def claim(self, root: str) -> bool:
        """Claim a sink for one job; say whether no other has."""
        name = blake2b(os.fsencode(os.path.realpath(root)), digest_size=16).hexdigest()
        try:
            os.mkdir(os.path.join(self._folder, f"{name}.sink"))
        except FileExistsError:
            return False
        except OSError:  # What lies elsewhere is kept by the sink's own lock.
            return True
        return True

    def leave(self, number: int, name: str, code: int) -> bool:
        """Leave a job's exit code; say whether that could be."""
        try:
            with open(os.path.join(self._folder, f"{number}.code"), "xb") as file:
                file.write(f"{code} {name}".encode("utf-8", "backslashreplace"))
        except OSError:
            return False
        return True

    def codes(self) -> list[tuple[str, int]]:
        """Names and exit codes that were left, by name."""
        found = []
        for entry in os.scandir(self._folder):
            if entry.name.endswith(".code"):
                with open(entry.path, encoding="utf-8") as file:
                    code, _, name = file.read().partition(" ")
                found.append((name, int(code)))
        return sorted(found)
