"""The report: figures that are right, texts of an archive as text alone, and a browser runs nothing."""

from __future__ import annotations

import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import lxml.html
import polars as pl
import pytest
from archives import News, WriteArticle, ingest, stamp
from repositories import Repository, article

import pressmark
from pressmark.flows.cli import main
from pressmark.schemas import TABLES
from pressmark.storage.output.parquet import write_part
from pressmark.storage.output.tables import Output, part_name
from pressmark.transforms.records import Partition
from pressmark.views import figures
from pressmark.views.report import REPORT, render, visible, write_report

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync".split()
BETRAY = "document.title='ran'"
PAYLOADS = (
    f"<script>{BETRAY}</script>", f"<img src=x onerror={BETRAY}>", "</style></title><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}", "\u202e\u2066gnp.exe\u200f", "\x1b[31mred\x1b]0;t\x07", "'\"><a href=javascript:alert(1)>",
)  # fmt: skip


class Seen(HTMLParser):
    """Elements with their attributes, and the texts of a report's table cells, headings and list items."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td") and ("aria-hidden", "true") not in attrs:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data

    def row(self, *start: str) -> list[str]:
        """The first row that begins so."""
        return next(row for row in self.rows if row[: len(start)] == list(start))


def seen(place: Path) -> Seen:
    return Seen((place / REPORT).read_text("utf-8"))


def write_hostile(write: WriteArticle, archive: Path) -> None:
    """Payloads as titles, paths, addresses, rejects' bytes, alternative texts and reasons of removal."""
    for number, payload in enumerate(PAYLOADS):
        name = payload.replace("/", "_").replace("\x07", "") + f"{number}.md"
        address = f"https://songling-times.example/{number}?'\"><script>{BETRAY}</script>"
        # Two dates, years apart, bring the article into a table of examples.
        body = f"<p>2015年1月2日 10:00</p><p>甲<a href='javascript:{BETRAY}'>乙</a><img src=x alt='{payload}'></p>"
        write(name, url=address, title=payload, body=body, at=f"2022-03-0{number + 1}T00:00:00")
        (archive / f"reject {name}").write_bytes(payload.encode())


