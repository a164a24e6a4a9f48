"""Archives and runs for tests of what happens when a run is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archives import WriteArticle, stamp

from pressmark.flows.job import run_ingest
from pressmark.storage.ingestion import Progress
from pressmark.storage.planning import Settings
from pressmark.storage.runs import RunReport

SOURCES = 20


def write_sources(write_article: WriteArticle) -> list[str]:
    """Write `SOURCES` sources, one of which is a reject; their paths."""
    for number in range(SOURCES - 1):
        write_article(
            f"{number:02d}.md",
            url=f"https://songling-times.example/{number}",
            at=f"2022-{1 + number % 3:02d}-04T00:00:00",
            body=f"<p>林帆第{number}次到松岭。</p>",
        )
    write_article("bad.md").write_bytes(b"\xff")
    return [*(f"{number:02d}.md" for number in range(SOURCES - 1)), "bad.md"]


def run(source: Path, output: Path, number: int, progress: Progress = lambda *_: None, **settings: Any) -> RunReport:
    """Run the job with a known stamp."""
    return run_ingest(Settings(source, output, **settings), progress, stamp=stamp(number))
