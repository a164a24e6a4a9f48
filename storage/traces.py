"""Looks for an article in every file of an output: its id, and those pieces of its texts that no other article has,
also as JSON escapes them, and in the encoding of the article's source."""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pressmark.schemas import TABLES
from pressmark.schemas.tables import ARTICLES, MEDIA, PARAGRAPHS, REJECTS, REVISIONS
from pressmark.storage.errors import OutputError
from pressmark.storage.originals import Originals, Revision
from pressmark.storage.output.folder import PRIVATE
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import last_runs
from pressmark.transforms.selection import FORGOTTEN, detail_of, pieces_of

__all__ = ["Trace", "Wanted", "forgotten_texts", "texts_of", "traces", "wanted_of"]

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
