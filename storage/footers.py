"""Parquet footers, as far as it takes to carry a row group from one file to another without decoding it.

A footer is a struct in Thrift's compact protocol; `parquet.thrift` of the format's repository names its fields. Here
values are only found and replaced, so whatever a footer says of a row group stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pressmark.storage.compiled import FORMATS

__all__ = ["MAGIC", "TAIL", "RowGroup", "footer_with", "row_groups_of"]

MAGIC: Final = b"PAR1"
TAIL: Final = 8

# Types of the compact protocol.
BOOLEANS: Final = (1, 2)
BYTE: Final = 3
INTEGERS: Final = (4, 5, 6)
DOUBLE: Final = 7
BINARY: Final = 8
LISTS: Final = (9, 10)
STRUCT: Final = 12
LONG_LIST: Final = 15

# Fields of the structs `FileMetaData`, `RowGroup`, `ColumnChunk` and `ColumnMetaData`.
FILE_ROWS: Final = 3
FILE_GROUPS: Final = 4
GROUP_COLUMNS: Final = 1
GROUP_OFFSET: Final = 5
GROUP_ORDINAL: Final = 7
CHUNK_OFFSET: Final = 2
CHUNK_META: Final = 3
CHUNK_INDEXES: Final = range(4, 8)
META_COMPRESSED: Final = 7
META_OFFSETS: Final = (9, 10, 11)
META_BLOOM_FILTER: Final = 14


class RowGroup(NamedTuple):
    """A row group: its struct in the footer, `[start, end)` of its bytes in the file, and where in the struct offsets
    in the file and its own number stand."""

    struct: bytes
    start: int
    end: int
    offsets: list[Integer]
    ordinal: Integer | None


# `[start, end)` of an integer's bytes in a struct, and its value.
Integer = tuple[int, int, int]


def row_groups_of(content: bytes) -> list[RowGroup]:
    """The row groups that the last bytes of a file tell of.

    Raises `ValueError` where the footer is not all in them, and where a row group has more than pages side by side.
    """
    data = _footer_bytes(content)
    if FORMATS is not None:
        return [RowGroup(*group) for group in FORMATS.row_groups(data)]
    try:
        return _row_groups(data)
    except IndexError as error:
        raise ValueError("a footer that is cut short") from error


def _row_groups(data: bytes) -> list[RowGroup]:
    """The same as `_formats.c` gives."""
    groups: list[RowGroup] = []
    for number, kind, position in _fields(data):
        if number == FILE_GROUPS and kind in LISTS:
            count, _, position = _list_header(data, position)
            for _ in range(count):
                group, position = _row_group(data, position)
                groups.append(group)
            break
    return groups


def footer_with(empty: bytes, groups: list[tuple[RowGroup, int]], rows: int) -> bytes:
    """The end of a file: that of a file without rows, with these row groups, each at its place in the new file."""
    data = _footer_bytes(empty)
    pieces, done = [], 0
    for number, kind, position in _fields(data):
        if number == FILE_ROWS:
            pieces += [data[done:position], _integer(rows)]
        elif number == FILE_GROUPS:
            pieces += [data[done:position], _list_of_structs(len(groups))]
            pieces += [_moved(group, start - group.start, ordinal) for ordinal, (group, start) in enumerate(groups)]
        else:
            continue
        done = _past(data, position, kind)
    footer = b"".join([*pieces, data[done:]])
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _footer_bytes(content: bytes) -> bytes:
    length = int.from_bytes(content[-TAIL : -len(MAGIC)], "little")
    if content[-len(MAGIC) :] != MAGIC or length + TAIL > len(content):
        raise ValueError("no whole footer")
    return content[-TAIL - length : -TAIL]


def _row_group(data: bytes, begin: int) -> tuple[RowGroup, int]:
    """The row group whose struct is at a position, and where that ends."""
    offsets: list[Integer] = []
    ordinal: Integer | None = None
    first = last = -1
    number, position = 0, begin
    while header := data[position]:
        number, position = _number(data, position, number)
        if number == GROUP_COLUMNS:
            count, _, position = _list_header(data, position)
            for _ in range(count):
                start, end, position = _chunk(data, position, begin, offsets)
                if first < 0:
                    first = last = start
                if start != last:
                    raise ValueError("a row group with gaps")
                last = end
            continue
        end = _past(data, position, header & 15)
        if number in (GROUP_OFFSET, GROUP_ORDINAL):
            integer = position - begin, end - begin, _offset(data, position, header)
            if number == GROUP_ORDINAL:
                ordinal = integer
            else:
                offsets.append(integer)
        position = end
    return RowGroup(data[begin : position + 1], first, last, offsets, ordinal), position + 1


def _chunk(data: bytes, position: int, begin: int, offsets: list[Integer]) -> tuple[int, int, int]:
    """Start and end of a column chunk's pages, and where its struct ends; adds the offsets that the struct tells."""
    number = start = size = 0
    while header := data[position]:
        number, position = _number(data, position, number)
        if number == CHUNK_META:
            start, size, position = _chunk_meta(data, position, begin, offsets)
            continue
        if number in CHUNK_INDEXES:
            raise ValueError("a column chunk with an index")
        end = _past(data, position, header & 15)
        if number == CHUNK_OFFSET:
            offsets.append((position - begin, end - begin, _offset(data, position, header)))
        position = end
    return start, start + size, position + 1


