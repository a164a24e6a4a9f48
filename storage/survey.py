"""A look at an archive before its first run: what pressmark understands of some of its sources."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pressmark.storage.inputs.opening import look_at, open_input, parse_address
from pressmark.storage.inputs.source import Request, sources_of
from pressmark.storage.queries import JOINED, OF_PARSING, TITLES, TRANSLATED
from pressmark.storage.settings import IngestSettings, base_name
from pressmark.storage.versions import parse_source
from pressmark.transforms.dates import SCHEDULED_AHEAD
from pressmark.transforms.encodings import UTF_8, as_encoded
from pressmark.transforms.front_matter import PROBLEM
from pressmark.transforms.language import HANGUL, UNDETERMINED, detect, family_of
from pressmark.transforms.outlets import Outlets
from pressmark.transforms.records import Article, Reading, Reject

__all__ = ["Found", "Survey", "survey"]

MOST_SOURCES: Final = 200
EXAMPLES: Final = 3
NAMED: Final = 8
# Of so many letters one may be broken, and fewer letters than these tell no encoding.
FEW: Final = 50
LETTERS: Final = 8
NEARLY_ALL: Final = 0.9
# What a byte order mark tells is not declared.
UTF_16: Final = ("utf-16-le", "utf-16-be")
# Encodings that news of a language was written in before UTF-8, and the language that text in each is in.
# Korean first: as GB 18030 it is Chinese characters, while Chinese as Korean has many that are no Hangul.
ENCODINGS: Final = {
    "cp949": "ko", "gb18030": "zh-Hans", "big5hkscs": "zh-Hant", "cp932": "ja", "euc_jp": "ja",
}  # fmt: skip
SEVERAL: Final = 3
SUGGESTED: Final = re.compile(r"`--map ((?!html=KEY)[^`]+)`")
# What is kept beside the columns that it went into, or said elsewhere.
UNDERSTOOD: Final = frozenset({PROBLEM, "published", "modified", "site_name"})


class Found(NamedTuple):
    """What some sources have in common: the heading it goes under, what it is, how many, and examples by path."""

    heading: str
    what: str
    sources: int
    examples: tuple[str, ...]


class Survey(NamedTuple):
    """What was found in `looked_at` of the `sources`; `proposed` are settings that these suggest.
    `notes` are the input's own, and `not_taken` are some of the files that are left out."""

    sources: int
    left_out: int
    looked_at: int
    articles: int
    found: list[Found]
    proposed: dict[str, str | list[str]]
    notes: tuple[str, ...]
    not_taken: tuple[str, ...]


def survey(settings: IngestSettings) -> Survey:
    """Parse up to 200 sources, spread over the archive, and say what they are. Writes nothing."""
    address = parse_address(settings.source)._replace(trusted=settings.trust_repository)
    look_at(address, None)
    archive = open_input(address, settings.budget, settings.keys)
    listing = archive.listing(Request(settings.selection))
    frame = listing.frame.filter(listing.frame["valid_to"].is_null())
    looked_at = min(frame.height, MOST_SOURCES)
    chosen = sources_of(frame[[number * frame.height // looked_at for number in range(looked_at)]])
    contents = [(source.source_path, data) for source, data in archive.contents(chosen, settings.limits)]
    outcomes = _outcomes(contents, settings, settings.reading)
    if settings.map is None and (where := _map(outcomes)):
        found = survey(replace(settings, map=where))
        return found._replace(proposed={**found.proposed, "map": where})
    proposed: dict[str, str | list[str]] = {"archive": settings.archive or base_name(settings.source)}
    if not settings.encoding and (encoding := _encoding(outcomes)) is not None:
        outcomes = _outcomes(contents, settings, settings.reading._replace(encoding=encoding))
        proposed["encoding"] = encoding
    articles = [one for one in outcomes if isinstance(one, Article)]
    if articles and not any(one.host for one in articles):
        proposed["single_outlet"] = Outlets.slug_of(proposed["archive"])  # type: ignore[arg-type]
    return Survey(
        frame.height, listing.left_out, len(outcomes), len(articles),
        [*_of_articles(articles), *_of_rejects(one for one in outcomes if isinstance(one, Reject))], proposed,
        listing.notes, listing.not_taken[:NAMED],
    )  # fmt: skip


def _map(outcomes: list[Article | Reject]) -> str | None:
    """Where lines of JSON have their fields, if half of what was looked at has no usual key, and the same remedy, or
    nothing of it is an article and several have."""
    said = (SUGGESTED.search(one.detail) for one in outcomes if isinstance(one, Reject) and one.reason == "no_header")
    votes = Counter(found[1] for found in said if found)
    where, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]), default=("", 0))
    alone = count >= SEVERAL and not any(isinstance(one, Article) for one in outcomes)
    return where if alone or 2 * count >= len(outcomes) > 0 else None


