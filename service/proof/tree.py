"""The Merkle tree of a book in the database: its full blocks are stored, the rest is computed."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.proof.merkle import (
    BITS,
    BLOCK,
    Hashes,
    Nodes,
    Range,
    joined,
    leaf_hashes,
    needed,
    range_hash,
)

AT_ONCE = 64
"""How many blocks of leaves are read and hashed at once."""

_SIZE = 32  # of a hash, and of a link
_LARGE = 100_000
_LEVELS = range(BITS, 6 * BITS, BITS)  # as in proof/tree_size


class MissingNodesError(Exception):
    """The tree or the chain of a book has gaps; `daybook verify chain` says where."""


class Head(Struct, frozen=True):
    """The end of a book, and how far its tree is stored.

    Attributes:
        size: the position of the last event; 0 if there is none.
        stored: how many full blocks of each level are stored.
    """

    size: int = 0
    stored: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_LEVELS, 0))

    @classmethod
    def after(cls, checkpoint: int, size: int) -> "Head":
        """The end of a book with a checkpoint, whose blocks were stored together with it."""
        return cls(size, {level: checkpoint >> level for level in _LEVELS})

    @property
    def lacking(self) -> int:
        """How many blocks of leaves are full, and not stored."""
        return max(0, self.size // BLOCK - self.stored[BITS])


class Grown(Struct, frozen=True):
    """A tree up to the head of its book.

    Attributes:
        added: the full blocks that are not stored, each with its level, index and hash.
        roots: those at the sizes that were asked for, by size.
    """

    added: list[tuple[int, int, bytes]]
    roots: dict[int, bytes]


def may_prepare(position: int) -> bool | None:
    """Whether a connection may prepare a statement about a book that has this position.

    Planning one takes longer than reading a few rows. But the plan for a small table would be kept
    while the table grows; that for a large one stays right.
    """
    return None if position >= _LARGE else False


async def head_of(conn: Queryable, book: str) -> Head:
    """The head of a book."""
    # not prepared: the plan must follow the tables as they grow
    text = statements.text("proof/tree_size")
    row = await (await conn.execute(text, {"book": book}, prepare=False)).fetchone()
    if row is None:
        return Head()
    return Head(row["position"], {int(level): count for level, count in row["counts"].items()})


async def extend(conn: Connection, book: str) -> Head:
    """Store the hashes of all blocks that are full by now; returns the head.

    Several processes may do so at once: they compute the same.

    Raises:
        MissingNodesError: if events are missing.
    """
    while (head := await head_of(conn, book)).lacking:
        # in pieces: what is done stays done
        size = (head.stored[BITS] + min(head.lacking, AT_ONCE)) * BLOCK
        await store(conn, book, await grow(conn, book, Head(size, head.stored)))
    return head


async def grow(conn: Queryable, book: str, head: Head, sizes: Iterable[int] = ()) -> Grown:
    """Compute the blocks that are full and not stored, and the roots at some sizes up to the head.

    Raises:
        MissingNodesError: if events are missing.
    """
    ranges = [Range(0, size) for size in sizes]
    known, blocks = Hashes(), head.stored[BITS]
    for first in range(blocks, blocks + head.lacking - AT_ONCE, AT_ONCE):
        piece = Nodes(0, first * BLOCK, (first + AT_ONCE) * BLOCK)
        leaves = Hashes()
        await _read(conn, book, [piece], leaves)
        known.add(BITS, first, [leaves[BITS, n] for n in range(first, first + AT_ONCE)])
        blocks = first + AT_ONCE
    stored = head.stored | {0: blocks * BLOCK}
    wanted = [
        Nodes(of.level, of.first, min(of.last, stored[of.level]))
        for of in [
            *(
                Nodes(level - BITS, head.stored[level] * BLOCK, (head.size >> level) * BLOCK)
                for level in _LEVELS[1:]
            ),
            *needed(ranges),
        ]
    ]
    await _read(conn, book, [Nodes(0, blocks * BLOCK, head.size), *wanted], known)
    added = [
        (level, index, known[level, index])
        for level in _LEVELS
        for index in range(head.stored[level], head.size >> level)
    ]
    return Grown(added, {one.last: range_hash(one, known) for one in ranges})


async def store(conn: Connection, book: str, grown: Grown) -> None:
    """Store the full blocks that a tree has in addition."""
    if not grown.added:
        return
    levels, indexes, hashes = (list(column) for column in zip(*grown.added, strict=True))
    params = {"book": book, "levels": levels, "indexes": indexes, "hashes": hashes}
    await conn.execute(statements.text("proof/add_nodes"), params)


async def range_hashes(conn: Queryable, book: str, ranges: Sequence[Range]) -> list[bytes]:
    """The hashes of some ranges of a book's tree, which must have been extended beyond them.

    Raises:
        MissingNodesError: if it has gaps.
    """
    known = Hashes()
    await _read(conn, book, needed(ranges), known)
    return [range_hash(one, known) for one in ranges]


async def roots(conn: Queryable, book: str, sizes: Sequence[int]) -> list[bytes]:
    """The root of a book's tree at each size; see ``range_hashes``."""
    return await range_hashes(conn, book, [Range(0, size) for size in sizes])


async def _read(conn: Queryable, book: str, wanted: Iterable[Nodes], known: Hashes) -> None:
    """Add the hashes of some ranges of stored nodes, and of leaves (level 0).

    Raises:
        MissingNodesError: if one is missing.
    """
    some = joined(wanted)
    params = {
        "book": book,
        "levels": [one.level for one in some],
        "firsts": [one.first for one in some],
        "lasts": [one.last for one in some],
    }
    prepare = may_prepare(max((one.last << one.level for one in some), default=0))
    text = statements.text("proof/hashes")
    cursor = await conn.execute(text, params, prepare=prepare, binary=True)
    for row in await cursor.fetchall():
        level, first, last, found = row["level"], row["first"], row["last"], row["joined"]
        if found is None or len(found) != _SIZE * (last - first):
            raise MissingNodesError(
                f"Events of book {book!r} are missing, or blocks of its tree."
                " Run: daybook verify chain."
            )
        parts = [found[n : n + _SIZE] for n in range(0, len(found), _SIZE)]
        known.add(level, first, parts if level else leaf_hashes(parts))
