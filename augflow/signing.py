"""Signatures of recipes, locks and data sets, as minisign makes and checks them: Ed25519, offline, keys in two files.

What is signed of a data set is `run.json`, which holds the hashes of the ledger and of the lock; the ledger holds those
of every image. py-minisign does the cryptography (the extra `sign`).
"""

from __future__ import annotations

import base64
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from augflow.config import strict
from augflow.errors import AugflowError, PluginError, RecipeError, SinkError, SurroundingsError
from augflow.ledger import ledger
from augflow.ledger.dataset import Dataset
from augflow.recipe.findings import kind_of
from augflow.sink.folder import LEDGER, LOCK, RUN, SIGNATURE

_MOST = 1 << 28
_SMALL = 1 << 16
# What minisign itself takes to turn a passphrase into a key: 1 GiB for some seconds.
_WORK = {"opslimit": 1 << 25, "memlimit": 1 << 30}


class SignatureError(AugflowError):
    """A file is not what the key's owner signed, or is not signed at all."""

    exit_code = 1


class Signed(NamedTuple):
    """What is signed, and by which key."""

    file: Path
    signature: Path
    key: str
    """The key's number, as minisign tells it."""
    comment: str
    """What the signer said of it; the signature covers it too."""


class Keys(NamedTuple):
    """Where a new pair of keys lies."""

    secret: Path
    public: Path
    text: str
    """The public key itself."""


def new_keys(secret: Path, passphrase: str | None) -> Keys:
    """Make a pair of keys: `secret`, for its owner alone, and beside it the public one, which ends in .pub.

    Args:
        passphrase: None leaves the secret key as it is; whoever has the file can then sign.

    Raises:
        RecipeError: one of the files is there already.
        SurroundingsError: they cannot be written.
    """
    minisign = _library()
    pair = minisign.KeyPair.generate()
    number = _number(pair.public_key.to_base64())
    pair.public_key.untrusted_comment = f"minisign public key {number}"
    if passphrase is None:
        pair.secret_key.untrusted_comment = "minisign secret key, not encrypted"
    else:
        pair.secret_key.encrypt(passphrase, **_WORK)
        pair.secret_key.untrusted_comment = "minisign encrypted secret key"
    public = secret.with_suffix(".pub")
    if public == secret:
        raise RecipeError(f"{secret}: the public key would have this name. Call the secret one otherwise: acme.key")
    for file in (secret, public):
        if os.path.lexists(file):
            raise RecipeError(f"{file} is there already, and a key is never written over. Choose another name.")
    _create(secret, bytes(pair.secret_key) + b"\n", 0o600)
    _create(public, bytes(pair.public_key) + b"\n", 0o644)
    return Keys(secret, public, pair.public_key.to_base64().decode())


def sign(what: Path, key: Path, passphrase: Callable[[], str]) -> Signed:
    """Sign a recipe, a chain, a lock or a finished data set's folder; the signature lies beside, ending in .minisig.

    Args:
        passphrase: asked for where the key has one.

    Raises:
        RecipeError: the key or what is to be signed cannot be read, or is nothing that is signed here.
        SinkError: the data set is not finished, or its files are not those that it tells of.
    """
    minisign = _library()
    file, kind, data = _signable(what)
    try:
        secret = minisign.SecretKey.from_bytes(_read(key, _SMALL))
        if secret.is_encrypted():
            secret.decrypt(passphrase())
    except minisign.Error as error:
        raise RecipeError(f"--key {key}: {error}.") from None
    name = file.name.encode("ascii", "backslashreplace").decode()
    comment = "".join(c if c.isprintable() else "?" for c in f"timestamp:{int(time.time())}|file:{name}|hashed")
    made = secret.sign(
        data,
        untrusted_comment="signature by augflow; minisign -V and augflow verify --signature check it",
        trusted_comment=f"{comment}|augflow {kind}".replace("|", "\t"),
    )
    signature = file.with_name(f"{file.name}{SIGNATURE}")
    number = _number(secret.get_public_key().to_base64())
    secret.wipe()
    try:
        ledger.write_text(signature, bytes(made).decode() + "\n")
    except OSError as error:
        raise SurroundingsError(f"{signature}: {error.strerror}.") from None
    return Signed(file, signature, number, made.trusted_comment)


