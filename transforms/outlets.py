"""Who published an article, and what is known of that outlet's pages: the registry is data, read from TOML.

Owns the registry's form and its checks. What its entries mean for a block is decided in `roles`, for a date in
`dates`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pressmark.schemas.contract import ROLES, Role

__all__ = ["NO_RULES", "UNKNOWN", "Layout", "Outlet", "Outlets", "RegistryError", "Rules", "class_words", "is_slug"]

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-[A-Z]{2})?")
WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
UNKNOWN: Final = "unknown"
LONGEST_SLUG: Final = 64
# Names that a file system keeps for devices, and values that readers of partitioned folders take for something else.
RESERVED: Final = re.compile(
    r"con|prn|aux|nul|com[0-9]|lpt[0-9]|null|none|nan|inf|infinity|true|false|[0-9]+(?:e[0-9]+)?|[0-9]+-[0-9]+-[0-9]+"
)


def class_words(name: str) -> str:
    """The words of a class name, in lower case.

    >>> class_words("story-lead"), class_words("storyLead"), class_words("story_lead__H1")
    ('story lead', 'story lead', 'story lead h 1')
    """
    return " ".join(WORD.findall(name)).lower()


class RegistryError(Exception):
    """An entry of the outlet registry can't be used: names the file, the entry, the key and the remedy."""

    def __init__(self, entry: str, problem: str, file: str = "outlet registry") -> None:
        super().__init__(f"{file}, entry `{entry}`: {problem}")
        self.entry = entry
        self.problem = problem


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What wording and class names say about blocks, as `(text, role)` pairs; the first that fits decides.

    `starts` are how a block begins, brackets and quotation marks before it left out; `contains` are found anywhere in
    a short block; `classes` are words, in a row, of an element's class and its like. `byline_words` name what a person
    did for the article. `datelines` are shapes in the directives of `datetime.strptime`.
    """

    starts: tuple[tuple[str, Role], ...] = ()
    contains: tuple[tuple[str, Role], ...] = ()
    classes: tuple[tuple[str, Role], ...] = ()
    byline_words: tuple[str, ...] = ()
    datelines: tuple[str, ...] = ()

    def __add__(self, other: Rules) -> Rules:
        return Rules(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Rules)))


NO_RULES: Final = Rules()


class Layout(NamedTuple):
    """How an outlet's pages looked from `since` on, and until before `until`; an end that is not known is None."""

    since: date | None
    until: date | None
    rules: Rules


class Outlet(NamedTuple):
    """One outlet. `hosts` match themselves and their subdomains; dates on its pages are in `zone`, on those of some
    hosts in one of `zones`. `languages` are BCP 47 tags, the most frequent one first. `layouts` do not overlap and are
    in the order of time. The zone of one is `known` where the registry, the operator or its domain tells it."""

    slug: str
    hosts: tuple[str, ...]
    zone: ZoneInfo
    name_zh: str
    name_en: str
    languages: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    known: bool = True
    zones: tuple[tuple[str, ZoneInfo], ...] = ()

    def is_called(self, name: str) -> bool:
        """Whether a name is the outlet's own, or the beginning of it."""
        name = name.strip().casefold()
        own = (self.slug, self.name_zh, self.name_en, *self.hosts)
        return len(name) > 1 and any(one.casefold().startswith(name) for one in own)

    def rules_on(self, day: date | None) -> Rules:
        """What is known of the pages of a day; of the latest ones where the day is not known."""
        if day is None:
            return self.layouts[-1].rules if self.layouts else NO_RULES
        known = (rules for since, end, rules in self.layouts if (since or day) <= day and not (end and end <= day))
        return next(known, NO_RULES)