def test_its_figures_are_those_of_the_tables(seeds: Path, tmp_path: Path) -> None:
    ingest(seeds, tmp_path / "out")
    write_report(tmp_path / "out")
    found = seen(tmp_path / "out")
    with pressmark.open(tmp_path / "out") as dataset:
        articles, blocks = dataset.articles.collect(), dataset.paragraphs.collect()
        rejects, media = dataset.rejects.collect(), dataset.media.collect()
    assert found.row("rfi")[1:3] == ["6", f"{6 / articles.height:.1%}".replace("%", " %")]
    body = blocks.filter(pl.col("role").cast(pl.String) == "body")
    assert found.row("body")[1] == str(body.height)
    assert found.row("zh-Hant")[1] == str(articles.filter(pl.col("language").cast(pl.String) == "zh-Hant").height)
    assert found.row("image")[1] == str(media.filter(pl.col("kind").cast(pl.String) == "image").height)
    for reason in rejects["reason"].cast(pl.String):
        assert found.row(reason)[1] == "1"
    assert found.row("no_header", "broken/no_header.html")[3].startswith("<h1>没有头部的文章</h1>")
    assert "7 of 54 sources (13.0 %) are no article" in found.text
    assert [row[2] for row in found.rows if row[1:2] == [f"{articles.height} articles"]] == ["0", "0"]
    # Every link inside the page leads somewhere, every chart has its table, and no script or style can get in.
    anchors = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    inside = {address[1:] for _, attributes in found.elements if (address := attributes.get("href") or "")[:1] == "#"}
    assert inside <= anchors
    tags = [tag for tag, _ in found.elements]
    assert tags.count("figure") == tags.count("details") >= 2
    assert not {"script", "iframe", "link", "object", "img", "form"} & set(tags)
    assert not [attributes for _, attributes in found.elements if "style" in attributes]
    policy = next(a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_it_says_what_changed_since_the_last_report_and_again_where_nothing_did(news: News) -> None:
    news.write("a.md")
    news.ingest(1)
    write_report(news.out)
    assert "This is the first report" in seen(news.out).text
    news.write("b.md", url="https://songling-times.example/b")
    news.write("a.md", body="<p>改</p>")
    news.ingest(2)
    for _ in range(2):
        write_report(news.out)
        found = seen(news.out)
        assert found.row("articles") == ["articles", "1", "2", "1"]
        assert found.row("songling-times-example", "2", "1")
        assert "1 run since the report of " in found.text


def test_it_is_never_compared_with_the_report_of_another_output(news: News, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    news.write("a.md")
    news.ingest(1)
    write_report(news.out, place)
    ingest(news.archive, tmp_path / "other", 2)
    write_report(tmp_path / "other", place)
    assert "This is the first report" in Seen(place.read_text("utf-8")).text


def test_texts_of_an_archive_are_text(news: News, tmp_path: Path) -> None:
    write_hostile(news.write, news.archive)
    ingest(news.archive, news.out, archive=PAYLOADS[0])
    write_report(news.out)
    html = (news.out / REPORT).read_text("utf-8")
    found = Seen(html)
    assert BETRAY in found.text
    for payload in PAYLOADS[:4]:
        assert payload in found.text
    assert "\\u202e\\u2066gnp.exe\\u200f" in found.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert "49" not in {cell for row in found.rows for cell in row}
    for tag, attributes in found.elements:
        assert tag not in ("script", "img", "iframe")
        assert not [name for name in attributes if name.startswith("on")]
        address = attributes.get("href") or "#"
        assert address.startswith("#") or (
            address.startswith("https://") and attributes["rel"] == "noreferrer noopener nofollow"
        )


def test_an_output_with_nothing_in_it_has_a_report(news: News) -> None:
    news.archive.mkdir(exist_ok=True)
    news.ingest()
    write_report(news.out)
    assert "This output holds no article." in seen(news.out).text


def test_many_outlets_and_months_are_a_short_report(tmp_path: Path, news: News) -> None:
    news.write("a.md")
    news.ingest()
    with pressmark.open(news.out) as dataset:
        (row,) = dataset.articles.drop("outlet", "month").collect().to_dicts()
        for number in range(300):
            outlet, month = f"outlet-{number % 100:03}", f"{1990 + number // 12:04}-{number % 12 + 1:02}"
            rows = pl.DataFrame([{**row, "article_id": f"{number:032x}"}]).to_arrow()
            table = TABLES["articles"]
            name = part_name(table, Partition(outlet, f"month={month}"))
            write_part(Output(news.out), name, rows.cast(table.schema), table)
    with pressmark.open(news.out) as dataset:
        text = render(dataset, "out", None, stamp(1).started_at)
    found = Seen(text)
    # Hundred outlets with three articles each, and one with one: twenty are named.
    assert found.row("81 others")[1] == str(3 * 80 + 1)
    assert len(text) < 400_000


@pytest.mark.parametrize(
    ("days", "unit"),
    [((0,), "day"), ((0, 40), "day"), ((0, 400), "month"), ((0, 4_000), "quarter"), ((0, 9_000), "year"),
     ((0, 700_000), "decade"), ((0, *[9_000 + n // 10 for n in range(300)]), "day")],
    ids=["one day", "weeks", "a year", "ten years", "25 years", "all of time", "one wrong date"],
)  # fmt: skip
def test_the_unit_of_time_follows_from_the_span(days: tuple[int, ...], unit: str) -> None:
    moments = pl.Series(days, dtype=pl.Int64) * 86_400_000_000
    assert figures.unit_of(moments.cast(pl.Datetime("us", "UTC")))[0].name == unit


def test_the_table_that_ranks_sums_the_rest() -> None:
    rows = pl.DataFrame({"outlet": list("abcde"), "articles": [5, 4, 3, 2, 1], "median characters": [1, 2, 3, 4, 5]})
    assert figures.ranked(rows, "articles", 2, "share").rows() == [
        ("a", 5, 5 / 15, 1), ("b", 4, 4 / 15, 2), ("3 others", 6, 6 / 15, None)
    ]  # fmt: skip
    assert figures.ranked(rows, "articles", 4).rows()[-1] == ("e", 1, 5), "one row is no rest"


@pytest.mark.parametrize("table", ["articles", ".pressmark"])
def test_it_is_not_written_into_the_tables(table: str, news: News, capsys: pytest.CaptureFixture[str]) -> None:
    news.write("a.md")
    news.ingest()
    (news.folder / "link").symlink_to(news.out / table)
    for place in (news.out / table / "r.html", news.folder / "link" / "r.html"):
        assert main(["report", str(news.out), "--to", str(place)]) == 2
        assert "a report can't lie among an output's tables" in capsys.readouterr().err
    assert not list(news.out.rglob("r.html"))


def test_what_is_no_report_is_not_replaced_and_what_cannot_be_written_has_a_remedy(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    news.ingest()
    (news.folder / "mine.html").write_text("<p>mine</p>")
    for place, what in (
        ("mine.html", "there is something that is no report"), ("none/r.html", "name a file in a folder that you may")
    ):  # fmt: skip
        assert main(["report", str(news.out), "--to", str(news.folder / place)]) == 3
        assert what in capsys.readouterr().err
    assert (news.folder / "mine.html").read_text() == "<p>mine</p>"
    assert main(["report", str(news.folder / "nowhere")]) == 3
    assert "ingest first" in capsys.readouterr().err
    for _ in range(2):
        assert main(["report", str(news.out), "--to", str(news.folder / "r.html")]) == 0
        assert "r.html" in capsys.readouterr().out
    assert not (news.out / REPORT).exists()


def test_without_its_library_the_error_names_the_remedy_and_an_ingest_goes_on(
    news: News, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    for number in range(2):
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", at=f"202{number}-01-01T00:00:00")
    assert main(["ingest", str(news.archive), str(news.out), "--report", "--workers", "1"]) == 0
    assert main(["report", str(news.out)]) == 3
    assert capsys.readouterr().err.count("pip install 'pressmark[report]'") >= 1


def test_one_thing_is_one_and_a_removal_is_one_of_the_ledger(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "news.git")
    first = repository.commit({"a.md": article("a"), "b.md": article("b"), "bad.md": b"x"})
    side = repository.commit({"a.md": article("a"), "b.md": article("b"), "c.md": article("c")}, parents=[first])
    repository.commit({"a.md": article("a"), "bad.md": b"y"}, parents=[first, side])
    ingest(repository.path, tmp_path / "out", history=True)
    with pressmark.open(tmp_path / "out") as dataset:
        assert dataset.revisions.collect().height == 2
        assert dataset.removals()["source_path"].to_list() == ["b.md"]
    write_report(tmp_path / "out")
    page = lxml.html.fromstring((tmp_path / "out" / REPORT).read_bytes())
    told = {one.findtext("dt"): one.findtext("dd") for one in page.iterfind(".//dl/div")}
    assert told.items() >= {"article": "1", "removed source": "1", "rejects": "2", "run": "1"}.items()
    assert "1 revision replaced or removed." in page.text_content()
    cells = [[one.text_content() for one in row] for row in page.iterfind(".//tbody/tr")]
    assert sum(row[:2] == ["no_header", "bad.md"] for row in cells) == 1


def test_what_a_page_would_obey_or_hide_is_written_out() -> None:
    assert visible("a\x00\x1b\u202e\u2028\ufeff\U000e0041b　é\u200d") == (
        "a\\x00\\x1b\\u202e\\u2028\\ufeff\\U000e0041b　é\u200d"
    )


@pytest.mark.browser
def test_a_hostile_archive_runs_nothing_in_a_browser(news: News) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    from playwright.sync_api import sync_playwright

    write_hostile(news.write, news.archive)
    ingest(news.archive, news.out, archive=PAYLOADS[1])
    write_report(news.out)
    betrayed: list[Any] = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        for width, scheme in ((1300, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            page.on("dialog", lambda dialog: betrayed.append(dialog.message))
            page.on("request", lambda request: betrayed.append(request.url))
            page.on("console", lambda message: betrayed.append(message.text))
            page.goto((news.out / REPORT).as_uri())
            for summary in page.locator("summary").all():
                summary.click()
            assert page.title().startswith("out: report of ")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            # On a phone, tables with texts are read without moving them aside.
            beside = page.evaluate(
                "[...document.querySelectorAll('.stacked')].map(e => e.scrollWidth - e.parentElement.clientWidth)"
            )
            assert beside
            assert width > 390 or max(beside) <= 0
            name = page.locator(".stacked td[data-name=path]").first
            named = name.evaluate("e => getComputedStyle(e, '::before').content")
            assert ("path" in named) == (width == 390)
            # Colours come from the page: a chart whose colours are not understood would be black.
            fill = page.locator("figure svg path[fill^=var]").first.evaluate("e => getComputedStyle(e).fill")
            assert fill == ("rgb(47, 111, 159)" if scheme == "light" else "rgb(106, 174, 222)")
        browser.close()
    assert {str(one) for one in betrayed} == {(news.out / REPORT).as_uri()}


def test_rows_of_a_grid_are_as_high_as_their_labels_however_few_they_are() -> None:
    names = ["a-times-example", "b-times-example"]
    rows = pl.DataFrame({"period": [date(2021, 1, 1), date(2021, 2, 1)], "outlet": names, "count": [1, 2]})
    drawn = figures.grid(rows, figures.UNITS[1], names).wide
    tops = [float(found) for found in re.findall(r'translate\(-?\d+,([\d.]+)\)"[^>]*>[ab]-times', drawn)]
    assert tops[1] - tops[0] >= 16
