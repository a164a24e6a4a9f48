"""Each door beside its bare reader: seconds, MB/s and ratios on generated articles, in one run; and a crawl's memory.

    python -m benchmarks.doors [--peers PYTHON] [--rounds N]

A bare reader is the library alone: PyYAML's C loader, pyromark, turbohtml's parse, warcio, `json.loads`. Of a crawl and
a dump, listing, contents and parsing are measured beside the bare reader and the same parsing; a crawl's door must
reach 70 % of that, and must not grow with the file. `--peers` names a Python that has fastwarc, which is read beside.
Exits with 1 where one of the two does not hold.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import turbohtml
import yaml
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from benchmarks.fiction import Language, Wording, wording
from pressmark.storage.inputs.opening import open_input, parse_address
from pressmark.storage.inputs.source import Request, sources_of
from pressmark.storage.versions import parse_source
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.doors import cut_body, open_source
from pressmark.transforms.front_matter import read_front_matter
from pressmark.transforms.markdown import READER
from pressmark.transforms.pages import main_blocks
from pressmark.transforms.records import Limits, Reading

__all__ = ["Article", "articles", "markdown", "page", "write_crawl", "write_dump"]

WORK: Final = Path(__file__).resolve().parent.parent / ".bench" / "doors"
COUNT: Final = 400
TIMES: Final = 10
BARE_SHARE: Final = 0.7
# A file of ten times the size may take so much more memory.
MORE_MB: Final = 16
LIMITS: Final = Limits()
START: Final = datetime(2022, 1, 1, tzinfo=UTC)
LINKS: Final = 50
CRAWL: Final = "WARC, listed, read, parsed"
FASTWARC: Final = """
import sys, time
from fastwarc.warc import ArchiveIterator, WarcRecordType
start = time.process_time()
with open(sys.argv[1], "rb") as file:
    for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
        record.reader.read()
