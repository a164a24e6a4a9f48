"""The pure core: the bytes of one source become an article or a reject.

No clock, no disk, no look-up of settings: the registry of outlets and the limits come in as arguments.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pressmark.schemas.contract import CONTENT_ROLES, FLAGS, Flag, Reason, Role
from pressmark.transforms import identity, language
from pressmark.transforms.blocks import Block
from pressmark.transforms.datelines import FOUR_DIGITS, LONGEST_DATELINE, PageDates, dateline_reader
from pressmark.transforms.dates import FAR_FUTURE, path_date, url_date, weigh
from pressmark.transforms.doors import (
    AS_IT_IS,
    Opened,
    characters_of,
    cut_body,
    dated_in_words,
    open_source,
)
from pressmark.transforms.elements import is_inside
from pressmark.transforms.encodings import remedy_of
from pressmark.transforms.evidence import BY_CLASS, HIDDEN, Evidence, Finding, evidence_of
from pressmark.transforms.header import NO_LINES, BadSource
from pressmark.transforms.header_keys import MODIFIED, OF_PUBLICATION, folded
from pressmark.transforms.neighbours import standfirst, title_among
from pressmark.transforms.other_stories import corrections
from pressmark.transforms.outlets import Outlet, Outlets
from pressmark.transforms.outside import amid, outside_findings
from pressmark.transforms.own_links import LINKS
from pressmark.transforms.page_statements import Stated, stated_of
from pressmark.transforms.pages import is_wall, main_blocks
from pressmark.transforms.people import beside_sections, contributors_of
from pressmark.transforms.records import (
    INDEX_PAGE,
    NO_ZONE,
    ONLY_MODIFIED,
    WALL_PAGE,
    Article,
    Contributor,
    Dates,
    Header,
    Limits,
    Medium,
    Reading,
    RecordFacts,
    Reject,
)  # fmt: skip
from pressmark.transforms.reprint import LONGEST_ORIGIN, original_address
from pressmark.transforms.roles import LINK_SHARE, Classified, classify, link_share
from pressmark.transforms.rows import SEPARATOR, media_of, paragraphs_of, skipped_sizes

__all__ = ["Article", "Limits", "Reject", "page_day", "parse"]

SEPARATOR_BYTES: Final = SEPARATOR.encode()
# Of a text's bytes, one in so many may begin a character that an earlier reader could not decode.
FEW: Final = 500
REPLACED: Final = "\ufffd".encode()
FEW_MARKS: Final = 2
ONE_DAY: Final = timedelta(days=1)
# Where Jekyll, Hugo and Zola are told which path the address of a post has.
OWN_PATHS: Final = ("permalink", "url", "path", "slug")
LONGEST_TITLE: Final = 400
# What may stand above that says where a text is from and who translated it.
LINES_ABOVE: Final = 12
# The name of a post's file, or of its folder: a day, what may be a title, and perhaps a language.
NAME: Final = re.compile(
    r"(?:^|/)(?:(?:19|20)\d\d(?P<sep>[-_./]?)(?:0?[1-9]|1[0-2])(?P=sep)(?:0?[1-9]|[12]\d|3[01])(?=\D)[-_.\s]*)?"
    r"(?P<name>[^/]*?)(?:/_?(?i:index|readme))?(?:\.[a-z]{2}(?:-[A-Za-z]{2,4})?)?\.\w{1,8}\Z"
)
WORD: Final = re.compile(r"\b[A-Za-z]{2,}\b")
LEAST_WORDS: Final = 2
LETTERS: Final = re.compile(r"[^\W\d_]{2}")
# The site's name, behind the title of a page's article.
SITE: Final = re.compile(r"[-_|｜ㅣ│–—]\s{0,3}([^-_|｜ㅣ│–—\s][^-_|｜ㅣ│–—]{1,40})$")
FRONT_PAGE: Final = re.compile(r"https://[^/]+/")
# An index has so many blocks that are links, and less running text than a short story, in blocks of so many letters.
SEVERAL_LINKS, LITTLE_PROSE, PROSE = 10, 300, 80
# The reason of a role that the block's own first words say.
SAID: Final = (
    "starts with", "contains", HIDDEN.reason, "page furniture", "in a box with a linked", "italic, below",
    "a name alone", "in a bibliography", "a link below", "an e-mail address", "says by whom", "one of several labelled",
    "an invitation", LINKS.reason,
)  # fmt: skip
# What these say holds where a block is little else than links.
NAMED: Final = (BY_CLASS, "inside `nav`")
OUTSIDE_STORY: Final = frozenset({"related", "boilerplate", "note"})
MARKS: Final = re.compile(
    rb"\]\((?:https?:|/)[^\s()]+\)|(?<![A-Za-z*])\*\*[^*\n]{1,200}\*\*|</(?:p|div|span|a|b|i|strong|em|li|h[1-6])>"
    rb"|\[\[[^\[\]\n]{1,200}\]\]"
)
# What AsciiDoc, Org, reStructuredText and Textile have for links, headings and directives.
FOREIGN: Final = re.compile(
    rb"(?<![^\s(*_])(?:link:|https?://)[^\s\[\]<>\"']{3,500}\[[^\]\[\d\n][^\]\[\n]{0,300}\]|\[\[[^\[\]\n]{1,500}\]\[[^\[\]\n]{1,500}\]\]"
    rb"|\w <https?://[^<>\s]{3,500}>_|\"[^\"\n]{1,200}\":https?://"
    rb"|(?:\A|\n\n)(?:={2,5} \S|\#\+[A-Za-z_]{3,20}\b|\.\. [a-z-]{3,20}::|(?:h[1-6]|bq)\. \S)"
)
# What at least one of two such marks has, and hardly any other text: to look for the marks themselves takes long.
FOREIGN_LINK: Final = re.compile(rb"\]\[|[^\s\[\]<>\"']\[")
FOREIGN_BLOCK: Final = re.compile(rb"\n\n(?:==|\#\+|\.\. |h\d\. |bq\. )")
# What a site's generator would have replaced: shortcodes of Hugo, tags of Liquid, calls of Go's templates.
TEMPLATE: Final = re.compile(rb"\{\{[<%][^{}]{1,500}[%>]\}\}|\{%[^{}]{1,500}%\}|\{\{\w{2,20} \"[^\"{}\n]{1,300}\"")
# What MDX has for its components, where a text begins.
MDX: Final = re.compile(
    rb"(?:\A|\n\n)(?:import\s[^\n]{1,300}\sfrom\s[\"'][^\"'\n]{1,200}[\"']|export\s(?:const|default|function)\s)"
)
# Characters of UTF-8 that were read as Windows-1252 or Latin-1, and written as UTF-8 again.
TWICE: Final = re.compile(rb"\xc3[\x82\x83]\xc2[\xa1-\xbf]|\xc3[\x84-\xb4]\xc2[\x80-\x9f]|\xc3\xa2\xe2\x82\xac")


def parse(
    data: bytes, source_path: str, outlets: Outlets, limits: Limits, latest: datetime = FAR_FUTURE, *,
    archive: str = "", reading: Reading = AS_IT_IS, facts: RecordFacts | None = None,
) -> Article | Reject:  # fmt: skip
    """The article in `data`, or the reject that says why there is none. Never raises for bad data.

    A date after `latest` is ignored. `archive` and `source_path` name the source; a source without a URL has its
    identity from them. `reading` is what the archive's operator says of its sources. With `facts`, `data` is the
    payload of a record, which has these for a header. An exception on this one source is a reject too
    (`parser_error`), with the traceback as its detail.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    offset: int | None = None
    reason: Reason
    try:
        return _parse(data, sha256, archive, source_path, outlets, limits, latest, reading, facts)
    except UnicodeDecodeError as error:
        offset = error.start + len(data) - len(error.object)
        remedy = remedy_of(error, data, offset, of_record=facts is not None)
        reason, detail = "invalid_utf8", f"{error.reason}: byte 0x{data[offset]:02x}; {remedy}"
    except BadSource as bad:
        reason, detail = bad.reason, bad.detail
        decoded = characters_of(data, reading, facts)
        offset = decoded.mark + decoded.size(0, bad.position)
    except MemoryError:
        reason, detail = "too_large", "there is not enough memory to read it; free some, or use fewer workers"
    except Exception:
        reason, detail = "parser_error", traceback.format_exc()
    return Reject(source_path, sha256, len(data), reason, detail, offset, data)


