"""Comparing trees by their bytes finds what comparing all their entries finds, compiled or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressmark.storage.compiled import FORMATS
from pressmark.storage.inputs import trees
from pressmark.storage.inputs.trees import REGULAR, Change, CorruptTree, Entry, changes_along

both = pytest.mark.parametrize(
    "compiled",
    [
        pytest.param(True, marks=pytest.mark.skipif(FORMATS is None, reason="no C compiler was at hand")),
        False,
    ],
)

Files = dict[tuple[bytes, ...], bytes]
NAMES = st.binary(min_size=1, max_size=30).filter(
    lambda name: not set(name) & set(b"\0/") and name not in (b".", b"..")
)
BLOBS = st.sampled_from([bytes([n]) * 20 for n in range(6)] + [b"100644 a\0" + b"40000 b\0" + b"abc"])
ARCHIVES = st.dictionaries(
    st.one_of(st.tuples(NAMES), st.tuples(st.sampled_from([b"d", b"d.x", b"e"]), NAMES)), BLOBS, max_size=40
)


class Store:
    """Trees by id."""

    def __init__(self) -> None:
        self.trees: dict[bytes, bytes] = {}

    def put(self, files: Files) -> bytes:
        entries: dict[bytes, tuple[bytes, bytes]] = {}
        below: dict[bytes, Files] = {}
        for parts, blob in files.items():
            if len(parts) > 1:
                below.setdefault(parts[0], {})[parts[1:]] = blob
            else:
                entries[parts[0]] = (b"100644", blob)
        for name, inside in below.items():
            entries[name] = (b"40000", self.put(inside))
        ordered = sorted(entries.items(), key=lambda entry: entry[0] + b"/" * (entry[1][0] == b"40000"))
        data = b"".join(mode + b" " + name + b"\0" + blob for name, (mode, blob) in ordered)
        tree_id = len(self.trees).to_bytes(20, "big")
        for known, other in self.trees.items():
            if other == data:
                return known
        self.trees[tree_id] = data
        return tree_id


def shown(files: Files) -> Files:
    """What a tree can hold: no file beside a folder of the same name."""
    folders = {parts[0] for parts in files if len(parts) > 1}
    return {parts: blob for parts, blob in files.items() if len(parts) > 1 or parts[0] not in folders}


def changes(compiled: bool, *arguments) -> list[tuple[int, Change]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "FORMATS", FORMATS if compiled else None)
        return list(changes_along(*arguments))


@both
@given(archives=st.lists(ARCHIVES, min_size=1, max_size=6), from_nothing=st.booleans())
def test_changes_lead_from_each_tree_to_the_next(compiled: bool, archives: list[Files], from_nothing: bool) -> None:
    store = Store()
    archives = [shown(files) for files in archives]
    ids = [store.put(files) for files in archives]
    before = {} if from_nothing else archives[0]
    found: dict[int, dict[bytes, bytes | None]] = {}
    for position, (path, after) in changes(compiled, store.trees.__getitem__, None if from_nothing else ids[0], ids):
        assert path not in found.setdefault(position, {})
        found[position][path] = after.blob if after is not None else None
    for position, files in enumerate(archives):
        old = {b"/".join(parts): blob for parts, blob in before.items()}
        new = {b"/".join(parts): blob for parts, blob in files.items()}
        expected = {path: new.get(path) for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
        assert found.get(position, {}) == expected
        before = files


@both
def test_thousands_of_entries_with_scattered_changes(compiled: bool) -> None:
    store = Store()
    files: Files = {(b"%05d" % n,): bytes([n % 251]) * 20 for n in range(5000)}
    changed = {name: blob for name, blob in files.items() if int(name[0]) % 700}
    changed |= {(b"%05d-new" % n,): b"n" * 20 for n in range(0, 5000, 900)}
    ids = [store.put(files), store.put(changed), store.put({}), store.put(files)]
    counts = [0] * 4
    for position, _ in changes(compiled, store.trees.__getitem__, None, ids):
        counts[position] += 1
    assert counts == [5000, 8 + 6, 5000 - 8 + 6, 5000]


@both
def test_an_executable_file_is_a_file_and_a_mode_is_no_change(compiled: bool) -> None:
    stored = {b"1" * 20: b"100644 a\0" + b"x" * 20, b"2" * 20: b"100755 a\0" + b"x" * 20}
    found = changes(compiled, stored.__getitem__, None, [b"1" * 20, b"2" * 20])
    assert found == [(0, Change(b"a", Entry(REGULAR, b"x" * 20)))]


@both
@pytest.mark.parametrize("data", [b"x", b"100644 a", b"100644 a\0short", b"100644 a\0" + b"x" * 20 + b"y"])
def test_bytes_that_are_no_tree_say_so(compiled: bool, data: bytes) -> None:
    with pytest.raises(CorruptTree, match="no entry of a tree at byte"):
        changes(compiled, lambda _: data, None, [b"1" * 20])


@pytest.mark.skipif(FORMATS is None, reason="no C compiler was at hand")
@given(
    before=ARCHIVES.map(shown),
    after=ARCHIVES.map(shown),
    at=st.integers(0, 500),
    instead=st.sampled_from([b"", b"\0", b" ", b"0", b"99999999 ", b"7777777777777 x"]),
)
def test_damaged_trees_give_the_same_changes_or_none(before: Files, after: Files, at: int, instead: bytes) -> None:
    store = Store()
    ids = [store.put(before), store.put(after)]
    data = store.trees[ids[1]]
    store.trees[b"d" * 20] = data[:at] + instead + data[at + 1 :]

    def outcome(compiled: bool) -> object:
        try:
            found = changes(compiled, store.trees.__getitem__, ids[0], [b"d" * 20])
        # A folder that is none.
        except (CorruptTree, KeyError) as error:
            return type(error)
        return sorted(found, key=repr)

    assert outcome(True) == outcome(False)
