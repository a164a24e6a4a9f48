"""The first look at an archive, what is kept of it, and what a run says looks wrong."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from archives import News, read_table

from pressmark.flows.cli import main
from pressmark.storage.errors import SettingsError
from pressmark.storage.settings import ABOUT_THE_ARCHIVE, IngestSettings, configured, options
from pressmark.storage.survey import survey


def test_init_says_what_it_understood_and_writes_what_it_proposes(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    (news.archive / "bad.md").write_bytes(b"no header")
    assert main(["init", str(news.archive), "--dry-run"]) == 0
    assert not (news.archive / "pressmark.toml").exists()
    capsys.readouterr()
    assert main(["init", str(news.archive)]) == 0
    text = capsys.readouterr().out
    for said in ("2 sources", "looked at 2: 1 article\n", "comment", "songling-times", "no_header", "a.md", "bad.md"):
        assert said in text
    assert tomllib.loads((news.archive / "pressmark.toml").read_text("utf-8")) == {"archive": news.archive.name}
    assert main(["init", str(news.archive)]) == 2
    assert main(["init", str(news.archive), "--force", "--json"]) == 0


def test_what_init_writes_is_what_the_next_run_uses(news: News) -> None:
    for name in ("a.md", "b.md"):
        path = news.write(name, url="")
        path.write_bytes(
            path.read_bytes().decode().replace("[松岭市举行读书节]()", "[松岭市举行读书节]( )").encode("gb18030")
        )
    assert main(["init", str(news.archive)]) == 0
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    rows = read_table(news.out, "articles").to_pylist()
    assert {row["encoding"] for row in rows} == {"gb18030"}
    assert main(["explain", str(news.archive / "a.md")]) == 0
    assert sorted(path.name for path in (news.out / "articles").iterdir()) == [f"outlet={news.archive.name}"]


def test_nothing_is_written_of_an_archive_without_articles(news: News) -> None:
    (news.archive / "bad.md").write_bytes(b"no header")
    assert main(["init", str(news.archive)]) == 1
    assert not (news.archive / "pressmark.toml").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("zoen = 'UTC'", "`zone`"), ("include = 'a'", "list of texts"), ("history = 1", "true or false"),
        ("x = ", "no TOML"), ("workers = 3", "no key"), ("zone = 'Nowhere'", "no such time zone"),
        ("encoding = 'x'", "`x`.*as gb18030"), ("single_outlet = 'A b'", "no slug"), ("map = 5", "a table of texts"),
        ("map = {url = 5}", "a text without a comma for `url`"), ("map = {url = ['a', 'b']}", "a text without"),
        ("map = {place = 'a'}", "fields are html, text"), ("max_ratio = 0", "at least 1"), ("archive = ''", "no name"),
        ("include = ['!x']", "a pattern is wrong"), ("include = [1]", "a list of texts, not"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_by_name(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "pressmark.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=problem) as refused:
        configured(IngestSettings(source=str(tmp_path)))
    assert refused.value.where == str(tmp_path / "pressmark.toml")


def test_what_is_given_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("archive = 'file'\nmax_source_mib = 3\nexclude = ['x']", "utf-8")
    given = IngestSettings(source=str(tmp_path), archive="given", config=str(tmp_path / "other.toml"))
    found = configured(given)
    assert (found.archive, found.max_source_mib, found.exclude) == ("given", 3, ("x",))
    (tmp_path / "pressmark.toml").write_text("\ufeff[map]\nurl = 'link'\nhtml = 'a.body'", "utf-8")
    assert configured(IngestSettings(source=str(tmp_path))).keys == {"url": "link", "html": "a.body"}
    assert set(ABOUT_THE_ARCHIVE) <= {one.name for one in options()}
    with pytest.raises(SettingsError, match="--config"):
        configured(IngestSettings(source=str(tmp_path), config=str(tmp_path / "none.toml")))


@pytest.mark.parametrize("address", ["{}", "file:{}", "file://{}", "git+file:{}", "git+file:{}@main#rfi", "{}/a.md"])
def test_the_file_is_found_by_each_address_of_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    archive, other = tmp_path / "archive", tmp_path / "other"
    for folder, outlet in ((archive, "songling"), (other, "another")):
        folder.mkdir()
        (folder / "pressmark.toml").write_text(f"single_outlet = '{outlet}'", "utf-8")
    monkeypatch.chdir(other)
    assert configured(IngestSettings(source=address.format(archive))).single_outlet == "songling"
    assert configured(IngestSettings(source="s3://bucket/news")).single_outlet is None


def test_another_encoding_reads_all_sources_again(news: News) -> None:
    path = news.write("a.md")
    path.write_bytes(path.read_bytes().decode().encode("gb18030"))
    arguments = ["ingest", str(news.archive), str(news.out)]
    assert main(arguments) == 1
    assert main([*arguments, "--encoding", "gbk"]) == 0
    assert main([*arguments, "--encoding", "gbk", "--json"]) == 0
    assert [row["parsed"] for row in read_table(news.out, "runs").sort_by("started_at").to_pylist()] == [1, 1, 0]


def test_a_run_names_what_looks_wrong_with_an_example(
    news: News, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("marks.md", body="<p>**松岭** 和 **云港** [看](https://x.example/a)。</p>", title="")
    news.write("good.md", url="https://songling-times.example/b")
    (news.archive / "bad.md").write_bytes(b"no header")
    assert main(["ingest", str(news.archive), str(news.out), "--max-reject-share", "0.5"]) == 0
    said = caplog.text + capsys.readouterr().err
    assert "1 of 2 articles show marks of Markdown" in said
    assert "marks.md" in said
    assert "have no title" in said
    assert main(["ingest", str(news.archive), str(news.out), "--max-reject-share", "0.1"]) == 1
    assert main(["ingest", str(news.archive), str(news.out), "--max-reject-share", "2"]) == 2


def test_times_that_name_no_zone_and_index_pages_are_told_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    for name in ("a", "b"):
        head = f"title: {name}\ndate: 2021-03-05 18:11:00\nurl: https://news.example/{name}"
        (archive / f"{name}.md").write_text(f"---\n{head}\n---\n\nThe lamp went out.\n", "utf-8")
    titles = "".join(f'<li><a href="/{n}">The ferry was late for the {n}th time</a></li>' for n in range(12))
    (archive / "list.html").write_text(f"<!doctype html><title>News</title><h1>News</h1><ul>{titles}</ul>", "utf-8")
    assert main(["init", str(archive), "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "2  say a time without a zone" in text
    assert "1  look like front pages or lists of links\n" in text
    assert main(["ingest", str(archive), str(out)]) == 0
    assert (
        "2 of 3 articles that were read say a time without a zone, which was taken for UTC, such as a.md, b.md; name"
        in caplog.text
    )
    assert (
        "1 of 3 articles that were read look like front pages or lists of links, such as list.html; leave"
        in caplog.text
    )
    caplog.clear()
    assert main(["ingest", str(archive), str(out)]) == 0
    assert not caplog.records
    (archive / "pressmark.toml").write_text('zone = "Asia/Taipei"\n', "utf-8")
    assert main(["ingest", str(archive), str(out)]) == 0
    assert "without a zone" not in caplog.text
    assert {str(row["published_at"]) for row in read_table(out, "articles").to_pylist()} >= {
        "2021-03-05 10:11:00+00:00"
    }


def test_files_of_many_titles_that_state_one_address_are_told_of(
    news: News, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        url = "https://wick.example/" if number else "https://wick.example/a"
        news.write(f"{number}.md", url=url, title=f"The {number}th lamp goes out", body=f"<p>Lamp {number}.</p>")
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert "one address" not in caplog.text
    news.write("5.md", url="https://wick.example/", title="The fifth lamp goes out", body="<p>Lamp five.</p>")
    assert main(["init", str(news.archive), "--dry-run"]) == 0
    assert "5  stand for files of five titles or more that state one address" in capsys.readouterr().out
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert "1 of 2 articles stand for files of five titles or more that state one address, such as " in caplog.text


def test_files_in_several_languages_that_state_one_address_are_told_of(
    news: News, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    story = {"a": ("The lamp", "The lamp at the end of the pier went out, and nobody knew when it would be lit."),
             "b": ("灯", "码头尽头的灯灭了，港务处没有人知道它什么时候会再亮。"),
             "c": ("燈", "碼頭盡頭的燈滅了，港務處沒有人知道它什麼時候會再亮。")}  # fmt: skip
    for name, (title, text) in story.items():
        news.write(
            f"{name}.md",
            url="https://wick.example/" + ("x" if name == "a" else "y"),
            title=title,
            body=f"<p>{text}</p>",
        )
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert "several languages" not in caplog.text
    news.write("a.md", url="https://wick.example/y", title=story["a"][0], body=f"<p>{story['a'][1]}</p>")
    assert main(["init", str(news.archive), "--dry-run"]) == 0
    assert "3  stand for files in several languages that state one address" in capsys.readouterr().out
    assert main(["ingest", str(news.archive), str(news.out), "--sync"]) == 0
    assert (
        "1 of 1 articles stand for files in several languages that state one address, such as a.md; put" in caplog.text
    )


def test_an_outlet_that_is_named_is_no_unknown_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.md").write_text("---\ntitle: a\ndate: 2021-03-05\n---\n\nThe lamp went out.\n", "utf-8")
    arguments = ["ingest", str(tmp_path / "archive"), str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "1 of 1 articles are of an unknown outlet" in caplog.text
    caplog.clear()
    assert main([*arguments, "--single-outlet", "wick"]) == 0
    assert "unknown outlet" not in caplog.text


def test_init_gives_its_findings_as_json(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    news.write("a.md")
    assert main(["init", str(news.archive), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["sources"], found["articles"], found["proposed"]) == (1, 1, {"archive": news.archive.name})


def test_init_looks_at_all_of_an_archive_and_shows_what_a_screen_takes(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(390):
        text = f"---\ntitle: 松岭\nurl: https://n{number}.example/a\nday: x\n---\n<p>松岭下雪了，孩子们很高兴。</p>\n"
        (news.archive / f"{number:03d}.md").write_text(text, "utf-8")
    for name in ("main.rs", "templates/x.html", "LICENSE-MIT", "_index.md", "pressmark.toml"):
        (news.archive / name).parent.mkdir(exist_ok=True)
        (news.archive / name).write_text("archive = 'a'", "utf-8")
    (news.archive / "packed.md").write_bytes(b"\x1f\x8b\x08\x00\xff")
    assert main(["init", str(news.archive), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["sources"], found["left_out"], found["looked_at"]) == (391, 4, 200)
    assert found["not_taken"] == ["LICENSE-MIT", "_index.md", "main.rs", "templates/x.html"]
    seen = [example for heading, _, _, examples in found["found"] if heading == "outlets" for example in examples]
    assert min(seen) < "010.md"
    assert max(seen) > "380.md"
    assert main(["init", str(news.archive), "--dry-run"]) == 0
    text = capsys.readouterr().out
    for said in ("in 18", "--json", "main.rs", "other keys", "day"):
        assert said in text
    assert len(text.splitlines()) < 100
    assert main(["init", str(news.archive), "--dry-run", "--include", "packed.md"]) == 1
    assert "packed by gzip" in (said := capsys.readouterr().out)
    assert "docs/doors.md" in said


@pytest.mark.parametrize(
    ("contents", "proposed"),
    [
        (["<html><p>图书馆今天开门，读者来了。".encode("gbk")] * 2, "gb18030"),
        (["<html><p>도서관은 오늘 밤까지 엽니다".encode("euc_kr")] * 2, "cp949"),
        (["<html><p>图书馆今天开门，读者来了。".encode("gbk"), b"<html><meta charset=windows-1251><p>\xcf\xe0"], None),
        ([b"7z\xbc\xaf\x27\x1c\0\4", b"<html><p>\x83\xc1\xff"], None),
    ],
    ids=["undeclared", "Korean", "beside one that is declared", "no text"],
)  # fmt: skip
def test_an_encoding_is_proposed_only_for_text_that_declares_none(
    tmp_path: Path, contents: list[bytes], proposed: str | None
) -> None:
    for number, data in enumerate(contents):
        (tmp_path / f"{number}.html").write_bytes(data)
    found = survey(IngestSettings(source=str(tmp_path)))
    assert found.proposed.get("encoding") == proposed
