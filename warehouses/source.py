"""The rows of an output's snapshot, read with DuckDB: as SQL, as Arrow, as checksums, and checked for the laws."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.output.snapshot import Part, Snapshot
from pressmark.warehouses.address import SourceError
from pressmark.warehouses.relations import PARTITION, Checked, Column, Relation, checksum_query, literal

__all__ = ["Source", "checksums_of"]

Sent = Callable[[Column], str]
BATCH_ROWS: Final = 20_000
REPLACED: Final = "ingest the archive again with this version, and load then"
BROKEN: Final = "run `pressmark verify`, restore the folder or ingest into a new one, and load then; nothing was loaded"

# Keys of a file that the snapshot holds. Destinations keep months, also of an output that is partitioned by day.
OUTLET: Final = "regexp_extract(filename, '.*/outlet=([^/]+)/', 1)"
MONTH: Final = "replace(regexp_extract(filename, '.*/(?:month|day)=(unknown|[0-9]+-[0-9]+)', 1), '0001-01', 'unknown')"

# Laws 2 to 4 as far as rows show them: every article of the partitions that breaks one, with the first that it breaks.
# The sum of `char_start` follows from the texts before: each adds its length and two line feeds to all that come later.
LAWS: Final = """
WITH grouped AS (
    SELECT article_id, min(outlet) AS outlet, min(month) AS month, count(*) AS rows, min(ordinal) AS first,
           max(ordinal) AS last, max(char_end) AS char_end, max(byte_end) AS byte_end, {of_paragraphs} AS texts,
           sum(char_start) AS starts, sum(length(text) + 2) AS lengths, sum(ordinal * (length(text) + 2)) AS before,
           bool_and(char_end - char_start = length(text) AND byte_start < byte_end) AS spans,
           min(source_sha256) AS least, max(source_sha256) AS most,
           min(outlet || month) AS least_place, max(outlet || month) AS most_place
    FROM {paragraphs} WHERE {some} GROUP BY article_id
), whole AS (SELECT *, {of_article} AS texts FROM {articles} WHERE {some})
SELECT coalesce(whole.outlet, grouped.outlet), coalesce(whole.month, grouped.month),
       coalesce(whole.article_id, grouped.article_id),
       CASE WHEN whole.article_id IS NULL THEN 'paragraphs without an article'
            WHEN coalesce(grouped.rows, 0) IS DISTINCT FROM whole.paragraph_count
                 OR first <> 0 OR last <> grouped.rows - 1
                THEN 'paragraphs are missing or repeated'
            WHEN grouped.texts <> whole.texts THEN 'the texts of the paragraphs are not the text of the article'
            WHEN starts <> (grouped.rows - 1) * lengths - before OR grouped.char_end <> length(whole.text) OR NOT spans
                 OR grouped.byte_end > whole.source_bytes THEN 'a span is out of place'
            WHEN least <> whole.source_sha256 OR most <> whole.source_sha256 THEN 'spans of another source'
            WHEN header_bytes + paragraph_bytes + skipped_bytes + markup_bytes <> source_bytes
                THEN 'bytes of the source are not accounted for'
            WHEN whole.month <> coalesce(strftime(published_at, '%Y-%m'), 'unknown') THEN 'a partition of another month'
            WHEN whole.outlet || whole.month <> least_place OR whole.outlet || whole.month <> most_place
                THEN 'paragraphs are not in the partition of their article'
       END AS problem
