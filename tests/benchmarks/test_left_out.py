"""Each kind of rule that is left out to measure what it is worth is one that the product has."""

from __future__ import annotations

import pytest

from benchmarks.left_out import KINDS, without


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_left_out_and_is_back_afterwards(kind: str) -> None:
    before = [getattr(owner, name) for owner, name, _ in KINDS[kind]]
    with without(kind):
        assert [getattr(owner, name) for owner, name, _ in KINDS[kind]] == [instead for *_, instead in KINDS[kind]]
    assert [getattr(owner, name) for owner, name, _ in KINDS[kind]] == before
