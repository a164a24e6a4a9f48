"""Dumps with one JSON object in a line: the payload under its key, what else a line says beside, and bad lines."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from archives import breaches, ingest, rows_of
from hypothesis import assume, given
from hypothesis import strategies as st
from listings import contents, listed

from pressmark.storage.errors import SettingsError
from pressmark.storage.inputs import jsonl
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.jsonl import read_json_lines, suggested
from pressmark.storage.inputs.unpacked import Unpacked
from pressmark.storage.inputs.warc import Found, Payload
from pressmark.storage.settings import IngestSettings, keys_of
from pressmark.storage.survey import survey
from pressmark.transforms.records import Limits, Reject

LINE: dict[str, Any] = {
    "url": "https://songling-times.example/2022/a", "title": "松岭 &amp; 河", "authors": ["林帆", {"name": "陈一"}],
    "date": "2022-03-04T05:06:07+08:00", "tags": ["河"], "html": "<p>图书馆开门。</p>", "score": 3,
}  # fmt: skip


def write(path: Path, *lines: Any, packed: bool = False) -> Path:
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def rows(path: Path, output: Path, **settings: Any) -> list[dict[str, Any]]:
    ingest(path, output, **settings)
    assert breaches(output) == []
    columns = ("source_path", "dialect", "url", "title", "author", "text", "metadata", "published_at", "source_bytes")
    return [dict(zip(columns, row, strict=True)) for row in rows_of(output, "articles", *columns)]


def test_values_in_lists_and_a_list_of_paragraphs_are_read_as_what_they_hold(tmp_path: Path) -> None:
    alone = {key: [LINE[key]] for key in ("url", "title", "date")}
    lines = (
        {**alone, "content": ["图书馆开门。", "河水上涨。"], "authors": ["林帆", "陈一"], "tags": ["河", "a, b"]},
        {**LINE, "url": "https://songling-times.example/b", "html": ["<p>一</p>", "<p>二</p>"]},
        {**alone, "content": ["", " "]}, {**alone, "content": [{"type": "p", "text": "一"}]},
    )  # fmt: skip
    found = rows(write(tmp_path / "a.jsonl", *lines), tmp_path / "out")
    assert {(row["url"], row["title"], row["text"], row["author"]) for row in found} == {
        (LINE["url"], "松岭 & 河", "图书馆开门。\n\n河水上涨。", "林帆、陈一"),
        ("https://songling-times.example/b", "松岭 & 河", "一\n\n二", "林帆、陈一"),
    }
    assert {row["published_at"] for row in found} == {datetime(2022, 3, 3, 21, 6, 7, tzinfo=UTC)}
    assert sorted(map(str, rows_of(tmp_path / "out", "articles", "tags"))) == ["(['河', 'a, b'],)", "(['河'],)"]
    assert sorted(map(str, rows_of(tmp_path / "out", "rejects", "reason"))) == ["('no_header',)", "('no_text',)"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_a_line_is_an_article_by_the_keys_of_front_matter(tmp_path: Path, name: str) -> None:
    first = {"content": "<p>一</p>", "link": "https://songling-times.example/b"}
    path = write(tmp_path / name, first, b"", LINE, packed=name.endswith("gz"))
    found = {row["source_path"]: row for row in rows(path, tmp_path / "out")}
    row = found[f"{name}#{len(json.dumps(first)) + 2}"]
    assert row == {
        "source_path": row["source_path"], "dialect": "record", "url": LINE["url"], "title": "松岭 & 河",
        "author": "林帆、陈一", "text": "图书馆开门。", "metadata": '{"score": 3}',
        "published_at": datetime(2022, 3, 3, 21, 6, 7, tzinfo=UTC), "source_bytes": len(LINE["html"].encode()),
    }  # fmt: skip
    assert found[f"{name}#0"]["url"] == first["link"]


def test_keys_can_be_named(tmp_path: Path) -> None:
    line = {
        "post": {"raw": "<p>一</p>", "by": "林帆"},
        "at": 1646352000,
        "html": "<p>没有</p>",
        "url": "https://x.example/",
    }
    path = write(tmp_path / "a.jsonl", line)
    (row,) = rows(path, tmp_path / "out", map="html=post.raw,author=post.by,date=at")
    assert (row["text"], row["author"], row["published_at"]) == ("一", "林帆", datetime(2022, 3, 4, tzinfo=UTC))
    assert json.loads(row["metadata"]) == {"html": "<p>没有</p>", "post": {}}
    # Another map is another reading of the same bytes.
    report = ingest(path, tmp_path / "out", 2, map="html=html")
    assert (report.parsed, report.articles) == (1, 1)
    assert rows_of(tmp_path / "out", "articles", "text") == [("没有",)]


@pytest.mark.parametrize("forgotten", [False, True], ids=["seen", "forgotten"])
def test_a_line_of_which_only_what_stands_beside_the_payload_changes_is_read_again(
    tmp_path: Path, *, forgotten: bool
) -> None:
    out, there = tmp_path / "out", "https://songling-times.example/2022/b"
    path = write(tmp_path / "a.jsonl", LINE, {**LINE, "url": there, "title": "一二"})
    ingest(path, out)
    if forgotten:
        shutil.rmtree(out / ".pressmark" / "seen")
    # Each text keeps its length, so that all stay where they are.
    write(path, {**LINE, "url": LINE["url"].replace("/a", "/c")}, {**LINE, "url": there, "title": "三四"})
    report = ingest(path, out, 2)
    assert (report.parsed, report.articles, breaches(out)) == (2, 2, [])
    found = rows_of(out, "articles", "url", "title", "run_id")
    assert sorted(map(str, found)) == sorted(
        map(str, [(there, "三四", "run-2"), (LINE["url"].replace("/a", "/c"), "松岭 & 河", "run-2")])
    )
    assert rows_of(out, "revisions", "source_path") == []
    # What grows is read from where it was seen; the same lines keep their rows.
    path.write_bytes(path.read_bytes() + b"\n" + json.dumps({**LINE, "url": there + "d"}).encode())
    if forgotten:
        shutil.rmtree(out / ".pressmark" / "seen")
    assert ingest(path, out, 3).parsed == (3 if forgotten else 1)
    assert sorted(str(run) for (run,) in rows_of(out, "articles", "run_id")) == ["run-2", "run-2", "run-3"]


@pytest.mark.parametrize("text", ["html", "html=", "head=x", "html=a,html=b"])
def test_a_map_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError, match="FIELD=KEY"):
        IngestSettings(map=text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no JSON", "no_header"), (b"[1, 2]", "no_header"), (b'{"html": "<p>', "no_header"),
        (b'{"url": "x"}', "no_header"),
        (b'{"html": 7}', "no_header"), (b'{"html": "\xff"}', "invalid_utf8"), (b"[" * 100_000, "too_complex"),
        (json.dumps({"html": "x" * 2_000_000}).encode(), "too_large"), (b"y" * 9_000_000, "too_large"),
        (b'{"html": "<p>\\ud800</p>"}', "invalid_utf8"), (b'{"html": ""}', "empty_file"),
        (b'{"html": "<p>"}', "no_text"),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_bad_line_is_a_reject_at_its_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, reason: str
) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE_BYTES", 4_000_000)
    good = json.dumps(LINE).encode()
    path = write(tmp_path / "a.jsonl", good, line, good.replace(b"/a", b"/b"))
    ingest(path, tmp_path / "out", max_source_mib=1)
    ((place, found),) = rows_of(tmp_path / "out", "rejects", "source_path", "reason")
    assert (place, found) == (f"a.jsonl#{len(good) + 1}", reason)
    assert len(rows_of(tmp_path / "out", "articles", "url")) == 2
    assert breaches(tmp_path / "out") == []


def test_a_crawler_s_list_of_its_pages_is_no_dump(tmp_path: Path) -> None:
    page = {"id": "1", "url": LINE["url"], "ts": "2022-03-05T12:00:00Z", "text": "Menu The lamp went out. Contact"}
    path = write(tmp_path / "pages.jsonl", {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}, page)
    assert contents(path) == {}
    assert listed(path).notes == ("2 records are no pages: 2 line of a list of pages",)


def test_a_dump_that_is_cut_off_keeps_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", *[LINE] * 3, packed=True)
    path.write_bytes(path.read_bytes()[:-9])
    found = list(contents(path).values())
    assert isinstance(found[-1], Reject)
    assert "cut off" in found[-1].detail


@pytest.mark.parametrize("data", [b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"], ids=["zstd", "gzip"])
def test_a_dump_that_is_cut_off_at_its_start_is_a_reject(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    (found,) = contents(tmp_path / "a.jsonl").values()
    assert isinstance(found, Reject)


def test_facts_that_are_too_many_are_the_short_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {**LINE, "many": list(range(20_000)), "long": "x" * 300_000})
    (row,) = rows(path, tmp_path / "out")
    assert (row["url"], row["metadata"]) == (LINE["url"], '{"score": 3}')


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from(["html", "body", "url", "link", "title", "author", "date", "published", "tags", "a.b", "A"])


@given(
    st.lists(
        st.dictionaries(KEYS | st.text(max_size=4), VALUES, max_size=6) | VALUES | st.binary(max_size=20), max_size=6
    )
)
def test_each_line_is_one_record_whatever_it_holds(lines: list[Any]) -> None:
    data = b"\n".join(
        line.replace(b"\n", b"") if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )
    # What is packed, and a frame of zstd to skip, begin so, and no line of JSON.
    assume(data[1:4] not in (b"*M\x18", b"\xb5/\xfd") and data[:2] != b"\x1f\x8b")
    found = [
        one
        for one in read_json_lines(Unpacked(io.BytesIO(data), Budget()), Limits(), keys_of("url=a.b"))
        if isinstance(one, Found)
    ]
    places = [number for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n")) if line.strip()]
    assert len(found) == len(places)
    for one in found:
        line = data[int(one.place) :].partition(b"\n")[0]
        if isinstance(one.payload, Payload):
            said = json.loads(line).values()
            lists = [one for one in said if isinstance(one, list) and all(isinstance(part, str) for part in one)]
            texts = [value for value in said if isinstance(value, str)] + ["\n\n".join(one) for one in lists if one]
            parted = ["\n\n".join(filter(str.strip, re.split("[ \t]*(?:\r\n|\n|\r)", text))) for text in texts]
            assert bytes(one.payload) in [text.encode("utf-8", "surrogatepass") for text in texts + parted]
        elif one.payload.data is not None:
            assert one.payload.data.removesuffix(b"\n") == line


@pytest.mark.parametrize(
    ("line", "text", "day"),
    [
        ({"html": "", "text": "图书馆开门。", "publish_date": 1646370367}, "图书馆开门。", 4),
        ({"content": " ", "maintext": "图书馆开门。", "date_publish": "2022-03-04 05:06:07"}, "图书馆开门。", 4),
        ({"plaintext": "图书馆开门。", "publishing_date": "2022-03-04 05:06:07"}, "图书馆开门。", 4),
        ({"full_text": "图书馆开门。", "created_at": "Fri Mar 04 05:06:07 +0000 2022"}, "图书馆开门。", 4),
        ({"text": "图书馆开门。", "date": "1646370367000"}, "图书馆开门。", 4),
        (
            {
                "text": ["图书馆", {"type": "bold", "text": "开门"}, "。"],
                "date": "2022-03-03T20:06:07",
                "date_unixtime": "1646370367",
            },
            "图书馆开门。",
            4,
        ),
        ({"text": "图书馆开门。", "date": {"$date": "2022-03-04T05:06:07Z"}}, "图书馆开门。", 4),
        ({"text": "图书馆开门。", "date": "20220304T050607Z"}, "图书馆开门。", 4),
        ({"text": "图书馆开门。", "publish_time": {"$date": {"$numberLong": "1646370367000"}}}, "图书馆开门。", 4),
    ],
    ids=[
        "an empty key",
        "news-please",
        "fundus",
        "a tweet",
        "a number as text",
        "a messenger's export",
        "MongoDB",
        "ISO's basic form",
        "MongoDB's export",
    ],
)
def test_dumps_of_other_tools_are_read(tmp_path: Path, line: dict[str, Any], text: str, day: int) -> None:
    ((found, at),) = [
        (row["text"], row["published_at"]) for row in rows(write(tmp_path / "a.jsonl", line), tmp_path / "out")
    ]
    assert (found, at.day) == (text, day)


SENTENCE = "The library in the old tide mill opened again, after two years."
WRAPPED = "The library in the old tide mill\nopened again, after two years. It\nholds the town's letters and\nits maps"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (f"{SENTENCE}\n{SENTENCE}\n{SENTENCE}", 3), (f"{SENTENCE}\r\n{SENTENCE}\r\n", 2),
        (f"Opened\n{SENTENCE * 3}", 2),
        (f"- Letters\n{SENTENCE}", 2), (f"{SENTENCE}\n{SENTENCE}\n\n{SENTENCE}", 2), (WRAPPED, 1),
        (f"<p>{SENTENCE}\n{SENTENCE}</p>", 1), (f"| a | b |\n|---|---|\n| {SENTENCE} | c |", 4),
    ],
    ids=["lines", "CRLF", "a title", "a list", "empty lines", "wrapped", "HTML", "a table"],
)  # fmt: skip
def test_each_line_of_a_text_without_empty_lines_is_a_paragraph(tmp_path: Path, text: str, blocks: int) -> None:
    (row,) = rows(write(tmp_path / "a.jsonl", {"text": text}), tmp_path / "out")
    assert len(str(row["text"]).split("\n\n")) == blocks


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ({"titulo": "A biblioteca", "conteudo": SENTENCE, "autor": "Ada", "data": "5 de março", "link": "https://a.example"},
         "text=conteudo,title=titulo,author=autor,date=data"),
        ({"başlık": "Kütüphane", "içerik": SENTENCE, "tarih": "05.03.2021"}, "text=içerik,title=başlık,date=tarih"),
        ({"заголовок": "Книги", "текст": SENTENCE, "дата": "2021-03-05"}, "text=текст,title=заголовок,date=дата"),
        ({"titulo": SENTENCE, "link": "https://a.example"}, ""),
    ],
    ids=["Portuguese", "Turkish", "Russian", "titles alone"],
)  # fmt: skip
def test_keys_of_other_languages_are_suggested(line: dict[str, Any], where: str) -> None:
    assert suggested(line) == where


def test_the_name_of_a_page_is_proposed_for_no_text() -> None:
    assert suggested({"slug": "the-library-in-the-old-tide-mill-opened-again-after-two-years-of-work"}) == ""


def test_a_packed_dump_that_is_cut_off_at_its_start_is_a_reject(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", LINE)
    (tmp_path / "a.jsonl.gz").write_bytes(b"\x1f\x8b\x08")
    ingest(tmp_path, tmp_path / "out")
    assert rows_of(tmp_path / "out", "rejects", "source_path", "reason") == [("a.jsonl.gz#0", "unreadable")]


def test_a_line_without_text_names_the_keys_that_it_has(tmp_path: Path) -> None:
    ingest(write(tmp_path / "a.jsonl", {"url": "x", "_source": {"text": "a"}}), tmp_path / "out")
    ((detail,),) = rows_of(tmp_path / "out", "rejects", "detail")
    assert "`url`, `_source`; say where it is with `--map" in str(detail)


LONG = "The weir opened at dawn, and the ferries waited for the mist to lift. " * 3


@pytest.mark.parametrize(("line", "where"), [
    ({"id": 1, "article": LONG, "highlights": "Ferries waited."}, "text=article"),
    ({"_source": {"title": "Bells", "url": "https://a.example/b", "content": LONG, "image_url": "https://a.example/i"}},
     "text=_source.content,url=_source.url,title=_source.title"),
    ({"webUrl": "https://a.example/b", "webPublicationDate": "2020-01-01T10:00:00Z", "fields": {"headline": "Bells",
     "byline": "Ada Moth", "body": f"<p>{LONG}</p>"}},
     "html=fields.body,url=webUrl,title=fields.headline,author=fields.byline,date=webPublicationDate"),
    ({"link": "https://a.example/b", "date": "2020-01-01", "modified": "2021-01-01", "title": {"rendered": "Bells"},
      "content": {"rendered": f"<p>{LONG}</p>"}}, "html=content.rendered,title=title.rendered"),
    ({"type": "Create", "published": "2020-01-01", "object": {"url": "https://a.example/b", "content": f"<p>{LONG}"}},
     "html=object.content,url=object.url"),
    ({"description": "图书馆开门。" * 20, "time": "2020年1月1日 10:00"}, "text=description,date=time"),
    ({"url": "https://a.example/b", "image": "https://a.example/" + "i" * 200, "title": "Bells"}, ""),
])  # fmt: skip
def test_where_a_dump_of_another_shape_has_its_fields_is_suggested(line: dict[str, Any], where: str) -> None:
    assert suggested(line) == where


def test_init_proposes_what_several_lines_suggest_where_no_other_is_read(tmp_path: Path) -> None:
    post = {
        "object": {"url": "https://a.example/b", "content": f"<p>{LONG}</p>"},
        "signature": {"creator": "https://a.example"},
    }
    path = write(tmp_path / "a.jsonl", *[post] * 3, *[{"object": {"content": "<p>No.</p>"}}] * 9)
    assert survey(IngestSettings(source=str(path))).proposed["map"] == "html=object.content,url=object.url"


def test_init_proposes_what_is_suggested_and_the_next_run_reads_by_it(tmp_path: Path) -> None:
    article = {"_source": {"title": "Bells", "link": "https://a.example/b", "story": LONG, "pub": "2020-01-02"}}
    path = write(tmp_path / "a.jsonl", article, article)
    found = survey(IngestSettings(source=str(path)))
    assert (found.articles, found.proposed["map"]) == (
        2, "text=_source.story,url=_source.link,title=_source.title,date=_source.pub"
    )  # fmt: skip


def test_json_is_one_article_an_object_in_a_folder_of_nothing_else(tmp_path: Path) -> None:
    news = tmp_path / "news"
    (news / "2022").mkdir(parents=True)
    (news / "2022" / "a.JSON").write_text(json.dumps(LINE, indent=1))
    others = [LINE | {"url": f"https://songling-times.example/{name}", "title": "灯"} for name in "bc"]
    (news / "list.json").write_text(json.dumps(others, ensure_ascii=False, indent=1), "utf-8-sig")
    (news / "lines.json").write_text("\n".join(json.dumps(one | {"url": one["url"] + "d"}) for one in others))
    (news / "settings.json").write_text('{"name": "news", "pages": [1, 2]}')
    found = rows(news, tmp_path / "out")
    places = {row["source_path"]: row["url"].rpartition("/")[2] for row in found}
    data = (news / "list.json").read_bytes()
    offsets = [at.start() for at in re.finditer(rb'\{\s+"url"', data)]
    second = (news / "lines.json").read_bytes().index(b'{"url"', 1)
    assert places == {
        "2022/a.JSON": "a", f"list.json#{offsets[0]}": "b", f"list.json#{offsets[1]}": "c",
        "lines.json#0": "bd", f"lines.json#{second}": "cd",
    }  # fmt: skip
    assert {row["text"] for row in found} == {"图书馆开门。"}
    (news / "2022" / "a.JSON").unlink()
    ingest(news, tmp_path / "out", sync=True)
    assert len(rows_of(tmp_path / "out", "articles", "url")) == 4


def test_json_beside_articles_accompanies_them_unless_it_is_asked_for(tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "a.md").write_text("---\ntitle: 灯\ndate: 2022-03-04\n---\n河水上涨。\n")
    (news / "search.json").write_text(json.dumps([LINE]))
    assert [row["source_path"] for row in rows(news, tmp_path / "out")] == ["a.md"]
    assert [row["source_path"] for row in rows(news, tmp_path / "json", include=["*.json"])] == ["search.json#1"]
    assert [row["source_path"] for row in rows(news / "search.json", tmp_path / "one")] == ["search.json#1"]


@pytest.mark.parametrize(
    ("text", "kept", "detail"),
    [
        (
            '{"headline": "A", "story": "' + "The weir opened at dawn. " * 9 + '"}',
            [],
            "`--map text=story,title=headline`",
        ),
        ('[{"text": "The weir opened."}, {"te', ["a.json#1"], "the file is no JSON"),
        ('{"status": "ok", "articles": [{"text": "The weir opened."}]}', [], "`jq '.articles'`"),
        ("\xff", [], "the file is no UTF-8"),
        ("[" * 100_000, [], "too deep in each other"),
    ],
    ids=["another key", "cut off", "a list under a key", "no UTF-8", "deep"],
)
def test_json_that_is_no_article_says_what_to_do(tmp_path: Path, text: str, kept: list[str], detail: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    ingest(tmp_path / "a.json", tmp_path / "out")
    assert [path for (path,) in rows_of(tmp_path / "out", "articles", "source_path")] == kept
    ((said,),) = rows_of(tmp_path / "out", "rejects", "detail")
    assert detail in str(said)
    assert breaches(tmp_path / "out") == []
