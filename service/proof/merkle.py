"""The Merkle tree of a book, as RFC 6962 has it: hashes, roots and proofs. Pure.

The entries are the links of the chain, 32 bytes each; the index of an event is its position less
one. A tree is computed from the hashes of perfect subtrees. Only those of 256, 256², … leaves are
stored (``BITS``); what lies between is computed from them, and the leaves from the links.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import attrgetter

from msgspec import Struct

BITS = 8
"""A stored node covers 2^8 nodes of the stored level below it; level 0 are the leaves."""

BLOCK = 1 << BITS
"""The leaves of a full block, whose hash is stored."""

EMPTY = sha256(b"").digest()
"""The root of the tree without entries."""

# begun: a copy costs less than a beginning, and this is done for every event of a store
_LEAF, _NODE = sha256(b"\x00"), sha256(b"\x01")


def leaf_hash(link: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\x00" + link).digest()


def leaf_hashes(links: Iterable[bytes]) -> list[bytes]:
    """The hashes of many entries."""
    hashes, begin = [], _LEAF.copy
    for link in links:
        hashed = begin()
        hashed.update(link)
        hashes.append(hashed.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 2^n hashes of one level."""
    begin = _NODE.copy
    while len(hashes) > 1:
        above, pairs = [], iter(hashes)
        for left, right in zip(pairs, pairs, strict=True):
            hashed = begin()
            hashed.update(left)
            hashed.update(right)
            above.append(hashed.digest())
        hashes = above
    return hashes[0]


class Frontier(Struct):
    """The perfect subtrees of a tree that grows at its end: enough to compute its root."""

    peaks: list[tuple[int, bytes]] = []

    def push(self, level: int, subtree: bytes) -> None:
        """Append a perfect subtree of 2^level leaves; none that stands there may be smaller."""
        while self.peaks and self.peaks[-1][0] == level:
            subtree = node_hash(self.peaks.pop()[1], subtree)
            level += 1
        self.peaks.append((level, subtree))

    def root(self, more: Iterable[tuple[int, bytes]] = ()) -> bytes:
        """The root, after some more subtrees."""
        grown = Frontier([*self.peaks])
        for level, subtree in more:
            grown.push(level, subtree)
        if not grown.peaks:
            return EMPTY
        root = grown.peaks[-1][1]
        for _, subtree in reversed(grown.peaks[:-1]):
            root = node_hash(subtree, root)
        return root


class Range(Struct, frozen=True):
    """The leaves from ``first`` to before ``last``, whose hash is that of a tree of their own."""

    first: int
    last: int


class Nodes(Struct, frozen=True):
    """Stored nodes of one level, from ``first`` to before ``last``."""

    level: int
    first: int
    last: int


class Hashes(dict[tuple[int, int], bytes]):
    """The hashes of perfect subtrees, by level and index.

    One that is unknown is computed from the stored level below it, which must be known, and kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stored: dict[int, list[tuple[int, Sequence[bytes]]]] = {}

    def add(self, level: int, first: int, hashes: Sequence[bytes]) -> None:
        """Add those of successive subtrees of one stored level, the first one by its index."""
        self._stored.setdefault(level, []).append((first, hashes))

    def __missing__(self, place: tuple[int, int]) -> bytes:
        level, index = place
        if found := self._among(level, index, index + 1):
            return found[0]
        if not level:
            raise KeyError(place)
        below = (level - 1) // BITS * BITS
        width = 1 << (level - below)
        hashes = self._among(below, index * width, (index + 1) * width)
        if hashes is None:
            hashes = [self[below, n] for n in range(index * width, (index + 1) * width)]
        one = self[place] = perfect_root(hashes)
        return one

    def _among(self, level: int, first: int, last: int) -> Sequence[bytes] | None:
        """Some successive ones, if they were added together: hundreds cost as much as one."""
        for start, hashes in self._stored.get(level, ()):
            if start <= first and last <= start + len(hashes):
                return hashes[first - start : last - start]
        return None


def inclusion(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove the leaf at ``index`` in a tree, from the leaf upwards.

    Raises:
        ValueError: if the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(index)
    path, first, last = [], 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(Range(middle, last))
            last = middle
        else:
            path.append(Range(first, middle))
            first = middle
    return path[::-1]


def consistency(old: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that the tree of ``old`` leaves is the beginning of another.

    Raises:
        ValueError: if it is empty, or larger than the other.
    """
    if not 0 < old <= size:
        raise ValueError(old)
    path, first, last = [], 0, size
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(Range(middle, last))
            last = middle
        else:
            path.append(Range(first, middle))
            first = middle
    if first:
        path.append(Range(first, last))
    return path[::-1]


def perfect(of: Range) -> list[tuple[int, int]]:
    """The perfect subtrees that a range consists of, as level and index, from left to right."""
    parts, first = [], of.first
    while first < of.last:
        level = (of.last - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        parts.append((level, first >> level))
        first += 1 << level
    return parts


def needed(ranges: Iterable[Range]) -> list[Nodes]:
    """The stored nodes from which the hashes of some ranges are computed."""
    return [
        Nodes(base, index << (level - base), (index + 1) << (level - base))
        for of in ranges
        for level, index in perfect(of)
        for base in (level - level % BITS,)
    ]


def joined(nodes: Iterable[Nodes]) -> list[Nodes]:
    """The same nodes in as few ranges as can be, which may have single ones in addition."""
    ranges: list[Nodes] = []
    for one in sorted(nodes, key=attrgetter("level", "first", "last")):
        before = ranges[-1] if ranges else None
        if before and before.level == one.level and one.first <= before.last + 1:
            ranges[-1] = Nodes(one.level, before.first, max(before.last, one.last))
        elif one.first < one.last:
            ranges.append(one)
    return ranges


def range_hash(of: Range, known: Hashes) -> bytes:
    """The hash of a range, from the stored nodes that it needs."""
    grown = Frontier([])
    for level, index in perfect(of):
        grown.push(level, known[level, index])
    return grown.root()


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to; None if it has the wrong length."""
    path = inclusion(index, size) if 0 <= index < size else []
    if len(path) != len(proof) or not 0 <= index < size:
        return None
    root = leaf
    for of, sibling in zip(path, proof, strict=True):
        root = node_hash(sibling, root) if of.first <= index and of.last <= index else (
            node_hash(root, sibling)
        )  # fmt: skip
    return root


def is_consistent(
    old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the tree of ``old`` leaves is the beginning of the other."""
    if old == size:
        return old_root == root and not proof
    if not 0 < old < size:
        return False
    path = consistency(old, size)
    if len(path) != len(proof):
        return False
    hashes = [*zip(path, proof, strict=True)]
    if path[0].last > old:
        # the old tree is a subtree of the other, and is not repeated in the proof
        before = after = old_root
    else:
        before = after = hashes.pop(0)[1]
    for of, sibling in hashes:
        if of.first < old:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    return before == old_root and after == root


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1
