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
from pressmark.warehouses.checksums import Checked, Method, checksum_query
from pressmark.warehouses.errors import SourceError
from pressmark.warehouses.relations import Relation, literal

__all__ = ["Source"]

Convert = Callable[[Relation, str], str]
BATCH_ROWS: Final = 20_000
REPLACED: Final = "ingest the archive again with this version, and load then"
BROKEN: Final = "run `pressmark verify`, restore the folder or ingest into a new one, and load then; nothing was loaded"

# Keys of a file that the snapshot holds. Destinations keep months, also of an output that is partitioned by day.
OUTLET: Final = "regexp_extract(filename, '.*/outlet=([^/]+)/', 1)"
MONTH: Final = "replace(regexp_extract(filename, '.*/(?:month|day)=(unknown|[0-9]+-[0-9]+)', 1), '0001-01', 'unknown')"

# Laws 2 to 4 as far as rows show them. Finds every article that breaks one, by sums of hashes and offsets, which take a
# fraction of the time that joining all texts takes. May name a sound one too: one with an empty line in a block.
# The sum of `char_start` follows from the texts before: each adds its length and two line feeds to all that come later.
SUSPECTS: Final = """
WITH grouped AS (
    SELECT article_id, count(*) AS rows, min(ordinal) AS first, max(ordinal) AS last, max(char_end) AS char_end,
           sum(hash(text, CAST(ordinal AS BIGINT))) AS texts, min(source_sha256) AS least, max(source_sha256) AS most,
           sum(char_start) AS starts, sum(length(text) + 2) AS lengths, sum(ordinal * (length(text) + 2)) AS before,
           bool_and(char_end - char_start = length(text) AND byte_start < byte_end) AS spans, max(byte_end) AS byte_end,
           min(outlet || month) AS least_place, max(outlet || month) AS most_place
    FROM {paragraphs} GROUP BY article_id
), whole AS (
    SELECT *, list_sum(list_transform(string_split(text, E'\\n\\n'),
                                      lambda part, number: CAST(hash(part, number - 1) AS HUGEINT))) AS texts
    FROM {articles}
)
SELECT coalesce(whole.article_id, grouped.article_id)
FROM whole FULL JOIN grouped USING (article_id)
WHERE whole.article_id IS NULL OR grouped.rows IS DISTINCT FROM whole.paragraph_count OR first <> 0
   OR last <> grouped.rows - 1 OR grouped.texts <> whole.texts OR grouped.char_end <> length(whole.text)
   OR starts <> (grouped.rows - 1) * lengths - before OR NOT spans OR grouped.byte_end > whole.source_bytes
   OR least <> whole.source_sha256 OR most <> whole.source_sha256
   OR header_bytes + paragraph_bytes + skipped_bytes + markup_bytes <> source_bytes
   OR whole.month <> coalesce(strftime(published_at, '%Y-%m'), 'unknown')
   OR whole.outlet || whole.month <> least_place OR whole.outlet || whole.month <> most_place
"""
# The same laws one by one, for articles that may break them.
BREACHES: Final = """
WITH kept AS (SELECT * FROM {paragraphs} WHERE article_id IN ({ids})), placed AS (
    SELECT *, lag(char_end + 2, 1, 0) OVER (PARTITION BY article_id ORDER BY ordinal) AS due FROM kept
), grouped AS (
    SELECT article_id, count(*) AS rows, min(ordinal) AS first, max(ordinal) AS last,
           string_agg(text, E'\\n\\n' ORDER BY ordinal) AS joined, min(source_sha256) AS least,
           max(source_sha256) AS most, max(byte_end) AS byte_end, min(outlet) AS outlet, min(month) AS month,
           min(outlet || month) AS least_place, max(outlet || month) AS most_place,
           bool_and(char_start = due AND char_end - char_start = length(text) AND byte_start < byte_end) AS spans
    FROM placed GROUP BY article_id
), whole AS (SELECT * FROM {articles} WHERE article_id IN ({ids}))
SELECT coalesce(whole.outlet, grouped.outlet), coalesce(whole.month, grouped.month),
       coalesce(whole.article_id, grouped.article_id),
       CASE WHEN whole.article_id IS NULL THEN 'paragraphs without an article'
            WHEN grouped.rows IS DISTINCT FROM whole.paragraph_count OR first <> 0 OR last <> grouped.rows - 1
                THEN 'paragraphs are missing or repeated'
            WHEN joined <> whole.text THEN 'the texts of the paragraphs are not the text of the article'
            WHEN NOT spans OR grouped.byte_end > whole.source_bytes THEN 'a span is out of place'
            WHEN least <> whole.source_sha256 OR most <> whole.source_sha256 THEN 'spans of another source'
            WHEN header_bytes + paragraph_bytes + skipped_bytes + markup_bytes <> source_bytes
                THEN 'bytes of the source are not accounted for'
            WHEN whole.month <> coalesce(strftime(published_at, '%Y-%m'), 'unknown') THEN 'a partition of another month'
            WHEN whole.outlet || whole.month <> least_place OR whole.outlet || whole.month <> most_place
                THEN 'paragraphs are not in the partition of their article'
       END AS problem
FROM whole FULL JOIN grouped USING (article_id)
WHERE problem IS NOT NULL
LIMIT 1
"""


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
        """The files that a relation is made of."""
        return [part for part in self.parts if part.table == relation.source]

    def check_schemas(self, parts: Sequence[Part]) -> None:
        """Raise `SourceError` where a file is unreadable or of another version of the contract."""
        for part in parts:
            for path in part.paths:
                self._check_schema(part, path)

    def _check_schema(self, part: Part, path: Path) -> None:
        expected = TABLES[part.table].schema
        where = self._where(part)
        try:
            found = pq.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"a file of the output can't be read ({_first_line(error)})", where, BROKEN) from None
        version = (found.metadata or {}).get(b"pressmark.contract_version", b"unknown").decode()
        if version != CONTRACT_VERSION:
            raise SourceError(
                f"the output was made by contract version {version}, not {CONTRACT_VERSION}", where, REPLACED
            )
        if not found.equals(expected):
            names = sorted(set(expected.names) ^ set(found.names)) or ["types or order"]
            raise SourceError(f"columns are not those of the contract ({', '.join(names)})", where, REPLACED)

    def check_laws(self, parts: Sequence[Part]) -> None:
        """Raise `SourceError` where rows of the partitions of `parts` break a law that rows alone can show."""
        places = {part.partition for part in parts if part.table in ("articles", "paragraphs")}
        files = {
            name: [part for part in self.parts if part.table == name and part.partition in places]
            for name in ("articles", "paragraphs")
        }
        for lonely in {part.partition for part in files["articles"]} ^ {part.partition for part in files["paragraphs"]}:
            raise SourceError(
                "articles and paragraphs have not the same partitions", self.output.location(lonely), BROKEN
            )
        if not files["articles"]:
            return
        rows = {name: read_parquet(parts) for name, parts in files.items()}
        with self._reading():
            suspects = self._connection.execute(SUSPECTS.format(**rows)).fetchall()
            ids = ", ".join(literal(article_id) for (article_id,) in suspects)
            broken = self._connection.execute(BREACHES.format(ids=ids, **rows)).fetchone() if ids else None
        if broken is not None:
            outlet, month, article_id, problem = broken
            where = self.output.location(f"articles/outlet={outlet}/month={month}")
            raise SourceError(f"article {article_id}: {problem}", where, BROKEN)

    def rows(self, relation: Relation, parts: Sequence[Part]) -> str:
        """SQL of DuckDB for the relation's rows in some of its files."""
        return relation.select(read_parquet(parts))

    def arrow(self, relation: Relation, parts: Sequence[Part], convert: Convert) -> pa.RecordBatchReader:
        """The relation's rows as Arrow batches, by a query that `convert` makes of the plain one."""
        query = convert(relation, self.rows(relation, parts))
        with self._reading():
            return self._connection.cursor().sql(query).to_arrow_reader(BATCH_ROWS)

    def checksums(
        self, relation: Relation, parts: Sequence[Part], method: Method, convert: Convert
    ) -> dict[str, Checked]:
        """Rows and checksum of each of the partitions in `parts`; zero for those without a row."""
        found = {part.partition: Checked(0, "0") for part in parts}
        if parts:
            query = checksum_query(relation, f"({convert(relation, self.rows(relation, parts))})", method, "duckdb")
            with self._reading():
                rows = self._connection.cursor().execute(query).fetchall()
            found.update((partition, Checked(count, checksum)) for partition, count, checksum in rows)
        return found

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise SourceError(
                f"a file of the output can't be read ({_first_line(error)})", self.output.address, BROKEN
            ) from None

    def _where(self, part: Part) -> str:
        place = part.partition if part.table != "runs" else part.paths[0].name
        return self.output.location(f"{part.table}/{place}".rstrip("/"))


def read_parquet(parts: Sequence[Part]) -> str:
    """SQL for the rows in some files of one table, with `outlet` and `month` from their paths."""
    paths = ", ".join(literal(str(path)) for part in parts for path in part.paths)
    files = f"read_parquet([{paths}], hive_partitioning = false, filename = true)"
    return f"(SELECT {OUTLET} AS outlet, {MONTH} AS month, * EXCLUDE (filename) FROM {files})"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