def _parse(
    data: bytes, sha256: str, archive: str, source_path: str, outlets: Outlets, limits: Limits, latest: datetime,
    reading: Reading, facts: RecordFacts | None,
) -> Article:  # fmt: skip
    if not data:
        raise BadSource("empty_file", "the file has no bytes; exclude it or restore it", 0)
    opened = open_source(data, reading, facts)
    blocks, skipped, media = cut_body(opened, limits.depth)
    if not blocks and not media:
        raise opened.unsaid or BadSource(
            "no_text", "no visible text after the header, and no medium", opened.header.body_start
        )
    texts = [block.text for block in blocks]
    tags = list(map(language.by_characters, texts))
    header = _header_of(opened, blocks, media)
    canonical = identity.canonical_url(header.url)
    host = identity.host_of(canonical)
    outlet = outlets.find(host, reading.outlet, reading.zone)
    rules = outlet.rules_on(page_day(header))
    url_day = _day_of_address(header, outlet.zone, source_path)
    spoken = outlet.languages or _spoken(texts, tags)
    dated = PageDates(dateline_reader(outlet.zone, rules.datelines, spoken), url_day, header.header_at)
    if not header.title:
        header = header._replace(title=_title_of(opened, blocks, source_path, dated=url_day is not None))
    evidence = evidence_of(rules, outlets.general)
    stated = stated_of(header, opened.titles or ())._replace(site=outlets.domain_of(host) or "")
    if opened.titles is None:
        roles, reasons, dateline_at = classify(blocks, evidence, dated, stated, _below_pictures(media))
    else:
        (roles, reasons, dateline_at), media = _of_page(opened, blocks, media, evidence, dated, stated)
    if dateline_at is not None and header.header_at is None and header.front_matter_at is None:
        # What is printed tells the order of day and month in an address.
        url_day = url_date(header.url, outlet.zone, dateline_at.astimezone(outlet.zone).date()) or url_day
    dates = _dates_of(opened, header, outlet, dateline_at, url_day, latest, of_record=facts is not None)
    if opened.unsaid is not None and (not header.title or (canonical is None and dates.published_from == "none")):
        raise opened.unsaid
    languages, main_language = language.detect_all(texts, [role in CONTENT_ROLES for role in roles], tags)
    paragraphs = paragraphs_of(opened, blocks, roles, languages, canonical)
    full_text = SEPARATOR_BYTES.join([paragraph.text for paragraph in paragraphs])
    content = [block.text for block, role in zip(blocks, roles, strict=True) if role in CONTENT_ROLES]
    contributors = _contributors_of(opened, header, outlet, blocks, roles, spaced=main_language == "ja")
    paragraph_bytes = sum([paragraph.byte_end - paragraph.byte_start for paragraph in paragraphs])
    skipped_bytes, all_skipped = skipped_sizes(opened, blocks, skipped)
    # A page with a date of its own is a wall by its text alone.
    wall_titles = (opened.titles or ()) if dates.published_from in ("none", "url") else ()
    return Article(
        archive=archive,
        article_id=identity.article_id(canonical, archive, source_path),
        source_path=source_path,
        source_sha256=sha256,
        source_bytes=len(data),
        header=header,
        encoding=opened.decoded.encoding,
        markup=opened.markup,
        canonical_url=canonical,
        host=outlets.domain_of(host),
        outlet=outlet.slug,
        author="、".join(one.name for one in contributors if one.role == "text") or None,
        contributors=contributors or None,
        dates=dates,
        language=main_language,
        text=full_text,
        text_sha256=hashlib.sha256(full_text).hexdigest(),
        content_count=len(content),
        header_bytes=opened.header_bytes,
        paragraph_bytes=paragraph_bytes,
        skipped_bytes=skipped_bytes,
        markup_bytes=len(data) - opened.header_bytes - paragraph_bytes - skipped_bytes,
        paragraphs=paragraphs,
        flags=_flags(
            {
                "date_conflict": dates.date_conflict,
                "mostly_skipped": 2 * all_skipped > len(data) - opened.header_bytes,
                "mojibake": opened.decoded.damaged or _is_garbled(full_text),
                "title_only": bool(content) and all(" ".join(text.split()) == header.title for text in content),
                "no_content": not content,
                "hidden_text": HIDDEN.reason in reasons,
                "markup_in_text": _has_markup(full_text),
            }
        ),
        reasons=reasons,
        media=tuple(media_of(opened, media, blocks, roles, canonical)),
        doubts=tuple([doubt for doubt, holds in (
            (ONLY_MODIFIED, dates.published_at is None and _says_when_modified(header)),
            (NO_ZONE, not outlet.known and _has_no_zone(header, dates, dated, blocks, roles)),
            (INDEX_PAGE, opened.titles is not None and _is_index(header, canonical, blocks, roles)),
            (WALL_PAGE, opened.titles is not None and is_wall(wall_titles, content)),
        ) if holds]),
    )  # fmt: skip