FROM whole FULL JOIN grouped USING (article_id)
WHERE problem IS NOT NULL
"""
NO_PARAGRAPHS: Final = pa.schema(
    [*(pa.field(name, pa.string()) for name in PARTITION), *TABLES["paragraphs"].schema]
).empty_table()
# Sums of hashes take a fraction of the time of joined texts, but suspect a sound article with an empty line in a block.
QUICK: Final = {
    "of_paragraphs": "sum(hash(text, CAST(ordinal AS BIGINT)))",
    "of_article": "list_sum(list_transform(string_split(text, E'\\n\\n'), "
    "lambda part, number: CAST(hash(part, number - 1) AS HUGEINT)))",
    "some": "true",
}
EXACT: Final = {"of_paragraphs": "string_agg(text, E'\\n\\n' ORDER BY ordinal)", "of_article": "text"}


class Source:
    """The partition files of a snapshot. Use it as a context; one thread at a time."""

    def __init__(self, files: Snapshot) -> None:
        self.output = files.output
        self.parts = files.parts
        self._connection = duckdb.connect()

    def __enter__(self) -> Source:
        # Times are read as instants, whatever zone this machine has.
        self._connection.execute("SET TimeZone = 'UTC'")
        return self

    def __exit__(self, *details: object) -> None:
        self._connection.close()

    def parts_of(self, relation: Relation) -> list[Part]:
        return [part for part in self.parts if part.table == relation.source]

    def check_schemas(self, parts: Sequence[Part]) -> None:
        """Raise `SourceError` where a file is unreadable or of another version of the contract."""
        for part in parts:
            place = part.partition if part.table != "runs" else part.paths[0].name
            where = self.output.location(f"{part.table}/{place}".rstrip("/"))
            for path in part.paths:
                _check_schema(path, TABLES[part.table].schema, where)

    def check_laws(self, parts: Sequence[Part]) -> None:
        """Raise `SourceError` where rows of the partitions of `parts` break a law that rows alone can show."""
        places = {part.partition for part in parts if part.table in ("articles", "paragraphs")}
        files = {
            name: [part for part in self.parts if part.table == name and part.partition in places]
            for name in ("articles", "paragraphs")
        }
        for lonely in {part.partition for part in files["paragraphs"]} - {part.partition for part in files["articles"]}:
            raise SourceError("there are paragraphs without articles", self.output.location(lonely), BROKEN)
        if not files["articles"]:
            return
        rows = {name: read_parquet(parts) for name, parts in files.items() if parts}
        # Articles may have media alone.
        rows.setdefault("paragraphs", "no_paragraphs")
        self._connection.register("no_paragraphs", NO_PARAGRAPHS)
        with self._reading():
            suspects = self._connection.execute(LAWS.format(**rows, **QUICK)).fetchall()
            some = f"article_id IN ({', '.join(literal(row[2]) for row in suspects)})" if suspects else "false"
            broken = self._connection.execute(LAWS.format(**rows, **EXACT, some=some)).fetchone()
        if broken is not None:
            outlet, month, article_id, problem = broken
            where = self.output.location(f"articles/outlet={outlet}/month={month}")
            raise SourceError(f"article {article_id}: {problem}", where, BROKEN)

    def rows(self, relation: Relation, parts: Sequence[Part]) -> str:
        return relation.select(read_parquet(parts))

    def arrow(self, relation: Relation, parts: Sequence[Part], sent: Sent) -> pa.RecordBatchReader:
        """The relation's rows as Arrow batches, each column by the SQL that `sent` gives for it."""
        with self._reading():
            return self._connection.cursor().sql(self._sent(relation, parts, sent)).to_arrow_reader(BATCH_ROWS)

    def checksums(self, relation: Relation, parts: Sequence[Part], sent: Sent) -> dict[str, Checked]:
        """Rows and checksum of each of the partitions in `parts` that has rows."""
        if not parts:
            return {}
        with self._reading():
            return checksums_of(relation, self._sent(relation, parts, sent), self._connection.cursor())

    def _sent(self, relation: Relation, parts: Sequence[Part], sent: Sent) -> str:
        return f"SELECT {', '.join(map(sent, relation.columns))} FROM ({self.rows(relation, parts)})"

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise SourceError(
                f"a file of the output can't be read ({_first_line(error)})", self.output.address, BROKEN
            ) from None


def checksums_of(relation: Relation, query: str, connection: duckdb.DuckDBPyConnection) -> dict[str, Checked]:
    """Rows and checksum of each partition in the rows that a query of DuckDB gives."""
    rows = connection.execute(checksum_query(relation, f"({query})")).fetchall()
    return {partition: Checked(*checked) for partition, *checked in rows}


def _check_schema(path: Path, expected: pa.Schema, where: str) -> None:
    try:
        found = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"a file of the output can't be read ({_first_line(error)})", where, BROKEN) from None
    version = (found.metadata or {}).get(b"pressmark.contract_version", b"unknown").decode()
    if version != CONTRACT_VERSION:
        raise SourceError(f"the output was made by contract version {version}, not {CONTRACT_VERSION}", where, REPLACED)
    if not found.equals(expected):
        names = sorted(set(expected.names) ^ set(found.names)) or ["types or order"]
        raise SourceError(f"columns are not those of the contract ({', '.join(names)})", where, REPLACED)


def read_parquet(parts: Sequence[Part]) -> str:
    """SQL for the rows in some files of one table, with `outlet` and `month` from their paths."""
    paths = ", ".join(literal(str(path)) for part in parts for path in part.paths)
    files = f"read_parquet([{paths}], hive_partitioning = false, filename = true)"
    return f"(SELECT {OUTLET} AS outlet, {MONTH} AS month, * EXCLUDE (filename) FROM {files})"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
