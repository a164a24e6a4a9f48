"""Objects of packs: the same bytes as libgit2 reads, and none where a pack is damaged."""

from __future__ import annotations

import random
import subprocess

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import Repository

from pressmark.storage.compiled import FORMATS
from pressmark.storage.inputs.commits import opened, tree_changes
from pressmark.storage.inputs.deltas import PackedObjects, UnreadableError, _applied, _applied_in_python

COMMITS = 40
BASE = bytes(range(256)) * 300


@pytest.fixture(scope="module", params=["offsets", "ids"])
def packed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Repository:
    """A folder of 300 files of which each commit changes some, in one pack whose deltas name their base so."""
    repository = Repository(tmp_path_factory.mktemp("deltas") / "archive.git")
    draw = random.Random(7)
    files: dict[str | bytes, bytes] = {f"{number:04d}.md": b"%d" % number for number in range(300)}
    for number in range(COMMITS):
        for name in draw.sample(sorted(files, key=str), 4):
            files[name] = b"%d again" % number
        files[f"{draw.randrange(300):04d}-{number}.md"] = draw.randbytes(40)
        del files[draw.choice(sorted(files, key=str))]
        repository.commit(files)
    offsets = str(request.param == "offsets").lower()
    git = ["git", "--git-dir", str(repository.path), "-c", f"repack.useDeltaBaseOffset={offsets}"]
    subprocess.run([*git, "repack", "-adfq", "--depth", "50", "--window", "50"], check=True)
    return repository


def objects_of(repository: Repository) -> dict[bytes, bytes]:
    odb = pygit2.Repository(str(repository.path)).odb
    return {oid.raw: odb.read(oid)[1] for oid in odb}


@pytest.mark.parametrize("kept", [1, 50_000, 24 << 20])
def test_every_object_is_what_libgit2_reads(packed: Repository, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressmark.storage.inputs.deltas, "KEPT_BYTES", kept)
    expected = objects_of(packed)
    objects = PackedObjects(str(packed.path / "objects"))
    for object_id, data in random.Random(3).sample(sorted(expected.items()), len(expected)):
        assert objects.read(object_id, len(data)) == data
        assert objects.read(object_id, len(data) + 1) is None
    assert objects.read(b"\0" * 20, 1) is None
    assert objects.read(b"\xff" * 20, 1) is None
    assert len(expected) > 3 * COMMITS
    (pack,) = objects._packs
    bases = [pack.entry(pack.offset_of(object_id) or 0)[0] for object_id in expected]
    assert sum(base is not None for base in bases) >= COMMITS - 2
    objects.close()


def test_a_walk_finds_the_same_changes(packed: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened(packed.path)
    trees = [repository[commit].peel(pygit2.Tree).id.raw for commit in packed.commits]
    expected = list(tree_changes(repository, None, trees))
    monkeypatch.setattr(pressmark.storage.inputs.commits, "UNPACKED_BYTES", 0)
    read: list[bool] = []
    reads = PackedObjects.read

    def noted(objects: PackedObjects, object_id: bytes, size: int) -> bytes | None:
        data = reads(objects, object_id, size)
        read.append(data is not None)
        return data

    monkeypatch.setattr(PackedObjects, "read", noted)
    assert list(tree_changes(repository, None, trees)) == expected
    assert read == [True] * COMMITS
    assert len(expected) > 300


def test_damage_is_left_to_libgit2(packed: Repository) -> None:
    expected = objects_of(packed)
    folder = packed.path / "objects" / "pack"
    draw = random.Random(11)
    refused = 0
    for suffix in (".pack", ".idx"):
        (path,) = folder.glob(f"*{suffix}")
        path.chmod(0o644)
        whole = path.read_bytes()
        damaged = [whole[: draw.randrange(len(whole))] for _ in range(8)] + [b""]
        for _ in range(20):
            at = draw.randrange(len(whole))
            damaged.append(whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :])
        for data in damaged:
            path.write_bytes(data)
            objects = PackedObjects(str(packed.path / "objects"))
            for object_id in draw.sample(sorted(expected), 40):
                found = objects.read(object_id, len(expected[object_id]))
                assert found is None or len(found) == len(expected[object_id])
                refused += found is None
            objects.close()
        path.write_bytes(whole)
    assert refused > 100


def sized(number: int) -> bytes:
    """A number as deltas begin with: seven bits a byte, the lowest ones first."""
    digits = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


def copied(start: int, length: int) -> bytes:
    """The instruction to copy bytes of the base."""
    parts = [start >> 8 * byte & 0xFF for byte in range(4)] + [length >> 8 * byte & 0xFF for byte in range(3)]
    return bytes([0x80 | sum(1 << bit for bit, part in enumerate(parts) if part)] + [part for part in parts if part])


INSTRUCTIONS = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=127).map(lambda data: (bytes([len(data)]) + data, data)),
        st.tuples(st.integers(0, len(BASE) - 1), st.integers(1, 70_000)).map(
            lambda at: (copied(at[0], len(BASE[at[0] : sum(at)])), BASE[at[0] : sum(at)])
        ),
        st.just((copied(5, 0), BASE[5 : 5 + 0x10000])),
    ),
    max_size=12,
)


@pytest.mark.skipif(FORMATS is None, reason="no C compiler was at hand")
@given(parts=INSTRUCTIONS, damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=2))
def test_deltas_make_the_same_compiled_or_not(parts: list[tuple[bytes, bytes]], damage: list[tuple[int, int]]) -> None:
    expected = b"".join(made for _, made in parts)
    delta = bytearray(sized(len(BASE)) + sized(len(expected)) + b"".join(instruction for instruction, _ in parts))
    assert _applied(BASE, bytes(delta)) == _applied_in_python(BASE, bytes(delta)) == expected
    for at, byte in damage:
        delta[at % len(delta)] = byte

    def outcome(apply) -> bytes | None:
        try:
            made: bytes = apply(BASE, bytes(delta))
        except (UnreadableError, IndexError):
            return None
        return made

    assert outcome(_applied) == outcome(_applied_in_python)


@pytest.mark.parametrize("delta", [b"", b"\x80", sized(len(BASE)), sized(len(BASE)) + b"\xff" * 9])
@pytest.mark.parametrize("apply", [_applied, _applied_in_python])
def test_no_delta_makes_nothing(apply, delta: bytes) -> None:
    with pytest.raises((UnreadableError, IndexError)):
        apply(BASE, delta)
