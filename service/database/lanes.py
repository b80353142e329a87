"""Lanes: each kind of question has connections of its own, so that it never waits for another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.database.connections import Limits, Pool, borrowed
from service.database.reader import Reader, Reading


class Lane:
    """A pipeline, and the pool that takes its place behind a pooler."""

    def __init__(self, url: str, limits: Limits, lines: int, pool: Pool) -> None:
        self.limits = limits
        self.pool = pool
        self.reader = Reader(url, limits, lines)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Reading]:
        """What the questions of this lane are asked of.

        Raises:
            psycopg.OperationalError: if the database is away.
        """
        if await self.reader.ready():
            yield self.reader
            return
        async with borrowed(self.pool, self.limits) as conn:
            yield conn
