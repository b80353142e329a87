"""The live read models: their tables, and the position that they have reached in each book."""

from collections.abc import Iterable

from psycopg.rows import DictRow

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.readmodels.errors import HistoryLostError
from service.store.events import books


async def lost(conn: Connection) -> list[HistoryLostError]:
    """An error for each book whose read models show events that its store does not have."""
    found = []
    for book in await books(conn):
        params = {"book": book, "version": VERSION}
        # not prepared: a plan made while the table was empty would scan the grown one
        result = await conn.execute(statements.text("readmodels/strays"), params, prepare=False)
        if row := await result.fetchone():
            found.append(HistoryLostError(book, row["checkpoint"], row["head"]))
    return found


async def live_tables(conn: Connection) -> dict[str, str]:
    """The live table of each projection of this version; one that was never built is absent.

    Inside a transaction, no rebuild can switch them before the transaction ends.
    """
    found = await conn.execute(statements.text("readmodels/live"), {"version": VERSION})
    return tables_of(await found.fetchall())


def tables_of(rows: Iterable[DictRow]) -> dict[str, str]:
    """The live tables, from the rows of ``readmodels/live``."""
    live = {row["name"]: row["live"] for row in rows}
    return {p.name: p.table(live[p.name]) for p in PROJECTIONS if p.name in live}


async def checkpoint(conn: Connection, book: str, *, lock: bool = False) -> int | None:
    """The position that the live read models have reached in a book; None if they never saw it.

    With ``lock``, it stays the same until the transaction ends.
    """
    place = {"book": book, "version": VERSION}
    statement = "readmodels/lock_checkpoint" if lock else "readmodels/checkpoint"
    row = await (await conn.execute(statements.text(statement), place)).fetchone()
    return next(iter(row.values())) if row else None


async def checkpoint_rows(conn: Queryable, book: str) -> list[DictRow]:
    """The checkpoint of a book, at most one row: position, link, time, whether it is lost."""
    place = {"book": book, "version": VERSION}
    return await (await conn.execute(statements.text("readmodels/checkpoint"), place)).fetchall()


async def set_checkpoint(conn: Connection, book: str, position: int) -> None:
    """Set the checkpoint of a book, forwards or back."""
    params = {"book": book, "version": VERSION, "position": position}
    await conn.execute(statements.text("readmodels/set_checkpoint"), params)
