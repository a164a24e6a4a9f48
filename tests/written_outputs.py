"""Outputs of fictional articles, written straight as the contract has them: what tests of destinations load.

No parser and no run takes part, so a test says in one line what an output holds, and changes it by writing it anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pressmark.schemas import TABLES

FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "songling-times.example"
BLOCKS = ("松岭市图书馆今天开放。", "读者从早晨开始排队。")


@dataclass(frozen=True)
class Story:
    """An article, its current revision; `at` is an ISO time in UTC or nothing, its `pictures` stand
    before its first block, which has its `links`."""

    name: str
    at: str | None = "2022-03-04T05:06:07"
    blocks: tuple[str, ...] = BLOCKS
    outlet: str = "songling"
    archive: str = "archive"
    title: str = "松岭市举行读书节"
    flags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def published_at(self) -> datetime | None:
        return self.at and datetime.fromisoformat(self.at).replace(tzinfo=UTC)  # type: ignore[return-value]

    @property
    def article_id(self) -> str:
        return digest(f"https://{HOST}/{self.outlet}/{self.name}")[:32]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def write_output(
    output: Path,
    stories: Iterable[Story],
    runs: int | Sequence[int] = 1,
    *,
    revisions: Sequence[Story] = (),
    rejects: Sequence[tuple[str, bytes | None]] = (),
    buckets: int = 1,
    by: str = "month",
) -> Path:
    """Write an output anew: its current articles, superseded revisions, rejects, and runs by their numbers."""
    for table in TABLES:
        shutil.rmtree(output / table, ignore_errors=True)
    (output / ".pressmark").mkdir(parents=True, exist_ok=True)
    files: dict[str, list[dict[str, Any]]] = {}
    stories = sorted(stories, key=lambda story: (story.at is None, story.at, story.article_id))
    for story in stories:
        name = f"{place(story, by)}/part-{int(story.article_id[:8], 16) % buckets}.parquet"
        files.setdefault(f"articles/{name}", []).append(article(story))
        files.setdefault(f"paragraphs/{name}", []).extend(paragraphs(story))
        if story.pictures:
            files.setdefault(f"media/{name}", []).extend(media(story))
    for story in revisions:
        files.setdefault(f"revisions/{place(story, by)}/part-0.parquet", []).append(revision(story))
    for path, raw in rejects:
        files.setdefault("rejects/part-0.parquet", []).append(reject(path, raw))
    for number in range(1, runs + 1) if isinstance(runs, int) else runs:
        files[f"runs/run-{number}.parquet"] = [
            filled(
                "runs",
                run_id=f"run-{number}",
                started_at=FIRST_RUN + timedelta(hours=number),
                archive="archive",
                arguments="{}",
            )
        ]
    for name, rows in files.items():
        path = output / name  # type: ignore[assignment]
        path.parent.mkdir(parents=True, exist_ok=True)  # type: ignore[attr-defined]
        pq.write_table(pa.Table.from_pylist(rows, TABLES[name.partition("/")[0]].schema), path)
    return output


def place(story: Story, by: str) -> str:
    formats = {"month": ("%Y-%m", "unknown"), "day": ("%Y-%m-%d", "0001-01-01")}
    shape, unknown = formats[by]
    return f"outlet={story.outlet}/{by}={story.published_at.strftime(shape) if story.published_at else unknown}"


def filled(table: str, **values: Any) -> dict[str, Any]:
    """A row of a table: these values, and in every other column the least that its type allows."""
    return {field.name: values[field.name] if field.name in values else least(field) for field in TABLES[table].schema}


def least(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if pa.types.is_list(field.type):
        return []
    if pa.types.is_timestamp(field.type):
        return FIRST_RUN
    if pa.types.is_boolean(field.type):
        return False
    return 0 if pa.types.is_integer(field.type) else ""


def facts(story: Story) -> dict[str, Any]:
    text = "\n\n".join(story.blocks)
    address = f"https://{HOST}/{story.outlet}/{story.name}"
    return {
        "article_id": story.article_id, "archive": story.archive, "source_path": f"{story.outlet}/{story.name}.md",
        "source_sha256": digest(repr(story)), "source_bytes": 100 + len(text.encode()), "title": story.title,
        "text": text, "text_sha256": digest(text), "published_at": story.published_at, "url": address,
        "canonical_url": address, "host": HOST, "run_id": "run-1",
    }  # fmt: skip


def article(story: Story) -> dict[str, Any]:
    size = sum(len(block.encode()) for block in story.blocks)
    values = facts(story)
    day = story.published_at and story.published_at.date()
    return filled(
        "articles", **values, dialect="comment", markup="html", encoding="utf-8", flags=list(story.flags),
        published_from="header", language="zh-Hans", local_date=day, date_conflict=True,
        contributors=[{"name": "林帆", "role": "text"}, {"name": "Ada Reed", "role": "photo"}] if story.links else None,
        paragraph_count=len(story.blocks), content_count=len(story.blocks), header_bytes=60, paragraph_bytes=size,
        markup_bytes=values["source_bytes"] - 60 - size,
    )  # fmt: skip


def paragraphs(story: Story) -> list[dict[str, Any]]:
    rows, chars, place_bytes = [], 0, 63
    source_sha256 = digest(repr(story))
    for ordinal, text in enumerate(story.blocks):
        links = [{"href": href, "start": 0, "end": 2} for href in story.links] if ordinal == 0 else []
        size = len(text.encode())
        rows.append(filled(
            "paragraphs", paragraph_id=f"{story.article_id}-{ordinal:04}", article_id=story.article_id,
            ordinal=ordinal, role="body", text=text, char_start=chars, char_end=chars + len(text),
            byte_start=place_bytes, byte_end=place_bytes + size, source_sha256=source_sha256,
            published_at=story.published_at, language="zh-Hans", links=links,
            text_hash=xxhash.xxh3_64_intdigest(text.encode()),
        ))  # fmt: skip
        chars += len(text) + 2
        place_bytes += size
    return rows


def media(story: Story) -> list[dict[str, Any]]:
    shared = {name: value for name, value in facts(story).items() if name in TABLES["media"].schema.names}
    return [
        filled("media", **shared, media_id=f"{story.article_id}-m{number:04d}", kind="image", src=src, alt="松岭")
        for number, src in enumerate(story.pictures)
    ]


def revision(story: Story) -> dict[str, Any]:
    revision_id = digest(f"revision {story!r}")[:32]
    return filled("revisions", **facts(story), revision_id=revision_id, change="text", superseded_by=digest("next"))


def reject(path: str, raw: bytes | None) -> dict[str, Any]:
    return filled("rejects", reject_id=digest(path)[:32], archive="archive", source_path=path, raw=raw,
                  source_sha256=raw and sha256(raw).hexdigest(), reason="no_header" if raw else "unreadable",
                  detail="no header", run_id="run-1")  # fmt: skip


def read_rows(output: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table, those of partitioned ones with the outlet and month of their path."""
    rows = []
    for path in sorted((output / table).rglob("*.parquet")):
        keys = dict(part.split("=") for part in path.relative_to(output / table).parent.parts)
        if keys:
            period = keys.get("month") or keys["day"].replace("0001-01-01", "unknown")
            keys = {"outlet": keys["outlet"], "month": period if period == "unknown" else period[:7]}
        rows += [{**keys, **row} for row in pq.ParquetFile(path).read().to_pylist()]
    return rows