def _header_of(opened: Opened, blocks: Sequence[Block], media: Sequence[Medium]) -> Header:
    """The header, with the address and the date that the first blocks give where it has none itself."""
    header = opened.header
    if header.url is None:
        is_page = opened.titles is not None
        url = original_address(blocks, _below_pictures(media), title=header.title, page=is_page)
        header = header._replace(url=url)
    if header.front_matter_at is None and header.header_at is None and opened.titles is None:
        header = dated_in_words(header, [block.text for block in blocks])
    return header


def _day_of_address(header: Header, zone: ZoneInfo, source_path: str) -> date | None:
    """The day that the article's address names; a post has its address from its front matter, else from its path."""
    day = url_date(header.url, zone, page_day(header))
    if day is None and header.dialect == "front_matter":
        said = json.loads(header.metadata or "{}")
        paths = [said[key] for key in OWN_PATHS if isinstance(said.get(key), str)]
        day = next(filter(None, map(path_date, [*paths, source_path])), None)
    return day


def _dates_of(
    opened: Opened, header: Header, outlet: Outlet, dateline_at: datetime | None, url_day: date | None,
    latest: datetime, *, of_record: bool,
) -> Dates:  # fmt: skip
    """All dates; a page's address, else a time's own offset, tells its day where nothing is known of its outlet's
    zone."""
    dates = weigh(
        header_at=header.header_at, front_matter_at=header.front_matter_at, dateline_at=dateline_at,
        url_day=url_day, zone=outlet.zone, latest=latest,
    )  # fmt: skip
    stated_by = "header" if of_record and header.header_at is not None else "front_matter"
    if outlet.known or header.stated_day is None or dates.published_from != stated_by:
        return dates
    near = opened.titles is not None and url_day is not None and abs(url_day - header.stated_day) <= ONE_DAY
    return dates._replace(local_date=url_day if near else header.stated_day)


