"""The root over all rows of a moment: hash trees (RFC 6962), the bytes that stand for a row, and the tree over them.

docs/citing.md has all for other languages. Owns what of a row a root leaves out.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import CONTRACT_VERSION, Table
from pressmark.schemas.tables import OF_ARTICLES

__all__ = [
    "FORMAT", "LEAF", "NODE", "ROWS_AT_ONCE", "Moment", "Step", "canonical", "climb", "content_of", "digests_of",
    "leaf_of", "path_to", "records_of", "root_of", "tree_root",
]  # fmt: skip

# What is hashed before a leaf's content, and before the two children of a node: none can be taken for the other.
LEAF: Final = b"\0"
NODE: Final = b"\1"


class Step(NamedTuple):
    """From a node to its parent: the other child, and the side on which it stands."""

    side: Literal["left", "right"]
    sibling: bytes


def tree_root(nodes: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, or over roots of trees; over none, the hash of nothing."""
    level = list(nodes)
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else sha256().digest()


def path_to(nodes: Sequence[bytes], index: int) -> list[Step]:
    """The steps from one of the nodes to `tree_root`."""
    level, steps = list(nodes), []
    while len(level) > 1:
        other = index ^ 1
        if other < len(level):
            steps.append(Step("left" if other < index else "right", level[other]))
        level, index = _above(level), index // 2
    return steps


def climb(node: bytes, steps: Iterable[Step]) -> bytes:
    """Where steps lead to from a node.

    >>> nodes = [bytes([n]) * 32 for n in range(5)]
    >>> [climb(node, path_to(nodes, n)) == tree_root(nodes) for n, node in enumerate(nodes)]
    [True, True, True, True, True]
    """
    for side, sibling in steps:
        node = sha256(NODE + (sibling + node if side == "left" else node + sibling)).digest()
    return node


