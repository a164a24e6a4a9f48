"""What only reads: an output (`status`, `verify`, `trace`, `asof`, `diff`), a source (`explain`), and `completion`."""

from __future__ import annotations

import argparse
import io
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, build_parser
from pressmark.flows.summary import ProgressDisplay, as_json, counted, law_lines, printable, table, utc
from pressmark.schemas import TABLES
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.inputs.folder import Folder
from pressmark.storage.inputs.recordfiles import IS_SAVED, RecordFolder
from pressmark.storage.inputs.source import OF_RECORDS, Request, sources_of
from pressmark.storage.originals import Trace, trace_paragraph
from pressmark.storage.output.folder import save
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import Stage, articles_at, stages_of
from pressmark.storage.runs import latest_of
from pressmark.storage.settings import FILE, IngestSettings, configured
from pressmark.storage.verification import second_reading, verify_output
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import page_day
from pressmark.transforms.comparison import Difference, compare, marked, paragraphs_of
from pressmark.transforms.dates import SCHEDULED_AHEAD, path_date, url_date
from pressmark.transforms.explanation import Explanation
from pressmark.transforms.explanation import explain as explain_source
from pressmark.transforms.records import Reject

__all__ = ["asof", "completion", "diff", "explain", "status", "trace", "verify"]

BYTES_PER_LINE: Final = 16
SHOWN_CHARACTERS: Final = 60
SHOWN_ELEMENTS: Final = 4
KINDS: Final = ("same", "changed", "moved", "added", "removed")

log = logging.getLogger(__name__)


def status(arguments: argparse.Namespace) -> int:
    """Print counts per outlet and month, the last run, and rejects by reason; the exit code."""
    output, archive = Output(arguments.output), arguments.archive
    run_id = latest_of(output, archive).run_id
    last = _rows(output, "runs", archive).filter(pl.col("run_id") == run_id).collect().row(0, named=True)
    counts = _counts(output, archive)
    reasons = _rows(output, "rejects", archive).group_by(pl.col("reason").cast(pl.String)).len()
    rejects = dict(reasons.sort("len", "reason", descending=[True, False]).collect().iter_rows())
    if arguments.json:
        print(as_json({"partitions": counts, "rejects": rejects, "last_run": last}))
        return EXIT_OK
    head = ("outlet", "month", "articles", "paragraphs", "superseded")
    print(table(head, [tuple(count.values()) for count in counts]), end="\n\n")
    if rejects:
        print(table(("reject reason", "sources"), list(rejects.items())), end="\n\n")
    print(
        f"last run {last['run_id']} of {printable(last['archive'])}: {utc(last['started_at'])}, "
        f"{counted(last['sources'], 'source')}, {last['parsed']} parsed, {last['rejected']} rejected, "
        f"{counted(last['partitions_written'], 'file')} written"
    )
    return EXIT_OK


def _rows(output: Output, name: str, archive: str | None) -> pl.LazyFrame:
    rows = output.scan(TABLES[name])
    return rows if archive is None else rows.filter(pl.col("archive").cast(pl.String) == archive)


def _counts(output: Output, archive: str | None) -> list[dict[str, Any]]:
    articles, revisions = (_rows(output, name, archive) for name in ("articles", "revisions"))
    period = next(name for name in ("month", "day", "year") if name in articles.collect_schema().names())
    keys = [pl.col("outlet").cast(pl.String), pl.col(period).cast(pl.String).alias("month")]
    current = articles.group_by(keys).agg(articles=pl.len(), paragraphs=pl.col("paragraph_count").cast(pl.Int64).sum())
    superseded = revisions.group_by(keys).agg(revisions=pl.len())
    both = current.join(superseded, on=["outlet", "month"], how="full", coalesce=True).sort("outlet", "month")
    return both.with_columns(pl.exclude("outlet", "month").cast(pl.Int64).fill_null(0)).collect().to_dicts()


