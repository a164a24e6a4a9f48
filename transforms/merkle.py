"""Hash trees as in RFC 6962: their roots, and the path from one of their nodes to the root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, Literal, NamedTuple

__all__ = ["LEAF", "NODE", "Step", "climb", "path_to", "tree_root"]

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
