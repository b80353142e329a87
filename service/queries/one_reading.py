"""One reading of a book by several statements.

Each statement alone sees what was committed when it began. What is recorded between two of them
would be in one half of an answer only.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from psycopg.sql import SQL

from projections.projection import Projection
from service.database import statements
from service.database.connections import Connection


@asynccontextmanager
async def one_reading(conn: Connection, read: Iterable[Projection[Any]]) -> AsyncIterator[None]:
    """Let all statements see the same book, through the same tables of read models.

    A switch to rebuilt tables waits for its end. Without that, views would lead to tables whose
    rows are too new to be seen, and the answer would be empty.

    Args:
        conn: a connection outside a transaction.
        read: all read models that are read.
    """
    views = SQL(", ").join(statements.relation(projection.view) for projection in read)
    async with conn.transaction():
        await conn.execute(statements.text("queries/one_book"))
        # before anything is seen: the first query decides what that is
        await conn.execute(statements.fill("queries/keep_views", views=views))
        yield