def verify(arguments: argparse.Namespace) -> int:
    """Verify, print breaches and counts; the exit code."""
    started = time.monotonic()
    with ProgressDisplay() as progress:
        found = verify_output(
            Output(arguments.output), arguments.source, archive=arguments.archive, workers=arguments.workers,
            progress=progress, cutter=second_reading("reference").reference_blocks if arguments.independent else None,
        )  # fmt: skip
    seconds = time.monotonic() - started
    if arguments.json:
        print(as_json({**found._asdict(), "breaches": [breach._asdict() for breach in found.breaches]}))
    else:
        size = found.source_bytes / 1e6
        print("\n".join(law_lines(found)))
        print(
            f"{counted(found.articles, 'article')}, {counted(found.revisions, 'superseded revision')} and "
            f"{counted(found.rejects, 'reject')} of {counted(found.sources, 'source')}; "
            f"{size:.1f} MB re-read in {seconds:.1f} s ({size / seconds:.1f} MB/s)"
        )
    if found.not_ingested:
        log.warning(
            "%d sources are not ingested, as the latest run asked for a part of the archive; ingest without --limit, "
            "--since and --outlet to have them",
            found.not_ingested,
        )
    return EXIT_NOTHING if found.breaches else EXIT_OK


def trace(arguments: argparse.Namespace) -> int:
    """Print a paragraph, its article, and its bytes in their context; the exit code."""
    output = Output(arguments.output)
    latest_of(output, arguments.archive)
    found = trace_paragraph(
        output, arguments.source, arguments.paragraph_id, context=max(arguments.context, 0),
        archive=arguments.archive,
    )  # fmt: skip
    if arguments.json:
        print(as_json({"paragraph": found.paragraph, "article": found.article, "span_hex": found.span.hex()}))
    else:
        print("\n".join(_trace_lines(found)))
        if arguments.hexdump:
            print("\n".join(["", *_hexdump(found.span, found.paragraph["byte_start"])]))
    return EXIT_OK


def _trace_lines(found: Trace) -> list[str]:
    row, article = found.paragraph, found.article
    return [
        f"paragraph  {row['paragraph_id']}  ({row['role']}, {row['language']}, {row['ordinal'] + 1} of "
        f"{article['paragraph_count']})",
        f"article    {printable(article['title'])}",
        f"           {article['outlet']}, {article['published_at'] or 'no date'}, {article['url'] or 'no URL'}",
        f"source     {printable(article['source_path'])} of {printable(article['archive'])}, {article['source_bytes']} "
        "bytes",
        f"           sha256 {article['source_sha256']}",
        f"bytes      [{row['byte_start']}, {row['byte_end']})   characters of the article's text [{row['char_start']}, "
        f"{row['char_end']})",
        "",
        row["text"],
        "",
        "source, the span between ⟦ and ⟧:",
        f"{_decoded(found.before)}⟦{_decoded(found.span)}⟧{_decoded(found.after)}",
    ]


def _decoded(data: bytes) -> str:
    # A source is valid UTF-8: what can't be decoded is a character that the edge of the context cuts.
    return "\n".join(printable(line) for line in data.decode(errors="ignore").splitlines())


def _hexdump(data: bytes, offset: int) -> list[str]:
    lines = []
    for start in range(0, len(data), BYTES_PER_LINE):
        chunk = data[start : start + BYTES_PER_LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in chunk)
        lines.append(f"{offset + start:08x}  {chunk.hex(' '):<{BYTES_PER_LINE * 3}} |{shown}|")
    return lines


def asof(arguments: argparse.Namespace) -> int:
    """Print or write the articles; the exit code."""
    moment = arguments.time
    found, runs = articles_at(Output(arguments.output), moment, text=arguments.json or arguments.to is not None)
    for last in runs:
        if not last.argument("history"):
            log.warning("`%s` is left out, as it was ingested without its history", printable(last.archive))
        elif last.committed_at is not None and moment > last.committed_at:
            log.warning("the archive is known up to its commit of %s", utc(last.committed_at))
    if arguments.to is not None:
        found.write_parquet(content := io.BytesIO())
        save(arguments.to, content.getvalue())
        print(f"{counted(found.height, 'article')} as of {utc(moment)} written to {arguments.to}")
    elif arguments.json:
        for row in found.iter_rows(named=True):
            sys.stdout.write(as_json(row) + "\n")
    else:
        shown = found.head(arguments.limit)
        rows = [
            (row["article_id"], _shown(row["published_at"], "")[:10], row["outlet"], printable(row["title"]))
            for row in shown.iter_rows(named=True)
        ]
        more = f"; the first {shown.height} are shown" if shown.height < found.height else ""
        print(table(("article", "published", "outlet", "title"), rows))
        print(f"\n{counted(found.height, 'article')} existed at {utc(moment)}{more}")
    return EXIT_OK


