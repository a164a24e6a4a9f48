"""What a run changed in an archive's articles, counted by outlet."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import TIMESTAMP

__all__ = ["ARTICLE_STATE", "OutletChanges", "differences"]

# An article as one run left it.
ARTICLE_STATE: Final = pa.schema([
    ("article_id", pa.string()), ("outlet", pa.string()), ("source_sha256", pa.string()), ("text_sha256", pa.string()),
    ("published_at", TIMESTAMP),
])  # fmt: skip


class OutletChanges(NamedTuple):
    """Articles of an outlet that are new, have another text, have the same text in other bytes (`markup`), or are gone.

    `redated` ones have another `published_at`; they may be counted under `text` or `markup` too.
    """

    outlet: str
    new: int = 0
    text: int = 0
    markup: int = 0
    deleted: int = 0
    redated: int = 0


def differences(before: pa.Table, after: pa.Table) -> list[OutletChanges]:
    """Changes by outlet, in the order of slugs, between two states of articles (`ARTICLE_STATE`), each with one row
    for an article.

    >>> old = pa.Table.from_pydict({"article_id": ["1"], "outlet": ["rfi"], "source_sha256": ["a"],
    ...     "text_sha256": ["t"], "published_at": [None]}, schema=ARTICLE_STATE)
    >>> new = pa.concat_tables([old.set_column(2, "source_sha256", [["b"]]), old.set_column(0, "article_id", [["2"]])])
    >>> differences(old, new)
    [OutletChanges(outlet='rfi', new=1, text=0, markup=1, deleted=0, redated=0)]
    """
    was = before.take(pc.index_in(after["article_id"], value_set=before["article_id"].combine_chunks()))
    same_text = pc.equal(was["text_sha256"], after["text_sha256"])
    kinds = {
        "new": pc.is_null(was["article_id"]),
        "text": pc.invert(same_text),
        "markup": pc.and_(same_text, pc.not_equal(was["source_sha256"], after["source_sha256"])),
        "redated": pc.and_(
            pc.is_valid(was["article_id"]),
            # Two times that are not known are the same.
            pc.not_equal(
                pc.fill_null(was["published_at"].cast(pa.int64()), UNKNOWN_TIME),
                pc.fill_null(after["published_at"].cast(pa.int64()), UNKNOWN_TIME),
            ),
        ),
    }
    counts = {kind: _by_outlet(after["outlet"].filter(chosen)) for kind, chosen in kinds.items()}
    gone = pc.invert(pc.is_in(before["article_id"], value_set=after["article_id"].combine_chunks()))
    counts["deleted"] = _by_outlet(before["outlet"].filter(gone))
    outlets = sorted({outlet for found in counts.values() for outlet in found})
    return [OutletChanges(outlet, **{kind: found[outlet] for kind, found in counts.items()}) for outlet in outlets]


# No time that an article can have.
UNKNOWN_TIME: Final = -(1 << 63)


def _by_outlet(outlets: pa.ChunkedArray) -> Counter[str]:
    return Counter({row["values"]: row["counts"] for row in pc.value_counts(outlets).to_pylist()})
