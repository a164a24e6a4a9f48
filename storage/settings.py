"""What a run is asked to do: each setting once, from which the command line, the parameters of the Prefect flow,
`pressmark.ingest` and `runs.arguments` are made. Those about the archive may also stand in its `pressmark.toml`."""
# ruff: noqa: RUF009, FBT003  # `option` makes a field, and its first argument is the default

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import available_timezones

from pressmark.storage.errors import SettingsError, instead
from pressmark.storage.inputs.budget import GIB, MIB, Budget

if TYPE_CHECKING:
    from pressmark.schemas.contract import Markup, Period
    from pressmark.transforms.records import Limits, Reading
    from pressmark.transforms.selection import Selection, Wanted

__all__ = [
    "ABOUT_THE_ARCHIVE", "FILE", "READING_NAMES", "IngestSettings", "Option", "base_name", "configured", "day_of",
    "keys_of", "options",
]  # fmt: skip

# As in `schemas/contract.py`, which loads Arrow; help texts must not wait for that.
# What `map` can place.
FIELDS: Final = ("html", "text", "markdown", "url", "title", "author", "date", "description", "tags", "categories")
PERIODS: Final = ("month", "day", "year")
MARKUPS: Final = ("html", "markdown")
FILE: Final = "pressmark.toml"
ABOUT_THE_ARCHIVE: Final = (
    "archive", "include", "exclude", "history", "moves", "sync", "encoding", "markup", "zone", "single_outlet", "map",
    "max_source_mib", "max_ratio", "max_unpacked_gib",
)  # fmt: skip
KINDS: Final = {"bool": bool, "int": int, "str": str, "tuple": list, "datetime": datetime}
SHAPES: Final = {
    list: "a list of texts", str: "a text", int: "a whole number", bool: "true or false", datetime: "a time (datetime)"
}  # fmt: skip
# Lengths of a year and of a month.
YEAR, MONTH = len("2021"), len("2021-03")
READING_NAMES: Final = ("encoding", "markup", "zone", "single_outlet", "map")


class Option(NamedTuple):
    """One setting: its name, its annotation, default, help (the default is said at its end) and, for the command line,
    the flag, the word for its value, its choices, and the group in which help shows it. Where `rows` is true it can
    change rows; such settings are kept in `runs.arguments`, and the next run compares them."""

    name: str
    type: str
    default: Any
    help: str
    flag: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    group: str | None = None
    rows: bool = False


def option(default: Any, help_: str, **facts: Any) -> Any:
    """A field of `IngestSettings`; `facts` are those of an `Option` that differ from none."""
    return field(default=default, metadata={"help": help_, **facts})


