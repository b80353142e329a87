"""Where the live read models stand: their tables, and how far each book is reflected."""

from collections.abc import Iterable

from psycopg.rows import DictRow

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable


class HistoryLostError(Exception):
    """The read models of a book show events that its store does not have."""

    def __init__(self, book: str, checkpoint: int, head: int) -> None:
        super().__init__(
            f"The read models of book {book!r} stand at position {checkpoint} of a history that its"
            f" store does not have; the store ends at {head}. The database was restored without"
            " them. Run `daybook rebuild`."
        )


async def lost(conn: Connection) -> list[HistoryLostError]:
    """One for each book whose read models show events that its store does not have."""
    # not prepared: a plan made while the table was empty would scan the grown one
    found = await conn.execute(
        statements.text("readmodels/strays"), {"version": VERSION}, prepare=False
    )
    return [
        HistoryLostError(row["book"], row["checkpoint"], row["head"])
        for row in await found.fetchall()
    ]


async def live_tables(conn: Connection) -> dict[str, str]:
    """The live table of each projection of this version; one not yet built is absent.

    In a transaction, no rebuild switches them before it ends.
    """
    found = await conn.execute(statements.text("readmodels/live"), {"version": VERSION})
    return tables_of(await found.fetchall())


def tables_of(rows: Iterable[DictRow]) -> dict[str, str]:
    """The same, from what ``read/live`` found."""
    live = {row["name"]: row["live"] for row in rows}
    return {p.name: p.table(live[p.name]) for p in PROJECTIONS if p.name in live}


async def checkpoint(conn: Connection, book: str, *, lock: bool = False) -> int | None:
    """How far the live read models have come in a book; None where they never saw it.

    With ``lock``, they stay there until the transaction ends.
    """
    place = {"book": book, "version": VERSION}
    statement = "readmodels/lock_checkpoint" if lock else "readmodels/checkpoint"
    row = await (await conn.execute(statements.text(statement), place)).fetchone()
    return next(iter(row.values())) if row else None


async def checkpoint_rows(conn: Queryable, book: str) -> list[DictRow]:
    """The row of a book's checkpoint, if there is one: position, link, time, whether it is lost."""
    place = {"book": book, "version": VERSION}
    return await (await conn.execute(statements.text("readmodels/checkpoint"), place)).fetchall()


async def set_checkpoint(conn: Connection, book: str, position: int) -> None:
    """Say how far the read models have come in a book, whatever was said before."""
    params = {"book": book, "version": VERSION, "position": position}
    await conn.execute(statements.text("readmodels/set_checkpoint"), params)