def _contributors_of(
    opened: Opened, header: Header, outlet: Outlet, blocks: Sequence[Block], roles: Sequence[Role], *, spaced: bool
) -> tuple[Contributor, ...]:
    """Who made the article, by its header and its by-lines. A whole page names its outlet where nobody else wrote; in a
    header the outlet's name is the scraper's label."""
    bylines = (
        beside_sections(block.text, block.links) for block, role in zip(blocks, roles, strict=True) if role == "byline"
    )
    ends = [end[1] for title in opened.titles or () if (end := SITE.search(title.lower()))]
    own = {name for name, _ in header.credits if any(end.startswith(name.lower()) for end in ends)}
    return contributors_of(
        header.credits, bylines, lambda name: name in own or outlet.is_called(name), or_label=opened.titles is not None,
        spaced=spaced,
    )  # fmt: skip


def _spoken(texts: Sequence[str], tags: Sequence[str]) -> tuple[str, ...]:
    """The language of a text in which a date may be printed, where nobody knows its outlet's."""
    if not any(len(text) <= LONGEST_DATELINE and FOUR_DIGITS.search(text) for text in texts):
        return ()
    return (language.detect_all(texts, tags=tags)[1],)


def _title_of(opened: Opened, blocks: Sequence[Block], source_path: str, *, dated: bool) -> str:
    """The title of a note whose header has none: its first heading, of level one, else its name. Where it has no header
    at all, short lines may stand above the heading; its name must have its day too, and, where it is no Markdown, be
    one that people give."""
    unsaid = opened.unsaid
    for block in blocks[: 1 if unsaid is None else LINES_ABOVE]:
        if is_inside(block.path, "h1") and len(block.text) < LONGEST_TITLE:
            return " ".join(block.text.split())
        if len(block.text) > LONGEST_ORIGIN:
            break
    if opened.header.dialect != "front_matter" or (unsaid is not None and not dated):
        return ""
    return _named(source_path, slug=unsaid is None or unsaid.detail == NO_LINES)


