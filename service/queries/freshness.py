"""How far the read models have come, and a way to wait until they have come further.

One poll per worker serves every waiter: waiting costs neither a query nor a connection.
"""

import asyncio
from collections.abc import Container
from contextlib import suppress

from projections.projection import VERSION
from service.database import notifications
from service.database.connections import ACCESS, Pool, pool_connection
from service.queries import resources

_POLL_SECONDS = 0.25
_TURNS = 2


class Freshness:
    """The position that the read models of each book reflect, as this worker last heard it.

    ``closed`` says that the service is ending: waiters are released, and should end too. A waiter
    takes one of the ``turns`` to read, so that many released at once do not drain the pool.
    """

    def __init__(self) -> None:
        self.closed = False
        self.turns = asyncio.Semaphore(_TURNS)
        self._positions: dict[str, int] = {}
        self._waiting = 0
        self._hint = asyncio.Event()
        self._moved = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait_until_past(self, book: str, position: int) -> None:
        """Wait until the read models reflect more than ``position``, or the service is ending."""
        self._waiting += 1
        self._hint.set()
        try:
            while not self.closed and self._positions.get(book, 0) <= position:
                await self._moved.wait()
        finally:
            self._waiting -= 1

    def last_known(self, book: str) -> int:
        """The position that the read models were last known to reflect."""
        return self._positions.get(book, 0)

    def events(self) -> int:
        """How many events the read models of all books were last known to reflect."""
        return sum(self._positions.values())

    def correct(self, book: str, believed: int, actual: int) -> None:
        """Lower a position to the ``actual`` one, if it is still the ``believed`` one.

        A position falls only when the database is restored. Left too high, it would release every
        waiter at once, again and again.
        """
        if actual < believed == self.last_known(book):
            self._positions[book] = actual

    def close(self) -> None:
        """Release every waiter; safe to call from a signal handler."""
        self.closed = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    async def listen(self, url: str, books: Container[str]) -> None:
        """Follow the projector's notifications about these books, until cancelled."""
        async for book, position in notifications.listen(url, notifications.projected(VERSION)):
            # a notification arrives after its commit: no need to poll
            if book in books and position > self._positions.get(book, 0):
                self._positions[book] = position
                self._wake()

    async def poll(self, pool: Pool) -> None:
        """Poll the checkpoints while there are waiters, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._hint.clear()
            if self._waiting:
                await self._read(pool)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._hint.wait()

    async def _read(self, pool: Pool) -> None:
        async with pool_connection(pool, ACCESS) as conn:
            rows = await resources.checkpoints(conn)
        positions = {row["book"]: row["position"] or 0 for row in rows}
        if positions != self._positions:
            self._positions = positions
            self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
