"""The reading room as files: every page, no dead link, nothing of an archive that runs, and the room's own hits."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import lxml.html
import polars as pl
import pytest
from browsers import CHROMIUM, CHROMIUM_ARGUMENTS
from hostile_room import PAYLOADS, Made, article_of, assert_harmless, ids, text_of

import pressmark
from pressmark.flows.cli import main
from pressmark.views import frozen as frozen_room
from pressmark.views import pages as pages_of_room
from pressmark.views import readings
from pressmark.views.room import HEADERS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frozen(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen") / "room"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages_of_room, "LISTED", 5)
        patch.setattr(pages_of_room, "BLOCKS", 1)
        patch.setattr(frozen_room, "BLOCKS", 1)
        patch.setattr(frozen_room, "CHUNK_BYTES", 8_000)
        assert main(["browse", str(made.output), str(made.archive), "--static", str(folder)]) == 0
    return folder


def test_a_room_of_files_has_every_page_no_dead_link_and_nothing_that_runs(made: Made, frozen: Path) -> None:
    trees = {path: lxml.html.parse(str(path)).getroot() for path in frozen.rglob("*.html")}
    anchors = {path: {one.get("id") for one in tree.iter() if one.get("id")} for path, tree in trees.items()}
    for path, tree in trees.items():
        assert_harmless(path.read_text("utf-8"), frozen=True)
        (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
        assert f"{policy}; frame-ancestors 'none'" == HEADERS["Content-Security-Policy"]
        for link in tree.xpath("//@href | //@src | //@action"):
            if not link.startswith("http"):
                file, _, fragment = str(link).partition("#")
                target = (path.parent / file.partition("?")[0]).resolve() if file else path
                assert target.is_file(), (path, link)
                assert not fragment or fragment in anchors[target], (path, link)
    for one in {*ids(made.output, "articles", "article_id"), *ids(made.output, "revisions", "article_id")}:
        assert frozen / "article" / f"{one}.html" in trees
    for one in ids(made.output, "rejects", "reject_id"):
        assert frozen / "reject" / f"{one}.html" in trees
    assert {path.parent.name for path in frozen.rglob("*.page-2.html")} >= {"article", "run", "songling-times-example"}
    assert PAYLOADS[0] in text_of((frozen / "article" / f"{article_of(made, 0)}.html").read_text("utf-8"))


def test_pages_are_the_same_however_many_articles_are_read_together(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans: list[object] = []
    scan = pl.scan_parquet

    def counted(files: object, **how: Any) -> pl.LazyFrame:
        scans.append(files)
        return scan(files, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(pl, "scan_parquet", counted)
    pages, read = [], []
    for most in (1, 3, 1000):
        monkeypatch.setattr(readings, "MOST_TOGETHER", most)
        scans.clear()
        assert main(["browse", str(made.output), str(made.archive), "--static", str(tmp_path / str(most))]) == 0
        pages.append(
            {path.relative_to(tmp_path / str(most)): path.read_bytes() for path in tmp_path.glob(f"{most}/**/*.html")}
        )
        read.append(len(scans))
    assert pages[0] == pages[1] == pages[2]
    assert read[2] < read[0] / 2


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_search_in_files_finds_what_the_room_finds_and_runs_nothing_else(made: Made, frozen: Path) -> None:
    from playwright.sync_api import sync_playwright

    bad: list[str] = []
    asked_for: set[str] = set()
    queries = [
        "松岭",
        "松嶺",
        "*",
        "x -松",
        "(alert OR 将去) NOT 旧文",
        '"ＳＣＲＩＰＴ"',
        "旧文",
        "zzzz",
        "\u202egnp",
        PAYLOADS[8],
    ]
    with sync_playwright() as browsers, pressmark.open(made.output) as dataset:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.on("dialog", lambda dialog: bad.append(f"dialog {dialog.message}"))
        page.on("console", lambda message: bad.append(f"console {message.text}"))
        page.on("pageerror", lambda error: bad.append(f"error {error}"))
        page.on("request", lambda asked: asked_for.add(asked.url.partition("/room/")[0]))

        def looked_for(query: str, filters: str = "") -> tuple[int, list[str]]:
            page.goto(f"{frozen.as_uri()}/index.html?q={quote(query)}{filters}")
            page.wait_for_function("/paragraph|looked/.test(document.querySelector('#count').textContent)")
            page.wait_for_function("document.querySelector('#state').textContent === ''")
            links = page.eval_on_selector_all("#found .title", "all => all.map(one => one.getAttribute('href'))")
            return int(page.inner_text("#count").partition(" ")[0]), links

        for query in queries:
            rows = dataset.search(query, limit=None)
            found = [f"article/{one}.html" for one in rows["article_id"].unique(maintain_order=True)]
            assert looked_for(query) == (rows.height, found), query
        flipped = dataset.search("松岭", oldest_first=True, since=date(2022, 3, 4), limit=None)
        assert looked_for("松岭", "&order=oldest&since=2022-03-04")[0] == flipped.height
        assert looked_for("松岭", "&role=body")[0] == dataset.search("松岭", role="body", limit=None).height
        page.goto(f"{frozen.as_uri()}/index.html?q={quote('松 AND')}")
        page.get_by_text("a word is missing").wait_for()
        page.goto(f"{frozen.as_uri()}/index.html?order=oldest")
        page.locator("#found .title").first.wait_for()
        # Those that are gone are found by their words; a list has the current ones, as in the room.
        assert page.inner_text("#count").partition(" ")[0] == str(dataset.articles.collect().height)
        page.goto(f"{frozen.as_uri()}/article/{article_of(made, 0)}.html")
        page.fill("input[name=q]", "松岭")
        page.press("input[name=q]", "Enter")
        page.wait_for_url("**/index.html?q=*")
        page.locator("#found mark").first.wait_for()
        browser.close()
    assert bad == []
    assert asked_for == {f"{frozen.parent.as_uri()}"}


def test_a_room_of_files_takes_no_folder_that_is_there(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["browse", str(made.output), "--static", str(made.archive)]) == 2
    assert "there is something at this place already" in capsys.readouterr().err
    assert ids(made.output, "articles", "article_id")