def _named(source_path: str, *, slug: bool = True) -> str:
    """The title that the name of a post's file is: several words, or some in a script that needs no spaces; a `slug`
    has hyphens for spaces.

    >>> _named("_posts/2019-03-05-a-lamp-in-the-fog.md"), _named("news/2021-03-04 渡口的灯.txt"), _named("p/7f3a-12.md")
    ('a lamp in the fog', '渡口的灯', '')
    """
    name = found["name"].strip() if (found := NAME.search(source_path)) else ""
    if slug and name.isascii() and " " not in name:
        name = " ".join(re.split(r"[-_]+", name))
    if name.isascii() and (" " not in name or len(WORD.findall(name)) < LEAST_WORDS):
        return ""
    return name if LETTERS.search(name) else ""


def _of_page(
    opened: Opened, blocks: list[Block], media: Sequence[Medium], evidence: Evidence, dated: PageDates, stated: Stated
) -> tuple[Classified, list[Medium]]:
    """The roles of a whole page's blocks, and the media of its story: what is no part of that is furniture."""
    verdict = main_blocks(blocks, opened.titles or ())
    verdict = verdict._replace(main=amid(blocks, verdict.main, evidence))
    places = [index for index, main in enumerate(verdict.main) if main]
    below = _below_pictures(media)
    pictures = {place for place, index in enumerate(places) if index in below}
    story = classify([blocks[index] for index in places], evidence, dated, stated, pictures)
    inside = iter(zip(story.roles, story.reasons, strict=True))
    findings = []
    for index, main in enumerate(verdict.main):
        role, reason = next(inside) if main else ("boilerplate", verdict.reason(index))
        if main and role in OUTSIDE_STORY and not _holds(reason, blocks[index]):
            # Rules for what scrapers cut out of a page say less of it than the page itself.
            role, reason = "body", f"part of the page's story, against: {reason}"
        findings.append(Finding(role, reason))
    for index, finding in outside_findings(blocks, verdict.main, evidence, dated, stated).items():
        findings[index] = finding
    standfirst(findings, blocks, stated, title_among(findings, blocks))
    for index, finding in [*corrections(blocks, findings, verdict, stated.site)]:
        findings[index] = finding
    shown = [medium for medium in media if places and places[0] <= medium.ordinal <= places[-1] + 1]
    return Classified([one.role for one in findings], [one.reason for one in findings], story.dateline_at), shown