def diff(arguments: argparse.Namespace) -> int:
    """Print what changed; the exit code."""
    stages = stages_of(Output(arguments.output), arguments.article_id)
    if arguments.revisions is not None and max(arguments.revisions) > len(stages):
        what = f"the article has {counted(len(stages), 'revision')}"
        raise OutputError(what, arguments.article_id, "see `pressmark diff --list`")
    if arguments.list or (len(stages) == 1 and arguments.revisions is None):
        only = "" if arguments.list else "\n\nthere is no other revision of this article"
        print(as_json([stage._asdict() for stage in stages]) if arguments.json else f"{_listed(stages)}{only}")
        return EXIT_OK
    first, second = arguments.revisions or _latest_change(stages)
    old, new = stages[first - 1], stages[second - 1]
    differences = compare(paragraphs_of(old.text), paragraphs_of(new.text))
    if arguments.json:
        print(as_json([difference._asdict() for difference in differences]))
        return EXIT_OK
    lines = [_listed(stages), ""]
    if old.title != new.title:
        lines += [f"title  {printable(marked(old.title, new.title))}", ""]
    lines += [_difference(one) for one in differences if one.kind != "same" or arguments.all]
    counts = Counter(str(difference.kind) for difference in differences)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
    if counts["same"] == len(differences):
        words += "; only markup differs" if old.source_sha256 != new.source_sha256 else "; the bytes are the same"
    print("\n".join([*lines, "", f"revision {first} to {second}: paragraphs {words}"]))
    return EXIT_OK


def _latest_change(stages: Sequence[Stage]) -> tuple[int, int]:
    """The numbers of the latest two neighbours whose texts differ, else of the latest two."""
    for number in range(len(stages), 1, -1):
        if stages[number - 2].text != stages[number - 1].text:
            return number - 1, number
    return len(stages) - 1, len(stages)


def _listed(stages: Sequence[Stage]) -> str:
    rows = [
        (number, _shown(stage.valid_from, ""), "current" if stage.current else _shown(stage.valid_to, "exists"),
         printable(stage.source_path))
        for number, stage in enumerate(stages, 1)
    ]  # fmt: skip
    return table(("revision", "from (UTC)", "until (UTC)", "path"), rows)


def _shown(moment: datetime | None, without: str) -> str:
    return without if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _difference(difference: Difference) -> str:
    kind, before, after, old, new = difference
    text = marked(old, new) if kind == "changed" and old is not None and new is not None else new or old or ""
    place = " → ".join(str(number) for number in dict.fromkeys((before, after)) if number is not None)
    return f"{kind:<8} {place:>9}  " + "\n".join(f"{'':<20}{printable(line)}" for line in text.split("\n")).lstrip()


