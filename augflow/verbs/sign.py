"""Sign a recipe, a lock or a data set, so that others can prove whose it is and that nothing was changed.

augflow sign --new-key acme.key
augflow sign recipe.lock.yaml --key acme.key
augflow sign photos/balanced --key acme.key
augflow verify recipe.lock.yaml --signature acme.pub
augflow verify sink.root=photos/balanced --signature acme.pub

Keys and signatures are minisign's: the signature lies beside what is signed and ends in .minisig; `minisign -V` checks
it too. Of a data set, run.json is signed, which holds the hashes of all the rest. A passphrase is asked for, or read
from what is piped in. SECURITY.md says what a signature proves, and what not.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augflow.errors import RecipeError
from augflow.signing import is_private, new_keys, sign
from augflow.verbs.telling import printable

FLAGS = {
    "--key": ("", "the secret key to sign with"),
    "--new-key": ("", "make a pair of keys: this file, and beside it the public one, which ends in .pub"),
    "--no-passphrase": (False, "with --new-key: whoever has the file can sign"),
}
COMPOSES = False


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    if flags["new_key"]:
        if arguments or flags["key"]:
            raise RecipeError("--new-key makes a pair of keys and signs nothing: augflow sign --new-key acme.key")
        return _make_keys(Path(flags["new_key"]), flags["no_passphrase"])
    if len(arguments) != 1 or not flags["key"]:
        raise RecipeError("Say what to sign, and with which key: augflow sign FILE|SINK --key KEY")
    key = Path(flags["key"])
    if key.is_file() and not is_private(key):
        print(f"augflow: {printable(str(key))} can be read by others: chmod 600 keeps it yours.", file=sys.stderr)
    signed = sign(Path(arguments[0].removeprefix("sink.root=")), key, lambda: _ask(f"Passphrase of {key}: "))
    print(f"Signed {printable(str(signed.file))} by the key {signed.key}: {printable(str(signed.signature))}")
    return 0


def _make_keys(secret: Path, bare: bool) -> int:
    passphrase = None if bare else _ask_twice()
    keys = new_keys(secret, passphrase)
    print(f"{keys.secret}: the secret key. Keep it, and tell nobody." + (" It has no passphrase." if bare else ""))
    print(f"{keys.public}: the public key. Give it to whoever shall check: {keys.text}")
    return 0


def _ask_twice() -> str:
    passphrase = _ask("Passphrase for the new key: ")
    if not passphrase:
        raise RecipeError("An empty passphrase keeps nobody out. `--no-passphrase` makes a key without one.")
    if sys.stdin.isatty() and _ask("Once more: ") != passphrase:
        raise RecipeError("The two are not the same. Nothing was written.")
    return passphrase


def _ask(prompt: str) -> str:
    """A passphrase from the terminal, unseen; or the first line of what is piped in."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