def _says_when_modified(header: Header) -> bool:
    """Whether a header has a date of the last change, and not even one of publication that is not understood."""
    names = set(map(folded, json.loads(header.metadata or "{}")))
    return not MODIFIED.isdisjoint(names) and names.isdisjoint(OF_PUBLICATION)


def _has_no_zone(
    header: Header, dates: Dates, dated: PageDates, blocks: Sequence[Block], roles: Sequence[Role]
) -> bool:
    """Whether the time of publication is a time of day whose zone nothing told."""
    if dates.published_from == "front_matter":
        moment = header.front_matter_at
        return isinstance(moment, datetime) and moment.tzinfo is None and moment.time() != time()
    if dates.published_from != "dateline" or dates.published_at is None or dates.published_at.time() == time():
        return False
    printed = (dated.read(block.text) for block, role in zip(blocks, roles, strict=True) if role == "dateline")
    return all("zone printed" not in one.evidence for one in printed if one and one.moment == dates.published_at)


def _is_index(header: Header, canonical: str | None, blocks: Sequence[Block], roles: Sequence[Role]) -> bool:
    """Whether a whole page is a site's front page, or its content is links and hardly any prose, and it does not say
    that it is an article."""
    if '"og:type": "article' in (header.metadata or ""):
        return False
    if canonical is not None and FRONT_PAGE.fullmatch(canonical):
        return True
    content = [(block, link_share(block)) for block, role in zip(blocks, roles, strict=True) if role in CONTENT_ROLES]
    linked = sum(len(block.text) * share for block, share in content)
    prose = sum(len(block.text) for block, share in content if 2 * share < 1 and len(block.text) >= PROSE)
    several = sum(share >= LINK_SHARE for _, share in content) >= SEVERAL_LINKS
    return several and 2 * linked >= sum(len(block.text) for block, _ in content) and prose < LITTLE_PROSE


def _below_pictures(media: Sequence[Medium]) -> set[int]:
    """Blocks right behind a picture."""
    return {medium.ordinal for medium in media if medium.kind == "image"}


def _holds(reason: str, block: Block) -> bool:
    """Whether a role that is none of a story's holds inside a page's story, too."""
    return reason.startswith(SAID) or (reason.startswith(NAMED) and link_share(block) >= LINK_SHARE)


def _flags(raised: dict[Flag, bool]) -> tuple[Flag, ...]:
    """What a reader of the rows should know, in the order of the closed set."""
    return tuple([flag for flag in FLAGS if raised[flag]])


def _is_garbled(text: bytes) -> bool:
    """Whether some of a text was decoded wrongly before it came here."""
    twice = len(TWICE.findall(text)) if b"\xc3" in text else 0
    return (text.count(REPLACED) + twice) * FEW > len(text)


def _has_markup(text: bytes) -> bool:
    """Whether a text shows marks of Markdown, tags or templates as they are written: it was cut as what it is not."""
    # One byte is looked for ten times as fast as two, and most texts have none of these.
    if b"{" in text and TEMPLATE.search(text):
        return True
    if (b"import" in text or b"export" in text) and MDX.search(text):
        return True
    bracketed = b"[" in text and (b"](" in text or b"[[" in text)
    marked = bracketed or (b"*" in text and b"**" in text) or (b"<" in text and b"</" in text)
    if marked and len(MARKS.findall(text)) >= FEW_MARKS:
        return True
    linked = (b">" in text and b">_" in text) or b'":http' in text or (b"[" in text and FOREIGN_LINK.search(text))
    return bool(linked or FOREIGN_BLOCK.search(text)) and len(FOREIGN.findall(text)) >= FEW_MARKS


def page_day(header: Header) -> date | None:
    """The day by which an outlet's layout is chosen, before anything on the page is read."""
    moment = header.header_at or header.front_matter_at
    if moment is None:
        return url_date(header.url)
    return moment.date() if isinstance(moment, datetime) else moment
