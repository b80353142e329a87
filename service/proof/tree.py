"""The Merkle tree of a book in the database: its full blocks are stored, the rest is computed."""

from collections.abc import Sequence

from msgspec import Struct

from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.proof.merkle import (
    BITS,
    BLOCK,
    Range,
    leaf_hash,
    needed,
    perfect_root,
    range_hash,
)

_BLOCKS = 4  # of leaves, that are read and hashed at once: few enough for the index
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
    span = {"book": book, "first": first * BLOCK, "last": (first + count) * BLOCK}
    cursor = await conn.execute(statements.text("proof/links"), span, prepare=False, binary=True)
    leaves = [leaf_hash(row["link"]) for row in await cursor.fetchall()]
    if len(leaves) != count * BLOCK:
        raise MissingNodesError(f"Events of book {book!r} are missing. Run: daybook verify chain.")
    return [perfect_root(leaves[n : n + BLOCK]) for n in range(0, len(leaves), BLOCK)]


async def _extend_upwards(conn: Connection, book: str, counts: dict[int, int]) -> None:
    for level in _LEVELS:
        below, have = counts.get(level - BITS, 0), counts.get(level, 0)
        if below // BLOCK <= have:
            return
        for number in range(have, below // BLOCK):
            found = await _stored(conn, book, level - BITS, number)
            await _add(conn, book, [(level, number, perfect_root(found))])
        counts[level] = below // BLOCK


async def _stored(conn: Connection, book: str, level: int, parent: int) -> list[bytes]:
    wanted = {"levels": [level], "firsts": [parent * BLOCK], "lasts": [(parent + 1) * BLOCK]}
    cursor = await conn.execute(statements.text("proof/nodes"), {"book": book, **wanted})
    found = {row["index"]: row["hash"] for row in await cursor.fetchall()}
    if len(found) != BLOCK:
        raise MissingNodesError(f"The tree of book {book!r} has a gap: blocks were removed.")
    return [found[index] for index in sorted(found)]


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
    found: dict[tuple[int, int], bytes] = {}
    blocks = [one for one in wanted if one.level]
    if blocks:
        params = {
            "book": book,
            "levels": [one.level for one in blocks],
            "firsts": [one.first for one in blocks],
            "lasts": [one.last for one in blocks],
        }
        cursor = await conn.execute(statements.text("proof/nodes"), params, prepare=False)
        for row in await cursor.fetchall():
            found[row["level"], row["index"]] = row["hash"]
    if leaves := [one for one in wanted if not one.level]:
        # by equality: ranges would be estimated without statistics, and read the whole table
        positions = [index + 1 for one in leaves for index in range(one.first, one.last)]
        params = {"book": book, "positions": positions}
        cursor = await conn.execute(statements.text("proof/leaves"), params, prepare=False)
        for row in await cursor.fetchall():
            found[0, row["index"]] = leaf_hash(row["link"])
    try:
        return [range_hash(one, lambda level, index: found[level, index]) for one in ranges]
    except KeyError:
        raise MissingNodesError(
            f"The tree of book {book!r} has a gap. Run: daybook verify chain."
        ) from None


async def root(conn: Queryable, book: str, size: int) -> bytes:
    """The root of a book's tree at a size; see ``range_hashes``."""
    (found,) = await range_hashes(conn, book, [Range(0, size)])
    return found
