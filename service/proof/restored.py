"""What is known elsewhere of a book that was restored to an earlier moment."""

from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from service.database import statements
from service.database.connections import Connection
from service.proof import tree
from service.proof.checkpoints import Elsewhere, Origin, current_origin, known_notes
from service.proof.keys import Signer
from service.proof.notes import NoteError, open_checkpoint


class Lost(Struct, frozen=True):
    """A history that others have, and the book has no longer.

    Attributes:
        agreed: the largest size up to which both are known to be one.
        signed: the largest size of the other one.
        where: who has it.
    """

    agreed: int
    signed: int
    where: tuple[str, ...]


class Checkpoints(Struct, frozen=True):
    """The current origin of a book, its end, and what others have that it lacks."""

    origin: Origin
    head: int
    lost: Lost | None


async def look(
    conn: Connection, book: str, signer: Signer | None, elsewhere: Elsewhere
) -> Checkpoints | None:
    """Compare a book with every checkpoint that is known of it; None before the first one.

    Changes nothing. A checkpoint that none of the keys signed counts as one of another history.

    Raises:
        tree.MissingNodesError: if events are missing.
    """
    origin = await current_origin(conn, book)
    if origin is None:
        return None
    known = []
    for place, note in await known_notes(signer, origin, elsewhere):
        with suppress(NoteError):
            known.append((place, open_checkpoint(note, [origin.key])))
    head = await tree.head_of(conn, book)
    sizes = [one.size for _, one in known if one.size <= head.size]
    roots = (await tree.grow(conn, book, head, sizes)).roots
    agreed, signed, where = 0, 0, []
    for place, one in known:
        if roots.get(one.size) == one.root:
            agreed = max(agreed, one.size)
        else:
            signed = max(signed, one.size)
            where.append(place)
    lost = Lost(agreed, signed, tuple(where)) if where else None
    return Checkpoints(origin, head.size, lost)


async def recorded_at(conn: Connection, book: str, position: int) -> datetime | None:
    """When the event at a position was recorded."""
    params = {"book": book, "position": position}
    cursor = await conn.execute(statements.text("proof/recorded_at"), params)
    row = await cursor.fetchone()
    return row["recorded_at"] if row else None
