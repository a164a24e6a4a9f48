"""Which article a source is: one canonical URL for all spellings of an address."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

__all__ = ["absolute", "article_id", "canonical_url", "host_of", "resolve", "row_id"]

TRACKING: Final = re.compile(
    r"(?:utm_[^=]*|at_[a-z_]+|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_cid|mc_eid|spm|ref_src|ref_url|ocid|"
    r"cmpid|smid|smtyp|xtor|ns_[a-z]+|from_source|share_token|wt\.mc_id|maca)(?:=.*)?",
    re.IGNORECASE,
)
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SAFE: Final = "!#$%&'()*+,/:;=?@[]~"
ESCAPES: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")
# Most addresses need no more than https, single slashes and upper-case escapes.
PLAIN: Final = re.compile(r"https?://([a-z0-9.-]+[a-z0-9]/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)")
LOWER_CASE_ESCAPE: Final = re.compile(r"%(?:[a-f]|.[a-f])")
SLASHES: Final = re.compile(r"/{2,}")


def canonical_url(url: str | None) -> str | None:
    """`url` as https, with lower-case host, single slashes and upper-case escapes, without port, fragment and
    tracking parameters; None where it is no web address.

    >>> canonical_url("http://News.Example:80//cn/%e4%b8%ad/?utm_source=x&id=7#top")
    'https://news.example/cn/%E4%B8%AD/?id=7'
    """
    if url is None:
        return None
    plain = PLAIN.fullmatch(url)
    if plain:
        address = SLASHES.sub("/", plain[1]) if "//" in plain[1] else plain[1]
        return f"https://{_in_upper_case(address) if LOWER_CASE_ESCAPE.search(address) else address}"
    try:
        parts = urlsplit(url.strip())
        if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
            return None
        port = parts.port
        host = _ascii_host(parts.hostname)
    except ValueError:
        return None
    if not host:
        return None
    # What is left is https, whose own port says nothing either.
    netloc = host if port in (None, DEFAULT_PORTS[parts.scheme.lower()], DEFAULT_PORTS["https"]) else f"{host}:{port}"
    path = _escape(SLASHES.sub("/", parts.path or "/"))
    query = "&".join(part for part in parts.query.split("&") if part and not TRACKING.fullmatch(part))
    return f"https://{netloc}{path}" + (f"?{_escape(query)}" if query else "")


def _ascii_host(host: str) -> str:
    if ":" in host:
        return f"[{host.lower()}]"
    if host.isascii():
        return host.lower().rstrip(".")
    return host.lower().rstrip(".").encode("idna").decode("ascii")


def _escape(part: str) -> str:
    if not part.isascii() or " " in part or '"' in part:
        part = quote(part, safe=SAFE)
    return _in_upper_case(part) if "%" in part else part


def _in_upper_case(part: str) -> str:
    return ESCAPES.sub(lambda escapes: escapes[0].upper(), part)


def article_id(canonical: str | None, archive: str, source_path: str) -> str:
    """First 32 hex digits of SHA-256 of the canonical URL; of archive, line feed and path where there is none."""
    return _digest(canonical or f"{archive}\n{source_path}")


def row_id(archive: str, source_path: str, source_sha256: str | None, valid_from: datetime | None = None) -> str:
    """First 32 hex digits of SHA-256 of a source's archive and path, its hash, and the time from which it was there."""
    return _digest("\0".join((archive, source_path, source_sha256 or "", valid_from.isoformat() if valid_from else "")))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def host_of(canonical: str | None) -> str | None:
    """Host of a canonical URL, without port."""
    if canonical is None:
        return None
    host = canonical.removeprefix("https://").partition("/")[0].rpartition("@")[2]
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def absolute(src: str, base: str | None) -> str:
    """The address of a medium; of one whose data stand in it, the part that says what they are."""
    return src if src.startswith("data:") else resolve(src, base)


def resolve(href: str, base: str | None) -> str:
    """`href` as an absolute address where `base` allows it, as found otherwise."""
    href = href.strip("\t\n\f\r ").replace("\t", "")
    if base is None or href.startswith(("https://", "http://")):
        return href
    try:
        return urljoin(base, href)
    except ValueError:
        return href
