"""Object stores behind a URL (`s3://`, `gs://`, `memory://` …): the one place that knows fsspec, the extra `remote`.

A store is built again in every process; its connection is made when something is first asked of it. Credentials come
from where the store's own library looks for them (the environment, its files), and are never a part of a URL.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from augflow.errors import AugflowError, SourceError, SurroundingsError

T = TypeVar("T")

PACKAGES = {
    "s3": "augflow[remote]",
    "gs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "hf": "huggingface_hub",
    "http": "augflow[remote]",
    "https": "augflow[remote]",
    "memory": "augflow[remote]",
    "file": "augflow[remote]",
}
"""What may stand before `://`, and what brings it."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[^/]*)?://")
_PAGE = 1000
_WAITS = (0.1, 0.3, 1.0, 3.0, 9.0)
"""Seconds between attempts, where a store is busy or does not answer."""
_BUSY = {errno.EBUSY, errno.ETIMEDOUT, errno.EAGAIN, errno.EIO, getattr(errno, "EREMOTEIO", errno.EIO)}
_BUSY_CODES = {"RequestTimeout", "OperationAborted", "SlowDown", "Throttling", "ThrottlingException"}
"""Some stores tell these with a status of 400 or 409."""
_UNANSWERED = frozenset(
    "HTTPClientError ConnectionError EndpointConnectionError ClientError IncompleteReadError TransportError "
    "ResponseParserError ServiceRequestError ServiceResponseError".split()
)
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "DefaultCredentialsError"}
_REFUSED_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestTimeTooSkewed", "TokenRefreshRequired"}


class Listed(NamedTuple):
    """An object: its path below the root, its size in bytes, and what is another whenever it is written, if known."""

    key: str
    size: int
    stamp: str = ""


def is_url(place: object) -> bool:
    """Whether a setting names a place in a store rather than a path."""
    return isinstance(place, str) and _URL.match(place) is not None