def _chunk_meta(data: bytes, position: int, begin: int, offsets: list[Integer]) -> tuple[int, int, int]:
    """Start and size of a column chunk's pages, and where the struct ends."""
    number = start = size = 0
    while header := data[position]:
        if header >> 4:
            number += header >> 4
            position += 1
        else:
            number, position = _number(data, position, number)
        end = _past(data, position, header & 15)
        if number == META_COMPRESSED:
            size = _read(data, position)
        elif number in META_OFFSETS:
            value = _offset(data, position, header)
            offsets.append((position - begin, end - begin, value))
            # A dictionary comes before the pages with data.
            start = min(start, value) if start else value
        elif number == META_BLOOM_FILTER:
            raise ValueError("a column chunk with a filter")
        position = end
    return start, size, position + 1


def _moved(group: RowGroup, distance: int, ordinal: int) -> bytes:
    """A row group's struct, its pages further on by some bytes."""
    if not distance and (group.ordinal is None or group.ordinal[2] == ordinal):
        return group.struct
    # Writers that do not tell an offset write 0.
    changes = [(start, end, value + distance if value else 0) for start, end, value in group.offsets]
    if group.ordinal is not None:
        changes.append((*group.ordinal[:2], ordinal))
    pieces, position = [], 0
    for start, end, value in sorted(changes):
        pieces += [group.struct[position:start], _integer(value)]
        position = end
    return b"".join([*pieces, group.struct[position:]])


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, type and position of each field of the struct that the bytes begin with."""
    number = position = 0
    while header := data[position]:
        number, position = _number(data, position, number)
        yield number, header & 15, position
        position = _past(data, position, header & 15)


def _number(data: bytes, position: int, before: int) -> tuple[int, int]:
    """A field's number, from its header and the number of the field before it; and where its value starts."""
    distance = data[position] >> 4
    if distance:
        return before + distance, position + 1
    return _read(data, position + 1), _past_varint(data, position + 1)


def _list_header(data: bytes, position: int) -> tuple[int, int, int]:
    count, kind = data[position] >> 4, data[position] & 15
    position += 1
    if count == LONG_LIST:
        count = _unsigned(data, position)
        position = _past_varint(data, position)
    return count, kind, position


def _past(data: bytes, position: int, kind: int, *, in_list: bool = False) -> int:
    """Where a value of a type ends."""
    if kind in INTEGERS:
        while data[position] > 127:
            position += 1
        return position + 1
    if kind == BINARY:
        length = data[position]
        return position + 1 + length if length < 128 else _past_varint(data, position) + _unsigned(data, position)
    if kind == STRUCT:
        while header := data[position]:
            position = position + 1 if header >> 4 else _past_varint(data, position + 1)
            if header & 15 not in BOOLEANS:
                position = _past(data, position, header & 15)
        return position + 1
    if kind in LISTS:
        count, element, position = _list_header(data, position)
        for _ in range(count):
            position = _past(data, position, element, in_list=True)
        return position
    if kind in BOOLEANS:
        return position + in_list
    if kind == BYTE:
        return position + 1
    if kind == DOUBLE:
        return position + 8
    raise ValueError(f"a value of type {kind}, which no footer has")


def _list_of_structs(count: int) -> bytes:
    if count < LONG_LIST:
        return bytes([count << 4 | STRUCT])
    return bytes([LONG_LIST << 4 | STRUCT]) + _varint(count)


def _past_varint(data: bytes, position: int) -> int:
    while data[position] > 127:
        position += 1
    return position + 1


def _unsigned(data: bytes, position: int) -> int:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128:
            return value
        shift += 7
        position += 1


def _read(data: bytes, position: int) -> int:
    value = _unsigned(data, position)
    return value >> 1 ^ -(value & 1)


def _offset(data: bytes, position: int, header: int) -> int:
    if header & 15 not in INTEGERS:
        raise ValueError("an offset that is no integer")
    return _read(data, position)


def _varint(value: int) -> bytes:
    pieces = bytearray()
    while value > 127:
        pieces.append(value & 127 | 128)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def _integer(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else ~(value << 1))
