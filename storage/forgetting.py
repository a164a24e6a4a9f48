"""Takes one article out of an output for good, and publishes that as a run does, with a row in `runs` and a new root.
What is left of each of its sources is a row of `rejects` with the reason `forgotten`, by which later runs know it. And
looks for it in every file: its id, and those pieces of its texts that no other article has, also as JSON escapes them,
and in the encoding of the article's source."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.schemas.tables import ARTICLES, AUDITS, MEDIA, PARAGRAPHS, REJECTS, REVISIONS
from pressmark.storage.copies import drop_clusters, keep_clusters
from pressmark.storage.description import describe
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.originals import Originals, Revision
from pressmark.storage.output.folder import PRIVATE
from pressmark.storage.output.parquet import PartFile, write_part
from pressmark.storage.output.partitions import (
    OWNER,
    Merged,
    MergeTask,
    PlaceWork,
    StagedFile,
    Staging,
    merge,
    open_staging,
)
from pressmark.storage.output.snapshot import MOMENTS, drop_moments, kept
from pressmark.storage.output.state import Roots, Seen, read_catalog
from pressmark.storage.output.store import Progress, Replacement
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import (
    RunReport,
    behind,
    carried_runs,
    last_runs,
    latest_of,
    new_stamp,
    write_report,
    write_run,
)
from pressmark.storage.search_index import drop_segments, keep_index
from pressmark.storage.settlement import Place, places_of
from pressmark.transforms.identity import row_id
from pressmark.transforms.records import Reject, Stamp
from pressmark.transforms.rows import reject_rows
from pressmark.transforms.selection import FORGOTTEN, detail_of, pieces_of

__all__ = ["Forgetting", "forget", "forgotten_texts", "plan_forgetting", "traces"]

# Columns in which one article may have words of another.
WORDS: Final = {ARTICLES.name: ("text", "title", "description"), REVISIONS.name: ("text", "title")}
# What one article may name as another does: addresses, people, pictures.
NAMED: Final = {
    ARTICLES.name: pl.concat_str(
        "url", "metadata", pl.col("contributors").list.eval(pl.element().struct.field("name")).list.join("\n"),
        pl.col("tags").list.join("\n"), separator="\n", ignore_nulls=True,
    ),
    PARAGRAPHS.name: pl.col("links").list.eval(pl.element().struct.field("href")).list.join("\n"),
    MEDIA.name: pl.concat_str("src", "alt", "title", separator="\n", ignore_nulls=True),
}  # fmt: skip
# Who holds an output's lock writes its name there.
LOCKS: Final = (f"{PRIVATE}/lock", f"{PRIVATE}/publishing")


class Wanted(NamedTuple):
    """What is looked for: an article's id, and pieces of text that no other article has. `shared` are the articles that
    have others of its pieces, with how many."""

    article_id: str
    pieces: tuple[str, ...]
    encodings: tuple[str, ...]
    shared: dict[str, int]


class Trace(NamedTuple):
    """Where something was found: a file of the output, the column where it has columns, and whether it is the id."""

    file: str
    column: str | None
    is_id: bool


def texts_of(output: Output, article_id: str, rows: pl.DataFrame) -> Wanted:
    """What tells an article that the tables have from all others; `rows` are those of its sources."""
    mine = pl.col("article_id") == article_id
    texts: dict[str, None] = {}
    for table, columns in WORDS.items():
        found = output.scan(TABLES[table]).filter(mine).select(columns).collect()
        texts |= dict.fromkeys(text for name in columns for text in found[name].drop_nulls())
    encodings = output.scan(ARTICLES).filter(mine).select(pl.col("encoding").cast(pl.String)).collect()
    return wanted_of(output, article_id, texts, rows["source_path"].unique(), encodings["encoding"].to_list())


def wanted_of(
    output: Output, article_id: str, texts: Iterable[str], paths: Iterable[str], encodings: Collection[str] = ()
) -> Wanted:
    """What tells an article from all others that an output has. What its sources' paths say is left out: their rows
    in `rejects` keep these."""
    named = "\n".join(paths)
    pieces = [piece for piece in pieces_of(texts) if piece not in named]
    shared: dict[str, set[str]] = {}
    for table, columns in WORDS.items() if pieces else ():
        others = output.scan(TABLES[table]).filter(pl.col("article_id") != article_id)
        for name in columns:
            held = pl.col(name).str.extract_many(pieces, overlapping=True).alias("pieces")
            rows = others.filter(pl.col(name).str.contains_any(pieces)).select("article_id", held)
            for one, some in rows.collect(engine="streaming").iter_rows():
                shared.setdefault(one, set()).update(some)
    elsewhere = set().union(*shared.values())
    for table, words in NAMED.items() if pieces else ():
        others = output.scan(TABLES[table]).filter(pl.col("article_id") != article_id).select(words=words)
        found = others.select(pl.col("words").str.extract_many(pieces, overlapping=True).explode().unique())
        elsewhere.update(found.drop_nulls().collect(engine="streaming")["words"])
    counts = {one: len(some) for one, some in sorted(shared.items(), key=lambda item: (-len(item[1]), item[0]))}
    return Wanted(
        article_id, tuple(piece for piece in pieces if piece not in elsewhere),
        tuple(sorted({"utf-8", *encodings})), counts,
    )  # fmt: skip


def forgotten_texts(output: Output, article_id: str, source: str | None = None) -> tuple[Wanted, int, int]:
    """What tells a forgotten article from all others, of those of its sources that their archives still have; how many
    these are, and of how many. Raises `OutputError` where no such article was forgotten."""
    rows = output.scan(REJECTS).filter(
        pl.col("reason").cast(pl.String) == FORGOTTEN, pl.col("detail").str.starts_with(detail_of(article_id, ""))
    ).select("archive", "source_path", "source_sha256").unique().collect()  # fmt: skip
    if not rows.height:
        raise OutputError(
            f"no article `{article_id}` was forgotten here", output.address, "forget it with `pressmark forget`"
        )
    archives = Originals(output, source)
    names = {name for name in rows["archive"] if name in {run.archive for run in last_runs(output)}}
    texts: dict[str, None] = {}
    encodings, read = set(), set()
    for archive, path, sha256 in rows.filter(pl.col("archive").is_in(sorted(names))).iter_rows():
        asked = [Revision(archive, path, sha256, since) for since in archives.times(archive, path)]
        for one, data in archives.contents(asked).items():
            read.add((archive, path, sha256))
            found = archives.parsed(one, data)
            if found is not None:
                texts |= dict.fromkeys([found.text.decode(), found.header.title, found.header.description or ""])
                encodings.add(found.encoding)
    return wanted_of(output, article_id, texts, rows["source_path"], encodings), len(read), rows.height


def traces(
    output: Output, wanted: Wanted, progress: Progress = lambda *_: None, *, beside: bool = False
) -> Iterator[Trace]:  # fmt: skip
    """Where it is found in all files of an output, or in those `beside` the tables. That `rejects` names a forgotten
    article is no trace of it."""
    pieces, entries = _Pieces(wanted), output.store.entries("")
    if beside:
        entries = [one for one in entries if one.name.partition("/")[0] not in (*TABLES, PRIVATE)]
    for done, entry in enumerate(entries):
        progress("look", done, len(entries))
        if entry.name in LOCKS:
            continue
        # What a reader holds lies in folders of the same names.
        of_rejects = f"/{REJECTS.name}/" in f"/{entry.name}"
        # A file is gone where a reader has ended, or a run replaced it.
        with suppress(FileNotFoundError), output.store.open(entry) as file:
            for column, is_id in dict.fromkeys(_in_file(file, pieces)):
                if not (of_rejects and column == "detail" and is_id):
                    yield Trace(entry.name, column, is_id)


class _Pieces:
    """What is looked for as text and as bytes."""

    def __init__(self, wanted: Wanted) -> None:
        self.article_id = wanted.article_id
        self.texts = list(wanted.pieces)
        self.ids = (wanted.article_id.encode(), bytes.fromhex(wanted.article_id))
        found = {piece.encode(name, "ignore") for piece in wanted.pieces for name in wanted.encodings}
        self.bytes = found | {json.dumps(piece)[1:-1].encode() for piece in wanted.pieces}

    def in_bytes(self, data: bytes) -> Iterator[bool]:
        """Whether the id is found, then whether a text is."""
        if any(one in data for one in self.ids):
            yield True
        if any(one in data for one in self.bytes if one):
            yield False

    def in_text(self, values: pa.Array) -> Iterator[bool]:
        """The same of a column of texts."""
        series = pl.Series(pl.from_arrow(values.cast(pa.large_string())))
        if series.str.contains(self.article_id, literal=True).any():
            yield True
        if self.texts and series.str.contains_any(self.texts).any():
            yield False


def _in_file(file: pa.NativeFile, pieces: _Pieces) -> Iterator[tuple[str | None, bool]]:
    magic = bytes(file.read(6))
    file.seek(0)
    if magic.startswith((b"PAR1", b"ARROW1")):
        is_arrow = magic == b"ARROW1"
        rows = pa.ipc.open_file(file).read_all().to_batches() if is_arrow else pq.ParquetFile(file).iter_batches()
        for batch in rows:
            yield from _in_batch(batch, pieces)
        return
    data = bytes(file.read())
    data = gzip.decompress(data) if magic.startswith(b"\x1f\x8b") else data
    yield from ((None, is_id) for is_id in pieces.in_bytes(data))


def _in_batch(batch: pa.RecordBatch, pieces: _Pieces) -> Iterator[tuple[str | None, bool]]:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for leaf in _leaves(column):
            if pa.types.is_string(leaf.type) or pa.types.is_large_string(leaf.type):
                yield from ((name, is_id) for is_id in pieces.in_text(leaf))
            elif pa.types.is_binary(leaf.type) or pa.types.is_large_binary(leaf.type):
                for value in leaf:
                    yield from ((name, is_id) for is_id in pieces.in_bytes(value.as_py() or b""))


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_dictionary(column.type):
        yield from _leaves(column.dictionary)
    elif pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_nested(column.type):
        yield from _leaves(column.flatten())
    else:
        yield column


ARTICLE_ID: Final = re.compile(r"[0-9a-f]{32}")
SOURCE: Final = ("archive", "source_path", "source_sha256")
LOST: Final = "ingest first, which carries the output over to this version"


class Forgetting(NamedTuple):
    """What forgetting an article takes: rows by table, its sources (each leaves a row in `rejects`), the files beside
    the tables that hold text of it and go; and by id other articles that have pieces of its text, and stay. `run_id` is
    the run that did it, None where nothing was done, and `traces` is where it is still found."""

    article_id: str
    title: str
    rows: dict[str, int]
    sources: int
    files: tuple[str, ...]
    shared: dict[str, int]
    run_id: str | None = None
    traces: tuple[Trace, ...] = ()


class _Known(NamedTuple):
    """Rows of the article in the catalog, the rejects at its paths, and the number of rows by table."""

    runs: list[RunReport]
    mine: pl.DataFrame
    rejects: pl.DataFrame
    counts: dict[str, int]
    wanted: Wanted
    title: str


def plan_forgetting(output: Output, article_id: str, progress: Progress = lambda *_: None) -> Forgetting:
    """What `forget` would do. Writes nothing and takes no lock. Raises `OutputError` where the output has no such
    article, and where it is forgotten already."""
    return _planned(output, article_id, _known(output, article_id), progress)


def forget(
    article_id: str, output: str | Output, *, reason: str, progress: Progress = lambda *_: None
) -> Forgetting:  # fmt: skip
    """Take an article out of an output for good, and say in `rejects` that it is forgotten and why. The archive keeps
    its sources; no later run takes them in again. Raises `SettingsError` where no reason is given."""
    output = output if isinstance(output, Output) else Output(output)
    reason = " ".join(reason.split())
    if not reason:
        raise SettingsError("forgetting needs a reason", article_id, "say why with `--reason`: it is kept in `rejects`")
    stamp = new_stamp()
    with output.store.writing(stamp.run_id, progress), open_staging(output, stamp.run_id, shared=False) as staging:
        known = _known(output, article_id)
        stamp = behind(known.runs, stamp)
        plan = _planned(output, article_id, known, progress)
        works = list(_works(known))
        # What was made of the rows goes first: a run that is killed in between may be done again.
        output.store.remove([name for name in plan.files if not name.startswith(MOMENTS)])
        drop_moments(output)
        roots = Roots(output)
        steps, changed, merged = _merged(output, staging, known, works, roots, stamp, detail_of(article_id, reason))
        drop_segments(output, set(changed))
        had_clusters = drop_clusters(output)
        report = _report(known, stamp, merged, roots.root(changed))
        roots.drop()
        draft = f"{staging.drafts}/{stamp.run_id}.parquet"
        audits = _audits(output, staging.drafts, article_id)
        seen = Seen(output)
        seen.begin()
        output.store.commit(
            [*steps, *audits, *carried_runs(output, known.runs, staging.drafts), write_run(output, draft, report)]
        )
        roots.write()
        seen.finish()
        done = plan._replace(run_id=stamp.run_id)
        write_report(
            output, stamp.run_id, {"run": report._asdict(), "forgotten": done.rows | {"sources": done.sources}}
        )
        keep_index(output)
        keep_clusters(output, again=had_clusters)
        describe(output, report)
    return done._replace(traces=tuple(traces(output, known.wanted, progress)))


def _known(output: Output, article_id: str) -> _Known:
    if not ARTICLE_ID.fullmatch(article_id):
        raise SettingsError(
            "an article's id has 32 hexadecimal digits", article_id, "copy it from the table `articles`"
        )
    latest_of(output)  # raises where there was no run
    runs = last_runs(output)
    catalog = read_catalog(output, runs[0].archive)
    if catalog.outdated or any(run.contract_version != CONTRACT_VERSION for run in runs):
        raise OutputError("some rows are of an older contract", output.address, LOST)
    frame = catalog.frame
    mine = frame.filter(pl.col("article_id") == article_id)
    forgotten = frame.filter(pl.col("reason") == FORGOTTEN, pl.col("detail").str.starts_with(detail_of(article_id, "")))
    if not mine.height:
        if forgotten.height:
            raise OutputError(
                f"the article `{article_id}` is forgotten already", output.address,
                f"see what is left of it with `pressmark doctor {output.address} --forgotten {article_id}`",
            )  # fmt: skip
        raise OutputError(f"no article has the id `{article_id}`", output.address, "look it up in the table `articles`")
    rejects = frame.filter(pl.col("state") == "rejected", pl.col("reason") != FORGOTTEN)
    rejects = rejects.join(mine.select("archive", "source_path").unique(), on=["archive", "source_path"], how="semi")
    counts = {name: mine.filter(state=state).height for name, state in
              (("articles", "current"), ("revisions", "superseded"))}  # fmt: skip
    for name in ("paragraphs", "media", "audits"):
        rows = output.scan(TABLES[name]).filter(pl.col("article_id") == article_id)
        counts[name] = int(rows.select(pl.len()).collect().item())
    counts["rejects"] = rejects.height
    titles = pl.concat([
        output.scan(TABLES[name]).filter(pl.col("article_id") == article_id).select("title")
        for name in ("articles", "revisions")
    ]).collect()  # fmt: skip
    wanted = texts_of(output, article_id, mine)
    title = next(iter(titles["title"].to_list()), "")
    return _Known(runs, mine, rejects, counts, wanted, title)


def _planned(output: Output, article_id: str, known: _Known, progress: Progress) -> Forgetting:
    files = tuple(dict.fromkeys(trace.file for trace in traces(output, known.wanted, progress, beside=True)))
    made = tuple(name for name in files if name.startswith("reports/"))
    # A moment that lacks the article would still have its sources as rejects.
    made += tuple(f"{MOMENTS}/{one.run_id}" for one in (kept(output) if output.is_local else ()))
    return Forgetting(article_id, known.title, known.counts, _sources(known).height, made, known.wanted.shared)


def _sources(known: _Known) -> pl.DataFrame:
    """The sources that leave a row, those of its rejects too, which may hold the same article."""
    columns = [*SOURCE, "source_bytes"]
    return pl.concat([known.mine.select(columns), known.rejects.select(columns)]).unique(SOURCE).sort(SOURCE)


def _works(known: _Known) -> Iterator[PlaceWork]:
    dropped: dict[Place, set[str]] = defaultdict(set)
    for place, key in places_of(known.mine, int(known.runs[0].argument("buckets") or 1)):
        dropped[place].add(key)
    for place, keys in sorted(dropped.items()):
        yield PlaceWork(*place, frozenset(keys))
    gone = frozenset(row_id(*key) for key in known.rejects.select(SOURCE).iter_rows())
    yield PlaceWork(REJECTS.name, None, 0, gone)


def _merged(
    output: Output, staging: Staging, known: _Known, works: list[PlaceWork], roots: Roots, stamp: Stamp, detail: str
) -> tuple[list[Replacement], dict[str, bytes | None], list[Merged]]:
    """The steps that publish the tables without the article, the digests of the files that they change, and what
    merging made."""
    left = _left(staging, known, stamp, detail)
    last = known.runs[0]
    steps: list[Replacement] = []
    changed: dict[str, bytes | None] = {}
    merged: list[Merged] = []
    for number, table in enumerate(dict.fromkeys(work.table for work in works)):
        mine = tuple(work for work in works if work.table == table)
        places = {work.partition for work in mine}
        parts = tuple(part for part in output.parts(TABLES[table]) if part.partition in places)
        found = merge(MergeTask(
            output, staging, number, int(last.argument("buckets") or 1), last.archive, last=False,
            works=mine, staged=(left,) if table == REJECTS.name else (), parts=parts, records=roots.known(parts, {}),
        ))  # fmt: skip
        merged += found
        for one in found:
            steps += [*one.removals, *one.finals]
            changed |= one.becomes
    return sorted(steps, key=lambda step: step.rank), changed, merged


def _left(staging: Staging, known: _Known, stamp: Stamp, detail: str) -> StagedFile:
    rows = []
    for (archive,), of in _sources(known).partition_by("archive", as_dict=True).items():
        named = of.select("source_path", "source_sha256", "source_bytes").iter_rows()
        rejects = [Reject(path, sha, size, FORGOTTEN, detail, None, None) for path, sha, size in named]
        rows.append(reject_rows(rejects, stamp, str(archive)))
    table = pa.concat_tables(rows).unify_dictionaries()
    table = table.append_column(OWNER, pa.array(range(table.num_rows), pa.int32()))
    return StagedFile(FORGOTTEN, staging.write(FORGOTTEN, table, [(None, table.num_rows)]))


def _audits(output: Output, drafts: str, article_id: str) -> list[Replacement]:
    steps = []
    for entry in output.files(AUDITS.name):
        with PartFile(output, entry, AUDITS) as file:
            rows = file.read()
        kept = rows.filter(pc.not_equal(rows["article_id"], article_id))
        if kept.num_rows == rows.num_rows:
            continue
        staged = f"{drafts}/audits-{entry.name.rpartition('/')[2]}" if kept.num_rows else None
        if staged is not None:
            write_part(output, staged, kept, AUDITS)
        steps.append(Replacement(staged, entry.name))
    return steps


def _report(known: _Known, stamp: Stamp, merged: list[Merged], root: str) -> RunReport:
    """The run's row: the archive's latest one, which found the same sources, with what is different now."""
    archives = known.mine["archive"].unique().to_list()
    last = next(run for run in known.runs if run.archive in archives)
    arguments: dict[str, Any] = json.loads(last.arguments)
    arguments |= {"archives": sorted(run.archive for run in known.runs), FORGOTTEN: 1}
    counts: dict[str, Any] = {name: getattr(known.runs[0], name) for name in (*OF_ARTICLES, "revisions", "rejects")}
    for one in merged:
        counts[one.work.table] += one.rows - one.rows_before
    nothing: dict[str, Any] = dict.fromkeys(("parsed", "parsed_bytes", "accepted", "rejected", "deleted"), 0)
    return last._replace(
        run_id=stamp.run_id, started_at=stamp.started_at, finished_at=max(datetime.now(UTC), stamp.started_at),
        unchanged=last.sources, arguments=json.dumps(arguments, sort_keys=True),
        partitions_written=sum(bool(one.finals) for one in merged), output_bytes=sum(one.file_bytes for one in merged),
        root=root, **nothing, **counts,
    )  # fmt: skip
