"""Who published an article, and what is known of that outlet: the registry is data, read from TOML."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["Outlet", "Outlets", "RegistryError"]

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
UNKNOWN: Final = "unknown"


class RegistryError(Exception):
    """An entry of the outlet registry can't be used: names the entry, the key and the remedy."""

    def __init__(self, entry: str, problem: str) -> None:
        super().__init__(f"outlet registry, entry `{entry}`: {problem}")
        self.entry = entry
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Outlet:
    """One outlet. `hosts` match themselves and their subdomains; dates on its pages are in `zone`."""

    slug: str
    hosts: tuple[str, ...]
    zone: ZoneInfo
    name_zh: str
    name_en: str

    def __post_init__(self) -> None:
        if not SLUG.fullmatch(self.slug):
            raise RegistryError(self.slug, "`slug` must be lower-case ASCII letters, digits and `-`")
        if not self.hosts or not all(self.hosts):
            raise RegistryError(self.slug, "`hosts` must name at least one host")


@dataclass(frozen=True)
class Outlets:
    """The registry: finds an outlet by host, and makes one with the general rules where none is known."""

    entries: tuple[Outlet, ...]
    _by_host: dict[str, Outlet] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        slugs: set[str] = set()
        for outlet in self.entries:
            if outlet.slug in slugs:
                raise RegistryError(outlet.slug, "`slug` is used twice")
            slugs.add(outlet.slug)
            for host in outlet.hosts:
                if host in self._by_host:
                    raise RegistryError(outlet.slug, f"host `{host}` belongs to `{self._by_host[host].slug}` as well")
                self._by_host[host] = outlet

    @classmethod
    def from_toml(cls, text: str) -> Outlets:
        """Registry from a TOML document with one `[[outlet]]` table per outlet; raises `RegistryError`."""
        return cls(tuple(_entry(table) for table in tomllib.loads(text).get("outlet", [])))

    def find(self, host: str | None) -> Outlet:
        """The outlet of a host. One that no entry knows gets UTC and a slug from its registrable domain."""
        if host is None:
            return self._unknown(UNKNOWN)
        labels = host.split(".")
        for first in range(len(labels) - 1):
            outlet = self._by_host.get(".".join(labels[first:]))
            if outlet is not None:
                return outlet
        return self._unknown(host)

    def _unknown(self, host: str) -> Outlet:
        slug = re.sub(r"[^a-z0-9]+", "-", _registrable_domain(host)).strip("-") or UNKNOWN
        return Outlet(slug, (host,), self._utc, name_zh=slug, name_en=slug)

    @cached_property
    def _utc(self) -> ZoneInfo:
        return ZoneInfo("UTC")


@lru_cache(maxsize=4096)
def _registrable_domain(host: str) -> str:
    if re.fullmatch(r"[0-9.]+|\[.*", host):
        return host
    domain: str | None = _public_suffixes().privatesuffix(host)
    return domain or host


@lru_cache(maxsize=1)
def _public_suffixes() -> Any:
    # The list takes a while to load, and only hosts outside the registry need it.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def _entry(table: dict[str, Any]) -> Outlet:
    name = str(table.get("slug", "?"))
    known = {"slug", "hosts", "zone", "name_zh", "name_en"}
    for key in table:
        if key not in known:
            raise RegistryError(name, f"unknown key `{key}`; known are {', '.join(sorted(known))}")
    for key in known:
        if key not in table:
            raise RegistryError(name, f"key `{key}` is missing")
    hosts = table["hosts"]
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise RegistryError(name, f"`hosts` must be a list of host names, not `{hosts}`")
    try:
        zone = ZoneInfo(table["zone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RegistryError(name, f"`zone` is no IANA time zone: `{table['zone']}`") from error
    return Outlet(name, tuple(hosts), zone, table["name_zh"], table["name_en"])