def explain(arguments: argparse.Namespace) -> int:
    """Print what a source becomes and why; the exit code."""
    path: Path = arguments.source_file
    beside = next((place for folder in path.absolute().parents if (place := folder / FILE).is_file()), None)
    settings = configured(IngestSettings(
        max_source_mib=arguments.max_source_mib, encoding=arguments.encoding, markup=arguments.markup,
        config=None if beside is None else str(beside), source=str(path),
    ))  # fmt: skip
    limits = settings.limits
    if path.is_dir():
        inside = sources_of(Folder(path, settings.budget).listing(Request()).frame.head(1))
        example = f"such as `{path / inside[0].source_path}`" if inside else "which holds no article"
        raise InputError("this is a folder", path, f"name one file of it, {example}")
    if not path.is_file():
        raise InputError(
            "there is no such file", path,
            "name one file of an archive; what lies in a repository, a pack or a file of records is shown by "
            "`pressmark browse`",
        )  # fmt: skip
    saved = IS_SAVED.search(path.name) is not None
    file = RecordFolder(path, settings.budget, {}) if saved else Folder(path, settings.budget)
    ((source, data),) = file.contents(sources_of(file.listing(Request()).frame), limits)
    found: Explanation | Reject | bytes = data
    if isinstance(found, Reject) and found.detail == OF_RECORDS:
        raise InputError(
            "this is a file of records", path, "ingest it, and see `pressmark trace` and `pressmark browse`"
        )
    if isinstance(found, bytes):
        latest = datetime.now(UTC) + SCHEDULED_AHEAD
        # Folders may name a post's day, and one file alone has none.
        name = path.as_posix() if path_date(path.as_posix()) else source.source_path
        found = explain_source(
            found, name, load_outlets(), limits, latest, settings.reading, getattr(found, "facts", None)
        )
    if isinstance(found, Reject):
        where = "" if found.byte_offset is None else f" at byte {found.byte_offset}"
        record = {name: getattr(found, name) for name in ("source_path", "reason", "byte_offset", "detail")}
        detail = "\n".join(map(printable, found.detail.splitlines()))
        print(as_json(record) if arguments.json else f"{printable(found.source_path)}: {found.reason}{where}: {detail}")
        return EXIT_NOTHING
    print(as_json(_explanation(found)) if arguments.json else _text(found))
    return EXIT_OK


def _text(found: Explanation) -> str:
    article, outlet, dates = found.article, found.outlet, found.article.dates
    zone = outlet.zone.key
    layout = "its layout is known" if found.has_layout else "general rules only: no layout is known for this day"
    by = f", by what is {article.header.dated_by}" if article.header.dated_by else ""
    in_address = url_date(article.header.url, outlet.zone, page_day(article.header))
    named = "in the path" if dates.url_date != in_address else "in the URL"
    lines = [
        f"source      {printable(article.source_path)}, {article.source_bytes} bytes, {article.header.dialect}",
        f"title       {printable(article.header.title)}",
        f"outlet      {article.outlet} ({outlet.name_zh}), {layout}",
        f"author      {printable(article.author or '-')}",
        f"published   {dates.published_at or '-'} from {dates.published_from}; {dates.local_date or '-'} in {zone}",
        f"header      {article.header.header_at or article.header.front_matter_at or '-'}{by}",
        f"dateline    {dates.dateline_at or '-'}",
        f"{named:<11} {dates.url_date or '-'}",
        f"conflict    {'yes' if dates.date_conflict else 'no'}",
        f"language    {article.language}",
        "",
    ]
    for ordinal, block in enumerate(found.blocks):
        row = block.paragraph
        text = printable(row.text.decode())
        lines += [
            f"{ordinal:4}  {row.role:<12} {block.reason}",
            f"      [{row.byte_start}, {row.byte_end})  {row.language}  {printable(_path(block.elements))}",
            f"      {text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + '…'}",
        ]
    return "\n".join(lines)


def _path(elements: tuple[str, ...]) -> str:
    if not elements:
        return "no element"
    return " > ".join(["…", *elements[-SHOWN_ELEMENTS:]] if len(elements) > SHOWN_ELEMENTS else elements)


def _explanation(found: Explanation) -> dict[str, Any]:
    article = found.article
    blocks = [
        block.paragraph._asdict() | {"text": block.paragraph.text.decode(), "reason": block.reason,
                                     "elements": block.elements}
        for block in found.blocks
    ]  # fmt: skip
    return {"source_path": article.source_path, "outlet": article.outlet, "has_layout": found.has_layout,
            "author": article.author, "dates": article.dates._asdict(), "blocks": blocks}  # fmt: skip


def completion(arguments: argparse.Namespace) -> int:
    """Print the shell's completion script, with every command, option and path; the exit code."""
    import shtab

    parser = build_parser()
    _complete_paths(parser, shtab.FILE)
    print(shtab.complete(parser, shell=arguments.shell))
    return EXIT_OK


def _complete_paths(parser: argparse.ArgumentParser, files: object) -> None:
    """Let every argument that is a path complete to files and folders, those of commands included."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to walk a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # its only name
            for command in action.choices.values():
                _complete_paths(command, files)
        elif action.type is Path or action.dest in ("source", "output"):
            action.complete = files  # type: ignore[attr-defined]  # where shtab looks for it
