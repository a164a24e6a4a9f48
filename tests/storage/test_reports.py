"""What a run changed, told beside the data."""

from __future__ import annotations

from pathlib import Path

from archives import News, ingest

from pressmark.storage.output.tables import Output
from pressmark.storage.runs import read_report


def changes(output: Path, number: int) -> dict[str, dict[str, int]]:
    """Changes of a run by outlet, without the zeros."""
    return {
        row["outlet"]: {kind: count for kind, count in row.items() if kind != "outlet" and count}
        for row in read_report(Output(output), f"run-{number}")["changes"]
    }


def test_each_kind_of_change_is_counted_by_outlet(news: News) -> None:
    output, first, second = news.out, "https://songling-times.example", "https://harbour-gazette.example"
    for name in ("text", "markup", "dated", "gone", "same"):
        news.write(f"{name}.md", url=f"{first}/{name}")
    news.write("other.md", url=f"{second}/other")
    ingest(news.archive, output)
    assert changes(output, 1) == {"songling-times-example": {"new": 5}, "harbour-gazette-example": {"new": 1}}

    news.write("text.md", url=f"{first}/text", body="<p>改。</p>")
    news.write(
        "markup.md", url=f"{first}/markup", body="<p>松岭市图书馆今天<b>开放</b>。</p><p>读者从早晨开始排队。</p>"
    )
    news.write("dated.md", url=f"{first}/dated", at="2022-04-04T05:06:07")
    (news.archive / "gone.md").unlink()
    news.write("new.md", url=f"{second}/new")
    ingest(news.archive, output, 2, sync=True)
    assert changes(output, 2) == {
        "songling-times-example": {"text": 1, "markup": 2, "deleted": 1, "redated": 1},
        "harbour-gazette-example": {"new": 1},
    }


def test_a_run_without_changes_tells_of_none(news: News) -> None:
    news.write("a.md")
    (news.archive / "empty.md").write_bytes(b"")
    news.ingest()
    news.ingest(2)
    report = read_report(Output(news.out), "run-2")
    assert report["changes"] == []
    assert report["run"]["unchanged"] == 2
    assert report["rejects"] == [{"reason": "empty_file", "sources": 1, "for_example": "empty.md"}]
