"""Which row groups of a partition file may have rows with some values, by what its footer says of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["NULL", "Bound", "bounds_of", "groups_with"]

# Whether a value is null, and the value.
Bound = tuple[bool, Any]
NULL: Final[Bound] = (True, None)


def bounds_of(metadata: pq.FileMetaData, column: str) -> list[tuple[Bound, Bound]] | None:
    """Least and greatest value of a column in each row group, null above all others; None where nobody knows."""
    groups = range(metadata.num_row_groups)
    first = metadata.row_group(0) if groups else None
    # Not from `metadata.schema`, which holds the metadata that holds it: 0.2 MB a file that no worker gets rid of.
    number = next((n for n in range(metadata.num_columns) if first and first.column(n).path_in_schema == column), 0)
    found = []
    for group in groups:
        chunk = metadata.row_group(group).column(number)
        known = chunk.statistics
        if known is None or not known.has_null_count:
            return None
        if not known.has_min_max:
            if known.null_count < metadata.row_group(group).num_rows:
                return None
            found.append((NULL, NULL))
        else:
            found.append(((False, known.min), NULL if known.null_count else (False, known.max)))
    return found


def groups_with(metadata: pq.FileMetaData, column: str, values: Collection[Any] | None) -> Sequence[int]:
    """Row groups that may have rows with some values in a column; all of them where `values` is None."""
    groups = range(metadata.num_row_groups)
    # As many values as row groups are in most of them.
    if values is None or len(values) > len(groups):
        return groups
    bounds = bounds_of(metadata, column)
    if bounds is None:
        return groups
    places = [(value is None, value) for value in values]
    return [group for group, (low, high) in enumerate(bounds) if any(low <= place <= high for place in places)]
