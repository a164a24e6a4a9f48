"""Objects below a prefix of a bucket: contents are replaced by one PUT or one server-side copy each."""

from __future__ import annotations

import configparser
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import obstore
import pyarrow as pa
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from pressmark.storage.errors import OutputError
from pressmark.storage.output.lease import Lease
from pressmark.storage.output.store import Progress, Replacement, Stored

if TYPE_CHECKING:
    from obstore.store import S3Config

__all__ = ["ObjectStore", "allows_http", "connect", "s3_config"]

JOURNAL: Final = ".pressmark/journal.json"
# Contents up to this size are read whole; larger ones in blocks.
WHOLE_BYTES: Final = 4 << 20
BLOCK_BYTES: Final = 1 << 20
REQUESTS: Final = 16
# Tries beside those of the client, which gives up on a reply that breaks off.
TRIES: Final = 4
CLIENT_OPTIONS: Final = {"timeout": "60s", "connect_timeout": "5s"}
RETRIES: Final = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=5), "base": 2},
}

# What obstore takes, each with its key in a profile and the variables that AWS' own tools read, the first one first.
SETTINGS: Final = {
    "aws_access_key_id": ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    "aws_secret_access_key": ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    "aws_session_token": ("aws_session_token", "AWS_SESSION_TOKEN"),
    "aws_region": ("region", "AWS_REGION", "AWS_DEFAULT_REGION"),
    "aws_endpoint_url": ("endpoint_url", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
TRUE: Final = frozenset({"1", "true", "yes", "on"})

Result = TypeVar("Result")


def connect(address: str) -> Any:
    """A client for the bucket and prefix of an address."""
    options: dict[str, Any] = {
        "client_options": {**CLIENT_OPTIONS, "allow_http": allows_http()},
        "retry_config": RETRIES,
    }
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.strip("/").partition("/")
    if not bucket:
        raise OutputError("no bucket is named", address, f"write {scheme}://bucket/prefix")
    if scheme == "s3":
        return S3Store(bucket, prefix=prefix or None, config=cast("S3Config", s3_config()), **options)
    if scheme == "gs":
        return GCSStore(bucket, prefix=prefix or None, **options)
    return AzureStore(bucket, prefix=prefix or None, **options)


class ObjectStore:
    """See `Store`."""

    def __init__(self, address: str, *, single_writer: bool = False) -> None:
        self.address = address
        self._single_writer = single_writer
        self._lease: Lease | None = None

    @cached_property
    def client(self) -> Any:
        """Made where it is used first: it does not go to other processes."""
        return connect(self.address)

    def __reduce__(self) -> tuple[Callable[..., ObjectStore], tuple[str]]:
        return ObjectStore, (self.address,)

    def entries(self, prefix: str) -> list[Stored]:
        def listed() -> list[Stored]:
            # The end of a folder's name is a `/`: `a` is no part of `ab`.
            chunks = obstore.list(self.client, prefix=f"{prefix}/" if prefix else None, chunk_size=1000)
            return [_stored(meta) for chunk in chunks for meta in chunk]

        # Some servers list folder by folder.
        return sorted(self._tried(listed, prefix))

    def find(self, name: str) -> Stored | None:
        try:
            return _stored(self._tried(lambda: obstore.head(self.client, name), name))
        except FileNotFoundError:
            return None

    def open(self, entry: Stored) -> pa.NativeFile:
        if entry.size <= WHOLE_BYTES:
            return pa.BufferReader(self.read(entry.name))
        return pa.PythonFile(io.BufferedReader(_Ranges(self, entry), BLOCK_BYTES), mode="r")

    def read(self, name: str) -> bytes:
        return bytes(self._tried(lambda: obstore.get(self.client, name).bytes(), name))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        return bytes(self._tried(lambda: obstore.get_range(self.client, name, start=start, end=stop), name))

    def write(self, name: str, content: bytes) -> None:
        self._tried(lambda: obstore.put(self.client, name, content, use_multipart=False), name)

    def write_new(self, name: str, content: bytes) -> str | None:
        return self._written_if(name, content, "create")

    def write_over(self, name: str, content: bytes, version: str) -> str | None:
        return self._written_if(name, content, {"e_tag": version})

    @contextlib.contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="pressmark-") as folder:
            path = Path(folder, name.rpartition("/")[2])
            yield path
            if path.exists():
                self._tried(lambda: obstore.put(self.client, name, path, use_multipart=False), name)

    def remove(self, names: Iterable[str]) -> None:
        chosen = list(names)
        for start in range(0, len(chosen), 1000):
            part = chosen[start : start + 1000]
            with contextlib.suppress(FileNotFoundError):
                self._tried(lambda part=part: obstore.delete(self.client, part), part[0])  # type: ignore[misc]

    def clear(self, prefix: str) -> None:
        self.remove(entry.name for entry in self.entries(prefix))

    @contextlib.contextmanager
    def writing(self, run_id: str, progress: Progress) -> Iterator[None]:
        if self._single_writer:
            self._complete()
            yield
            return
        with Lease(self, run_id, progress) as lease:
            self._lease = lease
            try:
                self._complete()
                yield
            finally:
                self._lease = None

    def commit(self, steps: Sequence[Replacement]) -> None:
        journal = json.dumps([list(step) for step in steps]).encode()
        if self._lease is not None:
            self._lease.renew()
        if self._single_writer:
            self.write(JOURNAL, journal)
        elif self.write_new(JOURNAL, journal) is None:
            raise OutputError("another run is publishing to this output", self.address, "wait until it has finished")
        self._complete()

    def reader_options(self) -> dict[str, str]:
        if not self.address.startswith("s3://"):
            return {}
        return {**s3_config(), **({"aws_allow_http": "true"} if allows_http() else {})}

    def location(self, name: str) -> str:
        return f"{self.address.rstrip('/')}/{name}"

    def _complete(self) -> None:
        """Carry out the steps of a journal that is there, those of one rank at once."""
        try:
            steps = [Replacement(*step) for step in json.loads(self.read(JOURNAL))]
        except FileNotFoundError:
            return
        with ThreadPoolExecutor(REQUESTS) as threads:
            for _, same_rank in groupby(sorted(steps, key=lambda step: step.rank), key=lambda step: step.rank):
                # A partition may be shown without rows before it is shown with others: steps of one target keep
                # their order.
                by_target: dict[str, list[Replacement]] = {}
                for step in same_rank:
                    by_target.setdefault(step.target, []).append(step)
                list(threads.map(self._apply, by_target.values()))
        if self._lease is not None:
            self._lease.renew()
        self.remove([JOURNAL])
        self.remove([step.staged for step in steps if step.staged is not None])

    def _apply(self, steps: Sequence[Replacement]) -> None:
        for step in steps:
            if self._lease is not None:
                self._lease.check()
            if step.staged is None:
                self.remove([step.target])
                continue
            staged, target = step.staged, step.target
            self._tried(lambda staged=staged, target=target: obstore.copy(self.client, staged, target), target)  # type: ignore[misc]

    def _written_if(self, name: str, content: bytes, mode: Any) -> str | None:
        for _ in range(TRIES):
            try:
                result = self._tried(lambda: obstore.put(self.client, name, content, mode=mode), name)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as refused:
                if "NoSuchBucket" in str(refused):
                    raise self._missing(name) from refused
            else:
                return str(result["e_tag"])
            # The reply to a write that succeeded may have been lost, and the client's next try refused for that; or
            # the store gave way to a write at the same time, which then was not carried out either.
            version, found = self._found(name)
            if found == content:
                return version
            if version != ("" if mode == "create" else mode["e_tag"]):
                return None
        return None

    def _found(self, name: str) -> tuple[str, bytes]:
        """Version and bytes of a content; both empty where there is none."""
        try:
            found = self._tried(lambda: obstore.get(self.client, name), name)
            return str(found.meta["e_tag"]), bytes(self._tried(found.bytes, name))
        except FileNotFoundError:
            return "", b""

    def _tried(self, request: Callable[[], Result], name: str) -> Result:
        """What a request gives, tried again where a reply broke off; errors say what to do about them."""
        for left in reversed(range(TRIES)):
            try:
                return request()
            except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
                raise self._denied(name) from error
            except (FileNotFoundError, exceptions.NotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise self._missing(name) from error
                raise FileNotFoundError(self.location(name)) from error
            except NotImplementedError as error:
                raise self._unconditional() from error
            except exceptions.GenericError as error:
                text = str(error)
                if "<Code>NoSuchBucket" in text:
                    raise self._missing(name) from error
                if "status code: 403" in text or "<Code>AccessDenied" in text:
                    raise self._denied(name) from error
                if "status code: 501" in text:
                    raise self._unconditional() from error
                if not left:
                    raise OutputError(
                        f"the object store can't be reached ({_reason(text)})", self.location(name),
                        "check AWS_ENDPOINT_URL, AWS_REGION and the network, and run again; nothing was lost",
                    ) from error  # fmt: skip
        raise AssertionError

    def _denied(self, name: str) -> OutputError:
        return OutputError(
            "access is denied", self.location(name),
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_PROFILE: they must be allowed to list, read, write"
            " and delete",
        )  # fmt: skip

    def _missing(self, name: str) -> OutputError:
        return OutputError(
            "there is no such bucket", self.location(name), "create it, or mend the address or the region"
        )

    def _unconditional(self) -> OutputError:
        return OutputError(
            "this store can't write on a condition, so several writers can't be told apart", self.address,
            "give `--single-writer` where no other run writes here",
        )  # fmt: skip


class _Ranges(io.RawIOBase):
    """A content read by ranges."""

    def __init__(self, store: ObjectStore, entry: Stored) -> None:
        self._store = store
        self._entry = entry
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._entry.size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        stop = min(self._position + len(buffer), self._entry.size)
        data = self._store.read_range(self._entry.name, self._position, stop) if stop > self._position else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _stored(meta: Any) -> Stored:
    return Stored(meta["path"], meta["size"], meta["e_tag"] or str(meta["last_modified"]))


def _reason(text: str) -> str:
    """What of a client's message tells the cause, without what may hold a request's signature."""
    line = text.strip().splitlines()[0]
    return line.partition("?")[0][:200]


def s3_config() -> dict[str, str]:
    """Keys, region and endpoint: variables first, then the profile that `AWS_PROFILE` names, or `default`; else the
    client asks the machine for its role."""
    found = {key: value for key, value in _profile().items() if value}
    given = {
        key: os.environ[name] for key, (_, *names) in SETTINGS.items() for name in names[::-1] if os.environ.get(name)
    }
    if "aws_access_key_id" in given:
        # A token belongs to its key.
        found.pop("aws_session_token", None)
    return {**found, **given}


def allows_http() -> bool:
    """Whether an endpoint may be reached without encryption."""
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in TRUE


def _profile() -> dict[str, str]:
    name = os.environ.get("AWS_PROFILE") or "default"
    home = Path(os.environ.get("HOME", "~")).expanduser()
    sections = {
        os.environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config": name if name == "default" else f"profile {name}",
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials": name,
    }
    found: dict[str, str] = {}
    for path, section in sections.items():
        parser = configparser.RawConfigParser()
        parser.read(path, "utf-8")
        if parser.has_section(section):
            found |= {key: parser[section][name] for key, (name, *_) in SETTINGS.items() if name in parser[section]}
    return found
