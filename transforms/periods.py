"""From the changes that commits made to the periods over which each content was at its path. Pure functions of frames.

An event says that from a commit on there is something at a path, or nothing. A period says from which commit until just
before which one a content was there. `position` is a commit's place in the order of commits.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["continued", "distinct", "joined", "periods"]


def periods(events: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """Periods of the events, in the order of `name` and `position`.

    Events have `name`, `position` (no two at one name are equal), `valid_from` (the commit's time, null where nobody
    knows it), and the columns `content`, the first of which is null where the commit left nothing at the name. Periods
    have the events' columns and `valid_to`, `ended` (time and position of the event that ended it, null where it lasts)
    and `deleted`: whether that event left nothing.

    >>> events = {"name": ["a", "a"], "position": [0, 1], "valid_from": [12, 23], "blob": ["x", "y"]}
    >>> periods(pl.DataFrame(events), ["blob"]).select("blob", "valid_from", "valid_to").rows()
    [('x', 12, 23), ('y', 23, None)]
    """
    events = events.sort("name", "position")
    repeats = [pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("name", *content)]
    # The first row has no row before it; a null is not its content.
    events = events.filter(~pl.all_horizontal(repeats) | (pl.int_range(pl.len()) == 0))
    followed = pl.col("name") == pl.col("name").shift(-1)
    return events.with_columns(
        pl.when(followed).then(pl.col("valid_from").shift(-1)).alias("valid_to"),
        pl.when(followed).then(pl.col("position").shift(-1)).alias("ended"),
        (followed & pl.col(content[0]).shift(-1).is_null()).fill_null(value=False).alias("deleted"),
    ).filter(pl.col(content[0]).is_not_null())


def continued(before: pl.DataFrame, events: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """`periods` of all events, from the periods of the earlier ones and the later events."""
    lasting = before.filter(pl.col("ended").is_null())
    later = periods(pl.concat([lasting.select(events.columns), events]), content)
    return pl.concat([before.filter(pl.col("ended").is_not_null()), later.select(before.columns)]).sort(
        "name", "position"
    )


def joined(rows: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """The same periods, those of a file that moved unchanged as one at its last name, from the first one's beginning.

    A file moved where a commit deleted it and began the same content at another name. Of several such files the first
    ones by name belong together.
    """
    rows = rows.sort("name", "position").with_row_index("row")
    keys = [*content, "position"]
    left = rows.filter("deleted").select("row", *content, position="ended").sort(*keys, "row")
    # What was on a branch only ended where it began, and nothing moved there.
    lasted = pl.col("ended").is_null() | (pl.col("ended") > pl.col("position"))
    came = rows.filter(lasted).select("row", *content, "position").sort(*keys, "row")
    numbered = pl.int_range(pl.len()).over(keys).alias("number")
    moves = left.with_columns(numbered).join(
        came.with_columns(numbered), on=[*keys, "number"], how="inner", nulls_equal=True, suffix="_after"
    )
    first = list(range(len(rows)))
    for row, after in moves.sort("position").select("row", "row_after").iter_rows():
        first[after] = first[row]
    beginnings = [rows[name].gather(first) for name in ("position", "valid_from")]
    return rows.with_columns(beginnings).filter(~pl.col("row").is_in(moves["row"].implode())).drop("row")


def distinct(rows: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """The last of the rows that have the same `name`, `valid_from` and content: commits of one second may leave
    several."""
    return rows.unique(["name", "valid_from", *content], keep="last", maintain_order=True)