@dataclass(frozen=True)
class Outlets:
    """The registry: finds an outlet by host, and makes one with the general rules where none is known, in the zone of
    its domain, else of its top-level one."""

    entries: tuple[Outlet, ...]
    general: Rules = NO_RULES
    zones: tuple[tuple[str, ZoneInfo], ...] = ()
    _by_host: dict[str, Outlet] = field(default_factory=dict, init=False, repr=False, compare=False)
    _by_domain: dict[str, ZoneInfo] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_domain.update(self.zones)
        slugs: set[str] = set()
        for outlet in self.entries:
            if outlet.slug in slugs:
                raise RegistryError(outlet.slug, "`slug` is used twice")
            slugs.add(outlet.slug)
            zones = dict(outlet.zones)
            for host in dict.fromkeys((*outlet.hosts, *zones)):
                if host in self._by_host:
                    raise RegistryError(outlet.slug, f"host `{host}` belongs to `{self._by_host[host].slug}` as well")
                self._by_host[host] = outlet._replace(zone=zones[host]) if host in zones else outlet

    @classmethod
    def from_toml(cls, text: str, file: str = "outlet registry") -> Outlets:
        """Registry from a TOML document: a `[general]` table and one `[[outlet]]` table per outlet; raises
        `RegistryError`."""
        try:
            document = tomllib.loads(text)
            _known_keys("?", document, {"general", "outlet", "zones"})
            general = _table("general", document.get("general", {}), "general")
            _known_keys("general", general, RULE_KEYS)
            entries = _tables("?", document.get("outlet", []), "outlet")
            zones = _table("zones", document.get("zones", {}), "zones")
            domains = tuple((one, _zone("zones", key)) for key in zones for one in _texts("zones", zones[key], key))
            return cls(tuple(map(_entry, entries)), _rules("general", general), domains)
        except tomllib.TOMLDecodeError as error:
            raise RegistryError("?", f"no TOML: {error}", file) from error
        except RegistryError as error:
            raise RegistryError(error.entry, error.problem, file) from None

    def find(self, host: str | None, slug: str | None = None, zone: str | None = None) -> Outlet:
        """The outlet of a host. One that no entry knows gets `slug` and `zone`; without these, a slug from its
        registrable domain, and the zone of that, else of its top-level domain, else UTC."""
        if host is None:
            return self._unknown(UNKNOWN, slug, zone)
        domain = host
        while "." in domain:
            if domain in self._by_host:
                return self._by_host[domain]
            domain = domain.partition(".")[2]
        return self._unknown(host, slug, zone)

    def domain_of(self, host: str | None) -> str | None:
        """Registrable domain of a host; an IP address, and a host that is none, are their own."""
        if host is None:
            return None
        # Of a domain with two labels that the registry names, the list of public suffixes knows no more.
        domain = ".".join(host.rsplit(".", 2)[-2:])
        return domain if domain in self._by_host else _registrable_domain(host)

    @staticmethod
    def slug_of(name: str) -> str:
        """A name as an outlet's slug."""
        return _slug(name.lower())

    def _unknown(self, host: str, slug: str | None, zone: str | None) -> Outlet:
        # The registry's own entry, where an operator names one: its layouts are for its own hosts.
        known = next((entry for entry in self.entries if entry.slug == slug), None) if slug else None
        domain = _registrable_domain(host)
        slug = slug or _slug(domain)
        of_domain = self._by_domain.get(domain) or self._by_domain.get(host.rpartition(".")[2])
        told = ZoneInfo(zone) if zone else known.zone if known else of_domain
        return Outlet(
            slug,
            (host,),
            told or ZoneInfo("UTC"),
            name_zh=slug,
            name_en=slug,
            languages=known.languages if known else (),
            known=told is not None,
        )


def is_slug(text: str) -> bool:
    """Whether a text can be an outlet's slug: the name of a folder, not longer than 64 characters, and not reserved."""
    return bool(SLUG.fullmatch(text)) and len(text) <= LONGEST_SLUG and not RESERVED.fullmatch(text)


def _slug(domain: str) -> str:
    """`domain` as the name of a folder, at most 64 characters and never a reserved name."""
    slug = re.sub(r"[^a-z0-9]+", "-", domain).strip("-") or UNKNOWN
    if RESERVED.fullmatch(slug):
        slug = f"host-{slug}"
    if len(slug) <= LONGEST_SLUG:
        return slug
    return f"{slug[: LONGEST_SLUG - 9]}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"


@lru_cache(maxsize=4096)
def _registrable_domain(host: str) -> str:
    if re.fullmatch(r"[0-9.]+|\[.*", host):
        return host
    domain: str | None = _public_suffixes(encoded="xn--" in host).privatesuffix(host)
    return domain or host


@lru_cache(maxsize=2)
def _public_suffixes(*, encoded: bool) -> Any:
    # The list takes a while to load, and only hosts outside the registry need it; few of these are encoded.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=encoded)


RULE_KEYS: Final = frozenset({"starts", "contains", "classes", "byline_words", "datelines"})
OUTLET_KEYS: Final = frozenset({"slug", "hosts", "zone", "name_zh", "name_en", "languages"})


def _entry(table: Mapping[str, Any]) -> Outlet:
    name = str(table.get("slug", "?"))
    _known_keys(name, table, OUTLET_KEYS | {"layout", "zones"})
    for key in sorted(OUTLET_KEYS):
        _check(name, key in table, f"key `{key}` is missing")
    _check(name, SLUG.fullmatch(name), "`slug` must be lower-case ASCII letters, digits and `-`")
    _check(name, name == _slug(name), f"`slug` is longer than {LONGEST_SLUG} characters, or a reserved name")
    languages = _texts(name, table["languages"], "languages")
    for tag in languages:
        _check(name, LANGUAGE.fullmatch(tag), f"`languages` holds `{tag}`, which is no BCP 47 tag such as `zh-Hans`")
    hosts = _texts(name, table["hosts"], "hosts")
    for host in hosts:
        _check(name, host == host.lower(), f"`hosts` holds `{host}`; write it in lower case")
    zones = table.get("zones", {})
    _check(name, isinstance(zones, dict), "`zones` must be a table of hosts and their time zones")
    for host in zones:
        own = any(f".{host}".endswith(f".{one}") for one in hosts)
        _check(name, own, f"`zones` names `{host}`, which is none of its `hosts` and below none")
    name_zh, name_en = table["name_zh"], table["name_en"]
    for key, text in (("name_zh", name_zh), ("name_en", name_en)):
        _check(name, isinstance(text, str) and text.strip(), f"`{key}` must be a text, not `{text}`")
    layouts = [_layout(name, layout) for layout in _tables(name, table.get("layout", []), "outlet.layout")]
    return Outlet(
        name, hosts, _zone(name, table["zone"]), name_zh, name_en, languages, _in_order(name, layouts),
        zones=tuple((host, _zone(name, zone)) for host, zone in zones.items()),
    )  # fmt: skip


