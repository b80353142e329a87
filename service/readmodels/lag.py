"""Keeps how far the read models lagged, minute by minute, for the last two days."""

from projections.projection import VERSION
from service.database.connections import QUESTIONS, Pool, pool_connection
from service.database.statements import text
from service.store.events import books


class LagSamples:
    """Looks at the lag of all books; each minute keeps the greatest that any process saw."""

    async def flush(self, pool: Pool) -> None:
        """Look once."""
        async with pool_connection(pool, QUESTIONS) as conn:
            for book in await books(conn):
                params = {"book": book, "version": VERSION}
                await conn.execute(text("readmodels/sample_lag"), params)
            await conn.execute(text("readmodels/forget_lag"))
