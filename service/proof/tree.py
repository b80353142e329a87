"""The Merkle tree of a book in the database: its full blocks are stored, the rest is computed."""

from collections.abc import Sequence

from msgspec import Struct

from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.proof.merkle import (
    BITS,
    BLOCK,
    Nodes,
    Range,
    leaf_hash,
    needed,
    perfect_root,
    range_hash,
)

_BLOCKS = 64  # of leaves, that are read and hashed at once
_SIZE = 32  # of a hash, and of a link
_LEVELS = range(2 * BITS, 6 * BITS, BITS)  # as in proof/tree_size


class MissingNodesError(Exception):
    """The tree or the chain of a book has gaps; `daybook verify chain` says where."""


class Grown(Struct, frozen=True):
    """The head of a book, up to which its tree has been extended."""

    size: int
    link: bytes


async def extend(conn: Connection, book: str) -> Grown:
    """Store the hashes of all blocks that are full by now; returns the head.

    Several processes may do so at once: they compute the same.

    Raises:
        MissingNodesError: if events are missing.
    """
    while True:
        row = await (
            await conn.execute(statements.text("proof/tree_size"), {"book": book}, prepare=False)
        ).fetchone()
        if row is None:
            return Grown(0, bytes(32))
        counts = {int(level): count for level, count in row["counts"].items()}
        blocks = counts.get(BITS, 0)
        more = min(row["position"] // BLOCK - blocks, _BLOCKS)
        added = await _leaf_blocks(conn, book, blocks, more)
        await _add(conn, book, [(BITS, blocks + n, one) for n, one in enumerate(added)])
        await _extend_upwards(conn, book, counts | {BITS: blocks + more})
        if blocks + more == row["position"] // BLOCK:
            return Grown(row["position"], row["link"])


async def _leaf_blocks(conn: Connection, book: str, first: int, count: int) -> list[bytes]:
    if not count:
        return []
    (leaves,) = await _read(conn, book, [Nodes(0, first * BLOCK, (first + count) * BLOCK)])
    return [perfect_root(leaves[n : n + BLOCK]) for n in range(0, len(leaves), BLOCK)]


async def _extend_upwards(conn: Connection, book: str, counts: dict[int, int]) -> None:
    for level in _LEVELS:
        below, have = counts.get(level - BITS, 0), counts.get(level, 0)
        if below // BLOCK <= have:
            return
        wanted = [
            Nodes(level - BITS, number * BLOCK, (number + 1) * BLOCK)
            for number in range(have, below // BLOCK)
        ]
        roots = map(perfect_root, await _read(conn, book, wanted))
        await _add(conn, book, [(level, number, root) for number, root in enumerate(roots, have)])
        counts[level] = below // BLOCK


async def _add(conn: Connection, book: str, nodes: Sequence[tuple[int, int, bytes]]) -> None:
    if not nodes:
        return
    levels, indexes, hashes = (list(column) for column in zip(*nodes, strict=True))
    params = {"book": book, "levels": levels, "indexes": indexes, "hashes": hashes}
    await conn.execute(statements.text("proof/add_nodes"), params)


async def range_hashes(conn: Queryable, book: str, ranges: Sequence[Range]) -> list[bytes]:
    """The hashes of some ranges of a book's tree, which must have been extended beyond them.

    Raises:
        MissingNodesError: if it has gaps.
    """
    wanted = needed(ranges)
    found = {
        (nodes.level, index): one
        for nodes, hashes in zip(wanted, await _read(conn, book, wanted), strict=True)
        for index, one in enumerate(hashes, nodes.first)
    }
    return [range_hash(one, lambda level, index: found[level, index]) for one in ranges]


async def roots(conn: Queryable, book: str, sizes: Sequence[int]) -> list[bytes]:
    """The root of a book's tree at each size; see ``range_hashes``."""
    return await range_hashes(conn, book, [Range(0, size) for size in sizes])


async def _read(conn: Queryable, book: str, wanted: Sequence[Nodes]) -> list[list[bytes]]:
    """The hashes of some ranges of stored nodes, and of leaves (level 0).

    Raises:
        MissingNodesError: if one is missing.
    """
    kinds: dict[str, list[Nodes]] = {}
    for one in wanted:
        kinds.setdefault("proof/nodes" if one.level else "proof/links", []).append(one)
    joined: dict[Nodes, bytes] = {}
    for statement, some in kinds.items():
        params = {
            "book": book,
            "levels": [one.level for one in some],
            "firsts": [one.first for one in some],
            "lasts": [one.last for one in some],
        }
        # not prepared: the plan must follow the tables as they grow
        text = statements.text(statement)
        cursor = await conn.execute(text, params, prepare=False, binary=True)
        for row in await cursor.fetchall():
            of = Nodes(row["level"], row["first"], row["last"])
            if row["joined"] is None or len(row["joined"]) != _SIZE * (of.last - of.first):
                raise MissingNodesError(
                    f"Events of book {book!r} are missing, or blocks of its tree."
                    " Run: daybook verify chain."
                )
            joined[of] = row["joined"]
    return [
        [*map(leaf_hash, parts)] if not one.level else parts
        for one in wanted
        for parts in ([joined[one][n : n + _SIZE] for n in range(0, len(joined[one]), _SIZE)],)
    ]
