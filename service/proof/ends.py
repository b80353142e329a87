"""Where each book ends: what its head says, and what is stored. A damaged book may lack either."""

from msgspec import Struct

from service.database import statements
from service.database.connections import Connection
from service.store.events import books


class End(Struct, frozen=True):
    """The end of a book.

    Attributes:
        book: its name.
        position, link: of its head; None if there is no head.
        last: the position of the last stored event; 0 if there is none.
    """

    book: str
    position: int | None
    link: bytes | None
    last: int


async def end_of(conn: Connection, book: str) -> End | None:
    """The end of a book; None if it has neither a head nor events."""
    cursor = await conn.execute(statements.text("proof/end"), {"book": book})
    row = await cursor.fetchone()
    return End(**row) if row else None


async def ends(conn: Connection) -> list[End]:
    """The end of every book that has a head or events, in the order of their names."""
    names = set(await books(conn))
    book = ""
    # one step for each book: a scan of all events would take as long as reading them
    while row := await (
        await conn.execute(statements.text("proof/book_after"), {"book": book})
    ).fetchone():
        book = row["book"]
        names.add(book)
    found = [await end_of(conn, name) for name in sorted(names)]
    return [end for end in found if end is not None]