def _zone(name: str, key: object) -> ZoneInfo:
    try:
        return ZoneInfo(key)  # type: ignore[arg-type]
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise RegistryError(name, f"`zone` holds `{key}`, which is no IANA time zone") from error


def _layout(name: str, table: Mapping[str, Any]) -> Layout:
    _known_keys(name, table, RULE_KEYS | {"since", "until"})
    for key in ("since", "until"):
        is_day = key not in table or type(table[key]) is date
        _check(name, is_day, f"`{key}` must be a day such as 2020-06-01, not `{table.get(key)}`")
    since, until = table.get("since"), table.get("until")
    lasts = since is None or until is None or since < until
    _check(name, lasts, f"a layout until {until} can't hold since {since}")
    return Layout(since, until, _rules(name, table))


def _in_order(name: str, layouts: Iterable[Layout]) -> tuple[Layout, ...]:
    ordered = sorted(layouts, key=lambda layout: layout.since or date.min)
    for before, after in pairwise(ordered):
        if before.until is None or after.since is None or after.since < before.until:
            raise RegistryError(
                name,
                f"two layouts overlap: since {before.since or 'ever'} until {before.until or 'now'}, and since "
                f"{after.since or 'ever'} until {after.until or 'now'}; end the one where the other begins",
            )
    return tuple(ordered)


def _rules(name: str, table: Mapping[str, Any]) -> Rules:
    classes = _by_role(name, table, "classes")
    for words, _ in classes:
        written = class_words(words)
        _check(name, words == written, f"`classes` holds `{words}`; write its words: `{written}`")
    byline_words, datelines = (
        _texts(name, table[key], key) if key in table else () for key in ("byline_words", "datelines")
    )
    for shape in datelines:
        problem = f"`datelines` holds `{shape}`, which does not tell a day by `strptime`'s directives"
        _check(name, _tells_a_day(shape), problem)
    starts, contains = _by_role(name, table, "starts"), _by_role(name, table, "contains")
    return Rules(starts, contains, classes, byline_words, datelines)


def _tells_a_day(shape: str) -> bool:
    sample = datetime(2003, 2, 17, tzinfo=UTC)
    # Without a year `strptime` will refuse it, and warns of that. The other year has the same days of the week.
    if sample.strftime(shape) == sample.replace(year=2014).strftime(shape):
        return False
    try:
        return datetime.strptime(sample.strftime(shape), shape).date() == sample.date()  # noqa: DTZ007  # a day only
    except ValueError:
        return False


def _by_role(name: str, table: Mapping[str, Any], key: str) -> tuple[tuple[str, Role], ...]:
    pairs: list[tuple[str, Role]] = []
    for named, texts in _table(name, table.get(key, {}), key).items():
        role = next((role for role in ROLES if role == named), None)
        if role is None:
            raise RegistryError(name, f"`{key}.{named}`: no such role; roles are {', '.join(ROLES)}")
        pairs += [(text, role) for text in _texts(name, texts, f"{key}.{named}")]
    return tuple(pairs)


def _check(name: str, holds: object, problem: str) -> None:
    if not holds:
        raise RegistryError(name, problem)


def _known_keys(name: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in table:
        _check(name, key in known, f"unknown key `{key}`; known are {', '.join(sorted(known))}")


def _tables(name: str, value: object, key: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise RegistryError(name, f"`{key}` must be written as `[[{key}]]`, not `{value}`")
    return [_table(name, table, key) for table in value]


def _table(name: str, value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RegistryError(name, f"`{key}` must be a table, not `{value}`")
    return value


def _texts(name: str, value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RegistryError(name, f"`{key}` must be a list of texts, not `{value}`")
    _check(name, value, f"`{key}` is an empty list; give at least one text, or leave the key out")
    _check(name, all(text.strip() for text in value), f"`{key}` holds an empty text; take it out")
    _check(name, len(set(value)) == len(value), f"`{key}` holds a text twice; take one out")
    return tuple(value)
