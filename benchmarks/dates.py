"""Reports on dates over an archive: how many printed dates are read, how far header and dateline are apart, conflicts.

    python benchmarks/dates.py [ARCHIVE]

Prints counts and paths, no text. A block looks like a dateline where, among the first six blocks and above the story,
it has a year and little else but digits, signs and the words of dates.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from statistics import quantiles

from benchmarks.scoring import SHARED
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.dates import url_date
from pressmark.transforms.records import Article, Limits

TOP_BLOCKS = 6
DATE_WORDS = re.compile(
    r"(?i)年|月|日|时间|時間|日期|发布|發布|发表|發表|更新|星期|周|上午|下午|民[国國]|[一二三四五六]|[:：]"
    r"|gmt|utc|[tz]\b|t(?=\d)|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    r"|(?<=\d)(?:st|nd|rd|th)\b"
)
YEAR = re.compile(r"(?:19|20)\d\d|民[国國]\s*\d{2,3}|\b1[01]\d[01]\d[0-3]\d\b")
MOST_OTHER_LETTERS = 1


def looks_like_dateline(text: str) -> bool:
    """Whether a line is a day and little else."""
    if not YEAR.search(text) or len(re.findall(r"\d+|[A-Z][a-z]{2}", text)) < 3:
        return bool(re.fullmatch(r"\D{0,8}1[01]\d(?:0[1-9]|1[0-2])[0-3]\d\D{0,8}", text))
    return sum(character.isalpha() for character in DATE_WORDS.sub("", text)) <= MOST_OTHER_LETTERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, nargs="?", default=SHARED / "corpus")
    archive = parser.parse_args().archive
    if not archive.is_dir():
        print(f"`{archive}` is not there; name an archive", file=sys.stderr)
        return 2
    outlets = load_outlets()
    candidates: Counter[str] = Counter()
    read: Counter[str] = Counter()
    unread: list[str] = []
    hours: defaultdict[str, list[float]] = defaultdict(list)
    same_day: Counter[str] = Counter()
    conflicts: list[str] = []
    sources: Counter[str] = Counter()
    origins: Counter[str] = Counter()
    for path in sorted(path for path in archive.rglob("*") if path.is_file()):
        name = str(path.relative_to(archive))
        article = parse(path.read_bytes(), name, outlets, Limits())
        if not isinstance(article, Article):
            continue
        sources[article.outlet] += 1
        dates, header = article.dates, article.header
        origins[dates.published_from] += 1
        for row in article.paragraphs[:TOP_BLOCKS]:
            if row.role == "body":
                break
            if row.role != "heading" and any(map(looks_like_dateline, row.text.decode().split("\n"))):
                candidates[article.outlet] += 1
                if row.role in ("dateline", "byline") and dates.dateline_at is not None:
                    read[article.outlet] += 1
                else:
                    unread.append(f"{name} ({row.role})")
        header_at = header.header_at or header.front_matter_at
        # A day has no hours to compare.
        if isinstance(header_at, datetime) and header_at.tzinfo and dates.dateline_at:
            hours[article.outlet].append((header_at - dates.dateline_at).total_seconds() / 3600)
            zone = outlets.find(None).zone if article.canonical_url is None else _zone(outlets, article.canonical_url)
            same_day[article.outlet] += header_at.astimezone(zone).date() == dates.dateline_at.astimezone(zone).date()
        if dates.date_conflict:
            shown = [str(moment)[:16] for moment in (header_at, dates.dateline_at, url_date(header.url)) if moment]
            conflicts.append(f"{name}: {', '.join(shown)} -> {dates.published_from}")
    print(
        "| outlet | articles | datelines | read | header minus dateline, hours: 10 % | median | 90 % | same local day |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for outlet, count in sources.most_common():
        apart = sorted(hours[outlet])
        tenth, middle, ninth = (
            (quantiles(apart, n=10)[i] for i in (0, 4, 8)) if len(apart) > 1 else (apart * 3 or [0] * 3)
        )
        shares = f"{tenth:.2f} | {middle:.2f} | {ninth:.2f} | {same_day[outlet] / len(apart):.2f}" if apart else "| | |"
        print(f"| {outlet} | {count} | {candidates[outlet]} | {read[outlet]} | {shares} |")
    total = sum(candidates.values())
    print(f"\n{sum(read.values())} of {total} datelines read ({sum(read.values()) / max(total, 1):.4f})")
    print(f"published_at from: {dict(origins)}")
    print(f"\nnot read: {len(unread)}", *unread[:20], sep="\n  ")
    print(f"\nconflicts: {len(conflicts)}", *conflicts[:40], sep="\n  ")
    return 0


def _zone(outlets, url):  # type: ignore[no-untyped-def]
    from pressmark.transforms.identity import host_of

    return outlets.find(host_of(url)).zone


if __name__ == "__main__":
    sys.exit(main())
