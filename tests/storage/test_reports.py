"""What a run changed, told beside the data."""

from __future__ import annotations

from pathlib import Path

from archives import WriteArticle, ingest

from pressmark.storage.output.tables import Output
from pressmark.storage.runs import read_report


def changes(output: Path, number: int) -> dict[str, dict[str, int]]:
    """Changes of a run by outlet, without the zeros."""
    return {
        row["outlet"]: {kind: count for kind, count in row.items() if kind != "outlet" and count}
        for row in read_report(Output(output), f"run-{number}")["changes"]
    }


def test_each_kind_of_change_is_counted_by_outlet(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    output, first, second = tmp_path / "out", "https://songling-times.example", "https://harbour-gazette.example"
    for name in ("text", "markup", "dated", "gone", "same"):
        write_article(f"{name}.md", url=f"{first}/{name}")
    write_article("other.md", url=f"{second}/other")
    ingest(archive, output)
    assert changes(output, 1) == {"songling-times-example": {"new": 5}, "harbour-gazette-example": {"new": 1}}

    write_article("text.md", url=f"{first}/text", body="<p>改。</p>")
    write_article(
        "markup.md", url=f"{first}/markup", body="<p>松岭市图书馆今天<b>开放</b>。</p><p>读者从早晨开始排队。</p>"
    )
    write_article("dated.md", url=f"{first}/dated", at="2022-04-04T05:06:07")
    (archive / "gone.md").unlink()
    write_article("new.md", url=f"{second}/new")
    ingest(archive, output, 2, sync=True)
    assert changes(output, 2) == {
        "songling-times-example": {"text": 1, "markup": 2, "deleted": 1, "redated": 1},
        "harbour-gazette-example": {"new": 1},
    }


def test_a_run_without_changes_tells_of_none(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    (archive / "empty.md").write_bytes(b"")
    ingest(archive, tmp_path / "out")
    ingest(archive, tmp_path / "out", 2)
    report = read_report(Output(tmp_path / "out"), "run-2")
    assert report["changes"] == []
    assert report["run"]["unchanged"] == 2
    assert report["rejects"] == [{"reason": "empty_file", "sources": 1, "for_example": "empty.md"}]
