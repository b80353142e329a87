"""Which checkpoint proves an event best: the first one that an authority has stamped."""

from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from msgspec import Struct, convert

from service.database import statements
from service.database.reader import Queryable
from service.proof import tree
from service.proof.merkle import inclusion
from service.proof.notes import Key
from service.proof.published import Kept
from service.proof.tlog_proof import encode_proof

_Place = tuple[int, int]
"""The number of an origin, and a size."""


class Covering(Struct, frozen=True):
    """A checkpoint that covers events, the key of its origin, and the anchors that have it."""

    origin: str
    number: int
    public_key: bytes
    size: int
    note: str
    signed_at: datetime
    anchors: list[Kept]

    @property
    def key(self) -> str:
        """The public key, as verifiers take it."""
        return str(Key(self.origin, self.public_key))

    @property
    def tokens(self) -> list[tuple[str, bytes]]:
        """The timestamp tokens of it, each with the name of its anchor."""
        return [(one.anchor, b64decode(one.receipt)) for one in self.anchors if one.receipt]


async def covering(conn: Queryable, book: str, positions: Sequence[int]) -> dict[int, Covering]:
    """The checkpoint that proves each position best; one that none covers is absent.

    It is the first one with a timestamp token. Without one, the time of a checkpoint is our word.
    """
    cursor = await conn.execute(statements.text("proof/holding"), {"book": book})
    places = [((row["number"], row["size"]), row["stamped"]) for row in await cursor.fetchall()]
    stamped = [place for place, has_token in places if has_token]
    every = [place for place, _ in places]
    best = {one: _first(stamped, one) or _first(every, one) for one in positions}
    found = await _of_places(conn, book, {place for place in best.values() if place})
    return {one: found[place] for one, place in best.items() if place is not None}


def _first(places: Sequence[_Place], position: int) -> _Place | None:
    """The first checkpoint that covers a position; the origins follow one another."""
    at = 0
    while at < len(places):
        number = places[at][0]
        end = bisect_left(places, (number + 1, 0), at)
        at = bisect_left(places, (number, position), at, end)
        if at < end:
            return places[at]
    return None


async def _of_places(
    conn: Queryable, book: str, places: Iterable[_Place]
) -> dict[_Place, Covering]:
    numbers, sizes = [number for number, _ in places], [size for _, size in places]
    params = {"book": book, "numbers": numbers, "sizes": sizes}
    cursor = await conn.execute(statements.text("proof/covering"), params)
    rows = [convert(row, Covering) for row in await cursor.fetchall()]
    return {(row.number, row.size): row for row in rows}


async def proofs_in(
    conn: Queryable, book: str, events: Sequence[tuple[int, bytes]], checkpoint: Covering
) -> list[str]:
    """The proofs of some events in a checkpoint, each as a file.

    Args:
        conn: a connection.
        book: the name of the book.
        events: the position of each, and what its link is the SHA-256 of.
        checkpoint: covers all of them.

    Raises:
        MissingNodesError: if the tree has gaps.
    """
    ranges = [inclusion(position - 1, checkpoint.size) for position, _ in events]
    # what lies near in the tree is read and hashed once for all
    hashes = iter(await tree.range_hashes(conn, book, [one for each in ranges for one in each]))
    return [
        encode_proof(preimage, position - 1, [*islice(hashes, len(each))], checkpoint.note)
        for (position, preimage), each in zip(events, ranges, strict=True)
    ]