def _outcomes(
    contents: Iterable[tuple[str, bytes | Reject]], settings: IngestSettings, reading: Reading
) -> list[Article | Reject]:
    latest, name = datetime.now(UTC) + SCHEDULED_AHEAD, settings.archive or ""
    return [
        data if isinstance(data, Reject) else parse_source(data, path, settings.limits, latest, name, reading)
        for path, data in contents
    ]


def _encoding(outcomes: Iterable[Article | Reject]) -> str | None:
    """The encoding of the sources that are no UTF-8 and declare none: where most of them are text of one language in
    it, and no source declares another, which it would go before."""
    votes: dict[str, int] = defaultdict(int)
    undeclared = 0
    declared: set[str] = set()
    for one in outcomes:
        if isinstance(one, Article):
            declared.add(one.encoding)
        elif one.reason == "invalid_utf8" and one.raw and b"\0" not in one.raw:
            undeclared += 1
            for encoding, language in ENCODINGS.items():
                text = as_encoded(one.raw, encoding).text
                letters = "".join(character for character in text if ord(character) >= 0x2E80)
                foreign = language == "ko" and len(HANGUL.findall(letters)) < NEARLY_ALL * len(letters)
                broken = foreign or text.count("\ufffd") * FEW > len(letters)
                if len(letters) >= LETTERS and not broken and detect(letters) == language:
                    votes[encoding] += 1
    best = max(votes, key=lambda encoding: votes[encoding], default="")
    alone = declared <= {UTF_8, *UTF_16, best}
    return best if best and alone and votes[best] * 2 >= undeclared else None


def _of_articles(articles: list[Article]) -> list[Found]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    titles: dict[str, set[str]] = defaultdict(set)
    languages: dict[str, set[str]] = defaultdict(set)
    for one in articles:
        titles[one.article_id].add(one.header.title)
        languages[one.article_id] |= {family_of(one.language)} - {UNDETERMINED}
    for one in articles:
        path, dates = one.source_path, one.dates
        year = "no date" if dates.published_at is None else f"{dates.published_at.year}"
        shown = {"dialects": one.header.dialect, "markup": one.markup, "encodings": one.encoding, "outlets": one.outlet,
                 "languages": one.language, "years": year, "dates from": dates.published_from}  # fmt: skip
        for heading, what in shown.items():
            groups[heading, what].append(path)
        lacking = {"title": not one.header.title, "address": one.canonical_url is None, "author": one.author is None,
                   "date": dates.published_at is None, "text": not one.content_count}  # fmt: skip
        for what, lacks in lacking.items():
            if lacks:
                groups["without", what].append(path)
        for doubt in one.doubts:
            groups["doubtful", OF_PARSING[doubt][0].removeprefix("that were read ")].append(path)
        if len(titles[one.article_id]) >= TITLES:
            groups["doubtful", JOINED[0]].append(path)
        if len(languages[one.article_id]) > 1:
            groups["doubtful", TRANSLATED[0]].append(path)
        for flag in one.flags:
            groups["flags", flag].append(path)
        said = json.loads(one.header.metadata or "{}")
        if PROBLEM in said:
            groups["headers that are broken", str(said[PROBLEM])].append(path)
        for key in said.keys() - UNDERSTOOD:
            groups["said under other keys (see --map)", key].append(path)
    order = ("dialects", "markup", "encodings", "outlets", "languages", "years", "dates from", "without",
             "said under other keys (see --map)", "headers that are broken", "flags", "doubtful")  # fmt: skip
    found = [Found(*key, len(paths), tuple(paths[:EXAMPLES])) for key, paths in groups.items()]
    return sorted(
        found, key=lambda one: (order.index(one.heading), -one.sources if one.heading != "years" else 0, one.what)
    )


def _of_rejects(rejects: Iterable[Reject]) -> list[Found]:
    groups: dict[tuple[str, str], list[Reject]] = defaultdict(list)
    for reject in rejects:
        # What has no header is told by kinds, each with its remedy; other details are of one source.
        groups[reject.reason, reject.detail if reject.reason == "no_header" else ""].append(reject)
    return [
        Found("rejects", f"{reason} ({(some[0].detail.strip().splitlines() or [''])[-1]})", len(some),
              tuple(one.source_path for one in some[:EXAMPLES]))
        for (reason, _), some in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]  # fmt: skip
