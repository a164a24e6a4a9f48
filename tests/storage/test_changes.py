"""Changes and removals of an output: the same after any number of runs, with the bytes that its archive still has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from archives import News, ingest
from repositories import Repository, Special, article

from pressmark.flows.cli import main
from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import SettingsError

pytestmark = pytest.mark.slow

FIRST = "<p>松岭市图书馆今天开放，约有300名读者。</p><p>馆长林帆致辞。</p><p>雨一直下到傍晚。</p>"
SECOND = "<p>松岭市图书馆今天开放，约有400名读者。</p><p>馆长林帆致辞。</p><p>渡轮停开。</p>"
THIRD = "<p>松岭市图书馆今天开放，约有400名读者。</p><p>馆长<b>林帆</b>致辞。</p><p>渡轮停开。</p>"
LONG = "<p>云港的渡轮从早晨起停开，码头上的人把伞收起来又撑开，等一个不会来的消息。</p>"
SIDE = ("source_path", "source_sha256", "valid_from", "ordinal", "role", "byte_start", "byte_end")


def censored(slug: str, **more: str) -> bytes:
    """A page that its archive says something of."""
    facts = {"url": f"https://songling-times.example/{slug}", "title": "云港的消息"} | more
    return f"<!-- {json.dumps(facts)} -->\n<html><body><article>{LONG}</article></body></html>".encode()


def states() -> list[dict[str | bytes, bytes | Special]]:
    """An archive's states, one after the other: two edits of a story, and every way to leave."""
    notice = "<p>该内容已被发布者删除</p>"
    first: dict[str | bytes, bytes | Special] = {
        "a.md": article("a", body=FIRST), "gone.md": article("gone", body=LONG), "bad.md": article("bad", body=LONG),
        "notice.md": article("notice", body=LONG), "back.md": article("back", body=LONG),
        "said.html": censored("said", censored_date="2025-01-02T03:04:05Z", censored_msg="违规"),
    }  # fmt: skip
    second = first | {"a.md": article("a", body=SECOND).replace("读书节".encode(), "灯会".encode())}
    del second["gone.md"], second["back.md"]
    third = second | {"a.md": article("a", body=THIRD).replace("读书节".encode(), "灯会".encode()), "bad.md": b""}
    third |= {"notice.md": article("notice", body=notice), "back.md": article("back", body=LONG * 2)}
    return [first, second, third, third | {"notice.md": article("notice", body=f"<div>{notice}</div>")}]