SELECTION: Final = "which files are taken"
READING: Final = "how sources are read (where they do not say it themselves)"
PART: Final = "a part of the archive (what is published already stays and is kept up)"
LAYOUT: Final = "the output's files (fixed by the first run)"
LIMITS: Final = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """What one ingest is asked to do. Raises `SettingsError` where a value can't be used."""

    source: str = option(
        "seeds",
        "folder or file with the articles, a git repository (its folder, or git+file:path[@ref][#subdir]), a .tar, "
        ".tar.gz (.zst, .xz, .bz2) or .zip, a .warc, .wacz or .jsonl, or s3://bucket/prefix (gs://, az://) [seeds]",
    )
    output: str = option("output", "folder of the dataset, or s3://bucket/prefix (gs://, az://) [output]")
    archive: str | None = option(
        None, "the archive's name; needed for a second archive in one output [the input's base name]", metavar="NAME"
    )
    config: str | None = option(
        None, "file with what is said of the archive for every run [pressmark.toml beside the archive, if it is there]",
        metavar="FILE",
    )  # fmt: skip
    workers: int = option(os.cpu_count() or 1, "processes [cores]", metavar="N")
    include: tuple[str, ...] = option(
        (),
        "take only files that match, as `*.md` or `rfi/**`; may be repeated [all but README, index pages, images, "
        "scripts and the like; hidden files never]",
        metavar="GLOB", group=SELECTION, rows=True,
    )  # fmt: skip
    exclude: tuple[str, ...] = option(
        (), "leave out files that match; may be repeated", metavar="GLOB", group=SELECTION, rows=True
    )
    map: str | None = option(
        None, "where JSON Lines and front matter have their fields, as `html=body,url=meta.link`; fields are url, "
        "title, author, date, description, tags, categories, and of JSON Lines html, text or markdown [the usual "
        "keys]", metavar="FIELD=KEY", group=SELECTION, rows=True,
    )  # fmt: skip
    history: bool = option(
        False, "also read every revision that was ever committed to the git repository; kept up by later runs",
        group=SELECTION, rows=True,
    )  # fmt: skip
    moves: bool = option(
        False, "with --history: a file that moved unchanged is a revision at each of its paths, not only at the last",
        group=SELECTION, rows=True,
    )  # fmt: skip
    sync: bool | None = option(
        None, "treat sources that are absent as deleted [only for a git repository]", group=SELECTION, rows=True
    )
    all_gone: bool = option(
        False, "end all sources of the archive where the input has none of them [its disk may not be mounted: refuse]",
        group=SELECTION,
    )  # fmt: skip
    encoding: str | None = option(
        None, "encoding of sources that are no UTF-8, as gb18030 or big5 [what a page or a record declares; else none]",
        metavar="NAME", group=READING, rows=True,
    )  # fmt: skip
    markup: Markup | None = option(
        None, "language of the bodies [told by what they hold]", choices=MARKUPS, group=READING, rows=True
    )
    zone: str | None = option(
        None, "time zone of dates without one, as Asia/Shanghai, of outlets that the registry does not know [UTC]",
        metavar="ZONE", group=READING, rows=True,
    )  # fmt: skip
    single_outlet: str | None = option(
        None, "the outlet of articles whose host the registry does not know [made of the host]",
        metavar="SLUG", group=READING, rows=True,
    )  # fmt: skip
    limit: int | None = option(None, "parse at most N new sources", metavar="N", group=PART, rows=True)
    since: datetime | None = option(
        None, "of new sources take only articles published then or later", metavar="TIME", group=PART, rows=True
    )
    outlets: tuple[str, ...] = option(
        (), "of new sources take only articles of this outlet; may be repeated", flag="outlet", metavar="SLUG",
        group=PART, rows=True,
    )  # fmt: skip
    partition: Period | None = option(
        None, "a folder for each month, day or year [that of the output; month]", choices=PERIODS, group=LAYOUT,
        rows=True,
    )  # fmt: skip
    buckets: int | None = option(
        None, "files in a partition: an article's file follows from its id alone [those of the output; 1]",
        metavar="N", group=LAYOUT, rows=True,
    )  # fmt: skip
    max_source_mib: int = option(16, "reject sources above N MiB [16]", metavar="N", group=LIMITS, rows=True)
    max_ratio: int = option(
        200, "refuse what unpacks to more than N times its size [200]", metavar="N", group=LIMITS, rows=True
    )
    max_unpacked_gib: int = option(
        64, "refuse archives that unpack to more than N GiB [64]", metavar="N", group=LIMITS, rows=True
    )
    max_files: int = option(
        5_000_000, "refuse archives that name more than N files [5000000]", metavar="N", group=LIMITS, rows=True
    )
    trust_repository: bool = option(
        False, "read also what a git repository has in other folders, as a linked worktree or a clone with `--shared`",
        group=LIMITS, rows=True,
    )  # fmt: skip
    dask: str | None = option(
        None, "have the work done by the workers of the Dask scheduler at this address; needs pressmark[dask], and "
        "input and output that they reach", metavar="ADDRESS",
    )  # fmt: skip
    single_writer: bool = option(
        False, "promise that no other run writes to this output, for object stores that can't tell"
    )

    def __post_init__(self) -> None:
        for name, what in (("source", "archive"), ("output", "output")):
            object.__setattr__(self, name, str(getattr(self, name)))
            if not getattr(self, name).strip():
                # As a script gives it whose variable is not set; no library may take it for the working folder.
                raise SettingsError(f"the {what} has no address", "", "name a place; `.` is the working folder")
        for name in ("include", "exclude", "outlets"):
            # A text is one pattern; its characters are none.
            given = getattr(self, name) or ()
            texts = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
            if not all(isinstance(one, str) for one in texts):
                raise SettingsError(f"`{name}` must be {SHAPES[list]}", repr(given), "give one")
            object.__setattr__(self, name, texts)
        keys: object = self.map
        if isinstance(keys, dict):
            object.__setattr__(self, "map", _in_one_text(keys))
        for one in options():
            value, kind = getattr(self, one.name), KINDS.get(one.type.partition(" ")[0])
            # To Python true and false are numbers.
            fits = isinstance(value, kind or object) and (kind is not int or not isinstance(value, bool))
            if kind and value is not None and not fits:
                raise SettingsError(f"`{one.name}` must be {SHAPES[kind]}", repr(value), "give one")
        for name in ("workers", "limit", "buckets", "max_source_mib", "max_ratio", "max_unpacked_gib", "max_files"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"`{name}` must be at least 1", str(value), "give a whole number from 1 on")
        if self.partition is not None and self.partition not in PERIODS:
            raise SettingsError("`partition` is none of " + ", ".join(PERIODS), self.partition, "name one of them")
        if self.archive is not None and not self.archive.strip():
            raise SettingsError("the archive has no name", repr(self.archive), "give --archive a name")
        if self.since is not None and self.since.tzinfo is None:
            object.__setattr__(self, "since", self.since.replace(tzinfo=UTC))
        # What the check needs takes longer to load than most commands run.
        _ = self.selection, self.reading if any(getattr(self, name) for name in READING_NAMES) else None
        _ = self.keys

    @property
    def selection(self) -> Selection:
        """The files to take; raises `SettingsError` where a pattern is none."""
        from pressmark.transforms.selection import BadPatternError, Selection

        try:
            return Selection(self.include, self.exclude)
        except BadPatternError as error:
            raise SettingsError("a pattern is wrong", str(error), "write it as in `.gitignore`") from error

    @property
    def reading(self) -> Reading:
        """How sources are read; raises `SettingsError` where the encoding, the zone or the outlet is none."""
        from pressmark.transforms.encodings import codec_of
        from pressmark.transforms.outlets import is_slug
        from pressmark.transforms.records import Reading

        codec = codec_of(self.encoding) if self.encoding is not None else None
        if self.encoding is not None and codec is None:
            raise SettingsError(
                "there is no such encoding", self.encoding, "name one, as gb18030, big5 or windows-1252"
            )
        if self.markup is not None and self.markup not in MARKUPS:
            raise SettingsError("`markup` is none of " + ", ".join(MARKUPS), self.markup, "name one of them")
        if self.zone is not None and self.zone not in available_timezones():
            raise SettingsError("there is no such time zone", self.zone, "name one, as Asia/Shanghai")
        if self.single_outlet is not None and not is_slug(self.single_outlet):
            raise SettingsError("the outlet is no slug", self.single_outlet, "use small letters, digits and hyphens")
        return Reading(codec, self.markup, self.zone, self.single_outlet, tuple(self.keys.items()))

    @property
    def keys(self) -> dict[str, str]:
        """The keys of JSON Lines and front matter by field; raises `SettingsError` where a field is none."""
        return keys_of(self.map)

    @property
    def wanted(self) -> Wanted:
        from pressmark.transforms.selection import Wanted

        return Wanted(self.since, self.outlets, self.limit)

    @property
    def limits(self) -> Limits:
        from pressmark.transforms.records import Limits

        return Limits(source_bytes=self.max_source_mib * MIB)

    @property
    def budget(self) -> Budget:
        return Budget(self.max_ratio, self.max_unpacked_gib * GIB, self.max_files)

    def arguments(self, **settled: Any) -> dict[str, Any]:
        """The settings that can change rows, as JSON has them; `settled` are those that the run decided itself."""
        values = {**{one.name: getattr(self, one.name) for one in options() if one.rows}, **settled}
        found: dict[str, Any] = json.loads(json.dumps(values, sort_keys=True, default=str))
        return found

    def parameters(self) -> dict[str, Any]:
        """All settings by name, as a Prefect deployment keeps them: lists, texts and numbers."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def options() -> Iterator[Option]:
    """The settings in the order of their help."""
    for one in fields(IngestSettings):
        flag = "--" + one.metadata.get("flag", one.name).replace("_", "-")
        yield Option(one.name, str(one.type), one.default, **{**one.metadata, "flag": flag})


def keys_of(text: str | None) -> dict[str, str]:
    """The keys by field in a text such as `html=body,url=link`; raises `SettingsError`.

    >>> keys_of("html=body, url=meta.link")
    {'html': 'body', 'url': 'meta.link'}
    """
    found = {}
    for part in (text or "").split(","):
        field_, _, key = map(str.strip, part.partition("="))
        if not part.strip():
            continue
        if field_ not in FIELDS or not key or field_ in found:
            raise SettingsError("`map` names a field that is none, twice, or without a key", part.strip(),
                                "write FIELD=KEY; fields are " + ", ".join(FIELDS))  # fmt: skip
        found[field_] = key
    return found


def _in_one_text(keys: dict[str, Any]) -> str:
    """Keys by field as the command line has them; raises `SettingsError` where one is none that this can write."""
    for name, key in keys.items():
        if not isinstance(key, str) or "," in key:
            raise SettingsError(f"`map` must have a text without a comma for `{name}`", repr(key), "write a key's name")
    return ",".join(f"{name}={key}" for name, key in keys.items())


def base_name(address: str) -> str:
    """The last name in an address: what an archive is called that has no other name.

    >>> base_name("/data/news/"), base_name("git+file:data/news.git@main#rfi"), base_name("s3://bucket/press")
    ('news', 'news.git', 'press')
    """
    place = address.partition("#")[0]
    scheme, separator, rest = place.partition(":")
    if separator and (rest.startswith("//") or scheme in ("file", "git+file")):
        place = rest.removeprefix("//")
        place = place.partition("@")[0] if scheme.startswith("git") else place
        return Path(place).name or "archive"
    return Path(os.path.abspath(place)).name or "archive"


def configured(settings: IngestSettings) -> IngestSettings:
    """The settings with what `pressmark.toml` says, in the archive's folder or beside its file, where it is there; what
    is given and not the default goes first. Raises `SettingsError` where the file is wrong."""
    from pressmark.storage.inputs.opening import parse_address

    if settings.config is None:
        archive = parse_address(settings.source)
        place = (archive.path if archive.path.is_dir() else archive.path.parent) / FILE
        if archive.url or not place.is_file():
            return settings
    else:
        place = Path(settings.config)
    defaults = {one.name: one.default for one in options()}
    said = _read(place)
    try:
        return replace(settings, **{name: said[name] for name in said if getattr(settings, name) == defaults[name]})
    except SettingsError as error:
        # What the command line gave was right, or there would be no settings.
        raise type(error)(f"{error.what} (`{error.where}`)", place, error.remedy) from None


def _read(place: Path) -> dict[str, Any]:
    import tomllib

    try:
        said = tomllib.loads(place.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"it can't be read ({error.strerror})", place, "name the file with --config") from error
    except ValueError as error:
        raise SettingsError(
            f"it is no TOML ({error})", place, "correct it, or write it anew with `pressmark init`"
        ) from None
    types = {one.name: "str" if one.type.startswith("Markup") else one.type for one in options()}
    for name, value in said.items():
        if name not in ABOUT_THE_ARCHIVE:
            remedy = instead(name, ABOUT_THE_ARCHIVE, f"it takes {', '.join(ABOUT_THE_ARCHIVE)}")
            raise SettingsError(f"it has no key `{name}`", place, remedy)
        if name == "map" and isinstance(value, dict):
            continue  # the settings look at it
        kind = KINDS[types[name].partition(" ")[0].partition("[")[0]]
        texts = kind is not list or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        if type(value) is not kind or not texts:
            shape = "a table of texts, or a text" if name == "map" else SHAPES[kind]
            raise SettingsError(f"`{name}` must be {shape}, not `{value}`", place, "correct it")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


def day_of(text: str, *, end: bool) -> date:
    """The day; of a month or year its first one, or with `end` its last one. Raises `ValueError` for what is none.

    >>> str(day_of("2024-02", end=True)), str(day_of("2024", end=False))
    ('2024-02-29', '2024-01-01')
    """
    if len(text) == YEAR:
        text = f"{text}-12" if end else f"{text}-01"
    if "W" in text:
        raise ValueError(f"`{text}` is a week, and of one the first day would be no end")
    if len(text) != MONTH:
        return date.fromisoformat(text)
    first = date.fromisoformat(f"{text}-01")
    if not end:
        return first
    try:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    except OverflowError as error:
        raise ValueError(f"`{text}` is too far away") from error
