"""Addresses of destinations, and the errors of loading, named by what an operator does: none shows a password."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pressmark.storage.errors import PressmarkError

__all__ = [
    "FILE_SCHEMES", "MASK", "DestinationAddress", "DestinationBusyError", "DestinationError", "ReconciliationError",
    "SourceError", "parse_address",
]  # fmt: skip

FILE_SCHEMES: Final = ("duckdb", "iceberg")
SERVER_SCHEMES: Final = ("postgresql", "postgres")
FORMS: Final = "`duckdb:news.duckdb`, `postgresql://user@host/database` or `iceberg:folder`"
SECRET_PARAMETERS: Final = frozenset({"password", "sslpassword", "passfile"})
MASK: Final = "***"


class DestinationError(PressmarkError):
    """The destination can't be used as it is: change it, or name another one."""


class DestinationBusyError(DestinationError):
    """Another process writes to the destination: wait for it."""


class SourceError(PressmarkError):
    """The output can't be loaded as it is: ingest or verify it."""


class ReconciliationError(PressmarkError):
    """What arrived is not what was sent; nothing was kept."""


class DestinationAddress(NamedTuple):
    """An address: as given, its scheme, what to open (a path, or a PostgreSQL URI with its password), how to show it,
    and the texts that must never be shown."""

    given: str
    scheme: str
    target: str
    shown: str
    secrets: tuple[str, ...]

    def absolute(self) -> DestinationAddress:
        """The same address, a file's or folder's with its whole path."""
        if self.scheme not in FILE_SCHEMES:
            return self
        return parse_address(f"{self.scheme}:///{os.path.abspath(self.target)}")

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's message, with every secret of this address masked."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def parse_address(text: str) -> DestinationAddress:
    """The address in `text`; raises `DestinationError`, without repeating the text, where it is none.

    Behind `duckdb:` and `iceberg:` a path is written as anywhere else. Three slashes before it are those of
    SQLAlchemy's addresses: a relative path follows, and an absolute one after a fourth.

    >>> parse_address("duckdb:news.duckdb").target, parse_address("duckdb:///news.duckdb").target
    ('news.duckdb', 'news.duckdb')
    >>> parse_address("duckdb:/data/news.duckdb").target, parse_address("duckdb:////data/news.duckdb").target
    ('/data/news.duckdb', '/data/news.duckdb')
    >>> parse_address("postgresql://ann:pa%2Fss@db/news").shown
    'postgresql://ann:***@db/news'
    """
    scheme, _, rest = text.partition(":")
    if scheme not in FILE_SCHEMES and not (scheme in SERVER_SCHEMES and rest.startswith("//")):
        # What was meant is unknown, so nothing of it that could be a password is shown.
        shown = scheme if re.fullmatch(r"[a-z0-9+.-]{1,30}", scheme) else MASK
        raise DestinationError("this is no address of a destination", shown, f"write {FORMS}")
    if scheme in FILE_SCHEMES:
        path = rest.removeprefix("///")
        if not path or path.startswith("//"):
            raise DestinationError(
                "the address names no file or folder", f"{scheme}:",
                f"write `{scheme}:relative/path` or `{scheme}:/absolute/path`",
            )  # fmt: skip
        _check_meant(scheme, rest, path)
        return DestinationAddress(text, scheme, path, text, ())
    return _server(text)


def _check_meant(scheme: str, rest: str, path: str) -> None:
    """Raise where three slashes name a relative path whose folder is not there, while that of the absolute one is."""
    folder = os.path.dirname(path)
    if rest != path and folder and not os.path.isdir(folder) and os.path.isdir(f"/{folder}"):
        raise DestinationError(
            "there is no such folder", os.path.abspath(folder), f"write `{scheme}:/{path}` for the one in `/`"
        )


def _server(text: str) -> DestinationAddress:
    problem = DestinationError(
        "the address can't be read", "postgresql://" + MASK,
        "write `postgresql://user:password@host:5432/database`, with `/ @ : ? # %` in the password as `%2F %40 %3A "
        "%3F %23 %25`",
    )  # fmt: skip
    try:
        parts = urlsplit(text)
        parameters = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        in_order = parts.port is None or parts.port > 0
    except ValueError:
        raise problem from None
    # An `@` further on is a part of a password that broke the address.
    if not in_order or parts.netloc.count("@") > 1 or "@" in parts.path + parts.fragment or "#" in text:
        raise problem
    hidden = [value for name, value in parameters if name in SECRET_PARAMETERS and value]
    shown = re.sub(rf"([?&](?:{'|'.join(SECRET_PARAMETERS)})=)[^&]+", rf"\g<1>{MASK}", text)
    if parts.password:
        hidden.append(parts.password)
        shown = shown.replace(f":{parts.password}@", f":{MASK}@", 1)
    secrets = {form for value in hidden for form in (value, unquote(value))}
    return DestinationAddress(text, "postgresql", text, shown, tuple(sorted(secrets, key=len, reverse=True)))