class Kept:
    """The archive, with an output that one run made, and one that a run after each commit did."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "news.git")
        self.once, self.often = folder / "once", folder / "often"
        for number, files in enumerate(states()):
            self.repository.commit(files)
            ingest(self.repository.path, self.often, number + 1, history=True)
        ingest(self.repository.path, self.once, history=True)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


def changes(output: Path, **asked: Any) -> pl.DataFrame:
    with Dataset(output) as dataset:
        return dataset.changes(**asked)


def removals(output: Path, **asked: Any) -> pl.DataFrame:
    with Dataset(output) as dataset:
        return dataset.removals(**asked)


def test_each_change_is_told_with_its_bytes(kept: Kept) -> None:
    found = changes(kept.once).filter(pl.col("url").str.ends_with("/a"))
    told = [(row["part"], row["kind"], row["what"], row["old_text"], row["new_text"]) for row in found.to_dicts()]
    story = "松岭市图书馆今天开放，约有{}名读者。"
    assert told == [
        ("paragraph", "changed", ["markup"], "馆长林帆致辞。", "馆长林帆致辞。"),
        ("title", "changed", ["wording"], "松岭市举行读书节", "松岭市举行灯会"),
        ("paragraph", "changed", ["numbers"], story.format(300), story.format(400)),
        ("paragraph", "added", [], None, "渡轮停开。"),
        ("paragraph", "removed", [], "雨一直下到傍晚。", None),
    ]  # fmt: skip
    assert found["changed_at"].to_list() == [found["new_valid_from"][0], *[found["old_valid_from"][0]] * 4]
    contents = [data for state in states() if isinstance(data := state["a.md"], bytes)]
    for row in found.filter(part="paragraph").to_dicts():
        for side, data in (("old", contents[0 if "markup" not in row["what"] else 1]),
                           ("new", contents[1 if "markup" not in row["what"] else 2])):  # fmt: skip
            if row[f"{side}_text"] is not None:
                span = data[row[f"{side}_byte_start"] : row[f"{side}_byte_end"]].decode()
                assert span.replace("<b>", "").replace("</b>", "") == row[f"{side}_text"]
                assert row[f"{side}_role"] == "body"


def test_every_way_to_leave_is_in_the_ledger(kept: Kept) -> None:
    found = {row["url"].rpartition("/")[2]: row for row in removals(kept.once).to_dicts()}
    shown = {slug: (row["kind"], row["said"], row["back"], row["bytes_in"]) for slug, row in found.items()}
    assert shown == {
        "gone": ("deleted", None, False, "history"), "back": ("deleted", None, True, "history"),
        "bad": ("rejected", "empty_file: the file has no bytes; exclude it or restore it", False, "history"),
        "notice": ("notice", "该内容已被发布者删除", False, "history"), "said": ("said", "违规", False, "archive"),
    }  # fmt: skip
    assert all(row["text"].startswith("云港的渡轮") for row in found.values())
    assert f"{found['said']['removed_at']:%Y-%m-%d %H:%M}" == "2025-01-02 03:04"
    assert found["gone"]["removed_at"] < found["notice"]["removed_at"]


def test_any_number_of_runs_gives_the_same_rows(kept: Kept) -> None:
    assert changes(kept.once).equals(changes(kept.often))
    assert removals(kept.once).equals(removals(kept.often))


def test_without_the_archive_the_texts_are_told_alone(kept: Kept, tmp_path: Path) -> None:
    whole = changes(kept.once)
    shutil.copytree(kept.once, tmp_path / "out")
    moved = kept.repository.path.rename(kept.repository.path.with_name("elsewhere.git"))
    try:
        alone = changes(tmp_path / "out")
        assert changes(tmp_path / "out", source=str(moved)).equals(whole)
        assert removals(tmp_path / "out").drop("url").equals(removals(kept.once, source=str(moved)).drop("url"))
    finally:
        moved.rename(kept.repository.path)
    by_text = whole.filter(~pl.col("what").list.contains("markup"))
    assert by_text.height < whole.height
    known = [name for name in whole.columns if not name.endswith(SIDE[3:])]
    assert alone.select(known).equals(by_text.select(known))
    assert alone["old_byte_start"].null_count() == alone.height


def test_a_part_is_asked_for(kept: Kept) -> None:
    whole = changes(kept.once)
    assert whole["changed_at"].dt.date().is_sorted(descending=True)
    assert changes(kept.once, what="numbers").equals(whole.filter(pl.col("what").list.contains("numbers")))
    middle = whole["changed_at"].min()
    assert changes(kept.once, until=middle).equals(whole.filter(pl.col("changed_at") <= middle))
    assert changes(kept.once, since=middle, outlet="songling-times-example").equals(whole)
    named = [one for one in whole.to_dicts() if "灯会" in f"{one['title']}{one['old_text']}{one['new_text']}"]
    assert changes(kept.once, about="燈會 -渡轮").to_dicts() == [
        one for one in named if "渡轮" not in f"{one['old_text']}{one['new_text']}"
    ] != []  # fmt: skip
    ledger = removals(kept.once)
    middle = ledger["removed_at"].sort()[2]
    assert removals(kept.once, since=middle).equals(ledger.filter(pl.col("removed_at") >= middle))
    assert removals(kept.once, until=middle).equals(ledger.filter(pl.col("removed_at") <= middle))
    assert removals(kept.once, about="渡轮 消息").height == ledger.height
    assert removals(kept.once, about="渡轮", until=middle, outlet="songling-times-example").height == 3
    assert removals(kept.once, about="灯塔").is_empty()
    for asked in ({"outlet": "nowhere"}, {"what": "colour"}, {"about": "("}):
        with pytest.raises(SettingsError):
            changes(kept.once, **asked)
    with pytest.raises(SettingsError):
        removals(kept.once, outlet="nowhere")


def test_a_folder_keeps_the_old_wording_without_its_bytes(news: News) -> None:
    news.write("a.md", body=FIRST)
    news.write("b.md", url="https://songling-times.example/b", body=LONG)
    news.ingest(1, sync=True)
    news.write("a.md", body=SECOND)
    (news.archive / "b.md").unlink()
    news.ingest(2, sync=True)
    found = changes(news.out)
    assert found["kind"].to_list() == ["changed", "added", "removed"]
    assert found["old_byte_start"].null_count() == 3
    assert found["new_byte_start"].null_count() == 1
    assert f"{found['changed_at'][0]:%H}" == "02"
    (row,) = removals(news.out).to_dicts()
    assert (row["kind"], row["bytes_in"], row["url"]) == ("deleted", None, None)


def test_a_text_is_found_in_whatever_partition_the_row_is_that_has_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "news.git")
    for files in (article("a", body=FIRST), article("a", body=SECOND), article("a", body=THIRD),
                  article("a", at="2023-01-02T03:04:05", body=THIRD)):  # fmt: skip
        repository.commit({"a.md": files})
    for period in ("month", "year", "day"):
        ingest(repository.path, tmp_path / period, history=True, partition=period)
        found = changes(tmp_path / period)
        assert found["kind"].to_list() == ["changed", "changed", "added", "removed"], period
        assert found["what"].to_list() == [["markup"], ["numbers"], [], []]
        assert changes(tmp_path / period, until=found["changed_at"].min()).equals(found[1:])


def test_an_output_without_changes_says_so(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    news.write("a.md")
    news.ingest()
    assert changes(news.out).is_empty()
    assert removals(news.out).is_empty()
    assert main(["changes", str(news.out)]) == 0
    assert main(["removals", str(news.out)]) == 0
    assert (
        capsys.readouterr().out
        == "0 changes\n0 removals; of a folder, what is gone is known only from an ingest with --sync\n"
    )


def test_the_newspaper_and_the_ledger_are_read_by_people_and_programs(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["changes", str(kept.once), "--what", "numbers"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("2025-02-19\n\nsongling-times-example, 23:20 UTC: 松岭市举行灯会\n")
    assert "  ~ changed body 0 (numbers)\n    松岭市图书馆今天开放，约有[-300-]{+400+}名读者。\n" in text
    assert main(["changes", str(kept.once)]) == 0
    assert capsys.readouterr().out.endswith("in markup or white space alone or page furniture, with --json\n")
    assert main(["changes", str(kept.once), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    whole = changes(kept.once)
    assert [row["new_text"] for row in rows] == whole["new_text"].to_list()
    assert rows[0].keys() == set(whole.columns)
    assert main(["removals", str(kept.once)]) == 0
    text = capsys.readouterr().out
    assert "  the page became a notice: 该内容已被发布者删除\n" in text
    assert text.endswith("5 removals: 2 deleted, 1 rejected, 1 said, 1 notice\n")
    assert main(["removals", str(kept.once), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main(["changes", str(kept.once), "--outlet", "nowhere"]) == 2
    assert "no article is of this outlet" in capsys.readouterr().err


def test_of_many_paragraphs_that_went_the_first_are_shown_and_the_rest_counted(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, spaced = "<p>馆长林帆致辞。</p>", "<p>馆长 林帆\u3000致辞。</p>"
    gone = "".join(f"<p>第{number}段说的是渡轮。</p>" for number in range(9))
    news.write("a.md", body=kept + gone)
    news.write("b.md", url="https://songling-times.example/b", body=kept)
    news.ingest(1)
    news.write("a.md", body=spaced)
    news.write("b.md", url="https://songling-times.example/b", body=kept + gone[: len(gone) * 4 // 9])
    news.ingest(2)
    assert main(["changes", str(news.out)]) == 0
    text = capsys.readouterr().out
    assert text.count("  - removed ") == 4
    assert "    第2段说的是渡轮。\n\n  - removed 6 more\n\n" in text
    assert text.count("  + added ") == text.count("  + added body ") == 4
    assert text.endswith("13 changes; 1 more in markup or white space alone or page furniture, with --json\n")
    assert main(["changes", str(news.out), "--about", "第1段", "--since", "2025"]) == 0
    assert capsys.readouterr().out.endswith("2 changes\n")


def test_no_text_reaches_the_terminal_as_a_command(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\u202e\x07"
    news.write("a.md", title=f"一{evil}", body=f"<p>二{evil}三百人</p><p>四{evil}</p>")
    news.ingest(1, sync=True)
    news.write("a.md", title=f"一一{evil}", body=f"<p>二{evil}五百人</p>")
    news.ingest(2, sync=True)
    (news.archive / "a.md").unlink()
    news.ingest(3, sync=True)
    for command in ("changes", "removals"):
        capsys.readouterr()
        assert main([command, str(news.out)]) == 0
        shown = capsys.readouterr().out
        assert "一" in shown
        assert all(one.isprintable() or one == "\n" for one in shown)


def test_who_still_carries_what_is_gone(news: News) -> None:
    other = "<p>松岭的灯会推迟到下个月，因为河水漫过了旧桥，工匠们还没有把最后一百盏灯挂上。</p>"
    quote = "<p>一个等船的人说：码头上的人把伞收起来又撑开，等一个不会来的消息。今天的故事要从这里讲起，它很长。</p>"
    site = "https://yungang-post.example/"
    news.write("gone.md", url="https://songling-times.example/gone", body=LONG + other)
    for name, body in (
        ("copy", LONG + other + quote), ("edited", LONG.replace("早晨", "清晨") + other.replace("一百盏", "九十盏")),
        ("traditional", LONG.replace("云", "雲") + other), ("quoting", quote), ("half", LONG * 1), ("none", quote[9:]),
    ):  # fmt: skip
        news.write(f"{name}.md", url=site + name, body=body)
    news.ingest()
    (news.archive / "gone.md").unlink()
    news.ingest(2, sync=True)
    with Dataset(news.out) as dataset:
        slugs = dict(
            dataset.articles.select("article_id", pl.col("url").str.split("/").list.last()).collect().iter_rows()
        )
        (row,) = dataset.removals(carried=True).to_dicts()
    shares = {slugs[one["article_id"]]: one["share"] for one in row["carried_by"]}
    assert {name for name, share in shares.items() if share == 1.0} == {"copy", "traditional"}
    assert shares.keys() - {"half"} == {"copy", "traditional", "edited"}
    assert 0.6 <= shares["edited"] < 1
    assert main(["removals", str(news.out), "--carried"]) == 0