def _above(level: list[bytes]) -> list[bytes]:
    """Parents of neighbours; a last one without a neighbour goes up as it is, as RFC 6962 has it."""
    above = [sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return above if len(level) % 2 == 0 else [*above, level[-1]]


# Of records and citations: another one where anything below gives another root.
FORMAT: Final = "1"
# A hash in the same row stands for these; of a traceback, it is enough that there is one.
LEFT_OUT: Final = {"articles": ("text",), "revisions": ("text",), "rejects": ("raw", "detail")}
# The hash, and what it is taken of anew: nobody has to believe the column.
TAKEN_ANEW: Final = {
    "articles": ("text_sha256", "text"), "revisions": ("text_sha256", "text"), "rejects": ("source_sha256", "raw"),
}  # fmt: skip
# The id that a table's rows are gathered by: rows of an article go together.
GATHERED_BY: Final = {"revisions": "revision_id", "rejects": "reject_id"}
# An id, and the root over its rows.
RECORD: Final = struct.Struct("16s32s")
ROWS_AT_ONCE: Final = 8192


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value: `n` for null, `s`, the length in bytes, `:` and UTF-8 for text, `l`, the count,
    `:` and the values for a list, `o`, the count, `:`, and names with their values by name for an object.

    >>> canonical({"tags": ["战", ""], "author": None})
    b'o2:s6:authorns4:tagsl2:s3:\xe6\x88\x98s0:'
    """
    if value is None:
        return b"n"
    if isinstance(value, str):
        data = value.encode()
        return b"s%d:%b" % (len(data), data)
    if isinstance(value, Mapping):
        return b"o%d:" % len(value) + b"".join(canonical(k) + canonical(value[k]) for k in sorted(value))
    return b"l%d:" % len(value) + b"".join(map(canonical, value))


def leaf_of(row: Mapping[str, Any]) -> bytes:
    """The hash of a row that `content_of` gave."""
    return sha256(LEAF + canonical(row)).digest()


def content_of(rows: pa.Table, table: Table, outlet: str | None) -> list[dict[str, Any]]:
    """What of each row is in a root, as values: with the table's name and, of a partitioned table, its outlet."""
    columns = {name: _texts(column) for name, column in _columns(_whole(rows, table, outlet), table).items()}
    return [
        {"table": table.name, **dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)
    ]


def digests_of(files: Sequence[tuple[str | None, pa.Table]], table: Table) -> list[bytes]:
    """The records of each file, of which the outlet and the rows are given: for each id that its rows are gathered by,
    which stand together, the id's 16 bytes and the root over its rows. Many small files take no longer than one."""
    if not files:
        return []
    leaves = iter(_leaves(pa.concat_tables(_whole(rows, table, outlet) for outlet, rows in files), table))
    found = []
    for _, rows in files:
        pairs = zip(rows[GATHERED_BY.get(table.name, "article_id")].to_pylist(), leaves, strict=False)
        groups = ((key, [leaf for _, leaf in group]) for key, group in groupby(pairs, itemgetter(0)))
        found.append(b"".join(bytes.fromhex(key) + tree_root(some) for key, some in groups))
    return found


def records_of(records: bytes, keys: Collection[str]) -> bytes:
    """Those of a file's records that belong to some of the ids that its rows are gathered by."""
    wanted = set(map(bytes.fromhex, keys))
    return b"".join(key + root for key, root in RECORD.iter_unpack(records) if key in wanted)


class Moment:
    """The tree over all rows of an output, from the records of all of its files: an entry for each article, over its
    own row, the root of its paragraphs and that of its media; then one for each revision and for each reject."""

    def __init__(self, records: Iterable[tuple[str, bytes]]) -> None:
        self._of: dict[str, dict[bytes, bytes]] = {name: {} for name in (*OF_ARTICLES, *GATHERED_BY)}
        for name, data in records:
            self._of[name].update(RECORD.iter_unpack(data))
        self._articles = sorted(set().union(*(self._of[name] for name in OF_ARTICLES)))
        of_articles = [self._of[name] for name in OF_ARTICLES]
        self._entries = [tree_root([of[key] for of in of_articles if key in of]) for key in self._articles]
        self._entries += [root for name in GATHERED_BY for _, root in sorted(self._of[name].items())]

    @property
    def head(self) -> dict[str, str]:
        """What the root is the hash of: the contract's version, the number of entries, and the root of their tree."""
        tree = tree_root(self._entries).hex()
        return {"contract_version": CONTRACT_VERSION, "entries": str(len(self._entries)), "tree": tree}

    @property
    def root(self) -> str:
        """The root that `runs` publishes, in hexadecimal."""
        return root_of(self.head)

    def paths(self, article_id: str) -> dict[str, list[Step]]:
        """The steps from the root of an article's paragraphs and from its own row to its entry, and from that to the
        tree's root."""
        key = bytes.fromhex(article_id)
        nodes = {name: self._of[name][key] for name in OF_ARTICLES if key in self._of[name]}
        names, every = list(nodes), list(nodes.values())
        found = {name: path_to(every, names.index(name)) for name in ("paragraphs", "articles")}
        return found | {"entry": path_to(self._entries, self._articles.index(key))}


def root_of(head: Mapping[str, str]) -> str:
    """The root whose head this is."""
    return sha256(canonical(head)).hexdigest()


def _leaves(rows: pa.Table, table: Table) -> Iterator[bytes]:
    """`leaf_of` each row, with whole columns at a time."""
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        columns = _columns(rows.slice(start, ROWS_AT_ONCE), table)
        pieces: list[Any] = [(LEAF + b"o%d:" % (len(columns) + 1)).decode()]
        for name in sorted([*columns, "table"]):
            value = canonical(table.name).decode() if name == "table" else _encoded(columns[name])
            pieces += [canonical(name).decode(), value]
        yield from _sliced(pc.binary_join_element_wise(*pieces, ""), lambda data: sha256(data).digest())


def _whole(rows: pa.Table, table: Table, outlet: str | None) -> pa.Table:
    return rows.append_column("outlet", pa.repeat(outlet, len(rows))) if table.partitioned else rows


def _columns(rows: pa.Table, table: Table) -> dict[str, pa.Array]:
    """The columns that a root is about, in one piece each."""
    left_out = (*table.run_columns, *LEFT_OUT.get(table.name, ()))
    found = {name: _piece(rows[name]) for name in rows.column_names if name not in left_out}
    if table.name in TAKEN_ANEW:
        name, source = TAKEN_ANEW[table.name]
        taken = pa.array(_sliced(_piece(rows[source]), lambda data: sha256(data).hexdigest()), pa.string())
        found[name] = pc.coalesce(taken, found[name])
    if table.name == "revisions":
        # Without commits it is the time of a run.
        found["valid_to"] = pc.if_else(pc.is_valid(found["valid_from"]), found["valid_to"], None)
    return found


def _piece(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)


def _sliced(values: pa.Array, digest: Any) -> list[Any]:
    """`digest` of the bytes of each value, without a copy; None of null."""
    if not len(values):
        return []
    _, ends, data = values.buffers()
    offsets = memoryview(ends).cast("i")[values.offset : values.offset + len(values) + 1].tolist()
    view = memoryview(data or b"")
    found = [digest(view[start:end]) for start, end in pairwise(offsets)]
    if values.null_count:
        found = [one if valid else None for one, valid in zip(found, values.is_valid().to_pylist(), strict=True)]
    return found


def _text(values: pa.Array) -> pa.Array:
    """Scalars as text: numbers in decimal, `true` and `false`, times as in RFC 3339 with six digits and `Z`."""
    if values.type == pa.string():
        return values
    if not pa.types.is_temporal(values.type):
        return pc.cast(values, pa.string())
    # Few are different, and each takes long.
    found = values.dictionary_encode()
    return pc.replace_substring(pc.cast(found.dictionary, pa.string()), " ", "T").take(found.indices)


def _encoded(values: pa.Array) -> pa.Array:
    """`canonical` of each value."""
    if values.null_count == len(values):
        return pa.repeat("n", len(values))
    if pa.types.is_list(values.type):
        starts = pc.subtract(values.offsets, values.offsets[0])
        inner = pc.binary_join(pa.ListArray.from_arrays(starts, _encoded(values.flatten())), "")
        size = pc.cast(pc.list_value_length(values), pa.string())
        return pc.fill_null(pc.binary_join_element_wise("l", size, ":", inner, ""), "n")
    if pa.types.is_struct(values.type):
        names = sorted(field.name for field in values.type)
        pieces: list[Any] = [f"o{len(names)}:"]
        for name in names:
            pieces += [canonical(name).decode(), _encoded(values.field(name))]
        return pc.binary_join_element_wise(*pieces, "")
    text = _text(values)
    size = pc.cast(pc.binary_length(text), pa.string())
    return pc.fill_null(pc.binary_join_element_wise("s", size, ":", text, ""), "n")


def _texts(values: pa.Array) -> list[Any]:
    """Each value as `canonical` takes it."""
    if pa.types.is_list(values.type):
        flat, ends = _texts(values.flatten()), values.offsets.to_pylist()
        found = [flat[start - ends[0] : end - ends[0]] for start, end in pairwise(ends)]
        return [one if valid else None for one, valid in zip(found, values.is_valid().to_pylist(), strict=True)]
    if pa.types.is_struct(values.type):
        fields = {field.name: _texts(values.field(field.name)) for field in values.type}
        return [dict(zip(fields, one, strict=True)) for one in zip(*fields.values(), strict=True)]
    return list(_text(values).to_pylist())