def check(what: Path, key: str) -> Signed:
    """Check the signature of a file, or of a data set's folder, against a public key: its file, or the key itself.

    Of a data set this proves `run.json` alone; `verify` proves the rest by it.

    Raises:
        SignatureError: there is none, it is another key's, or what was signed has changed since.
        RecipeError: the key or the file cannot be read.
    """
    minisign = _library()
    public = _public(minisign, key)
    file = what / RUN if what.is_dir() else what
    data = _read(file, _MOST)
    beside = file.with_name(f"{file.name}{SIGNATURE}")
    if not beside.is_file():
        raise SignatureError(f"{file}: it is not signed: there is no {beside.name} beside it.")
    number = _number(public.to_base64())
    try:
        signature = minisign.Signature.from_bytes(_read(beside, _SMALL))
    except minisign.Error as error:
        raise SignatureError(f"{beside}: this is no signature: {error}.") from None
    other = _number(bytes(signature).splitlines()[1])
    if other != number:
        raise SignatureError(f"{file}: it is signed by the key {other}, and not by {number}.")
    try:
        public.verify(data, signature)
    except minisign.VerifyError:
        raise SignatureError(
            f"{file}: this is not what the key {number} signed: the file or its signature was changed since."
        ) from None
    return Signed(file, beside, number, signature.trusted_comment)


def _signable(what: Path) -> tuple[Path, str, bytes]:
    """The file whose signature binds all that is meant, what it is, and its bytes."""
    if what.is_dir():
        return what / RUN, "data set", _sealed(what)
    data = _read(what, strict.MAX_BYTES + 1)
    kind = kind_of(data, str(what))
    document = strict.parse(data, kind, str(what))
    return what, "lock" if document.lock is not None else kind, data


def _sealed(root: Path) -> bytes:
    dataset = Dataset({"kind": "folder", "root": str(root)})
    if dataset.unfinished:
        raise SinkError(
            f"{root}: a run is on, or was interrupted. The same `augflow run` goes on; sign what it leaves."
        )
    data = _read(root / RUN, _MOST)
    account = dataset.account
    for file, name in ((LEDGER, "ledger_sha256"), (LOCK, "lock_sha256")):
        if not (root / file).is_file() or account.get(name) != ledger.sha256(root / file):
            raise SinkError(f"{root / file}: it is not the file whose hash run.json tells. `augflow verify` says more.")
    return data


def _public(minisign: Any, key: str) -> Any:
    try:
        if len(key) == 56 and key.startswith("RW") and not Path(key).exists():
            return minisign.PublicKey.from_base64(key)
        return minisign.PublicKey.from_bytes(_read(Path(key), _SMALL))
    except minisign.Error as error:
        raise RecipeError(f"--signature {key}: this is no public key of minisign's: {error}.") from None


def _read(file: Path, most: int) -> bytes:
    try:
        if not file.is_file():
            raise RecipeError(f"{file}: there is no such file.")
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise RecipeError(f"{file}: cannot be read: {error.strerror}.") from None
    if len(data) > most:
        raise RecipeError(f"{file}: it is larger than {most:,} bytes, and nothing that is signed here.")
    return data


def _create(file: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise SurroundingsError(f"{file}: {error.strerror}.") from None


def is_private(key: Path) -> bool:
    """Whether a key's file is for its owner alone."""
    return not stat.S_IMODE(key.stat().st_mode) & 0o077


def _number(text: bytes) -> str:
    """A key's number, out of a public key or a signature."""
    return base64.b64decode(text)[2:10][::-1].hex().upper()


def _library() -> Any:
    try:
        import minisign
    except ImportError:
        raise PluginError("Signing needs py-minisign: pip install 'augflow[sign]'") from None
    if not hasattr(minisign, "KeyPair"):
        raise PluginError("The package 'minisign' is installed instead of py-minisign: pip install 'augflow[sign]'")
    return minisign