print(time.process_time() - start)
"""


class Article(NamedTuple):
    """A fictional article: where and when it is, its title and author, and the paragraphs and headings of its story."""

    url: str
    title: str
    author: str
    moment: str
    story: tuple[str, ...]
    others: tuple[str, ...]


class Door(NamedTuple):
    """What is measured: the bytes that a door reads, its bare reader, and itself; `parsing` is what both have to do."""

    name: str
    bare_name: str
    size: int
    bare: Callable[[], object]
    ours: Callable[[], object]
    parsing: Callable[[], object] = lambda: None


def articles(count: int) -> list[Article]:
    """Articles in three languages, the same in every run."""
    languages: tuple[Language, ...] = ("zh-Hans", "zh-Hant", "en")
    return [_article(number, wording(languages[number % 3])) for number in range(count)]


def _article(number: int, words: Wording) -> Article:
    random = Random(number)
    story = [
        "## " + random.choice(words.headings)
        if part and random.random() < 0.1
        else "".join(random.choices(words.sentences, k=random.choice((1, 2, 3, 4)))).strip()
        for part in range(random.randint(6, 30))
    ]
    moment = (START + timedelta(hours=number)).isoformat()
    url = f"https://songling-times.example/2022/{number}"
    title, *others = random.choices(words.titles, k=LINKS + 1)
    return Article(url, title, words.person(random), moment, (words.numbered(number), *story), tuple(others))


def front_matter(one: Article) -> str:
    said = f"title: {json.dumps(one.title, ensure_ascii=False)}\ndate: {one.moment}\nurl: {one.url}"
    return f"---\nlayout: post\n{said}\nauthors:\n- {one.author}\ntags: [河, news, 松岭]\n---\n"


def markdown(one: Article) -> str:
    """Its story as Markdown, with links, emphasis and a picture."""
    parts = [
        part if part.startswith("#") else f"{part} **{one.author}**，[{one.title[:8]}]({one.url}?p={number})。"
        for number, part in enumerate(one.story)
    ]
    return "\n\n".join([*parts, f"![{one.title}]({one.url}.jpg)"]) + "\n"


def fragment(one: Article) -> str:
    return "\n".join(f"<h2>{part[3:]}</h2>" if part.startswith("#") else f"<p>{part}</p>" for part in one.story)


def page(one: Article) -> str:
    """It as a whole page: what it says of itself, menus, the story, other stories and a footer."""
    links = [f'<li class="menu-item"><a href="/s/{i}">{title}</a></li>' for i, title in enumerate(one.others)]
    cards = [
        f'<div class="card teaser"><a href="/t/{i}"><h3>{title}</h3></a></div>' for i, title in enumerate(one.others)
    ]
    said = {"@type": "NewsArticle", "headline": one.title, "datePublished": one.moment, "author": {"name": one.author}}
    return (
        f'<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>{one.title} | 松岭时报</title>'
        f'<link rel="canonical" href="{one.url}"><meta property="og:title" content="{one.title}">'
        f'<script type="application/ld+json">{json.dumps(said, ensure_ascii=False)}</script>'
        f"<style>{'.a{b:c}' * 2000}</style><script>{'var a=1;' * 6000}</script></head><body>"
        f'<nav class="site-nav"><ul>{"".join(links)}</ul></nav><main><article class="post"><h1>{one.title}</h1>'
        f'<div class="byline"><a rel="author" href="/a">{one.author}</a> <time datetime="{one.moment}">x</time></div>'
        f'<div class="article-body">{fragment(one)}</div></article></main>'
        f'<aside class="related">{"".join(cards)}</aside><footer><p>© 松岭时报</p></footer></body></html>'
    )


def write_crawl(path: Path, pages: Iterable[tuple[str, bytes]]) -> Path:
    """A `.warc.gz` with a response for each address and page."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, data in pages:
            lines = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(data)))]
            http = StatusAndHeaders("200 OK", lines, protocol="HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, "response", payload=BytesIO(data), http_headers=http))
    return path


def write_dump(path: Path, some: Iterable[Article]) -> Path:
    """JSON Lines with a fragment of HTML in each."""
    lines = [
        json.dumps(
            {"url": one.url, "title": one.title, "author": one.author, "date": one.moment, "html": fragment(one)}
        )
        for one in some
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _doors(some: list[Article], crawl: Path, dump: Path) -> list[Door]:
    fronts, bodies = [front_matter(one) for one in some], [markdown(one) for one in some]
    blocks = [front.removeprefix("---\n").removesuffix("---\n") for front in fronts]
    sources = [(front + body).encode() for front, body in zip(fronts, bodies, strict=True)]
    pages = [page(one) for one in some]
    data = [text.encode() for text in pages]
    ours = [payload for _, payload in _contents(crawl)]
    lines = [payload for _, payload in _contents(dump)]
    pages_bytes, dump_bytes = _size(pages), dump.stat().st_size
    as_markdown = Reading(markup="markdown")
    return [
        Door("front matter", "PyYAML, C loader", _size(fronts),
             lambda: [yaml.load(block, yaml.CSafeLoader) for block in blocks],
             lambda: [read_front_matter(front) for front in fronts]),
        Door("Markdown, cut", "pyromark", _size(bodies),
             lambda: [READER.html(body) for body in bodies],
             lambda: [cut_body(open_source(source, as_markdown), LIMITS.depth) for source in sources]),
        Door("whole page, told", "turbohtml.parse", pages_bytes,
             lambda: [turbohtml.parse(text) and 0 for text in pages],
             lambda: [_told(source) for source in data]),
        Door("WARC, listed and read", "warcio", pages_bytes,
             lambda: _bare_crawl(crawl), lambda: [*_contents(crawl)] and 0),
        Door(CRAWL, "warcio", pages_bytes,
             lambda: _bare_crawl(crawl), lambda: _parse(_contents(crawl)),
             lambda: _parse([("", payload) for payload in ours])),
        Door("JSON Lines, listed, read, parsed", "json.loads", dump_bytes,
             lambda: _bare_dump(dump), lambda: _parse(_contents(dump)),
             lambda: _parse([("", payload) for payload in lines])),
    ]  # fmt: skip


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def _told(data: bytes) -> object:
    opened = open_source(data)
    return main_blocks(cut_body(opened, LIMITS.depth).blocks, opened.titles or ())


def _contents(path: Path) -> Iterable[tuple[str, Any]]:
    archive = open_input(parse_address(str(path)))
    listing = archive.listing(Request())
    return ((source.source_path, data) for source, data in archive.contents(sources_of(listing.frame), LIMITS))


def _parse(contents: Iterable[tuple[str, Any]]) -> int:
    return sum(parse_source(data, path, LIMITS, FAR_FUTURE, "", Reading()) is not None for path, data in contents)


def _bare_crawl(path: Path) -> int:
    with path.open("rb") as file:
        records = (record for record in ArchiveIterator(file) if record.rec_type == "response")
        return sum(len(record.content_stream().read()) for record in records)


def _bare_dump(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(json.loads(line)) for line in file)


def _peak_mb(path: Path) -> float:
    """Peak memory of a process that lists a file and reads its contents."""
    command = [sys.executable, "-m", "benchmarks.doors", "--only-read", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _measured(doors: list[Door], rounds: int) -> list[tuple[Door, float, float, float]]:
    """For each door the least seconds of processor time of its bare reader, of parsing, and of itself."""
    best = [[float("inf")] * 3 for _ in doors]
    for _ in range(rounds):
        for door, times in zip(doors, best, strict=True):
            for place, step in enumerate((door.bare, door.parsing, door.ours)):
                start = time.process_time()
                step()
                times[place] = min(times[place], time.process_time() - start)
    return [(door, *times) for door, times in zip(doors, best, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with fastwarc")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only_read:
        for _ in _contents(given.only_read):
            pass
        # Of the kernel's two figures the other one counts what the parent had.
        print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1000)  # type: ignore[index]
        return 0
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    some = articles(COUNT)
    crawl = write_crawl(WORK / "crawl.warc.gz", ((one.url, page(one).encode()) for one in some))
    dump = write_dump(WORK / "dump.jsonl", some)
    print("| door | bare reader | MB | bare, MB/s | door, MB/s | times the bare time | share of bare and parsing |")
    print("|---|---|---|---|---|---|---|")
    reached = 0.0
    for door, bare, parsing, ours in _measured(_doors(some, crawl, dump), given.rounds):
        mb, share = door.size / 1e6, (bare + parsing) / ours
        cells = [door.name, door.bare_name, f"{mb:.1f}", f"{mb / bare:.0f}", f"{mb / ours:.1f}", f"{ours / bare:.1f}"]
        print("| " + " | ".join([*cells, f"{share:.0%}" if parsing > 0.001 else "-"]) + " |")
        reached = share if door.name == CRAWL else reached
    if given.peers:
        command = [given.peers, "-c", FASTWARC, str(crawl)]
        seconds = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"fastwarc reads the crawl in {seconds:.2f} s of processor time")
    large = write_crawl(WORK / "large.warc.gz", (
        (f"{one.url}/{number}", page(one).encode()) for number in range(TIMES) for one in some
    ))  # fmt: skip
    peaks = _peak_mb(crawl), _peak_mb(large)
    print(f"peak memory: {peaks[0]:.0f} MB, of a crawl of {TIMES} times the size {peaks[1]:.0f} MB")
    holds = reached >= BARE_SHARE and peaks[1] - peaks[0] <= MORE_MB
    if not holds:
        print(f"missed: at least {BARE_SHARE:.0%} for WARC, and at most {MORE_MB} MB more", file=sys.stderr)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
