"""The reading room shows what a hostile archive says as text, refuses what makes no sense, and says what is gone."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import lxml.html
import polars as pl
import pytest
from archives import ingest, rows_of, writer
from browsers import CHROMIUM, CHROMIUM_ARGUMENTS
from hostile_room import (
    BETRAYAL,
    PAYLOADS,
    SITE,
    Made,
    article_of,
    assert_harmless,
    clusters,
    few_pages,
    ids,
    pages,
    revised,
    text_of,
)
from starlette.testclient import TestClient

import pressmark
from pressmark.flows.cli import main
from pressmark.views import readings
from pressmark.views.readings import Room
from pressmark.views.room import HEADERS, as_file, reading_room
from pressmark.views.showing import environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(made: Made) -> Iterator[TestClient]:
    with made.client() as opened:
        yield opened


def test_every_page_shows_payloads_as_text(made: Made, client: TestClient) -> None:
    for path in pages(made.output):
        answer = client.get(path)
        assert answer.status_code == 200, (path, text_of(answer.text))
        assert_harmless(answer.text)
        assert "betrayed" not in (lxml.html.fromstring(answer.text).findtext(".//base") or "")
    assert len(ids(made.output, "articles", "article_id")) == len(PAYLOADS) + 1
    assert len(ids(made.output, "rejects", "reject_id")) == 2
    for number in (0, 1, 2, 3, 4, 8, 9, 10, 12):
        shown = text_of(client.get(f"/article/{article_of(made, number)}").text)
        assert shown.count(PAYLOADS[number]) >= 6, (number, shown)  # title, tag, category, source, metadata, body
    assert "<script>out</script>" in text_of(client.get("/").text)


@pytest.mark.parametrize(
    ("number", "shown"), [(6, "U+202Egnp.exeU+202C U+200EU+061CU+2066"), (7, "U+001B[31mU+001B]0;betrayedU+0007")]
)
def test_what_is_not_seen_is_shown_by_its_number(number: int, shown: str, made: Made, client: TestClient) -> None:
    assert shown in text_of(client.get(f"/article/{article_of(made, number)}").text)


def test_a_revision_and_a_removal_are_told(made: Made, client: TestClient) -> None:
    (changed,) = revised(made.output)
    difference = lxml.html.fromstring(client.get(f"/article/{changed}/diff/1/2").text)
    assert "旧" in "".join(one.text_content() for one in difference.iter("del"))
    assert "新" in "".join(one.text_content() for one in difference.iter("ins"))
    (gone,) = {*ids(made.output, "revisions", "article_id")} - {changed}
    removals = client.get("/removals?outlet=songling-times-example").text
    assert gone in removals
    assert 'href="/removals"' in removals.partition("<h1")[2]
    shown = text_of(client.get(f"/article/{gone}").text)
    assert "No longer in the archive" in shown
    assert f"松岭将去 {PAYLOADS[-1]}" in shown


def test_copies_changes_and_who_carries_what_is_gone_are_told(tmp_path: Path) -> None:
    archive, post = tmp_path / "archive", "https://yungang-post.example"
    write = writer(archive)
    story = f"<p>云港的渡轮从早晨起停开，码头上的人把伞收起来又撑开。{PAYLOADS[0].replace('<', '&lt;')}</p>"
    write("copy.md", url=f"{post}/copy", at="2022-03-05T00:00:00", title=f"转载 {PAYLOADS[1]}", body=story)
    write("first.md", url=f"{SITE}/first", title="渡轮", body=story)
    write("gone.md", url=f"{SITE}/gone", title="没了", body=story)
    write(
        "own.md",
        url=f"{SITE}/own",
        body="<p>松岭市图书馆今天开放，约有300名读者从早晨开始排队。</p><p>馆长林帆致辞。</p>",
    )
    ingest(archive, tmp_path / "out")
    (archive / "gone.md").unlink()
    write(
        "own.md",
        url=f"{SITE}/own",
        body="<p>松岭市图书馆今天开放，约有400名读者从早晨开始排队。</p><p>馆长 林帆致辞。</p>",
    )
    ingest(archive, tmp_path / "out", 2, sync=True)
    made = Made(archive, tmp_path / "out")
    (name,) = clusters(made.output)
    with made.client() as client:
        copies, members, removals, changes = (
            client.get(path).text for path in ("/copies?across=1", f"/copies/{name}", "/removals", "/changes")
        )
        named = {str(path): str(one) for path, one in rows_of(made.output, "articles", "source_path", "article_id")}
        first, own = named["first.md"], named["own.md"]
        elsewhere, alone = (client.get(f"/article/{one}/copies").text for one in (first, own))
        assert f"/article/{own}/copies" not in client.get(f"/article/{own}").text
        assert f"/article/{first}/copies" in client.get(f"/article/{first}").text
        assert client.get("/copies/x").status_code == client.get(f"/article/{ID}/copies").status_code == 404
    for page in (copies, members, removals, changes, elsewhere, alone):
        assert_harmless(page)
    assert "2 articles: the first, 1 same" in " ".join(text_of(copies).split())
    assert text_of(members).index("the first") < text_of(members).index("the same text, 100 % alike")
    assert "Still carried by songling-times-example (100 % of it), yungang-post-example (100 % of it)" in " ".join(
        text_of(removals).split()
    )
    ((went,), (came,)) = ([one.text_content() for one in lxml.html.fromstring(changes).iter(tag) if
                           one.getparent().tag == "bdi"] for tag in ("del", "ins"))  # fmt: skip
    assert (went, came) == ("300", "400")
    assert "changed: numbers" in text_of(changes)
    assert "and 1 more in white space or page furniture" in text_of(changes)
    assert "转载" in text_of(elsewhere)
    assert "No other article has a block of it." in text_of(alone)


def test_of_more_than_is_compared_removals_are_told_and_copies_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writer(tmp_path / "archive")
    story = "<p>云港的渡轮从早晨起停开，码头上的人把伞收起来又撑开。</p>"
    for number in range(3):
        write(f"{number}.md", url=f"{SITE}/{number}", body=story)
    ingest(tmp_path / "archive", tmp_path / "out")
    (tmp_path / "archive" / "2.md").unlink()
    ingest(tmp_path / "archive", tmp_path / "out", 2, sync=True)
    monkeypatch.setattr(readings, "MOST_COMPARED", 0)
    made = Made(tmp_path / "archive", tmp_path / "out")
    with made.client() as client:
        statuses = {path: client.get(path).status_code for path in pages(made.output) if "outlet/unknown" not in path}
        assert {path for path, status in statuses.items() if status != 200} == {
            path for path in statuses if "copies" in path
        }
        assert "arried" not in client.get("/removals").text
        assert "clusters OUTPUT --keep" in client.get("/copies").text
        some = client.get(f"/article/{ids(made.output, 'articles', 'article_id')[0]}").text
        assert "/copies" not in some.partition("<main")[2]
    with pressmark.open(made.output) as dataset:
        dataset.clusters(keep=True)
    with made.client() as client:
        assert "2 articles: the first, 1 same" in " ".join(text_of(client.get("/copies").text).split())
        assert {client.get(path).status_code for path in statuses} == {200}


ID = "0" * 32
DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404), ("/article/x", 404), (f"/article/{ID}", 404), (f"/article/{ID}/diff/1/2", 404),
        ("/article/ARTICLE/diff/1/99", 404), ("/article/ARTICLE/diff/0/1", 404), ("/article/ARTICLE/diff/a/b", 404),
        (f"/article/ARTICLE/diff/1/{DIGITS}", 404), (f"/paragraph/{ID}-0001", 404), ("/paragraph/ARTICLE-9999", 404),
        ("/outlet/none", 404), ("/outlet/songling-times-example/2001-01", 404), ("/outlet/..%2f..%2fetc/x", 404),
        ("/reject/none", 404), ("/run/none", 404), ("/?page=99", 404), ("/?page=0", 400), ("/?page=-1", 400),
        (f"/?page={DIGITS}", 400), ("/?page=²", 400), ("/?since=yesterday", 400), ("/?since=2022-02-30", 400),
        ("/?until=9999", 400), ("/?until=9999-12", 400), ("/?until=9999-12-31", 400), ("/?since=0000", 400),
        ("/?since=0001&q=松岭", 200), ("/?since=2022-03-04&until=2022-03-01", 400), ("/?outlet=<script>", 400),
        ("/changes?outlet=x", 400), ("/removals?outlet=x", 400),
        ("/?role=x", 400), ("/?language=x", 400), ("/?flag=x", 400), ("/?order=x", 400), ("/?what=x", 400),
        ("/rejects?reason=x", 400), ("/?format=exe", 400), ("/?format=<script>", 400), ("/static/", 404),
        ("/static/../room.py", 404), ("/static/..%2froom.py", 404), ("/static/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/?q=%00", 200), ("/?q=%ff%fe", 200), ("/?q=%ed%a0%80", 200), ("/?q=http://[", 200), ("/?q=\"'", 400),
        ("/?q=松岭 AND", 400), ("/?q=\"%27%29%3b DROP TABLE articles;--\"", 200),
        (f"/?q=<script>{BETRAYAL}</script>", 200), ("/rejects?q=%00%ff", 200),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_remedy(path: str, status: int, made: Made, client: TestClient) -> None:
    path = path.replace("ARTICLE", next(iter(revised(made.output))))
    answer = client.get(path)
    assert answer.status_code == status, text_of(answer.text)
    assert_harmless(answer.text)
    assert "Traceback" not in answer.text


def test_every_answer_has_the_headers(made: Made, client: TestClient) -> None:
    broken = TestClient(reading_room(Failing(made.output), "out"), base_url="http://localhost:8000",
                        raise_server_exceptions=False)  # fmt: skip
    answers = {
        200: client.get("/"), 404: client.get("/nothing"), 400: client.get("/?page=x"), 405: client.post("/"),
        403: client.get("/", headers={"Host": "betrayed.example"}), 500: broken.get("/"),
        303: client.get(f"/?q={next(iter(revised(made.output)))}"),
    }  # fmt: skip
    for status, answer in [*answers.items(), (200, client.get("/static/room.js")), (200, client.get("/?format=csv"))]:
        assert answer.status_code == status
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    directives = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert "secret" not in answers[500].text


class Failing(Room):
    """A room with a fault."""

    def moment(self) -> Any:
        raise ZeroDivisionError("secret")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"Host": "localhost:8000"}, 200), ({"Host": "LOCALHOST"}, 200), ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.rebound.example:8000"}, 403), ({"Host": "rebound.example:127.0.0.1"}, 403),
        ({"Host": ""}, 403), ({"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "https://elsewhere.example"}, 403), ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}, 200),
    ],
)  # fmt: skip
def test_only_this_machine_is_answered_by_its_own_name(
    headers: dict[str, str], status: int, client: TestClient
) -> None:
    answer = client.get("/runs", headers=headers)
    assert answer.status_code == status
    assert ("Reading room" in answer.text) == (status == 200)


def test_a_head_has_the_headers_alone(client: TestClient) -> None:
    answer, head = client.get("/outlets"), client.head("/outlets")
    assert (head.status_code, head.headers) == (200, answer.headers)
    assert client.head("/nothing").status_code == 404


def test_a_query_for_everything_is_answered(client: TestClient) -> None:
    everything = client.get("/", params={"q": "松"})
    assert f"in {len(PAYLOADS) + 1} article" in text_of(everything.text)


def test_the_first_of_many_hits_are_those_of_the_order_and_filters_asked_for(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MOST_HITS", 3)
    with made.client() as few:
        for order, first in (("newest", "2022-03-13"), ("oldest", "2022-03-01")):
            rows = few.get(f"/?q=松岭&order={order}&since=2022-03-01&until=2022-03-31&format=json").json()
            assert rows[0]["published_at"][:10] == first
        languages = {*ids(made.output, "articles", "language")}
        assert len(languages) > 1
        for language in languages:
            rows = few.get(f"/?q=*&language={language}&format=json").json()
            assert {row["language"] for row in rows} == {language}


def test_an_id_and_an_address_lead_to_the_article(made: Made, client: TestClient) -> None:
    (article_id,) = revised(made.output)
    for words, place in [
        (article_id, f"/article/{article_id}"), (f"{SITE}/revised?utm_source=x", f"/article/{article_id}"),
        (f"{article_id}-0000", f"/paragraph/{article_id}-0000"),
    ]:  # fmt: skip
        answer = client.get("/", params={"q": words})
        assert (answer.status_code, answer.headers["location"]) == (303, place)


def delete(made: Made) -> None:
    shutil.rmtree(made.archive)


def delete_source(made: Made) -> None:
    (made.archive / "a.md").unlink()


def differ(made: Made) -> None:
    (made.archive / "a.md").write_bytes((made.archive / "a.md").read_bytes().replace("开放".encode(), b"shut"))


def forbid(made: Made) -> None:
    (made.archive / "a.md").unlink()
    (made.archive / "a.md").mkdir()


@pytest.fixture
def plain(tmp_path: Path) -> Made:
    """An archive of one article, and its output."""
    writer(tmp_path / "archive")("a.md")
    ingest(tmp_path / "archive", tmp_path / "out")
    return Made(tmp_path / "archive", tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "said"),
    [(delete, "archive"), (delete_source, "a.md"), (differ, "no longer what was ingested"), (forbid, "a.md")],
)
def test_an_archive_that_is_gone_or_differs_is_said_and_what_is_known_is_shown(
    change: Callable[[Made], None], said: str, plain: Made
) -> None:
    (paragraph, *_) = ids(plain.output, "paragraphs", "paragraph_id")
    place = f"/article/{paragraph.partition('-')[0]}"
    with plain.client() as client:
        assert "can't be shown" not in client.get(place).text
        assert "bytes it came from" in client.get(place).text
    change(plain)
    with plain.client() as client:
        for path in (place, f"/paragraph/{paragraph}"):
            shown = text_of(client.get(path).text)
            assert "bytes can't be shown" in shown
            assert said in shown
            assert "松岭市图书馆今天开放。" in shown


def test_an_output_that_a_run_changes_is_read_as_the_run_left_it(plain: Made) -> None:
    with plain.client() as client:
        (article_id,) = ids(plain.output, "articles", "article_id")
        assert "读者从早晨开始排队" in client.get(f"/article/{article_id}").text
        writer(plain.archive)("a.md", body="<p>松岭改了。</p>")
        writer(plain.archive)("b.md", url=f"{SITE}/b", at="2023-01-01")
        ingest(plain.archive, plain.output, 2)
        shown = text_of(client.get(f"/article/{article_id}").text)
        assert "松岭改了" in shown
        assert "bytes can't be shown" not in shown
        assert "2 articles" in text_of(client.get("/").text)
        shutil.rmtree(plain.output)
        answer = client.get("/")
        assert answer.status_code == 503
        assert "no run has written" in text_of(answer.text).lower()


def test_what_is_seen_is_handed_out_as_files(made: Made, client: TestClient) -> None:
    for path in few_pages(made.output):
        join = "&" if "?" in path else "?"
        csv, jsons, parquet = (client.get(f"{path}{join}format={kind}") for kind in ("csv", "json", "parquet"))
        for answer, kind in ((csv, "csv"), (jsons, "json"), (parquet, "parquet")):
            assert answer.status_code == 200, path
            assert re.fullmatch(rf"attachment; filename\*=UTF-8''[\w%.-]+\.{kind}",
                                answer.headers["content-disposition"])  # fmt: skip
        rows = pl.read_parquet(io.BytesIO(parquet.content))
        assert jsons.json() == json.loads(jsons.text)
        assert [set(row) for row in jsons.json()] == [set(rows.columns)] * rows.height, path
        if rows.height:
            assert pl.read_csv(io.BytesIO(csv.content), infer_schema=False).shape == rows.shape, path


def test_a_formula_is_defused_in_csv_alone(made: Made, client: TestClient) -> None:
    read: dict[str, Callable[[bytes], Any]] = {
        "csv": lambda data: pl.read_csv(io.BytesIO(data), infer_schema=False), "json": lambda data: json.loads(data),
        "parquet": lambda data: pl.read_parquet(io.BytesIO(data)),
    }  # fmt: skip
    for kind, prefix in (("csv", "'"), ("json", ""), ("parquet", "")):
        found = pl.DataFrame(read[kind](client.get(f"/?format={kind}").content), infer_schema_length=None)
        authors = found["author"].drop_nulls().to_list()
        assert f"{prefix}{PAYLOADS[9]}" in authors, kind
        assert not prefix or all(author[0] not in "=+-@" for author in authors)
        assert f"松岭 {PAYLOADS[8]}" in found["title"]


def test_the_wide_forms_of_what_begins_a_formula_are_defused_too() -> None:
    assert as_file(pl.DataFrame({"title": ["＝1+1", "1＝1"]}), "csv").decode() == "title\n'＝1+1\n1＝1\n"


def test_a_paragraph_that_repeats_itself_is_one_change() -> None:
    """All pairs of what is equal in it would take many seconds."""
    shown = environment().filters["differing"]("水 " * 4000 + "甲", "河" + " 水" * 4000)
    assert (shown.count("<del>"), shown.count("<ins>")) == (1, 1)


def test_a_reject_is_handed_out_with_its_bytes(made: Made, client: TestClient) -> None:
    for reject_id, raw in rows_of(made.output, "rejects", "reject_id", "raw"):
        assert isinstance(raw, bytes)
        rows = pl.read_parquet(io.BytesIO(client.get(f"/reject/{reject_id}?format=parquet").content))
        assert rows["raw"].to_list() == [raw]
        assert client.get(f"/reject/{reject_id}?format=json").json()[0]["raw"] == raw.hex()


def test_requests_at_once_have_the_same_answers(made: Made) -> None:
    paths = few_pages(made.output) * 2
    with made.client() as client, ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda path: client.get(path).text, paths))
    half = len(paths) // 2
    assert together[:half] == together[half:]


@pytest.fixture(scope="module")
def served(made: Made) -> Iterator[str]:
    """The address of a `pressmark browse` of its own."""
    command = [str(Path(sys.executable).with_name("pressmark")), "browse", str(made.output), str(made.archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert f"({len(PAYLOADS) + 1} articles; Ctrl-C ends it)" in line
            yield line.split()[2].rstrip("/")
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


@pytest.mark.parametrize(("length", "status", "said"), [(10_000, 200, "0 paragraphs"), (20_001, 400, "at most 20,000")])
def test_a_long_phrase_is_looked_for_or_refused(length: int, status: int, said: str, served: str) -> None:
    try:
        with urlopen(f"{served}/?q={'%E6%9D%BE' * length}", timeout=60) as answer:
            found, html = answer.status, answer.read().decode()
    except HTTPError as error:
        found, html = error.code, error.read().decode()
    assert found == status
    assert said in text_of(html)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_browser_runs_and_loads_nothing_of_the_archive(made: Made, served: str) -> None:
    from playwright.sync_api import sync_playwright

    bad: list[str] = []
    asked_for: set[str] = set()
    paths = ["/?q=松岭", f"/reject/{ids(made.output, 'rejects', 'reject_id')[0]}"]
    paths += [f"/?q=松岭 <script>{BETRAYAL}</script>", *(f"/article/{article_of(made, one)}" for one in (0, 1, 3))]
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.on("dialog", lambda dialog: bad.append(f"dialog {dialog.message}"))  # which stays, and stops the page
        page.on("console", lambda message: bad.append(f"console {message.text}"))
        page.on("pageerror", lambda error: bad.append(f"error {error}"))
        page.on("request", lambda asked: asked_for.add(urlsplit(asked.url).netloc))
        for path in paths:
            page.goto(f"{served}{path}")
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert page.title().endswith("· Reading room"), path
            assert not bad, (path, bad)
        difference = f"/article/{next(iter(revised(made.output)))}/diff/1/2"
        for path, focused in ((difference, "added"), ("/?q=松岭", "title")):
            page.goto(f"{served}{path}")
            page.keyboard.press("j")
            assert page.evaluate("document.activeElement.className") == focused
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"
        page.get_by_label("oldest first").check()
        page.wait_for_url("**order=oldest**", timeout=10_000)
        assert urlsplit(page.url).query == "q=%E6%9D%BE%E5%B2%AD&order=oldest"
        browser.close()
    assert bad == []
    assert asked_for == {urlsplit(served).netloc}


def test_a_port_that_is_taken_is_named(made: Made, served: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = str(urlsplit(served).port)
    assert main(["browse", str(made.output), "--port", port]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"pressmark: this port can't be had (Address already in use): `127.0.0.1:{port}`; give another --port"
    )


def test_what_is_no_output_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["browse", str(tmp_path / "nothing")]) == 3
    assert str(tmp_path / "nothing") in capsys.readouterr().err


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["browse", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "pressmark browse output archive" in shown
    assert "--port N" in shown
