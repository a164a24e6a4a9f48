"""What an output folder holds already: the published tables are the only state there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, TIMESTAMP, Table
from pressmark.storage.bounds import groups_with
from pressmark.storage.errors import OutputError
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.versions import parser_version
from pressmark.transforms.difference import ARTICLE_STATE
from pressmark.transforms.records import Partition

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = [
    "KnownReject", "KnownRevision", "State", "count_rows", "empty_state", "open_content", "open_part", "part_metadata",
    "read_articles", "read_beside", "read_state", "rows_in", "rows_where",
]  # fmt: skip


class KnownRevision(NamedTuple):
    """A row of `articles` (`current`) or `revisions`. It is live while its file exists unchanged.

    `stale` rows were written by another parser version.
    """

    article_id: str
    source_path: str
    source_sha256: str
    published_at: datetime | None
    text_sha256: str
    valid_from: datetime | None
    valid_to: datetime | None
    superseded_by: str | None
    outlet: str
    period: str
    current: bool
    stale: bool

    @property
    def live(self) -> bool:
        return self.valid_to is None

    @property
    def partition(self) -> Partition:
        return Partition(self.outlet, self.period)


class KnownReject(NamedTuple):
    """A row of `rejects` without its bytes."""

    source_path: str
    source_sha256: str | None
    source_bytes: int
    reason: str
    detail: str
    stale: bool


class State(NamedTuple):
    """All that is known of sources. Revisions stay in Arrow, as a run that changes little asks for few of them."""

    revisions: pa.Table
    rejects: list[KnownReject]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not self.revisions.num_rows and not self.rejects

    def all(self) -> list[KnownRevision]:
        """Every row of `articles` and `revisions`."""
        return _records(self.revisions)

    def current(self, places: Collection[Partition]) -> pa.Table:
        """Articles in some partitions, as `ARTICLE_STATE` has them."""
        keys = pc.binary_join_element_wise(self.revisions["outlet"], self.revisions["period"], PLACE_MARK)
        wanted = pa.array([PLACE_MARK.join(place) for place in places], pa.string())
        chosen = pc.and_(self.revisions["current"], pc.is_in(keys, value_set=wanted))
        return self.revisions.select(ARTICLE_STATE.names).filter(chosen)

    def at(self, paths: Iterable[str]) -> list[KnownRevision]:
        """Rows whose source has one of these paths."""
        return self._where("source_path", paths)

    def of(self, article_ids: Iterable[str]) -> list[KnownRevision]:
        """Rows of these articles."""
        return self._where("article_id", article_ids)

    def _where(self, column: str, values: Iterable[str]) -> list[KnownRevision]:
        wanted = pa.array(sorted(values), pa.string())
        return _records(self.revisions.filter(pc.is_in(self.revisions[column], wanted)))


Place = TypeVar("Place")
Result = TypeVar("Result")

WORTH_THREADS: Final = 64
# Neither slugs nor periods have it.
PLACE_MARK: Final = "/"
THREADS: Final = 2
# Under way at once at an object store, where each waits longer than it works.
REQUESTS: Final = 16
REVISION_SCHEMA: Final = pa.schema([
    ("article_id", pa.string()), ("source_path", pa.string()), ("source_sha256", pa.string()),
    ("published_at", TIMESTAMP), ("text_sha256", pa.string()), ("valid_from", TIMESTAMP), ("valid_to", TIMESTAMP),
    ("superseded_by", pa.string()), ("outlet", pa.string()), ("period", pa.string()), ("current", pa.bool_()),
    ("stale", pa.bool_()),
])  # fmt: skip


def empty_state() -> State:
    """The state of an output that holds nothing."""
    return State(REVISION_SCHEMA.empty_table(), [])


def read_state(output: Output) -> State:
    """State of an output folder; empty where there is none. Raises `OutputError` for a folder that pressmark of
    this contract version did not write."""
    places = [(name, *part) for name in ("articles", "revisions") for part in output.partitions(TABLES[name])]
    whole = {partition for partition, _ in output.partitions(TABLES["paragraphs"])} if places else set()
    parts = list(read_beside(output, lambda place: _known_rows(output, whole, *place), places))
    rejects: list[KnownReject] = []
    for _, entry in output.parts(TABLES["rejects"]):
        names = [name for name in KnownReject._fields if name != "stale"]
        stale, rows = _read(output, entry, names)
        rejects += [KnownReject(**row, stale=stale) for row in rows.to_pylist()]
    return State(pa.concat_tables(parts) if parts else REVISION_SCHEMA.empty_table(), rejects)


def _known_rows(
    output: Output, whole: Collection[Partition], name: str, partition: Partition, entry: Stored
) -> pa.Table:
    """Rows of a partition file of `articles` or `revisions` as `REVISION_SCHEMA` has them. Articles of a partition that
    is not `whole`, as it has no paragraphs any more, are to be parsed again."""
    in_place = partition._asdict()
    there = TABLES[name].schema.names
    columns = [column for column in REVISION_SCHEMA.names if column in there and column not in in_place]
    stale, rows = _read(output, entry, columns)
    stale = stale or (name == "articles" and partition not in whole)
    constants = {"current": name == "articles", "stale": stale, **in_place}
    arrays = []
    for field in REVISION_SCHEMA:
        if field.name in columns:
            arrays.append(rows[field.name])
        elif field.name in constants:
            arrays.append(pa.repeat(constants[field.name], rows.num_rows))
        else:
            arrays.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(arrays, schema=REVISION_SCHEMA)


def _records(rows: pa.Table) -> list[KnownRevision]:
    columns = (rows[name].to_pylist() for name in KnownRevision._fields)
    return list(map(KnownRevision._make, zip(*columns, strict=True)))


def read_articles(
    output: Output, places: Mapping[Partition, Mapping[tuple[str, ...], datetime | None]], run_id: str
) -> pa.Table:
    """Articles of some partitions that a run wrote, as `ARTICLE_STATE` has them, and those with some ids that were
    published at some times."""
    columns = [name for name in ARTICLE_STATE.names if name != "outlet"]

    def articles_of(partition: Partition) -> list[pa.Table]:
        known = places[partition]
        article_ids = pa.array([article_id for (article_id,) in known], pa.string())

        def chosen(rows: pa.Table) -> pa.ChunkedArray:
            written = pc.equal(rows["run_id"].cast(pa.string()), run_id)
            return pc.or_(written, pc.is_in(rows["article_id"].cast(pa.string()), value_set=article_ids))

        parts = []
        for _, entry in output.parts_of(TABLES["articles"], partition):
            with open_part(output, entry) as file:
                groups = {*groups_with(file.metadata, "run_id", [run_id])}
                groups.update(groups_with(file.metadata, "published_at", set(known.values())))
                for rows in rows_where(file, sorted(groups), ["article_id", "run_id"], chosen, columns):
                    outlets = pa.repeat(partition.outlet, rows.num_rows)
                    parts.append(rows.append_column("outlet", outlets).select(ARTICLE_STATE.names).cast(ARTICLE_STATE))
        return parts

    parts = chain.from_iterable(read_beside(output, articles_of, sorted(places)))
    return pa.concat_tables([ARTICLE_STATE.empty_table(), *parts])


def read_beside(output: Output, read: Callable[[Place], Result], places: Collection[Place]) -> Iterator[Result]:
    """What `read` gives for each place, in their order; some of it is read ahead."""
    if len(places) < WORTH_THREADS:
        yield from map(read, places)
        return
    most = THREADS if output.is_local else REQUESTS
    # Arrow reads beside Python; no thread is left when processes are forked.
    with ThreadPoolExecutor(most) as threads:
        ahead: deque[Future[Result]] = deque()
        for place in places:
            ahead.append(threads.submit(read, place))
            if len(ahead) > 2 * most:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


@lru_cache(maxsize=100_000)
def rows_in(output: Output, entry: Stored) -> int:
    """Rows of a partition file, from its footer."""
    with open_part(output, entry) as file:
        rows: int = file.metadata.num_rows
    return rows


def count_rows(output: Output, table: Table) -> Iterator[tuple[Partition | None, int]]:
    """Rows of each partition, from the files' footers."""
    return ((partition, rows_in(output, entry)) for partition, entry in output.parts(table))


