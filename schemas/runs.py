"""Columns of `runs`: one row, and one file, per run."""

import pyarrow as pa

from pressmark.schemas.contract import ARCHIVE, RUN_ID, TIMESTAMP, Table, column, table_schema

__all__ = ["TABLE"]

TABLE = Table(
    name="runs",
    schema=table_schema([
        RUN_ID,
        column("started_at", TIMESTAMP, "start of the run"),
        column("finished_at", TIMESTAMP, "when all other tables were published"),
        ARCHIVE,
        column("source", pa.string(), "input, as given"),
        column("commit", pa.string(), "commit that was ingested; null where the input has none", nullable=True),
        column("committed_at", TIMESTAMP, "its time", nullable=True),
        column("arguments", pa.string(), "settings of the run as a JSON object"),
        column("contract_version", pa.string(), "version of the data contract"),
        column("parser_version", pa.string(), "version of everything that decides a row's content"),
        column("sources", pa.int64(), "sources discovered", unit="sources"),
        column("left_out", pa.int64(), "files seen and not taken for sources", unit="files"),
        column("unchanged", pa.int64(), "of these, known with the same content", unit="sources"),
        column("parsed", pa.int64(), "of these, read and parsed by this run", unit="sources"),
        column("parsed_bytes", pa.int64(), "size of the parsed sources", unit="bytes"),
        column("accepted", pa.int64(), "parsed sources that are articles", unit="sources"),
        column("rejected", pa.int64(), "parsed sources that are rejects", unit="sources"),
        column("deleted", pa.int64(), "known sources that were deleted (git, or `--sync`)", unit="sources"),
        column("articles", pa.int64(), "rows of `articles` after the run", unit="rows"),
        column("paragraphs", pa.int64(), "rows of `paragraphs` after the run", unit="rows"),
        column("media", pa.int64(), "rows of `media` after the run", unit="rows"),
        column("revisions", pa.int64(), "rows of `revisions` after the run", unit="rows"),
        column("rejects", pa.int64(), "rows of `rejects` after the run", unit="rows"),
        column("partitions_written", pa.int64(), "partition files replaced, added or removed", unit="files"),
        column("output_bytes", pa.int64(), "size of the partition files written", unit="bytes"),
    ]),
    sort_keys=("started_at", "run_id"),
    replace_keys=("run_id",),
    size_columns=(),
    partitioned=False,
    closed_sets={},
)  # fmt: skip