class Store:
    """The objects below a URL.

    What a store is busy with or does not answer is asked again, ever later, for a quarter of a minute.

    Args:
        url: `s3://bucket/prefix`, or another of `PACKAGES`.
        setting: what messages call the URL.
        refusal: what is raised where it cannot be.

    Raises:
        AugflowError: the URL holds credentials, there is no such protocol, or its library is not installed.
        SurroundingsError: from every method: the store is not to be reached, or stays busy.
        refusal: from every method: there are no credentials, they are not accepted, or there is no such bucket.
    """

    def __init__(self, url: str, setting: str = "source.root", refusal: type[AugflowError] = SourceError) -> None:
        self._setting, self._refusal = setting, refusal
        self.url = self._demand_plain(url)
        self.protocol, _, rest = self.url.partition("://")
        self._filesystem: Any = None
        self._of_process = 0
        self._root = str(self._class()._strip_protocol(self.url)).rstrip("/")
        if not rest.strip("/"):
            raise refusal(f"{setting}: {self.url} names no bucket: {self.protocol}://bucket/folder.")

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def pages(self, below: str = "") -> Iterator[list[Listed]]:
        """Every object below a folder of the root, some at a time; in the order of keys where the store lists so."""
        prefix = f"{self._root}/{below}".rstrip("/") + "/"
        if self.protocol == "s3":
            for page in self._s3_pages(prefix):
                found = [(self._below(f"{page['Name']}/{one['Key']}"), one) for one in page["Contents"]]
                yield [Listed(key, one["Size"], _stamp(one)) for key, one in found if key and key[-1] != "/"]
            return
        objects = self._walk(prefix.rstrip("/"))
        while some := list(itertools.islice(objects, _PAGE)):
            yield some

    def folders(self, below: str = "") -> list[str]:
        """The names of the folders that lie directly in a folder of the root, sorted; none where there is no such."""
        prefix = f"{self._root}/{below}".rstrip("/") + "/"
        found: set[str] = set()
        if self.protocol == "s3":
            for page in self._s3_pages(prefix, Delimiter="/"):
                found.update(one["Prefix"].rstrip("/").rpartition("/")[2] for one in page["CommonPrefixes"])
        else:
            entries = self._list(prefix.rstrip("/"))
            found.update(_name(one).rpartition("/")[2] for one in entries if one["type"] == "directory")
        return sorted(found - {""})

    def find(self, key: str) -> Listed | None:
        """Look one object up; None where there is none."""
        try:
            found = self._asked(lambda fs: fs.info(self._path(key)))
        except FileNotFoundError:
            return None
        return None if found["type"] == "directory" else Listed(key, int(found["size"] or 0), _stamp(found))

    def size(self, key: str) -> int | None:
        """How many bytes an object holds; None where there is none."""
        found = self.find(key)
        return None if found is None else found.size

    def read(self, key: str, start: int = 0, most: int | None = None) -> bytes:
        """Read an object, or `most` bytes of it from `start` on; fewer where it ends before.

        Raises:
            FileNotFoundError: there is none.
            OSError: this one object cannot be read.
        """
        path = self._path(key)
        if most is None and not start:
            once = {"max_concurrency": 1} if self.protocol == "s3" else {}  # Else the size is asked for before.
            return bytes(self._asked(lambda fs: fs.cat_file(path, **once)))
        end = None if most is None else start + most
        try:
            found = bytes(self._asked(lambda fs: fs.cat_file(path, start=start, end=end)))
            if most is not None and len(found) > most:
                raise OSError(errno.EINVAL, "the store gives whole objects alone, and no parts of them")
            return found
        except OSError as error:
            if _status(error) == 416:  # It ends before `start`.
                return b""
            raise

    def put(self, key: str, data: bytes) -> None:
        """Write a whole object, in place of the one that was there; it is never seen in part."""
        path = self._path(key)
        if self.protocol != "file":
            self._asked(lambda fs: fs.pipe_file(path, data))
            return
        half = f"{path}.{os.getpid()}.half"
        self._asked(lambda fs: (fs.pipe_file(half, data), fs.mv(half, path)))

    def create(self, key: str, data: bytes) -> bool:
        """Write a whole object where there is none; say whether there was none. Of several at once one succeeds."""
        path = self._path(key)

        tries = 0

        def attempt(fs: Any) -> None:
            nonlocal tries
            tries += 1
            if self.protocol in ("s3", "gs"):
                fs.pipe_file(path, data, mode="create")
                return
            with fs.open(path, "xb") as file:
                file.write(data)

        try:
            self._asked(attempt)
        except FileExistsError:
            # An attempt whose answer was lost may have succeeded.
            return tries > 1 and self.read(key) == data
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        rest = iter(keys)
        while some := [self._path(key) for key in itertools.islice(rest, _PAGE)]:
            if self.protocol == "s3":
                bucket = some[0].partition("/")[0]
                what = {"Objects": [{"Key": path.partition("/")[2]} for path in some], "Quiet": True}
                found = self._asked(lambda fs: fs.call_s3("delete_objects", Bucket=bucket, Delete=what))  # noqa: B023
                for fault in found.get("Errors", ()):
                    raise PermissionError(
                        errno.EACCES, f"{fault.get('Code')}: {self.protocol}://{bucket}/{fault['Key']}"
                    )
                continue
            for path in some:
                try:
                    self._asked(lambda fs: fs.rm_file(path))  # noqa: B023
                except FileNotFoundError:
                    continue

    def _s3_pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        bucket, _, below = prefix.partition("/")
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": below, "MaxKeys": _PAGE, **more}
        while True:
            page = self._listed(lambda fs: fs.call_s3("list_objects_v2", **asked))
            yield {"Contents": (), "CommonPrefixes": (), "Name": bucket, **page}
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _walk(self, folder: str) -> Iterator[Listed]:
        pending = [folder]
        while pending:
            for entry in self._list(pending.pop()):
                if entry["type"] == "directory":
                    if not entry.get("islink"):
                        pending.append(_name(entry))
                else:
                    yield Listed(self._below(_name(entry)), int(entry["size"] or 0), _stamp(entry))

    def _list(self, folder: str) -> list[dict[str, Any]]:
        try:
            return self._listed(lambda fs: list(fs.ls(folder, detail=True)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _listed(self, act: Callable[[Any], T]) -> T:
        try:
            return self._asked(act)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            why = _code(error) or error.strerror or error
            raise self._refusal(f"{self._setting}: {self.url} cannot be listed: {why}.") from None

    def _below(self, path: str) -> str:
        return path[len(self._root) + 1 :]

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _class(self) -> Any:
        try:
            import fsspec
        except ImportError as error:
            raise self._refusal(self._missing("augflow[remote]", error)) from None
        try:
            return fsspec.get_filesystem_class(self.protocol)
        except ImportError as error:
            raise self._refusal(self._missing(PACKAGES[self.protocol], error)) from None

    def _missing(self, package: str, error: ImportError) -> str:
        what = f"needs a library that is not installed: pip install '{package}'"
        return f"{self._setting}: {self.protocol}:// {what} ({error})."

    def _connection(self) -> Any:
        """The file system of this process: one that was made before a fork has lost its thread."""
        if self._filesystem is None or self._of_process != os.getpid():
            options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
            if self.protocol == "s3":
                options["config_kwargs"] = {"retries": {"max_attempts": 0}}
            if self.protocol == "file":
                options["auto_mkdir"] = True
            if self.protocol == "memory":
                options = {}
            made = self._class()(**options)
            if self.protocol == "s3":
                made.retries = 1  # `_asked` asks again.
            self._filesystem, self._of_process = made, os.getpid()
        return self._filesystem

    def _asked(self, act: Callable[[Any], T]) -> T:
        tries = len(_WAITS) + 1
        for wait in _WAITS:
            try:
                return act(self._connection())
            except Exception as error:
                self._demand_hope(error)
            time.sleep(wait * random.uniform(0.5, 1.0))
        try:
            return act(self._connection())
        except Exception as error:
            raise SurroundingsError(
                f"{self.url} {self._demand_hope(error)}, asked {tries} times. What was made so far is kept; the same "
                "command goes on from there."
            ) from None

    def _demand_hope(self, error: Exception) -> str:
        """Say why asking again may help.

        Raises:
            OSError: it does not: the fault is of the one object that was asked for.
            AugflowError: nothing can be asked of the store.
        """
        if isinstance(error, AugflowError):
            raise error
        code, kinds = _code(error), {kind.__name__ for kind in type(error).__mro__}
        if kinds & _NO_CREDENTIALS:
            raise self._refusal(
                f"{self._setting}: no credentials for {self.url} were found. They come from where its library looks: "
                "for s3 AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; FSSPEC_S3_ANON=1 goes without."
            ) from None
        if code in _REFUSED_CREDENTIALS:
            raise self._refusal(f"{self._setting}: {self.url} does not accept the credentials ({code}).") from None
        if code in _EXPIRED:
            raise SurroundingsError(
                f"{self.url} no longer accepts the credentials ({code}). Renew them; the same command goes on."
            ) from None
        if code == "NoSuchBucket":
            raise self._refusal(f"{self._setting}: there is no such bucket: {self.url}.") from None
        if isinstance(error, FileNotFoundError | FileExistsError | PermissionError | IsADirectoryError):
            raise error
        status = _status(error)
        if 400 <= status < 500 and status not in (408, 429) and code not in _BUSY_CODES:
            if isinstance(error, OSError) and error.errno != errno.EIO:
                raise error
            raise OSError(errno.EACCES if status in (401, 403) else errno.EINVAL, code or f"HTTP {status}") from error
        if isinstance(error, TimeoutError | ConnectionError) or kinds & _UNANSWERED:
            return f"does not answer ({type(error).__name__})"
        if status >= 400 or (isinstance(error, OSError) and error.errno in _BUSY):
            return f"is busy or fails ({code or (f'HTTP {status}' if status else error)})"
        if isinstance(error, OSError) or type(error).__module__ == "builtins":
            raise error
        raise OSError(errno.EINVAL, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error

    def _demand_plain(self, url: str) -> str:
        """The URL without a slash at its end; or an error that does not repeat what may be secret."""
        head, _, rest = url.partition("://")
        place = rest.partition("/")[0]
        known = head.lower()
        if "::" in head:
            raise self._refusal(f"{self._setting}: a chain of protocols ({head}) is not taken: name one store.")
        if known not in PACKAGES:
            raise self._refusal(f"{self._setting}: no store is called {head}://. Known: {', '.join(PACKAGES)}.")
        port = ":" in place and known in ("http", "https") and "@" not in rest
        if (":" in place and not port) or ("@" in place and known not in ("az", "abfs")):
            raise self._refusal(
                f"{self._setting}: a {head}:// URL with a name or password in it is not taken. {_SAFER}"
            )
        if re.search(r"[?#]", rest):
            raise self._refusal(
                f"{self._setting}: a {head}:// URL with a query or fragment (? or #) is not taken. {_SAFER}"
            )
        return f"{known}://{rest.rstrip('/')}"


_SAFER = "It would be told in records; credentials belong in the environment, where the store's library looks for them."


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("/")


def _stamp(entry: dict[str, Any]) -> str:
    return next((str(entry[name]) for name in ("ETag", "etag", "mtime", "updated", "created") if entry.get(name)), "")


def _code(error: BaseException) -> str:
    """What a store itself calls a fault; empty where it said nothing."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _status(error: BaseException) -> int:
    """The HTTP status of a refusal; 0 where there is none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        for name in ("status", "status_code", "code"):
            if str(found := getattr(one, name, None)).isdecimal():
                return int(str(found))
    return 0