def open_part(
    output: Output, entry: Stored, codes_of: Sequence[str] = (), content: pa.NativeFile | None = None
) -> pq.ParquetFile:
    """A partition file, some of its columns as codes and dictionaries; `content` is the file, if it is open already.

    Raises `OutputError` where it is none of this contract version's.
    """
    # Takes as long to load as a thousand files to list, and a first run has time for it while its workers parse.
    import pyarrow.parquet as pq

    path = output.location(entry.name)
    try:
        if content is None and not output.is_local:
            content = output.store.open(entry)
        file = pq.ParquetFile(
            path if content is None else content,
            read_dictionary=list(codes_of) or None,
            # Requests that are put together save time in a store. In a file, the threads that do so cost more.
            pre_buffer=not output.is_local,
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error
    version = part_metadata(file, "contract_version")
    if version != CONTRACT_VERSION:
        found = "no contract version" if version is None else f"contract version {version}"
        file.close()
        raise OutputError(
            f"a file with {found} stands where version {CONTRACT_VERSION} is written",
            path,
            "choose another output folder, and ingest the archive into it",
        )
    return file


def open_content(output: Output, entry: Stored) -> pa.NativeFile:
    """The bytes of a partition file; raises `OutputError` where it can't be read."""
    try:
        return output.store.open(entry)
    except OSError as error:
        raise _unreadable(output.location(entry.name), error) from error


def _unreadable(path: str, error: Exception) -> OutputError:
    return OutputError(
        f"a partition file can't be read ({error})", path, "remove the file and ingest its sources again"
    )


def rows_where(
    file: pq.ParquetFile,
    groups: Iterable[int],
    by: Sequence[str],
    chosen: Callable[[pa.Table], pa.ChunkedArray],
    columns: Sequence[str],
) -> Iterator[pa.Table]:
    """Some columns of the rows that are `chosen` by others, a row group at a time; texts of others are not read."""
    for group in groups:
        here = chosen(file.read_row_group(group, columns=list(by), use_threads=False))
        if pc.any(here).as_py():
            yield file.read_row_group(group, columns=list(columns), use_threads=False).filter(here)


def part_metadata(file: pq.ParquetFile, key: str) -> str | None:
    """A value that pressmark keeps in a file's metadata."""
    value = (file.metadata.metadata or {}).get(f"pressmark.{key}".encode())
    return None if value is None else value.decode()


def _read(output: Output, entry: Stored, columns: list[str]) -> tuple[bool, pa.Table]:
    with open_part(output, entry) as file:
        return part_metadata(file, "parser_version") != parser_version(), file.read(columns, use_threads=False)
